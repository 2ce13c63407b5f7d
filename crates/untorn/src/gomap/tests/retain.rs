//! `retain` and `into_iter` against std's maps: at every stage of growth, in long chains, with
//! unusual keys.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use super::super::{Float64, Key, SeededBuildHasher, Table};
use super::support::{Constant, Good, Tracked, Truncated, assert_all_dropped, reset_accounting};

fn sorted<K: Key + Ord + Copy, V: Copy, S: SeededBuildHasher>(
    table: &Table<K, V, S>,
) -> BTreeMap<K, V> {
    table.iter().map(|(key, elem)| (*key, *elem)).collect()
}

fn check_retain<S: SeededBuildHasher + Default + Clone>() {
    let (mut during_growth, mut overflowing) = (0, 0);
    // Under Miri, where each key takes thousands of times as long, three tables, one of them
    // during a doubling.
    let (end, stride) = if cfg!(miri) { (55, 27) } else { (200_u64, 1) };
    for n in (0..end).step_by(stride) {
        let table: Table<u64, u64, S> = (0..n).map(|key| (key, key * 10)).collect();
        during_growth += u64::from(table.stats().growth.is_some());
        overflowing += u64::from(table.stats().overflow > 0);
        for share in [1, 2, 3, 200] {
            let mut table = table.clone();
            let mut model: BTreeMap<_, _> = sorted(&table);
            let mut visited = BTreeMap::new();
            table.retain(|key, elem| {
                assert_eq!(visited.insert(*key, *elem), None, "called twice");
                key % share != 0
            });
            assert_eq!(visited, model, "called once for each entry");
            model.retain(|key, _| key % share != 0);
            assert_eq!(sorted(&table), model);
            table.assert_invariants();
            for key in 0..n {
                assert_eq!(table.get(&key), model.get(&key));
            }
            table.extend(model.keys().map(|key| (*key, 1)));
            assert_eq!(table.len(), model.len(), "every key is found");
        }
        let mut taken = table.clone().into_iter();
        assert_eq!(taken.len(), n as usize);
        let mut taken: Vec<_> = taken.by_ref().collect();
        taken.sort_unstable();
        assert_eq!(taken, sorted(&table).into_iter().collect::<Vec<_>>());
    }
    assert!(
        cfg!(miri) || (during_growth > 10 && overflowing > 10),
        "{during_growth} {overflowing}"
    );
}

#[test]
fn retain_and_into_iter_agree_with_std() {
    check_retain::<Good>();
    check_retain::<Constant>();
    check_retain::<Truncated>();
}

#[test]
fn cursor_continues_after_retain() {
    for n in [3, 40, 105, 300] {
        let mut table: Table<u64, u64> = (0..n).map(|key| (key, key)).collect();
        let mut cursor = table.cursor();
        let mut shown: Vec<u64> = Vec::new();
        shown.extend(cursor.next(&table).map(|(key, _)| key));
        table.retain(|key, _| key % 2 == 0);
        while let Some((key, _)) = cursor.next(&table) {
            shown.push(*key);
        }
        let first = shown.remove(0);
        shown.sort_unstable();
        let kept = (0..n).filter(|key| key % 2 == 0 && *key != first);
        assert_eq!(shown, kept.collect::<Vec<_>>());
    }
}

/// No lookup finds such keys.
#[test]
fn retain_removes_keys_unequal_to_themselves() {
    let mut table: Table<Float64, usize> = Table::new();
    for n in 0..100 {
        table.insert(Float64(f64::NAN), n);
    }
    table.retain(|_, n| n % 10 == 0);
    let mut left: Vec<_> = table.values().copied().collect();
    left.sort_unstable();
    assert_eq!(left, (0..100).step_by(10).collect::<Vec<_>>());
    table.assert_invariants();
    let drained: HashMap<_, _> = table.into_iter().map(|(_, n)| (n, ())).collect();
    assert_eq!(drained.len(), 10);
}

/// All keys of a zero-sized type have one address, and these are never equal.
#[test]
fn zero_sized_keys_are_distinguished_by_index() {
    #[derive(Clone, Copy)]
    struct Nothing;
    impl Hash for Nothing {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }
    impl PartialEq for Nothing {
        fn eq(&self, _: &Self) -> bool {
            false
        }
    }
    // Like NaN, this breaks the contract of `Eq`, which may affect lookups only.
    impl Eq for Nothing {}
    impl Key for Nothing {}
    let mut table: Table<Nothing, usize, Constant> = (0..30).map(|n| (Nothing, n)).collect();
    table.retain(|_, n| n % 3 == 1);
    let mut left: Vec<_> = table.values().copied().collect();
    left.sort_unstable();
    assert_eq!(left, (1..30).step_by(3).collect::<Vec<_>>());
    table.assert_invariants();
}

#[test]
fn panic_in_retain_keeps_earlier_removals() {
    let mut table: Table<u64, u64> = (0..100).map(|key| (key, key)).collect();
    let mut rejected = Vec::new();
    let keep = |key: &u64, _: &u64| {
        assert!(rejected.len() < 20, "the injected panic");
        rejected.push(*key);
        false
    };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| table.retain(keep)));
    assert!(caught.is_err());
    assert_eq!(table.len(), 80);
    assert!(rejected.iter().all(|key| !table.contains_key(key)));
    table.assert_invariants();
}

#[test]
fn everything_is_dropped_once() {
    reset_accounting();
    for taken in [0, 1, 7, 60] {
        let table: Table<Tracked, Tracked> = (0..60)
            .map(|n| (Tracked::new(n), Tracked::new(n)))
            .collect();
        let mut entries = table.into_iter();
        assert_eq!(entries.by_ref().take(taken).count(), taken);
        assert_eq!(entries.len(), 60 - taken);
    }
    let mut table: Table<Tracked, Tracked> = (0..60)
        .map(|n| (Tracked::new(n), Tracked::new(n)))
        .collect();
    let mut number = 0;
    table.retain(|_, _| {
        number += 1;
        number % 2 == 0
    });
    assert_eq!(table.len(), 30);
    drop(table);
    assert_all_dropped();
}

#[test]
fn retain_on_nil_and_empty_tables_does_nothing() {
    for mut table in [
        Table::<u64, u64>::nil(),
        Table::new(),
        Table::with_hint(100),
    ] {
        table.retain(|_, _| panic!("there is no entry"));
        assert_eq!(table.into_iter().next(), None);
    }
}
