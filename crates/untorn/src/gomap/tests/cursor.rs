//! Cursors: the entries they return, their end, foreign tables; panics and drops between two steps.

use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::thread::scope;

use super::super::{Cursor, FlagSet, Float32, Float64, GoMap, Growth, SeededBuildHasher, Table};
use super::support::{
    Call, Constant, Good, STRIDE, Tracked, TrackedTable, Truncated, alive, assert_all_dropped,
    panic_at_call, reset_accounting,
};

fn of(n: u64) -> Table<u64, u64> {
    (0..n).map(|key| (key, 10 * key)).collect()
}

fn rest(cursor: &mut Cursor, table: &Table<u64, u64>) -> Vec<u64> {
    std::iter::from_fn(|| {
        let (key, elem) = cursor.next(table)?;
        assert_eq!(table.get(key), Some(elem));
        Some(*key)
    })
    .collect()
}

#[test]
fn a_cursor_shows_every_entry_once() {
    for n in [1, 2, 7, 8, 9, 13, 14, 100, 1000] {
        let table = of(n);
        let mut shown = rest(&mut table.cursor(), &table);
        shown.sort_unstable();
        assert_eq!(shown, (0..n).collect::<Vec<_>>());
    }
}

#[test]
fn the_order_begins_at_a_random_bucket_and_slot() {
    // Under Miri, where each step takes thousands of times as long, fewer of them.
    let cursors = if cfg!(miri) { 30 } else { 100 };
    for n in [3, 7, 100] {
        let table = of(n);
        let orders: HashSet<_> = (0..cursors)
            .map(|_| rest(&mut table.cursor(), &table))
            .collect();
        assert!(orders.len() > 1, "always the same order of {n} entries");
        let firsts: HashSet<_> = orders.iter().map(|order| order[0]).collect();
        assert!(firsts.len() > 1, "always the same first of {n} entries");
    }
}

#[test]
fn cursor_begun_on_an_empty_table_ends_at_once() {
    let mut table = Table::new();
    let mut cursor = table.cursor();
    let mut nil = Table::<u64, u64>::nil().cursor();
    table.insert(1, 10);
    assert_eq!(cursor.next(&table), None);
    assert_eq!(cursor.next(&table), None);
    let other = Table::<u64, u64>::nil();
    assert_panics(|| nil.next(&other).is_some());
}

#[test]
fn a_cursor_that_is_over_stays_over() {
    let mut table = of(5);
    let mut cursor = table.cursor();
    assert_eq!(rest(&mut cursor, &table).len(), 5);
    table.extend((100..200).map(|key| (key, 10 * key)));
    assert_eq!(cursor.next(&table), None);
    assert_eq!(format!("{cursor:?}"), "Cursor { over: true, .. }");
}

#[test]
fn cursor_skips_entries_removed_before_it() {
    let mut table = of(100);
    let mut cursor = table.cursor();
    let mut shown = vec![];
    while let Some((&key, _)) = cursor.next(&table) {
        shown.push(key);
        // Removes half of the other entries.
        if shown.len() == 1 {
            for other in (0..100).filter(|other| *other != key && other % 2 == 0) {
                table.remove(&other);
            }
        }
    }
    assert!(shown.iter().skip(1).all(|key| key % 2 == 1), "{shown:?}");
    assert_eq!(shown.iter().filter(|key| *key % 2 == 1).count(), 50);
}

#[test]
fn the_latest_value_and_key_are_shown() {
    let mut table: Table<Float64, u64> = (0..100).map(|n| (Float64(n.into()), 1)).collect();
    let (plus, minus) = (Float64(0.0), Float64(-0.0));
    let mut cursor = table.cursor();
    let (&first, _) = cursor.next(&table).expect("there are entries");
    for n in 0..100 {
        table.insert(Float64(-f64::from(n)), 2);
        table.insert(Float64(n.into()), 3);
    }
    table.insert(minus, 4);
    while let Some((key, &elem)) = cursor.next(&table) {
        if *key == plus {
            assert!(key.0.is_sign_negative(), "the newest key is stored");
            assert_eq!(elem, 4);
        } else if key.0 > 0.0 {
            assert_ne!(*key, first);
            assert_eq!(elem, 3);
        }
    }
}

#[test]
fn clear_ends_every_cursor() {
    for n in [1, 8, 27, 100] {
        let mut table = of(n);
        let mut cursors: Vec<_> = (0..5).map(|_| table.cursor()).collect();
        for (steps, cursor) in cursors.iter_mut().enumerate() {
            (0..steps).for_each(|_| _ = cursor.next(&table));
        }
        table.clear();
        table.extend((0..n).map(|key| (key, 10 * key)));
        for cursor in &mut cursors {
            assert_eq!(cursor.next(&table), None);
        }
        assert_eq!(rest(&mut table.cursor(), &table).len() as u64, n);
    }
}

#[test]
fn clearing_an_empty_table_ends_a_cursor_too() {
    let mut table = of(1);
    let mut cursor = table.cursor();
    table.remove(&0);
    table.clear();
    table.insert(1, 10);
    assert_eq!(cursor.next(&table), None);
}

#[test]
fn removing_everything_ends_a_cursor() {
    let mut table = of(100);
    let mut cursor = table.cursor();
    assert!(cursor.next(&table).is_some());
    (0..100).for_each(|key| _ = table.remove(&key));
    assert_eq!(cursor.next(&table), None);
    table.insert(1, 10);
    assert_eq!(cursor.next(&table), None);
}

/// Go's iteration stays on the array on which it started. Without a limit on the new entries that a
/// cursor returns, this loop would return e^20 times the original number.
#[test]
fn cursor_ends_despite_inserts_at_each_step() {
    let sizes: &[u64] = if cfg!(miri) {
        &[1, 8, 13, 27]
    } else {
        &[1, 8, 13, 100, 500]
    };
    for per_step in [1, 3, 20] {
        for &n in sizes {
            let mut table = of(n);
            let mut new = n;
            let mut cursor = table.cursor();
            let mut shown = BTreeSet::new();
            while let Some((&key, _)) = cursor.next(&table) {
                assert!(shown.insert(key), "{key} was shown twice");
                // Every returned entry was inserted before the first growth, or into a slot from
                // before it.
                assert!(
                    shown.len() as u64 <= 16 * n.max(8),
                    "the cursor does not end"
                );
                for _ in 0..per_step {
                    table.insert(new, 10 * new);
                    new += 1;
                }
            }
            assert!((0..n).all(|key| shown.contains(&key)));
        }
    }
}

#[test]
fn cursor_ends_if_each_entry_is_reinserted() {
    for n in [1, 2, 9, 100, if cfg!(miri) { 200 } else { 1000 }] {
        let mut table = of(n);
        let mut cursor = table.cursor();
        let (mut steps, mut shown) = (0, BTreeSet::new());
        while let Some((&key, _)) = cursor.next(&table) {
            table.remove(&key);
            table.insert(key, 1);
            shown.insert(key);
            steps += 1;
            assert!(steps <= 4 * n.max(8), "the cursor does not end");
        }
        // All entries were returned, and therefore all were replaced.
        assert_eq!(shown.len() as u64, n);
    }
}

#[test]
fn nan_keys_are_walked_during_growth_and_cleared() {
    let mut table = Table::new();
    table.extend((0..50_u32).map(|n| (Float64(f64::NAN), n)));
    let mut cursor = table.cursor();
    let mut shown = BTreeSet::new();
    while let Some((key, &n)) = cursor.next(&table) {
        assert!(key.0.is_nan() && shown.insert(n), "{n} was shown twice");
        table.insert(Float64(f64::NAN), 1000 + table.len() as u32);
        table.assert_invariants();
    }
    assert!((0..50).all(|n| shown.contains(&n)), "{shown:?}");
    assert!(table.remove(&Float64(f64::NAN)).is_none());
    table.clear();
    assert!(table.is_empty());
    let mut small = Table::from([(Float32(f32::NAN), 1), (Float32(f32::NAN), 2)]);
    assert_eq!(small.insert(Float32(f32::NAN), 3), None);
    assert_eq!((small.len(), small.get(&Float32(f32::NAN))), (3, None));
}

fn assert_panics<R>(f: impl FnOnce() -> R) {
    let panic = catch_unwind(AssertUnwindSafe(f)).map(drop);
    let panic = panic.expect_err("a cursor over another table");
    let text = panic.downcast_ref::<String>().expect("it is formatted");
    assert!(text.contains("with another table"), "{text}");
}

#[test]
fn a_cursor_refuses_every_table_but_its_own() {
    let mut table = of(5);
    let mut cursor = table.cursor();
    assert!(cursor.next(&table).is_some());
    assert_panics(|| cursor.next(&of(5)).is_some());
    assert_panics(|| cursor.next(&table.clone()).is_some());
    let walked = of(5);
    let mut other = walked.cursor();
    assert_panics(|| cursor.next(&walked).is_some());
    assert_panics(|| other.next(&table).is_some());
    // A table may be moved; its cursors remain valid.
    let moved = std::mem::take(&mut table);
    assert_panics(|| cursor.next(&table).is_some());
    assert_eq!(rest(&mut cursor, &moved).len(), 4);
    drop(moved);
    assert_panics(|| cursor.next(&table).is_some());
}

#[test]
fn a_table_can_be_cloned_at_each_step() {
    let mut table = of(30);
    let mut cursor = table.cursor();
    let mut steps = 0;
    while cursor.next(&table).is_some() {
        let clone = table.clone();
        assert_eq!(clone, table);
        assert_eq!(rest(&mut clone.cursor(), &clone).len(), table.len());
        // The original continues to grow.
        table.insert(1000 + steps, 10 * (1000 + steps));
        steps += 1;
        assert!(steps < 200);
    }
}

#[test]
fn a_cursor_sets_the_flags_that_go_sets() {
    let flags = |table: &Table<u64, u64>| table.stats().flags;
    let mut table = of(0);
    drop(table.cursor());
    assert_eq!(flags(&table), FlagSet::default(), "there is nothing to see");
    table.extend((0..26).map(|key| (key, 10 * key)));
    drop(table.cursor());
    assert_eq!(flags(&table).to_string(), "iterator|old_iterator");
    table.insert(26, 260);
    // The cursor was over the buckets that are now the old ones.
    assert_eq!(table.stats().growth, Some(Growth::Doubling));
    assert_eq!(flags(&table).to_string(), "old_iterator");
}

#[test]
fn many_threads_may_begin_cursors_at_once() {
    // Under Miri a growth with many cursors takes minutes.
    const THREADS: usize = if cfg!(miri) { 3 } else { 8 };
    const EACH: usize = if cfg!(miri) { 5 } else { 100 };
    const ENTRIES: u64 = if cfg!(miri) { 60 } else { 500 };
    let mut table = of(ENTRIES);
    let barrier = Barrier::new(THREADS);
    let mut begun = scope(|s| {
        let cursor = || {
            barrier.wait();
            let cursors: Vec<_> = (0..EACH).map(|_| table.cursor()).collect();
            let mut one = table.cursor();
            assert_eq!(rest(&mut one, &table).len() as u64, ENTRIES);
            cursors
        };
        let threads: Vec<_> = (0..THREADS).map(|_| s.spawn(cursor)).collect();
        let cursors = threads.into_iter().map(|thread| thread.join());
        cursors
            .flat_map(|cursors| cursors.expect("it ends well"))
            .collect::<Vec<_>>()
    });
    table.extend((ENTRIES..4 * ENTRIES).map(|key| (key, 10 * key)));
    for cursor in &mut begun {
        let shown = rest(cursor, &table);
        let first: BTreeSet<_> = shown.iter().filter(|key| **key < ENTRIES).collect();
        assert_eq!(first.len() as u64, ENTRIES);
    }
}

/// Steps run no user code. The writes between them panic here, at every call they make.
#[test]
fn hash_and_eq_panic_in_the_writes_between_two_steps() {
    fn sweep<S: SeededBuildHasher + Default>(call: Call, n: u32, steps: u32) -> usize {
        for k in (0..).step_by(STRIDE) {
            reset_accounting();
            let mut table = TrackedTable::<false, 0, S>::with_hasher(S::default());
            table.extend((0..n).map(|id| (Tracked::new(id), Tracked::new(id))));
            let mut cursor = table.cursor();
            let mut shown = BTreeSet::new();
            for _ in 0..steps {
                let (key, _) = cursor.next(&table).expect("so many entries");
                assert!(shown.insert(key.id));
            }
            let panicked = panic_at_call(call, k, || {
                table.extend((n..2 * n).map(|id| (Tracked::new(id), Tracked::new(id))));
            });
            let given = table.len() as u32;
            while let Some((key, elem)) = cursor.next(&table) {
                assert!(key.id == elem.id && key.id < given);
                assert!(shown.insert(key.id), "{key:?} was shown twice");
            }
            assert!((0..n).all(|id| shown.contains(&id)), "{call:?} number {k}");
            table.assert_invariants();
            drop(table);
            assert_all_dropped();
            if !panicked {
                return k;
            }
        }
        unreachable!("inserting ends")
    }
    let sizes: &[u32] = if cfg!(miri) { &[8, 13] } else { &[8, 13, 27] };
    let mut points = 0;
    for &n in sizes {
        // Under Miri, where each panic takes about a second, a cursor in the middle only.
        let steps: &[u32] = if cfg!(miri) {
            &[n / 2]
        } else {
            &[0, 1, n / 2, n - 1]
        };
        for &steps in steps {
            points += sweep::<Good>(Call::Hash, n, steps);
            points += sweep::<Truncated>(Call::Hash, n, steps);
            points += sweep::<Truncated>(Call::Eq, n, steps);
            points += sweep::<Constant>(Call::Eq, n, steps);
        }
    }
    assert!(cfg!(miri) || points > 3000, "{points} points");
}

#[test]
fn cursors_own_no_entries_and_may_outlive_the_table() {
    reset_accounting();
    let mut table = TrackedTable::<false, 0, Good>::with_hasher(Good);
    table.extend((0..100).map(|id| (Tracked::new(id), Tracked::new(id))));
    let mut cursor = table.cursor();
    let before = table.cursor();
    for _ in 0..10 {
        let (key, _) = cursor.next(&table).expect("a hundred entries");
        let id = key.id;
        drop(table.remove(&Tracked::new(id)));
    }
    assert_eq!(alive(), 180);
    table.extend((200..600).map(|id| (Tracked::new(id), Tracked::new(id))));
    drop(before);
    assert!(cursor.next(&table).is_some());
    assert_eq!(alive(), 2 * table.len());
    drop(table);
    assert_all_dropped();
    drop(cursor);
    assert_all_dropped();
}

/// The table discards the state of dropped cursors at the next growth at the latest.
#[test]
fn dropped_cursors_leave_the_cursor_set() {
    // The numbers of dropped cursors and of entries after the first and the second growth.
    let (dropped, more, most) = if cfg!(miri) {
        (300, 250, 600)
    } else {
        (100_000, 1000, 10_000)
    };
    let mut table = of(100);
    for _ in 0..dropped {
        drop(table.cursor());
    }
    let cursors = table.cursors.get().expect("a cursor was begun");
    assert!(
        cursors.registered() < 100,
        "{} cursors",
        cursors.registered()
    );
    let kept = table.cursor();
    table.extend((100..more).map(|key| (key, 10 * key)));
    assert_eq!(
        table.cursors.get().map(|cursors| cursors.registered()),
        Some(1)
    );
    drop(kept);
    table.extend((more..most).map(|key| (key, 10 * key)));
    assert_eq!(
        table.cursors.get().map(|cursors| cursors.registered()),
        Some(0)
    );
}

#[test]
fn a_map_is_walked_by_a_for_loop_that_writes_to_it() {
    let map: Arc<GoMap<u64, u64>> = Arc::new((0..100).map(|n| (n, n)).collect());
    let mut first = BTreeSet::new();
    for (key, elem) in map.cursor() {
        assert_eq!(key, elem);
        first.insert(key);
        map.insert(key + 1000, key + 1000);
        map.remove(&key);
    }
    assert!((0..100).all(|key| first.contains(&key)));
    assert!(map.cursor().all(|(key, _)| key >= 1000));
    let mut cursor = map.cursor();
    assert!(
        cursor
            .next_with(|key, _| *key >= 1000)
            .expect("they are there")
    );
    map.clear();
    map.insert(1, 1);
    assert_eq!(cursor.next(), None);
    assert_eq!(GoMap::<u64, u64>::nil().cursor().next(), None);
}
