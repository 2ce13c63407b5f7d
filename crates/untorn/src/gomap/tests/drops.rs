//! Every key and elem is dropped once, and at the specified time.

use super::super::{Growth, SeededBuildHasher, Table};
use super::support::{
    Constant, Good, Identity, STRIDE, Tracked, TrackedTable, Truncated, alive, assert_all_dropped,
    contents, reset_accounting,
};
use std::cell::Cell;
use std::thread;

/// Keys of a table: few under Miri, where each takes thousands of times as long.
const N: u32 = if cfg!(miri) { 20 } else { 60 };

fn filled<const U: bool, const PAD: usize, S: SeededBuildHasher>(
    n: u32,
    hasher: S,
) -> TrackedTable<U, PAD, S> {
    let mut table = Table::with_hasher(hasher);
    table.extend((0..n).map(|id| (Tracked::new(id), Tracked::new(id))));
    table
}

/// Runs the body for inline and boxed keys and elems, with and without key update, with three
/// hashers.
macro_rules! in_every_kind {
    ($body:ident) => {{
        $body::<false, 0, Good>(Good);
        $body::<true, 0, Good>(Good);
        $body::<false, 0, Constant>(Constant);
        $body::<true, 0, Truncated>(Truncated);
        $body::<false, 200, Good>(Good);
        $body::<true, 200, Constant>(Constant);
    }};
}

#[test]
fn an_overwrite_drops_the_old_elem_and_one_key() {
    fn body<const U: bool, const PAD: usize, S: SeededBuildHasher>(hasher: S) {
        reset_accounting();
        let mut table: TrackedTable<U, PAD, S> = filled(N, hasher);
        let entries = 2 * N as usize;
        assert_eq!(alive(), entries);
        for id in 0..N {
            let old = table.insert(Tracked::new(id), Tracked::new(id + 100));
            assert_eq!(alive(), entries + 1);
            assert_eq!(old.map(|elem| elem.id), Some(id));
            assert_eq!(alive(), entries);
        }
        drop(table);
        assert_all_dropped();
    }
    in_every_kind!(body);
}

#[test]
fn remove_entry_returns_key_and_elem() {
    fn body<const U: bool, const PAD: usize, S: SeededBuildHasher>(hasher: S) {
        reset_accounting();
        let mut table: TrackedTable<U, PAD, S> = filled(N, hasher);
        let present = N as usize;
        let keys: Vec<Tracked<U, PAD>> = (0..N + 10).map(Tracked::new).collect();
        for (n, key) in keys.iter().enumerate() {
            let entry = table.remove_entry(key);
            assert_eq!(entry.is_some(), n < present);
            let in_table = present.saturating_sub(n + 1);
            let removed = if n < present { 2 } else { 0 };
            assert_eq!(alive(), keys.len() + 2 * in_table + removed);
        }
        drop(keys);
        assert_all_dropped();
    }
    in_every_kind!(body);
}

#[test]
fn clear_drops_everything_at_once_and_again() {
    fn body<const U: bool, const PAD: usize, S: SeededBuildHasher>(hasher: S) {
        reset_accounting();
        let mut table: TrackedTable<U, PAD, S> = Table::with_hasher(hasher);
        let sizes: &[u32] = if cfg!(miri) {
            &[0, 1, 9, 53]
        } else {
            &[0, 1, 8, 9, 30, 53, 105, 230]
        };
        for &n in sizes {
            table.extend((0..n).map(|id| (Tracked::new(id), Tracked::new(id))));
            assert_eq!(alive(), 2 * n as usize);
            table.clear();
            assert_all_dropped();
            table.assert_invariants();
        }
        table.insert(Tracked::new(1), Tracked::new(1));
        drop(table);
        assert_all_dropped();
    }
    in_every_kind!(body);
}

#[test]
fn drop_during_growth_drops_everything() {
    fn body<const U: bool, const PAD: usize, S: SeededBuildHasher + Copy>(hasher: S) {
        reset_accounting();
        for n in (0..if cfg!(miri) { 60 } else { 120 }).step_by(STRIDE) {
            let table: TrackedTable<U, PAD, S> = filled(n, hasher);
            assert_eq!(alive(), 2 * n as usize);
            drop(table);
            assert_all_dropped();
        }
    }
    in_every_kind!(body);
}

#[test]
fn growth_drops_nothing() {
    // Under Miri, where each key takes thousands of times as long, the first growths.
    const KEYS: u32 = if cfg!(miri) { 55 } else { 450 };
    const DOUBLINGS: u8 = if cfg!(miri) { 4 } else { 7 };
    fn body<const U: bool, const PAD: usize, S: SeededBuildHasher>(hasher: S) {
        reset_accounting();
        let mut table: TrackedTable<U, PAD, S> = Table::with_hasher(hasher);
        let mut doublings = 0;
        for id in 0..KEYS {
            let b = table.stats().b;
            table.insert(Tracked::new(id), Tracked::new(id));
            doublings += u8::from(table.stats().b > b);
            assert_eq!(alive(), 2 * (id as usize + 1));
        }
        assert_eq!(doublings, DOUBLINGS);
        assert_eq!(contents(&table).len(), KEYS as usize);
        drop(table);
        assert_all_dropped();
    }
    in_every_kind!(body);
}

/// Returns a table of 16 buckets during a same-size growth. The ids select the buckets.
fn same_size<const PAD: usize>() -> TrackedTable<false, PAD, Identity> {
    let mut table = Table::with_hint_and_hasher(104, Identity);
    for (bucket, n) in [(3, 49), (7, 49), (11, 33)] {
        let id = |i: u32| bucket + (i << 16);
        table.extend((0..n).map(|i| (Tracked::new(id(i)), Tracked::new(id(i)))));
        (2..n).for_each(|i| drop(table.remove_entry(&Tracked::new(id(i)))));
    }
    table.insert(Tracked::new(12), Tracked::new(12));
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
    table
}

#[test]
fn growth_to_the_same_size_drops_nothing() {
    fn body<const PAD: usize>() {
        reset_accounting();
        drop(same_size::<PAD>());
        assert_all_dropped();
        let mut table = same_size::<PAD>();
        while table.stats().growth.is_some() {
            assert_eq!(contents(&table).len(), 7);
            assert_eq!(alive(), 14);
            assert!(table.remove(&Tracked::new(1)).is_none());
        }
        assert_eq!(contents(&table).len(), 7);
        table.clear();
        assert_all_dropped();
    }
    body::<0>();
    body::<200>();
}

#[test]
fn clones_own_their_entries() {
    // Both during a doubling.
    const KEYS: u32 = if cfg!(miri) { 27 } else { 110 };
    fn body<const U: bool, const PAD: usize, S: SeededBuildHasher + Clone>(hasher: S) {
        reset_accounting();
        let table: TrackedTable<U, PAD, S> = filled(KEYS, hasher);
        let clone = table.clone();
        assert_eq!(alive(), 4 * KEYS as usize);
        let ids = contents(&table);
        drop(table);
        assert_eq!((alive(), contents(&clone)), (2 * KEYS as usize, ids));
        drop(clone);
        assert_all_dropped();
    }
    in_every_kind!(body);
}

thread_local! {
    static MARKERS: Cell<i32> = const { Cell::new(0) };
}

/// A zero-sized value whose instances are counted.
#[derive(Debug)]
struct Marker(());

impl Marker {
    fn new() -> Self {
        MARKERS.set(MARKERS.get() + 1);
        Self(())
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        MARKERS.set(MARKERS.get() - 1);
    }
}

#[test]
fn elems_without_a_size_are_dropped_once_each() {
    assert_eq!(size_of::<Marker>(), 0);
    MARKERS.set(0);
    let mut table: Table<u32, Marker> = (0..230).map(|n| (n, Marker::new())).collect();
    assert_eq!(MARKERS.get(), 230);
    table.extend((0..100).map(|n| (n, Marker::new())));
    assert_eq!(MARKERS.get(), 230);
    (0..50).for_each(|n| assert!(table.remove(&n).is_some()));
    assert_eq!(MARKERS.get(), 180);
    let entry = table.remove_entry(&200);
    assert_eq!(MARKERS.get(), 180);
    drop(entry);
    table.clear();
    assert_eq!(MARKERS.get(), 0);
    table.insert(1, Marker::new());
    drop(table);
    assert_eq!(MARKERS.get(), 0);
}

/// Runs `body` on a stack of `bytes` bytes.
fn on_a_stack_of<T: Send>(bytes: usize, body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|s| {
        let thread = thread::Builder::new().stack_size(bytes);
        let thread = thread.spawn_scoped(s, body).expect("a thread");
        thread.join().expect("no panic")
    })
}

#[test]
fn boxed_elems_larger_than_the_stack_drop_in_place() {
    const MIB: usize = 1 << 20;
    // Miri has no stack that could overflow.
    const SIZE: usize = if cfg!(miri) { 4 << 10 } else { 4 * MIB };
    type Large = [u8; SIZE];
    let tables = on_a_stack_of(64 * MIB, || {
        [(); 2].map(|()| {
            let mut table = Table::<u64, Large>::new();
            table.extend((0..20).map(|n| (n, [1; SIZE])));
            table
        })
    });
    on_a_stack_of(MIB, move || {
        let [dropped, mut cleared] = tables;
        drop(dropped);
        cleared.clear();
        assert!(cleared.is_empty());
    });
}
