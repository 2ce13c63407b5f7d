//! Data borrowed by a `Map` is dropped after the map.

#[cfg(not(untorn_wrong))]
#[test]
#[allow(clippy::needless_late_init, reason = "the program beside it differs in one thing")]
fn right() {
    let text = String::from("265");
    let map: untorn::Map<&str, u32>;
    map = untorn::Map::from([(text.as_str(), 1)]);
    assert_eq!(map.len(), 1);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map: untorn::Map<&str, u32>;
    let text = String::from("265");
    map = untorn::Map::from([(text.as_str(), 1)]); //~ E0597
    assert_eq!(map.len(), 1);
}
