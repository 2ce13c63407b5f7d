//! Data borrowed by a `Map` must outlive the map.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let text = String::from("265");
    let map = untorn::Map::new();
    map.insert(text.as_str(), 1);
    assert_eq!(map.get("265"), Some(1));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::new();
    {
        let text = String::from("265");
        map.insert(text.as_str(), 1); //~ E0597
    }
    assert_eq!(map.get("265"), Some(1));
}
