//! A difference does not outlive the older of its views.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let (older, newer) = (map.snapshot(), map.snapshot());
    let changes = newer.changes_since(&older);
    assert_eq!(changes.count(), 0);
    drop(older);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let (older, newer) = (map.snapshot(), map.snapshot());
    let changes = newer.changes_since(&older);
    drop(older); //~ E0505
    assert_eq!(changes.count(), 0);
}
