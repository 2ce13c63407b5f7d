//! A batch stays on its thread.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    std::thread::scope(|s| {
        s.spawn(|| map.begin_batch().commit());
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let batch = map.begin_batch();
    std::thread::scope(|s| {
        s.spawn(move || batch.commit()); //~ E0277
    });
}
