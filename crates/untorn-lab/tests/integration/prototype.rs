//! The prototype of the persistent table with segments of full size; unit tests have small ones.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use foldhash::fast::FixedState;
use untorn_lab::prototype::{PrototypeMap, Version};

fn check<K: Hash + Eq + Debug>(version: &Version<K, u64, FixedState>, model: &HashMap<K, u64>) {
    assert_eq!(version.len(), model.len());
    assert_eq!(version.iter().count(), model.len());
    for (key, value) in model {
        assert_eq!(version.get(key), Some(value), "{key:?}");
    }
}

/// Inserts and removes in batches until the table has grown to some tens of thousands of entries
/// and shrunk again; older versions must not change.
fn grow_and_shrink<K: Hash + Eq + Debug + Clone>(
    mut map: PrototypeMap<K, u64, FixedState>,
    most: u64,
    key: impl Fn(u64) -> K,
) {
    let mut random = fastrand::Rng::with_seed(11);
    let mut model = HashMap::new();
    let mut held = Vec::new();
    for step in 0..120 {
        map.batch(|batch| {
            for _ in 0..most / 40 {
                let (number, value) = (random.u64(..most), random.u64(..));
                let insert = random.u8(..8) != 0;
                if insert == (step < 60) {
                    let old = batch.insert(key(number), value);
                    assert_eq!(old, model.insert(key(number), value));
                } else {
                    assert_eq!(batch.remove(&key(number)), model.remove(&key(number)));
                }
            }
        });
        if step % 20 == 0 {
            held.push((map.snapshot(), model.clone()));
        }
    }
    check(&map.snapshot(), &model);
    assert!(model.len() < held[3].1.len() / 2, "it has shrunk");
    drop(map);
    for (version, model) in &held {
        check(version, model);
    }
}

#[test]
fn full_segments_equal_the_model() {
    let map = PrototypeMap::of_copies(FixedState::with_seed(1));
    grow_and_shrink(map, 120_000, |number| number);
}

#[test]
fn full_segments_of_strings_equal_the_model() {
    let map = PrototypeMap::of_clones(FixedState::with_seed(1));
    grow_and_shrink(map, 20_000, |number| format!("key {number}"));
}
