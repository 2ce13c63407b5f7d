//! A guard is not held across an `.await` of a task that may move to another thread.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    async fn wait() {}
    fn is_send(_: impl Send) {}
    static CELL: untorn::OverlapCell<u32> = untorn::OverlapCell::new(265);
    is_send(async {
        drop(CELL.read());
        wait().await;
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    async fn wait() {}
    fn is_send(_: impl Send) {}
    static CELL: untorn::OverlapCell<u32> = untorn::OverlapCell::new(265);
    is_send(async { //~ error
        let reading = CELL.read();
        wait().await;
        drop(reading);
    });
}
