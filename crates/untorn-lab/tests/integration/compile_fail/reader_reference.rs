//! A reference does not outlive the next `latest` of its reader.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let mut reader = map.reader();
    let value: &str = &reader.latest()[&1];
    assert_eq!(value, "265");
    reader.latest();
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let mut reader = map.reader();
    let value: &str = &reader.latest()[&1];
    reader.latest(); //~ E0499
    assert_eq!(value, "265");
}
