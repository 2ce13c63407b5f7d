//! A batch does not leave its closure.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let mut kept = None;
    map.batch(|batch| kept = Some(batch.len()));
    assert_eq!(kept, Some(1));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let mut kept = None;
    map.batch(|batch| kept = Some(batch)); //~ E0521
    assert_eq!(kept.unwrap().len(), 1);
}
