//! A `GoMap` whose values cannot be shared is not shared.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::GoMap::from([(1, std::sync::atomic::AtomicU8::new(10))]);
    std::thread::scope(|s| {
        s.spawn(|| map.len());
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::GoMap::from([(1, std::cell::Cell::new(10))]);
    std::thread::scope(|s| {
        s.spawn(|| map.len()); //~ E0277
    });
}
