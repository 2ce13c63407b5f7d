//! Removal: the `empty_rest` sweep, the remaining entries, the reuse of slots.

use super::super::Table;
use super::super::raw::tophash::{EMPTY_ONE, EMPTY_REST};
use super::support::{Identity, marks, place};

type Placed = Table<u64, u64, Identity>;

/// Returns key `n` of bucket 1, with a tophash of its own.
fn key(n: u64) -> u64 {
    place(1, 100 + n, n)
}

/// Returns the tophash of key `n`.
fn full(n: u64) -> u8 {
    100 + n as u8
}

/// Returns a table of four buckets with `n` keys in bucket 1.
fn chain_of(n: u64) -> Placed {
    let mut table = Table::with_hint_and_hasher(26, Identity);
    // One key in another bucket, so that the table does not become empty.
    table.insert(place(0, 10, 0), 0);
    table.extend((0..n).map(|i| (key(i), i)));
    table
}

#[track_caller]
fn remove(table: &mut Placed, n: u64) {
    assert_eq!(table.remove_entry(&key(n)), Some((key(n), n)));
    assert_eq!(table.remove(&key(n)), None);
    table.assert_invariants();
}

#[test]
fn removing_the_last_entry_leaves_empty_rest() {
    let mut table = chain_of(3);
    remove(&mut table, 2);
    assert_eq!(marks(&table, 1), [[full(0), full(1), 0, 0, 0, 0, 0, 0]]);
}

#[test]
fn removing_in_the_middle_leaves_empty_one() {
    let mut table = chain_of(4);
    remove(&mut table, 1);
    let expected = [full(0), EMPTY_ONE, full(2), full(3), 0, 0, 0, 0];
    assert_eq!(marks(&table, 1), [expected]);
    assert_eq!(table.get(&key(2)), Some(&2));
    assert_eq!(table.get(&key(3)), Some(&3));
}

#[test]
fn the_sweep_runs_back_over_every_empty_one_before_it() {
    let mut table = chain_of(6);
    for n in [2, 4, 3] {
        remove(&mut table, n);
    }
    let expected = [full(0), full(1), 1, 1, 1, full(5), 0, 0];
    assert_eq!(marks(&table, 1), [expected]);
    remove(&mut table, 5);
    assert_eq!(marks(&table, 1), [[full(0), full(1), 0, 0, 0, 0, 0, 0]]);
}

#[test]
fn the_sweep_stops_at_the_chain_head() {
    let mut table = chain_of(3);
    for n in [0, 1, 2] {
        remove(&mut table, n);
    }
    assert_eq!(marks(&table, 1), [[EMPTY_REST; 8]]);
}

#[test]
fn sweep_waits_for_an_empty_overflow_bucket() {
    let mut table = chain_of(9);
    remove(&mut table, 7);
    let mut head: [u8; 8] = std::array::from_fn(|i| full(i as u64));
    head[7] = EMPTY_ONE;
    assert_eq!(marks(&table, 1), [head, [full(8), 0, 0, 0, 0, 0, 0, 0]]);
    assert_eq!(table.get(&key(8)), Some(&8));
}

#[test]
fn the_sweep_runs_back_across_overflow_buckets() {
    let mut table = chain_of(20);
    for n in (5..19).rev() {
        remove(&mut table, n);
    }
    let empty = [EMPTY_ONE; 8];
    let mut head: [u8; 8] = std::array::from_fn(|i| full(i as u64));
    head[5..].fill(EMPTY_ONE);
    let last = [1, 1, 1, full(19), 0, 0, 0, 0];
    assert_eq!(marks(&table, 1), [head, empty, last]);
    assert_eq!(table.get(&key(19)), Some(&19));
    remove(&mut table, 19);
    head[5..].fill(EMPTY_REST);
    assert_eq!(marks(&table, 1), [head, [EMPTY_REST; 8], [EMPTY_REST; 8]]);
}

#[test]
fn the_sweep_reaches_the_head_across_overflow_buckets() {
    let mut table = chain_of(20);
    (0..20).for_each(|n| remove(&mut table, n));
    assert_eq!(marks(&table, 1), [[EMPTY_REST; 8]; 3]);
    // A lookup ends at the head.
    assert_eq!(table.trace(&key(0)).steps().len(), 2);
}

#[test]
fn sweep_starts_if_the_next_bucket_is_empty_rest() {
    let mut table = chain_of(9);
    remove(&mut table, 8);
    remove(&mut table, 7);
    assert_eq!(marks(&table, 1)[0][6..], [full(6), EMPTY_REST]);
}

#[test]
fn a_new_entry_takes_the_first_free_slot_of_the_chain() {
    let mut table = chain_of(12);
    for n in [9, 3, 6] {
        remove(&mut table, n);
    }
    for (n, (bucket, slot)) in [(50, (0, 3)), (51, (0, 6)), (52, (1, 1)), (53, (1, 4))] {
        table.insert(key(n), n);
        assert_eq!(marks(&table, 1)[bucket][slot], full(n));
        table.assert_invariants();
    }
    assert_eq!(table.stats().overflow, 1);
}

#[test]
fn overwrite_behind_a_free_slot_adds_no_entry() {
    let mut table = chain_of(12);
    remove(&mut table, 0);
    assert_eq!(table.insert(key(11), 1100), Some(11));
    assert_eq!(table.get(&key(11)), Some(&1100));
    assert_eq!(marks(&table, 1)[0][0], EMPTY_ONE);
    assert_eq!(table.len(), 12);
    table.assert_invariants();
}

#[test]
fn refilling_a_chain_reuses_its_buckets() {
    let mut table = chain_of(20);
    for round in 0..if cfg!(miri) { 3 } else { 50 } {
        for n in 0..20 {
            remove(&mut table, (n * 7 + round) % 20);
        }
        table.extend((0..20).map(|n| (key(n), n)));
        assert_eq!(table.stats().overflow, 2);
    }
}

#[test]
fn remove_entry_returns_the_stored_key() {
    let stored = String::from("key");
    let text = stored.as_ptr();
    let mut table: Table<String, u32> = [(stored, 1)].into_iter().collect();
    let (key, elem) = table.remove_entry("key").unwrap();
    assert_eq!((key.as_ptr(), elem), (text, 1));
    assert_eq!(table.remove_entry("key"), None);
}

#[test]
fn fill_delete_refill_delete_keeps_the_marks() {
    const KEYS: u32 = if cfg!(miri) { 60 } else { 300 };
    for hint in [0, 100] {
        let mut table = Table::with_hint(hint);
        table.extend((0..KEYS).map(|n| (n, n)));
        (0..KEYS).step_by(2).for_each(|n| {
            table.remove(&n);
            table.assert_invariants();
        });
        table.extend((0..KEYS).map(|n| (n, n + 1)));
        for n in 0..KEYS {
            assert_eq!(table.remove(&n), Some(n + 1));
            table.assert_invariants();
        }
        assert!(table.is_empty());
    }
}
