//! A reference to an entry of a batch does not outlive its commit.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let batch = map.begin_batch();
    let value = batch.get(&1).cloned();
    batch.commit();
    assert_eq!(value.as_deref(), Some("265"));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, String::from("265"))]);
    let batch = map.begin_batch();
    let value = batch.get(&1);
    batch.commit(); //~ E0505
    assert_eq!(value.map(|value| value.as_str()), Some("265"));
}
