//! A batch does not leave its closure.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let mut len = None;
    map.batch(|batch| len = Some(batch.len()));
    assert_eq!(len, Some(1));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let mut escaped = None;
    map.batch(|batch| escaped = Some(batch)); //~ E0521
    assert_eq!(escaped.unwrap().len(), 1);
}
