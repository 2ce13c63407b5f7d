//! A reference to an entry of a `GoMap` does not outlive its iteration.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::GoMap::from([(1, String::from("265"))]);
    let mut longest = String::new();
    map.iter_with(|_, value| longest = value.clone());
    map.clear();
    assert_eq!(longest, "265");
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::GoMap::from([(1, String::from("265"))]);
    let mut longest = "";
    map.iter_with(|_, value| longest = value.as_str()); //~ E0521
    map.clear();
    assert_eq!(longest, "265");
}
