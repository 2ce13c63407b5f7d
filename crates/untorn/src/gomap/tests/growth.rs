//! Doubling: its start, the writes that carry it out, its end; seeds, hints and clones.

use super::super::table::load_factor::over_load_factor;
use super::super::{Growth, SeededBuildHasher, Table, TableStats};
use super::support::{Constant, Good, Identity, Truncated, evacuated, marks, place};

/// Returns the number of keys at which 2^b buckets double: one more than 6.5 per bucket.
fn doubling_point(b: u8) -> usize {
    if b == 0 { 9 } else { (13 << (b - 1)) + 1 }
}

#[test]
fn the_load_factor_is_six_and_a_half() {
    let points = [9, 14, 27, 53, 105, 209, 417, 833];
    for (b, point) in (0..).zip(points) {
        assert_eq!(doubling_point(b), point);
    }
    for b in 0..20 {
        let point = doubling_point(b);
        assert!(!over_load_factor(point - 1, b), "{point} at {b}");
        assert!(over_load_factor(point, b), "{point} at {b}");
    }
}

#[test]
fn doubles_only_past_the_load_factor() {
    let mut table = Table::with_hasher(Good);
    let mut b = 0;
    let doublings = if cfg!(miri) { 7 } else { 13 };
    for n in 1..=doubling_point(doublings - 1) {
        table.insert(n as u64, ());
        if n == doubling_point(b) {
            b += 1;
            let stats = table.stats();
            // The write itself evacuates one or two old buckets.
            let growth = (b > 2).then_some(Growth::Doubling);
            assert_eq!(stats.growth, growth, "at key {n}");
            assert_eq!(stats.oldbuckets, if b > 2 { 1 << (b - 1) } else { 0 });
        }
        assert_eq!(table.stats().b, b, "at key {n}");
    }
    assert_eq!(b, doublings);
    table.assert_invariants();
}

#[test]
fn the_growth_points_do_not_depend_on_the_hasher() {
    fn bs<S: SeededBuildHasher>(hasher: S) -> Vec<u8> {
        let mut table = Table::with_hasher(hasher);
        let b_after = |n| {
            table.insert(n, ());
            table.assert_invariants();
            table.stats().b
        };
        // Under Miri, where each check takes thousands of times as long, the first four doublings.
        (0..if cfg!(miri) { 60 } else { 250_u32 })
            .map(b_after)
            .collect()
    }
    let good = bs(Good);
    assert_eq!(good, bs(Constant));
    assert_eq!(good, bs(Truncated));
}

#[test]
fn bucket_count_depends_on_keys_or_hint() {
    let table = [
        (0, 1),
        (1, 1),
        (8, 1),
        (9, 2),
        (12, 2),
        (13, 2),
        (14, 4),
        (24, 4),
        (26, 4),
        (27, 8),
        (48, 8),
        (52, 8),
        (53, 16),
        (104, 16),
        (105, 32),
    ];
    for (n, buckets) in table {
        let mut inserted = Table::new();
        inserted.extend((0..n).map(|key| (key, key)));
        let mut hinted = Table::with_hint(n);
        // A table of one bucket is allocated by its first write.
        let allocated = if n <= 8 { 0 } else { buckets };
        assert_eq!(hinted.stats().buckets, allocated, "hint {n}");
        assert_eq!(1 << hinted.stats().b, buckets, "hint {n}");
        assert_eq!(1 << inserted.stats().b, buckets, "{n} keys");
        hinted.extend((0..n).map(|key| (key, key)));
        assert_eq!(1 << hinted.stats().b, buckets, "hint {n}");
        assert_eq!(hinted.stats().growth, None, "hint {n}");
    }
}

#[test]
fn overwriting_never_grows() {
    for n in [8, 13, 26, 52, 104] {
        let mut table: Table<usize, usize> = (0..n).map(|key| (key, 0)).collect();
        while table.stats().growth.is_some() {
            table.remove(&n);
        }
        let before = table.stats();
        for round in 0..3 {
            table.extend((0..n).map(|key| (key, round)));
            assert_eq!(table.stats(), before);
        }
        table.insert(n, 0);
        assert_eq!(table.stats().b, before.b + 1);
    }
}

/// Returns a table that started to grow from 16 buckets to 32 by a write to bucket `target`.
fn growing(target: u64) -> Table<u64, u64, Identity> {
    let mut table = Table::with_hint_and_hasher(104, Identity);
    table.extend((0..104).map(|n| (place(n % 32, 10 + n, n), n)));
    assert_eq!((table.stats().b, table.stats().growth), (4, None));
    table.insert(place(target, 200, 0), 104);
    let stats = table.stats();
    assert_eq!((stats.b, stats.oldbuckets), (5, 16));
    table
}

#[test]
fn growing_write_evacuates_its_bucket_and_the_first() {
    for (target, nevacuate) in [(0, 2), (1, 2), (5, 1), (21, 1)] {
        let table = growing(target);
        let old = table.oldbuckets.as_ref().unwrap();
        assert!(old.bucket(target as usize).evacuated());
        assert_eq!(evacuated(&table), 2);
        assert_eq!(table.stats().nevacuate, nevacuate, "target {target}");
        table.assert_invariants();
    }
}

#[test]
fn every_write_evacuates_its_bucket_and_the_next() {
    type Write = fn(&mut Table<u64, u64, Identity>, u64);
    // A new key, an overwrite, a removal, and the removal of an absent key.
    let writes: [Write; 4] = [
        |table, bucket| assert_eq!(table.insert(place(bucket, 201, 0), 0), None),
        |table, bucket| {
            let old = table.insert(place(bucket, 10 + bucket, bucket), 0);
            assert_eq!(old, Some(bucket));
        },
        |table, bucket| {
            let removed = table.remove(&place(bucket, 10 + bucket, bucket));
            assert_eq!(removed, Some(bucket));
        },
        |table, bucket| assert_eq!(table.remove(&place(bucket, 250, 0)), None),
    ];
    for write in writes {
        let mut table = growing(0);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (2, 2));
        write(&mut table, 9);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (4, 3));
        // The upper half of an evacuated bucket: only the next old bucket is evacuated.
        write(&mut table, 25);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (5, 4));
        write(&mut table, 5);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (7, 6));
        // Bucket 6 is both its own and the next one; 7 follows.
        write(&mut table, 6);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (9, 8));
        // 11 and 8; `nevacuate` also passes 9, which was evacuated before.
        write(&mut table, 11);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (11, 10));
        write(&mut table, 12);
        // 12 and 10; `nevacuate` passes 11 and 12 too.
        assert_eq!((evacuated(&table), table.stats().nevacuate), (13, 13));
        write(&mut table, 13);
        assert_eq!((evacuated(&table), table.stats().nevacuate), (15, 15));
        table.assert_invariants();
        write(&mut table, 15);
        assert_eq!((table.stats().growth, table.stats().oldbuckets), (None, 0));
        table.assert_invariants();
    }
}

#[test]
fn reading_evacuates_nothing() {
    let table = growing(3);
    let before: TableStats = table.stats();
    for n in 0..104 {
        assert_eq!(table.get(&place(n % 32, 10 + n, n)), Some(&n));
        assert_eq!(table.get(&place(n % 32, 9, n)), None);
    }
    assert!(table.trace(&place(3, 200, 0)).found());
    assert_eq!(table.stats(), before);
    assert_eq!(table.iter().count(), 105);
    assert_eq!(table.clone().len(), 105);
    let after = table.stats();
    assert_eq!(evacuated(&table), 2);
    assert_eq!(
        (after.nevacuate, after.growth),
        (before.nevacuate, before.growth)
    );
}

#[test]
fn growth_ends_within_one_write_per_old_bucket() {
    for target in 0..32 {
        let mut table = growing(target);
        let mut writes = 1;
        while table.stats().growth.is_some() {
            table.insert(place(target, 200, 0), 0);
            writes += 1;
            assert!(writes <= 16);
        }
        assert!(writes >= 8);
        table.assert_invariants();
        assert!((0..104).all(|n| table.contains_key(&place(n % 32, 10 + n, n))));
    }
}

#[test]
fn an_evacuated_chain_is_split_by_one_bit_and_packed() {
    let mut table = Table::with_hint_and_hasher(26, Identity);
    let key = |n: u64| place(if n.is_multiple_of(3) { 5 } else { 1 }, 20 + n, n);
    table.extend((0..26).map(|n| (key(n), n)));
    assert_eq!(table.stats().overflow, 3);
    (0..6).for_each(|n| assert_eq!(table.remove(&key(n)), Some(n)));
    table.extend((30..36).map(|n| (place(2, 20 + n, n), n)));
    table.insert(place(1, 200, 0), 0);
    assert_eq!(table.stats().growth, Some(Growth::Doubling));
    let tops = |bucket| marks(&table, bucket);
    // The order is preserved, with the newest key last.
    let lower = (6..26).filter(|n| n % 3 != 0).map(|n| 20 + n as u8);
    let lower: Vec<u8> = lower.chain([200]).collect();
    let upper: Vec<u8> = (6..26).filter(|n| n % 3 == 0).map(|n| 20 + n).collect();
    let packed = |chain: Vec<[u8; 8]>| chain.concat().into_iter().filter(|top| *top != 0);
    assert_eq!(packed(tops(1)).collect::<Vec<_>>(), lower);
    assert_eq!(packed(tops(5)).collect::<Vec<_>>(), upper);
    assert_eq!((tops(1).len(), tops(5).len()), (2, 1));
    table.assert_invariants();
}

#[test]
fn a_table_never_shrinks() {
    let mut table: Table<u32, u32> = (0..1000).map(|n| (n, n)).collect();
    let b = table.stats().b;
    assert_eq!(b, 8);
    for n in 0..1000 {
        table.remove(&n);
        assert_eq!(table.stats().b, b);
    }
    table.insert(1, 1);
    assert_eq!(table.stats().b, b);
}

#[test]
fn clear_keeps_the_size_and_ends_the_growth() {
    let mut table = growing(3);
    table.clear();
    let stats = table.stats();
    assert_eq!(
        (stats.b, stats.growth, stats.count, stats.overflow),
        (5, None, 0, 0)
    );
    table.assert_invariants();
    table.extend((0..208).map(|n| (place(n % 32, 10, n), n)));
    assert_eq!((table.stats().b, table.stats().growth), (5, None));
    assert_eq!(table.stats().buckets, 32);
}

#[test]
fn seed_changes_only_when_the_table_becomes_empty() {
    let mut table = Table::<u32, u32>::new();
    let seed = table.hash0;
    table.extend((0..300).map(|n| (n, n)));
    (1..300).for_each(|n| assert_eq!(table.remove(&n), Some(n)));
    table.remove(&1);
    assert_eq!(table.hash0, seed);
    assert_eq!(table.clone().hash0, seed);
    table.remove(&0);
    let second = table.hash0;
    assert_ne!(second, seed);
    // The table is empty already.
    table.remove(&0);
    table.clear();
    assert_eq!(table.hash0, second);
    table.insert(1, 1);
    assert_eq!(table.hash0, second);
    table.clear();
    assert_ne!(table.hash0, second);
    assert_ne!(
        Table::<u32, u32>::new().hash0,
        Table::<u32, u32>::new().hash0
    );
}

#[test]
fn huge_hints_are_ignored() {
    let hints = [
        usize::MAX,
        usize::MAX / 2,
        usize::MAX / 4,
        // A layout for this many exists, but no machine can allocate it.
        #[cfg(target_pointer_width = "64")]
        (1 << 50),
    ];
    for hint in hints {
        let mut table: Table<u64, u64> = Table::with_hint(hint);
        assert_eq!(
            (table.stats().b, table.stats().buckets),
            (0, 0),
            "{hint:#x}"
        );
        table.insert(1, 1);
        assert_eq!(table.get(&1), Some(&1));
        let mut nothing: Table<(), ()> = Table::with_hint(hint);
        nothing.insert((), ());
        assert_eq!((nothing.stats().b, nothing.len()), (0, 1), "{hint:#x}");
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn hint_over_max_alloc_is_ignored() {
    // A bucket of `u64` keys and elems has 144 bytes. With one entry fewer the allocation would be
    // attempted and abort the process.
    let hint = (1 << 48) / 144 + 1;
    let table: Table<u64, u64> = Table::with_hint(hint);
    assert_eq!((table.stats().b, table.stats().buckets), (0, 0));
}

#[test]
fn a_clone_is_sized_by_its_entries_and_never_growing() {
    for n in [0, 8, 9, 13, 14, 100, 105, 107, 120, 300] {
        let mut table: Table<usize, usize> = (0..n).map(|key| (key, key)).collect();
        let clone = table.clone();
        clone.assert_invariants();
        assert_eq!(clone, table);
        assert_eq!((clone.stats().growth, clone.hash0), (None, table.hash0));
        assert_eq!(
            clone.stats().b,
            Table::<usize, usize>::with_hint(n).stats().b
        );
        table.insert(n, n);
        assert_eq!(clone.get(&n), None);
    }
    let emptied: Table<u32, u32> = {
        let mut table: Table<u32, u32> = (0..100).map(|n| (n, n)).collect();
        table.clear();
        table.clone()
    };
    assert_eq!(emptied.stats().b, 0);
}
