//! A pin stays on its thread.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let view = map.snapshot();
    std::thread::scope(|s| {
        s.spawn(move || view.len());
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let view = map.pin();
    std::thread::scope(|s| {
        s.spawn(move || view.len()); //~ E0277 StaysOnItsThreadUnlikeASnapshot
    });
}
