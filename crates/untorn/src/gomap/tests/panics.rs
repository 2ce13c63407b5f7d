//! Foreign code that panics at its k-th call, for every k: `Hash`, `Eq`, `Clone` and `Drop` in every operation.

use super::super::{Growth, SeededBuildHasher, Table};
use super::support::{
    Call, Constant, Good, Identity, Probe, Probes, Truncated, assert_settled, blow, contents,
    open_ledger,
};

/// One operation on a table that `make` prepares, with one kind of call that panics at every k.
///
/// After a panic the table is what it was before the operation, or, if it was `Drop` that panicked, what it is
/// after it. Returns the number of calls, which are the points at which a panic was let loose.
#[track_caller]
fn sweep<const U: bool, const PAD: usize, S: SeededBuildHasher>(
    call: Call,
    make: impl Fn() -> Probes<U, PAD, S>,
    operation: impl Fn(&mut Probes<U, PAD, S>),
) -> usize {
    open_ledger();
    let mut table = make();
    let before = contents(&table);
    operation(&mut table);
    let after = contents(&table);
    drop(table);
    for k in 0.. {
        open_ledger();
        let mut table = make();
        let blown = blow(call, k, || operation(&mut table));
        let happened = !blown || call == Call::Drop;
        let expected = if happened { &after } else { &before };
        assert_eq!(&contents(&table), expected, "{call:?} number {k}");
        use_again(&mut table);
        drop(table);
        assert_settled();
        if !blown {
            return k;
        }
    }
    unreachable!("an operation ends")
}

/// The table works as any other: grows, finds, removes.
fn use_again<const U: bool, const PAD: usize, S: SeededBuildHasher>(table: &mut Probes<U, PAD, S>) {
    let mut model = contents(table);
    for id in 1000..1040 {
        assert!(table.insert(Probe::new(id), Probe::new(id)).is_none());
        model.insert(id, id);
    }
    for id in (1000..1040).step_by(3) {
        assert_eq!(table.remove(&Probe::new(id)).map(|elem| elem.id), Some(id));
        model.remove(&id);
    }
    assert_eq!(contents(table), model);
}

/// A table of these many keys, from 0 on; their elems are their doubles.
fn of<const U: bool, const PAD: usize, S: SeededBuildHasher + Default>(
    n: u32,
) -> Probes<U, PAD, S> {
    let mut table = Table {
        // The same calls in the same order every time.
        hash0: 1,
        ..Table::default()
    };
    table.extend((0..n).map(|id| (Probe::new(id), Probe::new(2 * id))));
    table
}

/// The numbers of keys at which something different happens: one bucket, one bucket full, the next
/// key grows, a growth has begun, a growth is half done. Under Miri, where each point takes
/// thousands of times as long, some of them.
const SIZES: &[u32] = if cfg!(miri) {
    &[8, 13, 27]
} else {
    &[1, 8, 13, 26, 52, 53, 55, 104, 107]
};

/// Adds up the sweeps of one operation over sizes, hashers, keys that are updated or not, in place or boxed.
macro_rules! sweep_all {
    ($call:expr, |$table:ident, $n:ident| $operation:expr) => {{
        fn kind<const U: bool, const PAD: usize, S: SeededBuildHasher + Default>() -> usize {
            let sizes = SIZES.iter().copied();
            sizes
                .map(|$n| {
                    sweep(
                        $call,
                        || of::<U, PAD, S>($n),
                        |$table| {
                            $operation;
                        },
                    )
                })
                .sum()
        }
        kind::<false, 0, Good>()
            + kind::<true, 0, Constant>()
            + kind::<true, 0, Truncated>()
            + kind::<false, 200, Truncated>()
    }};
}

/// The points of an operation must not become fewer unnoticed.
#[track_caller]
fn at_least(floor: usize, points: usize) {
    assert!(
        cfg!(miri) || points >= floor,
        "{points} points, {floor} expected"
    );
}

#[test]
fn hash_panics_while_a_new_key_is_inserted() {
    let points = sweep_all!(Call::Hash, |table, n| table
        .insert(Probe::new(n), Probe::new(n)));
    at_least(600, points);
}

#[test]
fn hash_panics_while_an_elem_is_overwritten() {
    let points = sweep_all!(Call::Hash, |table, n| table
        .insert(Probe::new(n / 2), Probe::new(n)));
    at_least(130, points);
}

#[test]
fn hash_panics_while_a_key_is_removed_or_found_absent() {
    let removed = sweep_all!(Call::Hash, |table, n| table
        .remove_entry(&Probe::new(n / 2)));
    at_least(130, removed);
    let absent = sweep_all!(Call::Hash, |table, n| table.remove_entry(&Probe::new(n)));
    at_least(130, absent);
}

#[test]
fn eq_panics_while_a_key_is_inserted_or_overwritten() {
    let inserted = sweep_all!(Call::Eq, |table, n| table
        .insert(Probe::new(n), Probe::new(n)));
    at_least(700, inserted);
    let overwritten = sweep_all!(Call::Eq, |table, n| table
        .insert(Probe::new(n - 1), Probe::new(n)));
    at_least(450, overwritten);
}

#[test]
fn eq_panics_while_a_key_is_removed() {
    let points = sweep_all!(Call::Eq, |table, n| table.remove_entry(&Probe::new(n - 1)));
    at_least(450, points);
}

#[test]
fn hash_and_eq_panic_while_a_key_is_looked_up() {
    let hash = sweep_all!(Call::Hash, |table, n| assert!(
        table.get(&Probe::new(n - 1)).is_some()
    ));
    at_least(36, hash);
    let eq = sweep_all!(Call::Eq, |table, n| assert!(
        table.get(&Probe::new(n)).is_none()
    ));
    at_least(450, eq);
}

#[test]
fn drop_panics_while_an_elem_is_overwritten() {
    let points = sweep_all!(Call::Drop, |table, n| table
        .insert(Probe::new(n / 2), Probe::new(n)));
    at_least(72, points);
}

#[test]
fn drop_panics_while_a_key_is_removed() {
    let points = sweep_all!(Call::Drop, |table, n| table.remove(&Probe::new(n / 2)));
    at_least(108, points);
}

#[test]
fn drop_panics_while_the_table_is_cleared() {
    let points = sweep_all!(Call::Drop, |table, n| {
        assert_eq!(table.len(), n as usize);
        table.clear();
    });
    at_least(3000, points);
}

#[test]
fn drop_panics_while_the_table_is_dropped() {
    // What is left in its place is a new table; the old one drops all of its entries.
    let points = sweep_all!(Call::Drop, |table, n| {
        assert_eq!(table.len(), n as usize);
        drop(std::mem::take(table));
    });
    at_least(3000, points);
}

#[test]
fn clone_hash_and_eq_panic_while_the_table_is_cloned() {
    fn kind<const U: bool, const PAD: usize, S: SeededBuildHasher + Clone + Default>(
        call: Call,
    ) -> usize {
        // A clone hashes only what a doubling has not moved yet.
        let sizes = [1, 8, 13, 27, 53, 105];
        sizes
            .into_iter()
            .map(|n| sweep(call, || of::<U, PAD, S>(n), |table| drop(table.clone())))
            .sum()
    }
    for (call, floor) in [
        (Call::Clone, 600),
        (Call::Hash, 300),
        (Call::Drop, 600),
        (Call::Eq, 350),
    ] {
        let points = kind::<false, 0, Good>(call)
            + kind::<true, 0, Truncated>(call)
            + kind::<false, 200, Truncated>(call);
        at_least(floor, points);
    }
}

#[test]
fn clone_panics_while_the_entries_are_iterated_over() {
    let points = sweep_all!(Call::Clone, |table, n| {
        let copies: Vec<_> = table.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(copies.len(), n as usize);
        copies
    });
    at_least(3000, points);
}

/// A table of 16 buckets amid a growth to the same size; the ids choose the buckets.
fn same_size() -> Probes<true, 0, Identity> {
    let mut table = Table::with_hint_and_hasher(104, Identity);
    for (bucket, n) in [(3, 49), (7, 49), (11, 33)] {
        let id = |i: u32| bucket + (i << 16);
        table.extend((0..n).map(|i| (Probe::new(id(i)), Probe::new(id(i)))));
        (9..n).for_each(|i| drop(table.remove_entry(&Probe::new(id(i)))));
    }
    table.insert(Probe::new(12), Probe::new(12));
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
    table
}

#[test]
fn every_call_may_panic_amid_a_growth_to_the_same_size() {
    type Operation = fn(&mut Probes<true, 0, Identity>);
    let operations: [Operation; 5] = [
        |table| drop(table.insert(Probe::new(7 + (99 << 16)), Probe::new(1))),
        |table| drop(table.insert(Probe::new(7 + (8 << 16)), Probe::new(1))),
        |table| drop(table.remove(&Probe::new(7 + (3 << 16)))),
        |table| drop(table.clone()),
        Table::clear,
    ];
    let mut points = 0;
    for operation in operations {
        for call in [Call::Hash, Call::Eq, Call::Clone, Call::Drop] {
            points += sweep(call, same_size, operation);
        }
    }
    at_least(180, points);
}

#[test]
fn a_hash_that_panics_in_a_growing_write_leaves_the_growth_begun() {
    open_ledger();
    let mut table: Probes<false, 0, Good> = of(52);
    let blown = blow(Call::Hash, 1, || {
        table.insert(Probe::new(52), Probe::new(0));
    });
    assert!(blown);
    // The array is there, nothing has moved, and every later write goes on with it.
    let stats = table.stats();
    assert_eq!(stats.growth, Some(Growth::Doubling));
    assert_eq!((stats.nevacuate, stats.count), (0, 52));
    assert_eq!(contents(&table).len(), 52);
    let mut writes = 0;
    while table.stats().growth.is_some() {
        assert!(table.remove(&Probe::new(99)).is_none());
        writes += 1;
    }
    assert!(writes <= 8);
    assert_eq!(contents(&table).len(), 52);
    drop(table);
    assert_settled();
}
