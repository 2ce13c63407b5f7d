//! Going back to an earlier view, forks of views, and the entries by value.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use untorn::gomap::Float64;
use untorn::{Map, Refreshed, Snapshot, View};

type Numbers = Map<u64, u64, RandomState>;

/// Checks the counts of a `restore` against both contents.
fn check(done: &Refreshed, before: &HashMap<u64, u64>, after: &HashMap<u64, u64>) {
    let added = after.keys().filter(|key| !before.contains_key(key)).count();
    let removed = before.keys().filter(|key| !after.contains_key(key)).count();
    let changed = after
        .iter()
        .filter(|(key, new)| before.get(key).is_some_and(|old| old != *new));
    let counts = (done.added, done.changed, done.removed);
    assert_eq!(counts, (added, changed.count(), removed));
}

fn contents(map: &Numbers) -> HashMap<u64, u64> {
    map.pin()
        .iter()
        .map(|(key, value)| (*key, *value))
        .collect()
}

#[test]
fn restore_takes_the_contents_of_any_view() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let keys = [3, 300, 3_000][seed as usize % 3];
        let map: Numbers = (0..keys).map(|key| (key, 0)).collect();
        let mut held = vec![map.snapshot()];
        // Of another hasher.
        let unrelated: Numbers = (0..keys / 2).map(|key| (key, 1)).collect();
        held.push(unrelated.snapshot());
        for _ in 0..60 {
            match random.u64(..4) {
                0 => {
                    let view = &held[random.usize(..held.len())];
                    let (before, revision) = (contents(&map), map.revision().get());
                    let done = map.restore(view);
                    let after = contents(&map);
                    assert_eq!(*map.pin(), **view);
                    check(&done, &before, &after);
                    let made = u64::from(!done.is_unchanged());
                    assert_eq!(map.revision().get(), revision + made);
                    assert_eq!(done.revision, map.revision());
                }
                1 => {
                    let view = &held[random.usize(..held.len())];
                    let fork = view.fork();
                    fork.insert(random.u64(..2 * keys), 7);
                    held.push(fork.snapshot());
                }
                2 => held.push(map.snapshot()),
                _ => {
                    map.batch(|batch| {
                        for _ in 0..random.u64(1..30) {
                            let key = random.u64(..2 * keys);
                            if random.bool() {
                                batch.insert(key, random.u64(..3));
                            } else {
                                batch.remove(&key);
                            }
                        }
                    });
                }
            }
        }
    }
}

#[derive(Debug, PartialEq)]
struct Counted(u64);

thread_local! {
    static CLONES: Cell<u64> = const { Cell::new(0) };
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0)
    }
}

/// Returns the number of clones that `f` makes.
fn clones(f: impl FnOnce()) -> u64 {
    let before = CLONES.get();
    f();
    CLONES.get() - before
}

fn counted(n: u64) -> Map<u64, Counted> {
    (0..n).map(|key| (key, Counted(key))).collect()
}

#[test]
fn restore_clones_no_entry() {
    let map = counted(10_000);
    let good = map.snapshot();
    map.batch(|batch| {
        for key in (0..10_000).step_by(3) {
            batch.remove(&key);
        }
        batch.insert(20_000, Counted(7));
    });
    let restored = || assert_eq!(map.restore(&good).removed, 1);
    assert_eq!(clones(restored), 0);
    let fork = || _ = good.fork();
    assert_eq!(clones(fork), 0);
    assert_eq!((map.len(), map.pin()[&9_999].0), (10_000, 9_999));
}

#[test]
fn restored_map_can_be_written_and_followed() {
    let map = counted(1_000).with_name("numbers");
    let good = map.snapshot();
    map.clear();
    let mut changes = map.subscribe();
    map.restore(&good);
    map.insert(1, Counted(7));
    map.remove(&2);
    let step = changes.recv().expect("commits");
    assert_eq!((step.from.len(), step.to.len(), step.missed), (0, 999, 2));
    assert_eq!((good[&1].0, good.len()), (1, 1_000));
    drop((good, step, changes));
    map.reclaim();
    let stats = map.stats();
    assert_eq!(
        (stats.retained, stats.revision.get(), map.name()),
        (0, 4, Some("numbers"))
    );
    assert_eq!(map.pin().fork().name(), Some("numbers"));
}

#[test]
fn restore_is_exact_for_keys_unequal_to_themselves() {
    let nan = Float64(f64::NAN);
    for n in [1, 5_000] {
        let map: Map<_, _> = (0..n).map(|i| (Float64(f64::from(i)), i)).collect();
        map.batch(|batch| {
            batch.insert(nan, 7);
            batch.insert(nan, 8);
        });
        let good = map.snapshot();
        map.retain(|key, _| !key.0.is_nan());
        map.restore(&good);
        let view = map.pin();
        let mut odd: Vec<_> = view.iter().filter(|(key, _)| key.0.is_nan()).collect();
        odd.sort_unstable_by_key(|(_, value)| **value);
        assert_eq!(
            odd.into_iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            [7, 8]
        );
        assert!(map.restore(&good).is_unchanged());
    }
}

#[test]
fn panic_in_a_restore_publishes_nothing() {
    #[derive(Clone)]
    struct Odd(u64);
    impl PartialEq for Odd {
        fn eq(&self, other: &Self) -> bool {
            assert!(self.0 != 7 && other.0 != 7, "the comparison");
            self.0 == other.0
        }
    }
    let map = Map::from([(1, Odd(7))]);
    let good = map.snapshot();
    map.insert(1, Odd(8));
    assert!(catch_unwind(AssertUnwindSafe(|| map.restore(&good))).is_err());
    assert_eq!((map.revision().get(), map.pin()[&1].0), (1, 8));
    map.insert(1, Odd(9));
}

#[test]
fn into_iter_moves_what_is_not_shared() {
    for n in [0, 1, 1_000, 20_000] {
        let map = counted(n);
        for key in 0..n.min(500) {
            map.insert(key, Counted(key));
        }
        // Large versions, which are dropped in parts.
        let entries = map.snapshot();
        map.clear();
        map.restore(&entries);
        drop(entries);
        let mut found = Vec::new();
        let iterate = || {
            let entries = map.into_iter();
            assert_eq!(entries.len() as u64, n);
            found.extend(entries.map(|(key, value)| (key, value.0)));
        };
        assert_eq!(clones(iterate), 0, "of {n}");
        found.sort_unstable();
        assert!(found.into_iter().eq((0..n).map(|key| (key, key))));
    }
}

#[test]
fn into_iter_clones_what_is_shared() {
    const ENTRIES: u64 = 20_000;
    let map = counted(ENTRIES);
    let fork = map.fork();
    fork.insert(0, Counted(7));
    let cloned = clones(|| assert_eq!(fork.into_iter().count() as u64, ENTRIES));
    assert!((ENTRIES / 2..ENTRIES).contains(&cloned), "{cloned}");
    let snapshot = map.snapshot();
    let cloned = clones(|| assert_eq!(map.into_iter().count() as u64, ENTRIES));
    assert_eq!((cloned, snapshot.len() as u64), (ENTRIES, ENTRIES));
}

#[test]
fn into_iter_drops_what_is_left() {
    let alive = Arc::new(());
    let map: Map<_, _> = (0..5_000).map(|key| (key, Arc::clone(&alive))).collect();
    let mut entries = map.into_iter();
    let first: Vec<_> = entries.by_ref().take(1_500).collect();
    assert_eq!(Arc::strong_count(&alive), 5_001);
    assert_eq!(
        (entries.len(), format!("{entries:?}").as_str()),
        (3_500, "IntoIter { remaining: 3500, .. }")
    );
    drop(entries);
    assert_eq!(Arc::strong_count(&alive), 1_501);
    drop(first);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn snapshots_are_made_without_a_map() {
    let none: Snapshot<View<u64, u64>> = Snapshot::default();
    let some: Snapshot<View<_, _>> = [(1, 2), (1, 3)].into_iter().collect();
    assert_eq!((none.len(), some[&1], some.revision().get()), (0, 3, 0));
    let map = Map::from([(1, 3)]);
    assert!(map.restore(&some).is_unchanged());
    assert!(map.batch_if_unchanged(&some, |_| ()).is_err());
    assert_eq!(map.restore(&none).removed, 1);
}
