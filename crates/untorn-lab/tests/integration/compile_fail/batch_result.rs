//! The closure of a batch returns nothing, so that no result is ignored.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let limits = untorn::Map::from([("low", 10)]);
    limits.batch(|batch| {
        batch.insert("low", 20);
    });
}

#[cfg(untorn_wrong)]
fn wrong() {
    let limits = untorn::Map::from([("low", 10)]);
    limits.batch(|batch| {
        batch.insert("low", 20);
        Ok::<(), std::num::ParseIntError>(()) //~ E0308
    });
}
