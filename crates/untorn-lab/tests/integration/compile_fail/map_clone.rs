//! A `Map` has no `clone`: a copy is made by `fork`.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let map = untorn::Map::from([(1, 265)]);
    let _other: untorn::Map<_, _> = map.fork();
}

#[cfg(untorn_wrong)]
fn wrong() {
    let map = untorn::Map::from([(1, 265)]);
    let _other: untorn::Map<_, _> = map.clone(); //~ E0599
}
