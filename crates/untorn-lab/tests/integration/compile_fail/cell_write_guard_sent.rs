//! A write guard of a cell stays on its thread.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let cell = untorn::OverlapCell::new(265);
    std::thread::scope(|s| {
        s.spawn(|| *cell.write() = 17);
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let cell = untorn::OverlapCell::new(265);
    let mut writing = cell.write();
    std::thread::scope(|s| {
        s.spawn(move || *writing = 17); //~ E0277
    });
}
