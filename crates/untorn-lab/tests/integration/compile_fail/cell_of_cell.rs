//! A cell whose value cannot be shared is not shared.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let cell = untorn::OverlapCell::new(std::sync::atomic::AtomicU8::new(10));
    std::thread::scope(|s| {
        s.spawn(|| drop(cell.read()));
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let cell = untorn::OverlapCell::new(std::cell::Cell::new(10));
    std::thread::scope(|s| {
        s.spawn(|| drop(cell.read())); //~ E0277
    });
}
