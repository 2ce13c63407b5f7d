//! The batch of a closure is not exchanged for a guard.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
    let (mut first, mut second) = (one.begin_batch(), two.begin_batch());
    std::mem::swap(&mut first, &mut second); // each still publishes to its own map
    first.insert(1, 18);
    _ = (first.commit(), second.commit());
    assert_eq!((one.get(&1), two.get(&1)), (Some(265), Some(18)));
}

#[cfg(untorn_wrong)]
fn wrong(one: &'static untorn::Map<u8, u8>, two: &'static untorn::Map<u8, u8>) {
    let mut guard = one.begin_batch();
    two.batch(|batch| std::mem::swap(&mut guard, batch)); //~ E0521
}
