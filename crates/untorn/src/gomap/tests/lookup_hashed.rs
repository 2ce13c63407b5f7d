//! Lookups by hash: tophash, overflow chains, and the choice between two arrays while the table
//! grows.

use super::super::{Growth, Step, Table};
use super::lookup::{CountingTable, Expected, check, hashed};
use super::support::{Constant, Good, place};

/// Returns a table of 2^b buckets that holds these keys, with elems equal to the keys.
fn table_of(b: u8, keys: &[u64]) -> CountingTable<u64, u64> {
    let hint = if b == 0 { 0 } else { 13 << (b - 1) };
    let mut table = Table::with_hint_and_hasher(hint, super::support::Counting::default());
    table.extend(keys.iter().map(|key| (*key, *key)));
    assert_eq!((table.stats().b, table.stats().growth), (b, None));
    table
}

#[track_caller]
fn check_hashed(
    table: &CountingTable<u64, u64>,
    key: u64,
    hit: bool,
    compares: usize,
    scan: &[Step],
) {
    let steps = [&[Step::NotWriting, hashed(table, key)], scan].concat();
    let expected = Expected {
        value: hit.then_some(key),
        hash_calls: 1,
        full_compares: compares,
        steps: &steps,
    };
    check(table, &key, &expected);
}

fn compared(slot: usize, equal: bool) -> Step {
    Step::Compared { slot, equal }
}

#[test]
fn a_hit_compares_one_key_and_a_miss_none() {
    let keys = [
        place(1, 10, 0),
        place(1, 11, 0),
        place(1, 12, 0),
        place(0, 13, 0),
    ];
    let table = table_of(1, &keys);
    check_hashed(&table, keys[0], true, 1, &[compared(0, true)]);
    check_hashed(&table, keys[2], true, 1, &[compared(2, true)]);
    check_hashed(&table, keys[3], true, 1, &[compared(0, true)]);
    check_hashed(&table, place(1, 13, 0), false, 0, &[]);
    check_hashed(&table, place(0, 10, 0), false, 0, &[]);
}

#[test]
fn only_keys_of_the_same_tophash_are_compared() {
    let keys = [
        place(1, 7, 0),
        place(1, 8, 0),
        place(1, 7, 1),
        place(1, 8, 1),
        place(1, 7, 2),
    ];
    let table = table_of(1, &keys);
    let expected = [compared(0, false), compared(2, false), compared(4, true)];
    check_hashed(&table, keys[4], true, 3, &expected);
    let expected = [compared(1, false), compared(3, false)];
    check_hashed(&table, place(1, 8, 2), false, 2, &expected);
}

#[test]
fn low_hashes_are_raised_above_the_marks() {
    // The top bytes 0 to 4 and 5 to 9 share five tophashes: 5 to 9.
    let keys: Vec<u64> = (0..10).map(|top: u64| top << 56 | 1).collect();
    let table = table_of(1, &keys);
    for (i, key) in keys.iter().enumerate() {
        let lookup = table.trace(key);
        let top = 5 + (i % 5) as u8;
        assert!(matches!(lookup.steps()[1], Step::Hashed { top: t, .. } if t == top));
        assert_eq!(table.get(key), Some(key));
        assert_eq!(lookup.full_compares(), 1 + usize::from(i >= 5));
    }
}

#[test]
fn a_long_chain_is_followed_bucket_by_bucket() {
    let keys: Vec<u64> = (0..20).map(|n| place(2, 20 + n, n)).collect();
    let table = table_of(2, &keys);
    assert_eq!(table.stats().overflow, 2);
    check_hashed(&table, keys[7], true, 1, &[compared(7, true)]);
    let expected = [Step::Overflow, compared(0, true)];
    check_hashed(&table, keys[8], true, 1, &expected);
    let expected = [Step::Overflow, Step::Overflow, compared(3, true)];
    check_hashed(&table, keys[19], true, 1, &expected);
    let expected = [Step::Overflow, Step::Overflow];
    check_hashed(&table, place(2, 99, 0), false, 0, &expected);
}

#[test]
fn a_chain_whose_rest_is_empty_is_not_followed() {
    let keys: Vec<u64> = (0..9).map(|n| place(2, 20 + n, n)).collect();
    let mut table = table_of(2, &keys);
    let absent = place(2, 99, 0);
    check_hashed(&table, absent, false, 0, &[Step::Overflow]);
    table.remove(&keys[8]);
    // The last slot of the head is full, so the lookup continues in the empty overflow bucket.
    check_hashed(&table, absent, false, 0, &[Step::Overflow]);
    table.remove(&keys[7]);
    check_hashed(&table, absent, false, 0, &[]);
}

/// Returns a table that started to grow from four buckets to eight by a write to bucket `target`.
/// Each old bucket holds keys of both halves.
fn doubling(target: u64) -> (CountingTable<u64, u64>, Vec<u64>) {
    let keys: Vec<u64> = (0..26).map(|n| place(n % 8, 20 + n, n)).collect();
    let mut table = table_of(2, &keys);
    let last = place(target, 200, 0);
    table.insert(last, last);
    assert_eq!(table.stats().growth, Some(Growth::Doubling));
    (table, [&keys[..], &[last]].concat())
}

#[test]
fn old_bucket_is_read_with_the_shorter_mask() {
    let (table, keys) = doubling(1);
    let old = |bucket, evacuated| Step::OldBucket {
        bucket,
        same_size: false,
        evacuated,
    };
    // The write evacuated its own bucket 1 and, as the first of the others, bucket 0.
    for key in &keys {
        let lookup = table.trace(key);
        let number = *key as usize & 3;
        assert_eq!(lookup.steps()[1], hashed(&table, *key));
        assert_eq!(lookup.steps()[2], old(number, number <= 1), "{key:#x}");
        assert_eq!(table.get(key), Some(key));
    }
    // Old bucket 2 becomes new bucket 6. In it this key is in slot 1.
    let expected = [old(2, false), compared(1, true)];
    check_hashed(&table, keys[6], true, 1, &expected);
    check_hashed(&table, place(6, 99, 0), false, 0, &[old(2, false)]);
}

#[test]
fn after_evacuation_the_new_bucket_is_read() {
    let (table, keys) = doubling(1);
    let evacuated = Step::OldBucket {
        bucket: 1,
        same_size: false,
        evacuated: true,
    };
    // Keys 1, 9, 17, 25 moved to bucket 1 and keys 5, 13, 21 to bucket 5, in this order.
    for (n, slot) in [(1, 0), (9, 1), (25, 3), (5, 0), (21, 2)] {
        let expected = [evacuated.clone(), compared(slot, true)];
        check_hashed(&table, keys[n], true, 1, &expected);
    }
    check_hashed(&table, place(5, 99, 0), false, 0, &[evacuated]);
}

/// Returns a table of four buckets that started a same-size growth by a write to bucket 3, after
/// chains were filled and emptied.
fn same_size() -> (CountingTable<u64, u64>, Vec<u64>) {
    let mut table = table_of(2, &[]);
    let kept: Vec<u64> = (0..4).map(|bucket| place(bucket, 10, 0)).collect();
    table.extend(kept.iter().map(|key| (*key, *key)));
    for bucket in [0, 1] {
        let padding: Vec<u64> = (0..16).map(|n| place(bucket, 20 + n, n)).collect();
        table.extend(padding.iter().map(|key| (*key, *key)));
        padding.iter().for_each(|key| {
            table.remove(key);
        });
    }
    assert_eq!((table.stats().noverflow, table.stats().growth), (4, None));
    let last = place(3, 200, 0);
    table.insert(last, last);
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
    (table, [&kept[..], &[last]].concat())
}

#[test]
fn same_size_growth_keeps_the_mask() {
    let (table, keys) = same_size();
    for key in &keys {
        let number = *key as usize & 3;
        // The write evacuated its own bucket 3 and, as the first of the others, bucket 0.
        let old = Step::OldBucket {
            bucket: number,
            same_size: true,
            evacuated: number == 3 || number == 0,
        };
        let slot = usize::from(*key == keys[4]);
        check_hashed(&table, *key, true, 1, &[old, compared(slot, true)]);
    }
}

#[test]
fn every_key_is_found_at_every_moment_of_a_growth() {
    let mut good = Table::with_hasher(Good);
    let mut constant = Table::with_hasher(Constant);
    for n in 0..if cfg!(miri) { 60 } else { 500_u32 } {
        good.insert(n, n);
        constant.insert(n, n);
        if n % 7 == 0 {
            assert!((0..=n).all(|key| good.get(&key) == Some(&key)));
            assert!((0..=n).all(|key| constant.get(&key) == Some(&key)));
            assert_eq!((good.get(&(n + 1)), constant.get(&(n + 1))), (None, None));
        }
    }
}
