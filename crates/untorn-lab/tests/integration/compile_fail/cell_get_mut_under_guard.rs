//! `get_mut` does not bypass a guard.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let mut cell = untorn::OverlapCell::new(265);
    drop(cell.read());
    *cell.get_mut() += 1;
}

#[cfg(untorn_wrong)]
fn wrong() {
    let mut cell = untorn::OverlapCell::new(265);
    let reading = cell.read();
    *cell.get_mut() += 1; //~ E0502
    drop(reading);
}
