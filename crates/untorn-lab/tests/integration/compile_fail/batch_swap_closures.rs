//! The batches of two maps are not exchanged in their closures.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
    one.batch(|one| _ = two.batch(|two| _ = (one.clear(), two.clear())));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
    one.batch(|one| _ = two.batch(|two| std::mem::swap(one, two))); //~ E0521
}
