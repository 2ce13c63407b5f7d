//! `sync` and `internal/sync`: the tests of Go's concurrent maps, applied to `Map`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;

use untorn::Map;

/// A hasher whose hashes are all equal.
#[derive(Default)]
struct ConstantHasher;

impl Hasher for ConstantHasher {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        0
    }
}

/// A hasher whose hashes have four bits.
#[derive(Default)]
struct Truncated(DefaultHasher);

impl Hasher for Truncated {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish() & 0xf
    }
}

trait Build: BuildHasher + Clone + Default + Send + Sync {}

impl<S: BuildHasher + Clone + Default + Send + Sync> Build for S {}

const N: u64 = 300;
const THREADS: u64 = 4;

fn filled<S: Build>() -> Map<u64, u64, S> {
    let map = Map::with_hasher(S::default());
    map.batch(|batch| (0..N).for_each(|n| _ = batch.insert(n, n)));
    map
}

/// Runs one body with a good, a bad and a truncated hash.
macro_rules! under_three_hashes {
    ($($(#[$doc:meta])* $test:ident: $body:ident;)+) => {$(
        $(#[$doc])*
        #[test]
        fn $test() {
            $body::<BuildHasherDefault<DefaultHasher>>();
            $body::<BuildHasherDefault<ConstantHasher>>();
            $body::<BuildHasherDefault<Truncated>>();
        }
    )+};
}

under_three_hashes! {
    nothing_is_found_in_an_empty_map: load_empty;
    first_store_wins_and_later_calls_load: load_or_store;
    every_entry_is_yielded_once: all;
    clear_empties_the_map_and_leaves_it_usable: clear;
    compare_and_delete_removes_only_expected_values: compare_and_delete;
    compare_and_swap_replaces_only_expected_values: compare_and_swap;
    swap_returns_the_old_value: swap;
    load_and_delete_returns_the_removed_value: load_and_delete;
    entries_can_change_while_a_view_is_iterated: iterate;
    threads_with_disjoint_keys_do_not_interfere: unshared_keys;
    threads_sharing_keys_lose_no_update: shared_keys;
}

fn load_empty<S: Build>() {
    let map = Map::<u64, u64, S>::with_hasher(S::default());
    assert!((0..N).all(|n| map.get(&n).is_none() && !map.contains_key(&n)));
    assert_eq!(map.remove(&1), None);
}

fn load_or_store<S: Build>() {
    let map = Map::<u64, u64, S>::with_hasher(S::default());
    for n in 0..N {
        assert_eq!(map.get(&n), None);
        assert_eq!(map.get_or_insert_with(n, || n), n);
        assert_eq!(
            map.get_or_insert_with(n, || panic!("the key is present")),
            n
        );
        assert_eq!(map.get(&n), Some(n));
    }
    assert!((0..N).all(|n| map.get(&n) == Some(n)));
}

fn all<S: Build>() {
    let map = filled::<S>();
    let shown: BTreeMap<_, _> = map
        .pin()
        .iter()
        .map(|(key, value)| (*key, *value))
        .collect();
    assert_eq!(shown, (0..N).map(|n| (n, n)).collect());
    assert_eq!(map.pin().iter().count() as u64, N);
}

fn clear<S: Build>() {
    let map = filled::<S>();
    map.clear();
    assert!(map.is_empty() && map.get(&1).is_none());
    map.insert(1, 2);
    assert_eq!((map.len(), map.get(&1)), (1, Some(2)));
}

fn compare_and_delete<S: Build>() {
    let map = filled::<S>();
    let delete = |key, expected| {
        map.update(key, |old| old.copied().filter(|old| *old != expected));
    };
    for n in 0..N {
        delete(n, n + 1);
        assert_eq!(
            map.get(&n),
            Some(n),
            "the value differs from the expected one"
        );
        delete(n, n);
        assert_eq!(map.get(&n), None);
        delete(n, n);
    }
    assert!(map.is_empty());
}

fn compare_and_swap<S: Build>() {
    let map = filled::<S>();
    let swap = |key, expected, new| {
        let mut swapped = false;
        map.update(key, |old| {
            swapped = old == Some(&expected);
            if swapped { Some(new) } else { old.copied() }
        });
        swapped
    };
    for n in 0..N {
        swap(n, n + 1, 7);
        assert_eq!(
            map.get(&n),
            Some(n),
            "the value differs from the expected one"
        );
        assert!(swap(n, n, n + 1000));
        assert_eq!(map.get(&n), Some(n + 1000));
    }
    assert!(!swap(N, 0, 1), "there is no such key");
    assert_eq!(map.len() as u64, N);
}

fn swap<S: Build>() {
    let map = Map::<u64, u64, S>::with_hasher(S::default());
    for n in 0..N {
        assert_eq!(map.insert(n, n), None);
        assert_eq!(map.insert(n, n + 1), Some(n));
        assert_eq!(map.insert(n, n + 2), Some(n + 1));
    }
    assert!((0..N).all(|n| map.get(&n) == Some(n + 2)));
}

fn load_and_delete<S: Build>() {
    let map = filled::<S>();
    for n in 0..N {
        assert_eq!(map.remove(&n), Some(n));
        assert_eq!(map.remove(&n), None);
        assert!((n + 1..N).all(|n| map.contains_key(&n)));
    }
    assert!(map.is_empty());
}

fn iterate<S: Build>() {
    let map = filled::<S>();
    let mut seen = 0;
    for (key, value) in &map.snapshot() {
        assert_eq!(key, value, "the view is of one revision");
        match key % 3 {
            0 => assert_eq!(map.remove(key), Some(*value)),
            1 => assert_eq!(map.insert(*key, 0), Some(*value)),
            _ => assert_eq!(map.update(*key, |old| old.map(|n| n + 1)), Some(key + 1)),
        }
        seen += 1;
    }
    assert_eq!((seen, map.len() as u64), (N, N - N / 3));
}

fn unshared_keys<S: Build>() {
    let map = Map::<u64, u64, S>::with_hasher(S::default());
    scope(|s| {
        for thread in 0..THREADS {
            let map = &map;
            s.spawn(move || {
                let keys = || (0..40).map(move |n| n * THREADS + thread);
                for key in keys() {
                    assert_eq!(map.get(&key), None);
                    assert_eq!(map.insert(key, 1), None);
                    assert_eq!(map.get(&key), Some(1));
                    assert_eq!(map.update(key, |old| old.map(|n| n + 1)), Some(2));
                }
                for key in keys().step_by(2) {
                    assert_eq!(map.remove(&key), Some(2));
                    assert_eq!(map.get(&key), None);
                }
            });
        }
    });
    assert_eq!(map.len() as u64, THREADS * 20);
}

fn shared_keys<S: Build>() {
    let map = Map::<u64, u64, S>::with_hasher(S::default());
    let taken = AtomicUsize::new(0);
    scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                for key in 0..40 {
                    map.get_or_insert_with(key, || 0);
                    map.update(key, |old| old.map(|n| n + 1));
                }
            });
        }
    });
    assert!((0..40).all(|key| map.get(&key) == Some(THREADS)));
    scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                let mine = (0..40).filter(|key| map.remove(key).is_some()).count();
                taken.fetch_add(mine, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(taken.into_inner(), 40, "each was taken by one");
    assert!(map.is_empty());
}

/// Every key is yielded once, with a multiple of it that was stored.
#[test]
fn range_under_writers_yields_each_key_once() {
    const KEYS: u64 = 64;
    let map: Map<u64, u64> = (1..=KEYS).map(|n| (n, n)).collect();
    let done = AtomicBool::new(false);
    scope(|s| {
        for thread in 1..=2 {
            let (map, done) = (&map, &done);
            s.spawn(move || {
                for round in (1..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    (1..=KEYS).for_each(|key| _ = map.insert(key, key * round * thread));
                }
            });
        }
        for _ in 0..200 {
            let mut seen = BTreeMap::new();
            for (key, value) in &map.pin() {
                assert_eq!(value % key, 0);
                assert_eq!(seen.insert(*key, *value), None, "{key} was yielded twice");
            }
            assert_eq!(seen.len() as u64, KEYS);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn stored_then_deleted_values_are_freed() {
    let value = Arc::new(());
    let map = Map::new();
    for n in 0..2000 {
        map.insert(n % 7, Arc::clone(&value));
        map.remove(&(n % 7));
    }
    map.reclaim();
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(map.retained(), 0);
}

#[test]
fn every_method_can_be_called_inside_a_range() {
    let map: Map<u64, u64> = (0..5).map(|n| (n, n)).collect();
    let mut rounds = 0;
    for (key, value) in &map.pin() {
        assert_eq!(map.get(key), Some(*value));
        assert_eq!(map.get_or_insert_with(*key, || 9), *value);
        assert_eq!(map.insert(key + 100, 0), None);
        assert_eq!(map.remove(&(key + 100)), Some(0));
        map.update(*key, |old| old.copied());
        assert_eq!(map.pin().iter().count(), 5);
        assert_eq!(map.fork().len(), 5);
        map.batch(|batch| _ = batch.insert(1000, 1));
        map.remove(&1000);
        rounds += 1;
    }
    map.clear();
    assert_eq!((rounds, map.len()), (5, 0));
}

#[test]
fn compare_and_swap_of_absent_key_stores_nothing() {
    let map = Map::<u64, u64>::new();
    let swapped = map.update(7, |old| old.filter(|n| **n == 0).map(|_| 1));
    assert_eq!(swapped, None);
    assert_eq!(map.get(&7), None);
    assert!(map.is_empty());
}

#[test]
fn clear_may_race_with_loads_and_stores() {
    let map = Map::<u64, u64>::new();
    scope(|s| {
        for thread in 0..3 {
            let map = &map;
            s.spawn(move || {
                for n in 0..500 {
                    match thread {
                        0 => map.clear(),
                        1 => _ = map.insert(n % 50, n),
                        _ => assert!(map.get(&(n % 50)).is_none_or(|value| value % 50 == n % 50)),
                    }
                }
            });
        }
    });
    map.clear();
    assert!(map.is_empty() && map.pin().iter().next().is_none());
}
