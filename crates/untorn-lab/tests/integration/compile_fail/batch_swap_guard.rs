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
fn wrong() {
    let (one, two) = (untorn::Map::from([(1, 265)]), untorn::Map::from([(1, 17)]));
    let mut one = one.begin_batch();
    two.batch(|two| std::mem::swap(&mut one, two)); //~ E0521
}
