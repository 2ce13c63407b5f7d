//! A poller publishes pairs to a map, and no other contents.

use std::sync::Arc;
use std::time::Duration;

use untorn::{Map, Poller};

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = Arc::new(Map::from([("limit", 0)]));
    let builder = Poller::every(Duration::MAX, || Ok::<_, String>([("limit", 1)]));
    _ = builder.start(&map);
}

#[cfg(untorn_wrong)]
fn start(map: &Arc<Map<&str, i32>>) {
    let builder = Poller::every(Duration::MAX, || Ok::<_, String>(1));
    _ = builder.start(map); //~ E0277
}
