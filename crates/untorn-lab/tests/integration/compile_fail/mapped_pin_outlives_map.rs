//! A pin of a part does not outlive its map, a snapshot of a part may.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let value = untorn::Snapshot::map(map.snapshot(), |view| &view[&1]);
    drop(map);
    assert_eq!(*value, 265);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let value = untorn::Pinned::map(map.pin(), |view| &view[&1]);
    drop(map); //~ E0505
    assert_eq!(*value, 265);
}
