//! The tests of Go's `range` over a map, from `runtime/map_test.go`, `internal/runtime/maps` and
//! `test/`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use untorn::gomap::{Float64, Growth, Table};
use untorn::{GoMap, OnOverlap, Overlap};

fn table(n: u64) -> Table<u64, u64> {
    (0..n).map(|key| (key, 10 * key)).collect()
}

#[test]
fn nan_entries_survive_growth_during_iteration() {
    let nan = Float64(f64::NAN);
    let mut table = Table::from([(nan, 1), (nan, 2), (nan, 4)]);
    let (mut sum, mut grown) = (0, false);
    let mut cursor = table.cursor();
    while let Some((key, &n)) = cursor.next(&table) {
        // Entries that are added meanwhile may be yielded, too.
        if n <= 4 {
            assert!(key.0.is_nan());
            assert_eq!(sum & n, 0, "{n} was yielded twice");
            sum |= n;
        }
        if !grown {
            grown = true;
            (100..200).for_each(|n| _ = table.insert(Float64(n.into()), n));
            assert!(table.stats().b > 0);
        }
    }
    assert_eq!(sum, 7);
}

#[test]
fn updated_entry_is_yielded_once_and_whole() {
    let (plus, minus) = (Float64(0.0), Float64(-0.0));
    // Some of the random starts yield another entry before the zero.
    for _ in 0..200 {
        let mut table = Table::from([
            (minus, 1),
            (Float64(1.0), 2),
            (Float64(2.0), 4),
            (Float64(3.0), 8),
        ]);
        let (mut sum, mut steps) = (0, 0);
        let mut cursor = table.cursor();
        while let Some((key, &n)) = cursor.next(&table) {
            if n > 16 && *key != plus {
                continue;
            }
            if *key == plus {
                let new = key.0.is_sign_positive();
                assert_eq!(n, if new { 16 } else { 1 }, "the value of another key");
                sum |= 1;
            } else {
                sum |= n;
            }
            if steps == 0 {
                // From here on the old zero must not be yielded.
                assert_eq!(table.insert(plus, 16), Some(1));
                (100..200).for_each(|n| _ = table.insert(Float64(n.into()), n));
            }
            steps += 1;
        }
        assert_eq!(sum, 15, "each entry was yielded");
    }
}

#[test]
fn entries_deleted_after_growth_are_not_yielded() {
    let mut table = table(100);
    let mut cursor = table.cursor();
    let (mut steps, mut first) = (0, None);
    while let Some((&key, _)) = cursor.next(&table) {
        if steps == 0 {
            first = Some(key);
            (1000..2000).for_each(|key| _ = table.insert(key, 0));
            for odd in (1..100).step_by(2) {
                table.remove(&odd);
            }
        } else if key < 100 {
            assert!(key % 2 == 0 && Some(key) != first, "{key}");
        }
        steps += 1;
    }
}

/// Go keeps old arrays alive for iterators; here no dropped value is yielded, and no array is
/// retained.
#[test]
fn values_live_exactly_as_long_as_their_entries() {
    let value = Arc::new(());
    let mut table: Table<u64, Arc<()>> = (0..8).map(|key| (key, Arc::clone(&value))).collect();
    let mut cursor = table.cursor();
    assert!(cursor.next(&table).is_some());
    (100..1000).for_each(|key| _ = table.insert(key, Arc::clone(&value)));
    (100..1000).for_each(|key| _ = table.remove(&key));
    assert_eq!(Arc::strong_count(&value), 9);
    let mut rest = 0;
    while let Some((_, shown)) = cursor.next(&table) {
        assert!(Arc::ptr_eq(shown, &value));
        rest += 1;
    }
    assert_eq!(rest, 7);
    drop(table);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn iteration_begun_in_growth_yields_each_nan_once() {
    for before in 27..40_u32 {
        for at in [0, 1, 5, 20] {
            let nan = Float64(f64::NAN);
            let mut table = Table::new();
            // The twenty-seventh starts a growth of four buckets, which later writes carry out.
            (0..26).for_each(|n| _ = table.insert(nan, n));
            table.insert(nan, 26);
            assert_eq!(table.stats().growth, Some(Growth::Doubling));
            let mut cursor = table.cursor();
            let mut shown = BTreeSet::new();
            for _ in 0..at {
                let (_, n) = cursor.next(&table).expect("twenty-seven entries");
                assert!(shown.insert(*n));
            }
            (27..before + 10).for_each(|n| _ = table.insert(nan, n));
            while table.stats().growth.is_some() {
                table.remove(&Float64(1.0));
            }
            while let Some((_, n)) = cursor.next(&table) {
                assert!(shown.insert(*n), "{n} was yielded twice");
            }
            assert!((0..27).all(|n| shown.contains(&n)));
        }
    }
}

fn order(table: &Table<u64, u64>) -> Vec<u64> {
    let mut cursor = table.cursor();
    std::iter::from_fn(|| cursor.next(table).map(|(key, _)| *key)).collect()
}

#[test]
fn iteration_order_differs_between_runs() {
    for n in [3, 7, 9, 15] {
        let table = table(n);
        let orders: HashSet<_> = (0..200).map(|_| order(&table)).collect();
        assert!(orders.len() > 1, "{n} entries");
    }
    // With two neighboring keys, one of them would rarely be the first; these twenty are spread
    // out.
    let mut sparse = table(2000);
    (0..2000)
        .filter(|key| key % 100 != 0)
        .for_each(|key| _ = sparse.remove(&key));
    let firsts: HashSet<_> = (0..200).map(|_| order(&sparse)[0]).collect();
    assert!(firsts.len() > 3, "{firsts:?}");
    assert!(firsts.iter().all(|key| key % 100 == 0), "{firsts:?}");
}

#[test]
fn filling_a_sparse_map_yields_no_duplicates() {
    for seed in 0..50 {
        let mut table = table(500);
        (0..500)
            .filter(|key| key % 50 != seed)
            .for_each(|key| _ = table.remove(&key));
        let mut cursor = table.cursor();
        let mut shown = BTreeSet::new();
        let mut new = 10_000;
        while let Some((&key, _)) = cursor.next(&table) {
            assert!(shown.insert(key), "{key} was yielded twice");
            (0..10).for_each(|_| {
                table.insert(new, 0);
                new += 1;
            });
        }
        assert!(
            (0..500)
                .filter(|key| key % 50 == seed)
                .all(|key| shown.contains(&key))
        );
    }
}

#[test]
fn replacing_each_current_entry_reaches_all() {
    for n in (0..300).chain([1000, 5000]) {
        let mut table: Table<u64, bool> = (0..n).map(|key| (key, false)).collect();
        let mut cursor = table.cursor();
        while let Some((&key, _)) = cursor.next(&table) {
            table.remove(&key);
            table.insert(key, true);
        }
        assert_eq!(table.len() as u64, n);
        assert!(table.values().all(|replaced| *replaced));
    }
}

#[test]
fn deleting_every_yielded_key_empties_the_map() {
    let map: GoMap<u64, u64> = (0..1000).map(|n| (n, n)).collect();
    let mut steps = 0;
    for (key, _) in map.cursor() {
        map.remove(&key);
        steps += 1;
    }
    assert_eq!((steps, map.len()), (1000, 0));
    // The body's changes to the map take effect.
    map.insert(1, 1);
    map.insert(2, 2);
    let mut seen = 0;
    for (key, _) in map.cursor() {
        seen += 1;
        map.remove(&key);
        map.remove(&(3 - key));
    }
    assert_eq!((seen, map.len()), (1, 0));
}

#[test]
fn clear_removes_nan_entries() {
    let mut table = Table::from([(Float64(f64::NAN), 1), (Float64(1.0), 2)]);
    (0..100).for_each(|n| _ = table.insert(Float64(f64::NAN), n));
    assert!(table.remove(&Float64(f64::NAN)).is_none());
    table.clear();
    assert!(table.is_empty() && table.iter().next().is_none());
    table.assert_invariants();
}

#[test]
fn clear_ends_the_iteration_over_a_growing_map_of_nan() {
    for n in [8, 27, 100, 1000] {
        let mut table = Table::new();
        (0..n).for_each(|n| _ = table.insert(Float64(f64::NAN), n));
        let mut cursor = table.cursor();
        let mut steps = 0;
        while cursor.next(&table).is_some() {
            steps += 1;
            if steps == 3 {
                (0..n).for_each(|n| _ = table.insert(Float64(f64::NAN), n));
                table.clear();
                (0..n).for_each(|n| _ = table.insert(Float64(f64::NAN), n));
            }
        }
        assert_eq!(steps, 3);
    }
}

#[test]
fn the_forms_of_range() {
    let map = GoMap::from([('a', 1), ('b', 2), ('c', 3)]);
    // `for range m`, `for k := range m`, `for k, v := range m`.
    let rounds = map.cursor().count();
    let mut keys: Vec<_> = map.cursor().map(|(key, _)| key).collect();
    let mut pairs: Vec<_> = map.cursor().collect();
    keys.sort_unstable();
    pairs.sort_unstable();
    assert_eq!(rounds, 3);
    assert_eq!(keys, ['a', 'b', 'c']);
    assert_eq!(pairs, [('a', 1), ('b', 2), ('c', 3)]);
    // The map is evaluated once: assigning another one does not affect the loop.
    let mut current = &map;
    let empty = GoMap::new();
    let mut rounds = 0;
    for _ in current.cursor() {
        current = &empty;
        rounds += 1;
    }
    assert_eq!((rounds, current.len()), (3, 0));
}

#[test]
fn deleting_the_first_entry_over_and_over_ends() {
    let mut table = table(10_000);
    let mut taken = BTreeSet::new();
    for _ in 0..10_000 {
        let mut cursor = table.cursor();
        let first = cursor.next(&table).map(|(key, _)| *key);
        let key = first.expect("the table is not empty yet");
        assert!(taken.insert(key) && table.remove(&key).is_some());
    }
    assert!(table.is_empty());
}

#[test]
fn iterator_misuse_panics_and_the_end_is_final() {
    let one = table(3);
    let mut cursor = one.cursor();
    assert_eq!(std::iter::from_fn(|| cursor.next(&one)).count(), 3);
    assert_eq!((cursor.next(&one), cursor.next(&one)), (None, None));
    let other = table(3);
    let misuse = AssertUnwindSafe(|| one.cursor().next(&other).is_some());
    assert!(catch_unwind(misuse).is_err());
}

#[test]
fn first_or_second_entry_deleted_during_iteration() {
    for after in [0, 1] {
        let mut table = table(2);
        let mut cursor = table.cursor();
        let first = cursor
            .next(&table)
            .map(|(key, _)| *key)
            .expect("two entries");
        let gone = if after == 0 { first } else { 1 - first };
        table.remove(&gone);
        let second = cursor.next(&table).map(|(key, _)| *key);
        assert_eq!(second, (after == 0).then_some(1 - first));
    }
}

thread_local! {
    static MET: RefCell<Vec<Overlap>> = const { RefCell::new(Vec::new()) };
}

/// A map whose values write to it when a step of a cursor clones them inside its access.
static LOOP: LazyLock<GoMap<u8, Writes>> = LazyLock::new(|| {
    let note = |overlap: &Overlap| MET.with_borrow_mut(|met| met.push(overlap.clone()));
    GoMap::from([(1, Writes)]).on_overlap(OnOverlap::Call(note))
});

struct Writes;

impl Clone for Writes {
    fn clone(&self) -> Self {
        LOOP.remove(&1);
        Self
    }
}

#[test]
fn overlap_in_a_loop_names_the_line_of_the_loop() {
    let line = line!() + 1;
    let caught = catch_unwind(|| for (_, _) in LOOP.cursor() {});
    assert!(caught.is_err());
    let met = MET.take();
    let [overlap] = &met[..] else {
        panic!("{met:?}")
    };
    let text = "concurrent map iteration and map write";
    assert_eq!(overlap.message(), text);
    assert_eq!(overlap.here.operation, "GoMap::remove");
    assert_eq!(overlap.other.operation, "GoMap::cursor");
    let at = overlap.other.location.expect("the access is open");
    assert!(at.file().ends_with("range.rs"), "{at}");
    assert_eq!(at.line(), line);
}
