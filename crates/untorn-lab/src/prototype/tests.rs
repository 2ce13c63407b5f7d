//! Random writes against `HashMap`, with old versions held; drops are counted.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::{PrototypeMap, Version};

/// Hashes that agree in all but their lowest `0` bits.
#[derive(Clone)]
struct FewHashes(u32);

struct FewHashesHasher(u32, u64);

impl BuildHasher for FewHashes {
    type Hasher = FewHashesHasher;

    fn build_hasher(&self) -> FewHashesHasher {
        FewHashesHasher(self.0, 0)
    }
}

impl Hasher for FewHashesHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.1 = self.1.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.1 & ((1 << self.0) - 1)
    }
}

type Held<K, V, S> = (Arc<Version<K, V, S>>, HashMap<K, V>);

fn check<K: Hash + Eq + std::fmt::Debug, V: Eq + std::fmt::Debug, S: BuildHasher>(
    version: &Version<K, V, S>,
    model: &HashMap<K, V>,
) {
    assert_eq!(version.len(), model.len());
    assert_eq!(version.iter().count(), model.len());
    for (key, value) in model {
        assert_eq!(version.get(key), Some(value), "{key:?}");
    }
    for (key, value) in version.iter() {
        assert_eq!(model.get(key), Some(value));
    }
}

/// Writes random keys below a bound that rises and falls, singly and in batches.
fn compare<K, V, S>(
    mut map: PrototypeMap<K, V, S>,
    most: u64,
    steps: u32,
    seed: u64,
    entry: impl Fn(u64) -> (K, V),
) where
    K: Clone + Hash + Eq + std::fmt::Debug,
    V: Clone + Eq + std::fmt::Debug,
    S: BuildHasher + Clone,
{
    let mut random = fastrand::Rng::with_seed(seed);
    let mut model = HashMap::new();
    let mut held: Vec<Held<K, V, S>> = Vec::new();
    for step in 0..steps {
        let grows = step < steps / 2;
        let writes = if random.u8(..4) == 0 {
            random.u32(..40)
        } else {
            1
        };
        let mut change = Vec::new();
        for _ in 0..writes {
            let insert = random.u8(..10) < if grows { 8 } else { 2 };
            change.push((insert, entry(random.u64(..most))));
        }
        map.batch(|batch| {
            for (insert, (key, value)) in &change {
                assert_eq!(batch.get(key), model.get(key));
                if *insert {
                    let old = batch.insert(key.clone(), value.clone());
                    assert_eq!(old, model.insert(key.clone(), value.clone()));
                } else {
                    assert_eq!(batch.remove(key), model.remove(key));
                }
            }
        });
        match random.u8(..16) {
            0 if held.len() < 6 => held.push((map.snapshot(), model.clone())),
            1 if !held.is_empty() => {
                let (version, model) = held.swap_remove(random.usize(..held.len()));
                check(&version, &model);
            }
            2 => map.reclaim(),
            _ => {}
        }
    }
    check(&map.snapshot(), &model);
    drop(map);
    for (version, model) in &held {
        check(version, model);
    }
}

/// Miri takes minutes for some thousand steps.
const STEPS: u32 = if cfg!(miri) { 60 } else { 6_000 };
const SEEDS: u64 = if cfg!(miri) { 1 } else { 12 };

#[test]
fn copied_entries_equal_the_model() {
    for seed in 0..SEEDS {
        let map = PrototypeMap::of_copies(FixedState::with_seed(seed));
        compare(map, 3_000, STEPS, seed, |number| (number, number * 3));
        let map = PrototypeMap::of_clones(FixedState::with_seed(seed));
        compare(map, 100, STEPS, seed, |number| (number, [number as u8; 3]));
    }
}

#[test]
fn equal_hashes_equal_the_model() {
    for bits in [0, 1, 3, 8] {
        let map = PrototypeMap::of_copies(FewHashes(bits));
        compare(map, 200, STEPS / 3, 5, |number| (number, ()));
    }
}

#[test]
fn large_and_empty_entries_equal_the_model() {
    let map = PrototypeMap::of_copies(FixedState::with_seed(2));
    compare(map, 300, STEPS / 3, 5, |number| (number, [number; 100]));
    let map = PrototypeMap::of_copies(FixedState::with_seed(2));
    compare(map, 300, STEPS / 3, 5, |_| ((), ()));
}

/// A key that counts how many of its kind exist.
#[derive(Debug)]
struct Counted(u64, Rc<Cell<isize>>);

impl Counted {
    fn new(number: u64, count: &Rc<Cell<isize>>) -> Self {
        count.set(count.get() + 1);
        Self(number, Rc::clone(count))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.0, &self.1)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn each_key_and_value_is_dropped_once() {
    for seed in 0..SEEDS {
        let count = Rc::new(Cell::new(0));
        let map = PrototypeMap::of_clones(FixedState::with_seed(seed));
        compare(map, 500, STEPS / 2, seed, |number| {
            (Counted::new(number, &count), format!("value {number}"))
        });
        assert_eq!(count.get(), 0);
    }
}

#[test]
fn dropped_version_frees_its_nodes_only() {
    let count = Rc::new(Cell::new(0));
    let mut map = PrototypeMap::of_clones(FixedState::with_seed(3));
    for number in 0..200 {
        map.insert(Counted::new(number, &count), ());
    }
    map.reclaim();
    assert_eq!(count.get(), 200);
    let held: Vec<_> = (0..5)
        .map(|number| {
            map.remove(&Counted::new(number, &count));
            map.snapshot()
        })
        .collect();
    let before: Vec<_> = held.iter().map(|version| version.len()).collect();
    assert_eq!(before, [199, 198, 197, 196, 195]);
    // The middle ones first, so that their nodes move to older versions.
    for i in [2, 1, 3, 0, 4] {
        assert_eq!(held[i].iter().count(), before[i]);
    }
    for version in held.into_iter().rev() {
        let (len, first) = (version.len(), version.iter().next().is_some());
        assert!(first && len >= 195);
        drop(version);
        map.reclaim();
    }
    assert_eq!(count.get(), 195);
}

#[test]
fn batch_that_panics_changes_nothing() {
    let count = Rc::new(Cell::new(0));
    let mut map = PrototypeMap::of_clones(FixedState::with_seed(4));
    map.batch(|batch| {
        for number in 0..100 {
            batch.insert(Counted::new(number, &count), number);
        }
    });
    let aborted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        map.batch(|batch| {
            for number in 50..300 {
                batch.insert(Counted::new(number, &count), 0);
            }
            for number in 0..20 {
                batch.remove(&Counted::new(number, &count));
            }
            std::panic::resume_unwind(Box::new("abort"));
        });
    }));
    assert!(aborted.is_err());
    map.reclaim();
    assert_eq!((map.snapshot().len(), count.get()), (100, 100));
    for number in 0..100 {
        let value = map.snapshot().get(&Counted::new(number, &count)).copied();
        assert_eq!(value, Some(number));
    }
    map.insert(Counted::new(7, &count), 1);
    drop(map);
    assert_eq!(count.get(), 0);
}
