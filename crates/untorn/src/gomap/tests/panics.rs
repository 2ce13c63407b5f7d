//! User code that panics at call number k, for every k: `Hash`, `Eq`, `Clone` and `Drop` in every
//! operation.

use super::super::{Growth, SeededBuildHasher, Table};
use super::support::{
    Call, Constant, Good, Identity, STRIDE, Tracked, TrackedTable, Truncated, assert_all_dropped,
    contents, panic_at_call, reset_accounting,
};

/// Runs one operation on tables from `make`, with a panic at each call of one kind.
///
/// After a panic the table must be in its state before the operation, or after it if `Drop`
/// panicked. Returns the number of calls, which is the number of panics injected.
#[track_caller]
fn sweep<const U: bool, const PAD: usize, S: SeededBuildHasher>(
    call: Call,
    make: impl Fn() -> TrackedTable<U, PAD, S>,
    operation: impl Fn(&mut TrackedTable<U, PAD, S>),
) -> usize {
    reset_accounting();
    let mut table = make();
    let before = contents(&table);
    operation(&mut table);
    let after = contents(&table);
    drop(table);
    for k in (0..).step_by(STRIDE) {
        reset_accounting();
        let mut table = make();
        let panicked = panic_at_call(call, k, || operation(&mut table));
        let happened = !panicked || call == Call::Drop;
        let expected = if happened { &after } else { &before };
        assert_eq!(&contents(&table), expected, "{call:?} number {k}");
        use_again(&mut table);
        drop(table);
        assert_all_dropped();
        if !panicked {
            return k;
        }
    }
    unreachable!("an operation ends")
}

/// Checks that the table still works: it grows, finds and removes.
fn use_again<const U: bool, const PAD: usize, S: SeededBuildHasher>(
    table: &mut TrackedTable<U, PAD, S>,
) {
    // Under Miri, where each key takes thousands of times as long, fewer of them.
    let end = if cfg!(miri) { 1010 } else { 1040 };
    let mut model = contents(table);
    for id in 1000..end {
        assert!(table.insert(Tracked::new(id), Tracked::new(id)).is_none());
        model.insert(id, id);
    }
    for id in (1000..end).step_by(3) {
        assert_eq!(
            table.remove(&Tracked::new(id)).map(|elem| elem.id),
            Some(id)
        );
        model.remove(&id);
    }
    assert_eq!(contents(table), model);
}

/// Returns a table of `n` keys from 0 on, with elems of twice the key.
fn of<const U: bool, const PAD: usize, S: SeededBuildHasher + Default>(
    n: u32,
) -> TrackedTable<U, PAD, S> {
    let mut table = Table {
        // A fixed seed, so that each run makes equal calls in equal order.
        hash0: 1,
        ..Table::default()
    };
    table.extend((0..n).map(|id| (Tracked::new(id), Tracked::new(2 * id))));
    table
}

/// Numbers of keys with different states: one bucket, a full bucket, before a growth, at the start
/// of a growth, halfway through it. Under Miri, where each point takes about a second, the first
/// in the middle of a growth.
const SIZES: &[u32] = if cfg!(miri) {
    &[27]
} else {
    &[1, 8, 13, 26, 52, 53, 55, 104, 107]
};

/// Adds up the sweeps of one operation over sizes, hashers, keys with and without update, inline
/// and boxed.
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

/// Asserts that a sweep still injects at least `floor` panics.
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
        .insert(Tracked::new(n), Tracked::new(n)));
    at_least(600, points);
}

#[test]
fn hash_panics_while_an_elem_is_overwritten() {
    let points = sweep_all!(Call::Hash, |table, n| table
        .insert(Tracked::new(n / 2), Tracked::new(n)));
    at_least(130, points);
}

#[test]
fn hash_panics_while_a_key_is_removed_or_found_absent() {
    let removed = sweep_all!(Call::Hash, |table, n| table
        .remove_entry(&Tracked::new(n / 2)));
    at_least(130, removed);
    let absent = sweep_all!(Call::Hash, |table, n| table.remove_entry(&Tracked::new(n)));
    at_least(130, absent);
}

#[test]
fn eq_panics_while_a_key_is_inserted_or_overwritten() {
    let inserted = sweep_all!(Call::Eq, |table, n| table
        .insert(Tracked::new(n), Tracked::new(n)));
    at_least(700, inserted);
    let overwritten = sweep_all!(Call::Eq, |table, n| table
        .insert(Tracked::new(n - 1), Tracked::new(n)));
    at_least(450, overwritten);
}

#[test]
fn eq_panics_while_a_key_is_removed() {
    let points = sweep_all!(Call::Eq, |table, n| table
        .remove_entry(&Tracked::new(n - 1)));
    at_least(450, points);
}

#[test]
fn hash_and_eq_panic_while_a_key_is_looked_up() {
    let hash = sweep_all!(Call::Hash, |table, n| assert!(
        table.get(&Tracked::new(n - 1)).is_some()
    ));
    at_least(36, hash);
    let eq = sweep_all!(Call::Eq, |table, n| assert!(
        table.get(&Tracked::new(n)).is_none()
    ));
    at_least(450, eq);
}

#[test]
fn drop_panics_while_an_elem_is_overwritten() {
    let points = sweep_all!(Call::Drop, |table, n| table
        .insert(Tracked::new(n / 2), Tracked::new(n)));
    at_least(72, points);
}

#[test]
fn drop_panics_while_a_key_is_removed() {
    let points = sweep_all!(Call::Drop, |table, n| table.remove(&Tracked::new(n / 2)));
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
    // `take` leaves a new table; the old one drops all of its entries.
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
        // A clone hashes only the entries that a doubling has not moved yet.
        let sizes: &[u32] = if cfg!(miri) {
            &[27]
        } else {
            &[1, 8, 13, 27, 53, 105]
        };
        sizes
            .iter()
            .map(|&n| sweep(call, || of::<U, PAD, S>(n), |table| drop(table.clone())))
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

/// Returns a table of 16 buckets during a same-size growth; under Miri, where each key takes
/// thousands of times as long, of 4 buckets. The ids select the buckets.
fn same_size() -> TrackedTable<true, 0, Identity> {
    let (hint, chains): (_, &[_]) = if cfg!(miri) {
        (26, &[(6, 17), (7, 17)])
    } else {
        (104, &[(3, 49), (7, 49), (11, 33)])
    };
    let mut table = Table::with_hint_and_hasher(hint, Identity);
    for &(bucket, n) in chains {
        let id = |i: u32| bucket + (i << 16);
        table.extend((0..n).map(|i| (Tracked::new(id(i)), Tracked::new(id(i)))));
        (9..n).for_each(|i| drop(table.remove_entry(&Tracked::new(id(i)))));
    }
    table.insert(Tracked::new(12), Tracked::new(12));
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
    table
}

#[test]
fn any_call_may_panic_during_same_size_growth() {
    type Operation = fn(&mut TrackedTable<true, 0, Identity>);
    let operations: [Operation; 5] = [
        |table| drop(table.insert(Tracked::new(7 + (99 << 16)), Tracked::new(1))),
        |table| drop(table.insert(Tracked::new(7 + (8 << 16)), Tracked::new(1))),
        |table| drop(table.remove(&Tracked::new(7 + (3 << 16)))),
        |table| drop(table.clone()),
        Table::clear,
    ];
    // Under Miri, where each point takes a second, every other operation.
    let every = if cfg!(miri) { 2 } else { 1 };
    let mut points = 0;
    for operation in operations.into_iter().step_by(every) {
        for call in [Call::Hash, Call::Eq, Call::Clone, Call::Drop] {
            points += sweep(call, same_size, operation);
        }
    }
    at_least(180, points);
}

#[test]
fn hash_panic_in_a_growing_write_keeps_the_growth() {
    reset_accounting();
    let mut table: TrackedTable<false, 0, Good> = of(52);
    let panicked = panic_at_call(Call::Hash, 1, || {
        table.insert(Tracked::new(52), Tracked::new(0));
    });
    assert!(panicked);
    // The new array exists, no entry has moved, and later writes complete the growth.
    let stats = table.stats();
    assert_eq!(stats.growth, Some(Growth::Doubling));
    assert_eq!((stats.nevacuate, stats.count), (0, 52));
    assert_eq!(contents(&table).len(), 52);
    let mut writes = 0;
    while table.stats().growth.is_some() {
        assert!(table.remove(&Tracked::new(99)).is_none());
        writes += 1;
    }
    assert!(writes <= 8);
    assert_eq!(contents(&table).len(), 52);
    drop(table);
    assert_all_dropped();
}
