//! A poller publishes a value only if it differs, so values must be comparable.

use std::sync::Arc;
use std::time::Duration;

use untorn::{Poller, Published};

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let value = Arc::new(Published::new(0));
    let builder = Poller::every(Duration::MAX, || Ok::<_, String>(1));
    _ = builder.start(&value);
}

#[cfg(untorn_wrong)]
struct Incomparable;

#[cfg(untorn_wrong)]
fn start(value: &Arc<Published<Incomparable>>) {
    let builder = Poller::every(Duration::MAX, || Ok::<_, String>(Incomparable));
    _ = builder.start(value); //~ E0277
}
