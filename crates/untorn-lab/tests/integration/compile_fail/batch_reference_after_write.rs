//! A reference to an entry of a batch does not outlive the next write.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    map.batch(|batch| {
        assert_eq!(batch.get(&1).unwrap(), "265");
        batch.clear();
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    map.batch(|batch| {
        let value = batch.get(&1).unwrap();
        batch.clear(); //~ E0502
        assert_eq!(value, "265");
    });
}
