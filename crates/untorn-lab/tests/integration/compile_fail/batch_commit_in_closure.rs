//! A closure does not commit the batch that it borrows.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let batch = map.begin_batch();
    batch.commit();
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    map.batch(|batch| _ = batch.commit()); //~ E0507
}
