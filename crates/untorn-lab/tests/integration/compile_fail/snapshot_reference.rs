//! A reference does not outlive its snapshot.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let snapshot = map.snapshot();
    let value: &str = &snapshot[&1];
    drop(map);
    assert_eq!(value, "265");
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let snapshot = map.snapshot();
    let value: &str = &snapshot[&1];
    drop(snapshot); //~ E0505
    assert_eq!(value, "265");
}
