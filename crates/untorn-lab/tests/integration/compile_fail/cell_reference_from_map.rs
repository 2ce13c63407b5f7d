//! A reference does not leave the closure of `map`.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    use untorn::{OverlapCell, ReadGuard};
    let cell = OverlapCell::new(String::from("265"));
    let part = ReadGuard::map(cell.read(), |value| value.as_str());
    assert_eq!(&*part, "265");
}

#[cfg(untorn_wrong)]
fn wrong() {
    use untorn::{OverlapCell, ReadGuard};
    let cell = OverlapCell::new(String::from("265"));
    let mut part = "";
    drop(ReadGuard::map(cell.read(), |value| {
        part = value; //~ E0521
        value
    }));
    assert_eq!(part, "265");
}
