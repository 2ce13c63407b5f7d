//! A reference to a value of a `GoMap` does not outlive its access.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::GoMap::from([(1, String::from("265"))]);
    let length = map.get_with(&1, |value| value.len());
    map.clear();
    assert_eq!(length, Some(3));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::GoMap::from([(1, String::from("265"))]);
    let value = map.get_with(&1, |value| value.as_str()); //~ error
    map.clear();
    assert_eq!(value, Some("265"));
}
