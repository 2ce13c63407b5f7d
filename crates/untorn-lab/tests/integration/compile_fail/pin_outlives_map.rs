//! A pin does not outlive its map, a snapshot may.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let view = map.snapshot();
    drop(map);
    assert_eq!(view[&1], 265);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let view = map.pin();
    drop(map); //~ E0505
    assert_eq!(view[&1], 265);
}
