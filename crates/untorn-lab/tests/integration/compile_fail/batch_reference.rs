//! A reference to an entry of a batch does not leave its closure.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let mut value = None;
    map.batch(|batch| value = batch.get(&1).cloned());
    assert_eq!(value.as_deref(), Some("265"));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let mut value = None;
    map.batch(|batch| value = batch.get(&1)); //~ E0521
    assert_eq!(value.map(|value| value.as_str()), Some("265"));
}
