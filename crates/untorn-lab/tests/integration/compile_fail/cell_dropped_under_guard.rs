//! A guard does not outlive its cell.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let cell = untorn::OverlapCell::new(String::from("265"));
    let reading = cell.read();
    assert_eq!(*reading, "265");
    drop(reading);
    drop(cell);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let cell = untorn::OverlapCell::new(String::from("265"));
    let reading = cell.read();
    drop(cell); //~ E0505
    assert_eq!(*reading, "265");
}
