//! Data borrowed by a `GoMap` must outlive the map.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let value = String::from("265");
    let map = untorn::GoMap::new();
    map.insert(1, value.as_str());
    assert_eq!(map.get(&1), Some("265"));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::GoMap::new();
    {
        let value = String::from("265");
        map.insert(1, value.as_str()); //~ E0597
    }
    assert_eq!(map.get(&1), Some("265"));
}
