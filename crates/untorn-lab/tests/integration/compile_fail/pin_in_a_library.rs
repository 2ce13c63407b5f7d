//! A future that holds a pin across an `.await` cannot be sent by the caller of the function that
//! returns it.

#[cfg(untorn_wrong)]
async fn wait() {}

#[cfg(untorn_wrong)]
struct Service(untorn::Published<String>);

#[cfg(untorn_wrong)]
impl Service {
    async fn handle(&self) -> usize {
        let config = self.0.pin();
        wait().await;
        config.len()
    }
}

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    async fn wait() {}
    fn is_send(_: impl Send) {}
    let service = untorn::Published::new(String::from("265"));
    is_send(async {
        let config = service.snapshot();
        wait().await;
        config.len()
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    fn is_send(_: impl Send) {}
    let service = Service(untorn::Published::new(String::from("265")));
    is_send(service.handle()); //~ error StaysOnItsThreadUnlikeASnapshot
}
