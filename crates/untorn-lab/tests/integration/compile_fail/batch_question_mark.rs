//! An error does not end the closure of a batch and publish half of it.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn set(limits: &untorn::Map<&str, u32>, high: &str) -> Result<(), std::num::ParseIntError> {
        limits.try_batch(|batch| {
            batch.insert("low", 10);
            batch.insert("high", high.parse()?);
            Ok::<(), std::num::ParseIntError>(())
        })?;
        Ok(())
    }
    let limits = untorn::Map::from([("low", 1)]);
    assert!(set(&limits, "forty").is_err());
    assert_eq!(limits.get("low"), Some(1));
}

#[cfg(untorn_wrong)]
fn wrong() {
    let limits = untorn::Map::from([("low", 1)]);
    limits.batch(|batch| {
        batch.insert("low", 10);
        batch.insert("high", "forty".parse()?); //~ E0277
    });
}
