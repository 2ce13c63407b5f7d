//! A reference to the value of a cell does not outlive its guard.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let cell = untorn::OverlapCell::new(String::from("265"));
    let reading = cell.read();
    let value: &str = &reading;
    assert_eq!(value, "265");
    drop(reading);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let cell = untorn::OverlapCell::new(String::from("265"));
    let reading = cell.read();
    let value: &str = &reading;
    drop(reading); //~ E0505
    assert_eq!(value, "265");
}
