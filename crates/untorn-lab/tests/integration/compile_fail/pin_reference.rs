//! A reference does not outlive its pin.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let pin = map.pin();
    let value: &str = pin.get(&1).unwrap();
    assert_eq!(value, "265");
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let value: &str = map.pin().get(&1).unwrap(); //~ E0716
    assert_eq!(value, "265");
}
