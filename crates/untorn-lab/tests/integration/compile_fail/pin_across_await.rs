//! A pin is not held across an `.await` of a task that may move to another thread, a snapshot may.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    async fn wait() {}
    fn is_send(_: impl Send) {}
    let map = std::sync::Arc::new(untorn::Map::from([(1, 265)]));
    is_send(async move {
        let view = map.snapshot();
        wait().await;
        assert_eq!(view[&1], 265);
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    async fn wait() {}
    fn is_send(_: impl Send) {}
    let map = std::sync::Arc::new(untorn::Map::from([(1, 265)]));
    is_send(async move { //~ error StaysOnItsThreadUnlikeASnapshot
        let view = map.pin();
        wait().await;
        assert_eq!(view[&1], 265);
    });
}
