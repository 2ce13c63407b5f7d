//! A read guard of a cell stays on its thread; a reference to it may be sent.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let cell = untorn::OverlapCell::new(265);
    let reading = cell.read();
    std::thread::scope(|s| {
        s.spawn(|| assert_eq!(*reading, 265));
    }); // a reference to the guard may be sent
}

#[cfg(untorn_wrong)]
fn wrong() {
    let cell = untorn::OverlapCell::new(265);
    let reading = cell.read();
    std::thread::scope(|s| {
        s.spawn(move || assert_eq!(*reading, 265)); //~ E0277
    });
}
