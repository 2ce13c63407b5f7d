//! A pin of a part stays on its thread.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let value = untorn::Snapshot::map(map.snapshot(), |view| &view[&1]);
    std::thread::scope(|s| {
        s.spawn(move || *value);
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let value = untorn::Pinned::map(map.pin(), |view| &view[&1]);
    std::thread::scope(|s| {
        s.spawn(move || *value); //~ E0277 StaysOnItsThreadUnlikeASnapshot
    });
}
