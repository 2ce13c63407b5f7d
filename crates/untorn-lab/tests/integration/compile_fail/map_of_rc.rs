//! A `Map` whose values cannot be sent is not shared.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, std::sync::Arc::new(10))]);
    std::thread::scope(|s| {
        s.spawn(|| map.len());
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, std::rc::Rc::new(10))]);
    std::thread::scope(|s| {
        s.spawn(|| map.len()); //~ E0277
    });
}
