//! Writes that depend on present values, or on a view, and writes that return what they removed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use untorn::{Map, Snapshot};

/// A write between a view and a decision.
type Change = fn(&Map<&'static str, i32>);

fn stock() -> Map<String, u32> {
    Map::from([("figs".to_owned(), 2), ("plums".to_owned(), 9)])
}

#[test]
fn updates_by_a_borrowed_key_insert_nothing() {
    let stock = stock();
    let sell = |fruit| stock.update_if_present(fruit, |n| Some(n - 1).filter(|n| *n > 0));
    assert_eq!((sell("pears"), stock.revision().get()), (None, 0));
    assert_eq!((sell("figs"), stock.get("figs")), (Some(1), Some(1)));
    assert_eq!(
        (sell("figs"), stock.get("figs"), stock.len()),
        (None, None, 1)
    );
    assert_eq!((sell("figs"), stock.revision().get()), (None, 2));
    let before = stock.snapshot();
    let call = || stock.update_if_present("plums", |_| panic!("no value"));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert!(std::ptr::eq(&*stock.pin(), &*before));
    assert_eq!(before["plums"], 9);
}

#[test]
fn conditions_decide_updates_and_removals() {
    let stock = stock();
    assert_eq!(
        stock.update_if("figs", |n| *n > 2, |_| unreachable!()),
        None
    );
    assert_eq!(
        stock.update_if("pears", |_| unreachable!(), |_| unreachable!()),
        None
    );
    assert_eq!(stock.remove_if("figs", |n| *n > 2), None);
    assert_eq!(stock.remove_if("pears", |_| unreachable!()), None);
    assert_eq!(stock.revision().get(), 0, "nothing was written");
    assert_eq!(stock.update_if("figs", |n| *n == 2, |n| n + 1), Some(3));
    assert_eq!(stock.remove_if("figs", |n| *n > 2), Some(3));
    assert_eq!((stock.len(), stock.revision().get()), (1, 2));
}

#[test]
fn conditional_updates_lose_none() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 500;
    let counts = Map::from([("evens", 0), ("odds", 0), ("all", 0)]);
    let (counts, start) = (&counts, &Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(move || {
                start.wait();
                for _ in 0..ROUNDS {
                    counts.update_if_present("all", |n| Some(n + 1));
                    let parity = counts.update_if("odds", |n| n % 2 == 1, |n| n + 1);
                    if parity.is_none() {
                        counts.update_if("odds", |n| n % 2 == 0, |n| n + 1);
                    }
                    counts.batch(|batch| batch.update_if_present("evens", |n| Some(n + 2)));
                }
            });
        }
    });
    assert_eq!(counts.get("all"), Some(THREADS * ROUNDS));
    assert_eq!(counts.get("evens"), Some(2 * THREADS * ROUNDS));
}

#[test]
fn writers_of_other_keys_refuse_no_decision() {
    let limits = Map::from([("low", 0), ("high", 1_000), ("hits", 0)]);
    let mut refused = 0;
    for n in 0..200 {
        let view = limits.snapshot();
        // Before each attempt another key is written.
        limits.insert("hits", n);
        let write = |batch: &mut untorn::Batch<'_, _, _>| _ = batch.insert("low", view["low"] + 1);
        refused += usize::from(limits.batch_if_unchanged(&view, write).is_err());
        let done = limits.batch_if_keys_unchanged(&view, ["low", "high", "none"], write);
        done.expect("none of these keys has changed");
    }
    assert_eq!((refused, limits.get("low")), (200, Some(200)));
}

#[test]
fn changed_keys_refuse_a_decision() {
    let limits = Map::from([("low", 10), ("high", 20)]);
    let changes: [(&str, Change); 4] = [
        ("changed", |limits| _ = limits.insert("low", 11)),
        ("removed", |limits| _ = limits.remove("low")),
        ("added", |limits| _ = limits.insert("none", 0)),
        ("cleared", |limits| limits.clear()),
    ];
    let keys = ["low", "none"];
    for (name, change) in changes {
        let limits = limits.fork();
        let view = limits.snapshot();
        change(&limits);
        let refused = limits.batch_if_keys_unchanged(&view, keys, |_| unreachable!());
        let refused = refused.expect_err(name);
        assert_eq!(
            (refused.expected.get(), refused.current.get()),
            (0, 1),
            "{name}"
        );
        assert_eq!(
            refused.to_string(),
            "cannot write to a map at revision 1: a key has changed since the view, of revision 0; \
             take a new view and retry"
        );
        assert!(!refused.is_of_another_map());
    }
    // Changed and changed back is unchanged: the decision depends on the value only.
    let view = limits.snapshot();
    limits.insert("low", 11);
    limits.insert("low", 10);
    limits.remove("high");
    let done = limits.batch_if_keys_unchanged(&view, keys, |batch| batch.clear());
    assert_eq!(done.map(untorn::Revision::get), Ok(4));
    // A view of another map is refused, whatever its contents.
    let fork = limits.fork();
    let refused = limits.batch_if_keys_unchanged(&fork.pin(), keys, |_| unreachable!());
    assert!(
        refused
            .expect_err("a fork is another map")
            .is_of_another_map()
    );
    let none: [&str; 0] = [];
    let done = limits.batch_if_keys_unchanged(&view, none, |_| ());
    assert_eq!(
        done.map(untorn::Revision::get),
        Ok(4),
        "no key, no condition, no write"
    );
}

#[test]
fn nan_is_unchanged_while_its_neighbors_are() {
    let map: Map<u32, f64> = (0..1_000).map(|key| (key, f64::NAN)).collect();
    let view = map.snapshot();
    map.insert(0, 1.0);
    let written = |key: &u32| map.batch_if_keys_unchanged(&view, [key], |_| ()).is_ok();
    let unchanged = (0..1_000).filter(written).count();
    assert!((1..1_000).contains(&unchanged), "{unchanged} keys");
    let view = map.snapshot();
    assert!(
        map.batch_if_keys_unchanged(&view, [&0, &1], |_| ()).is_ok(),
        "a new view"
    );
}

#[test]
fn decisions_by_keys_are_serializable() {
    const THREADS: i64 = 4;
    const TRANSFERS: i64 = 300;
    // Each thread moves amounts between two of three accounts and counts them in a key of its own.
    let map: Map<i64, i64> = (0..3).map(|account| (account, 1_000)).collect();
    let (map, start) = (&map, &Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                start.wait();
                for n in 0..TRANSFERS {
                    let (from, to) = ((thread + n) % 3, (thread + n + 1) % 3);
                    loop {
                        let view = map.snapshot();
                        let amount = view[&from] / 10;
                        let (rest, sum) = (view[&from] - amount, view[&to] + amount);
                        let done = map.batch_if_keys_unchanged(&view, [&from, &to], |batch| {
                            batch.insert(from, rest);
                            batch.insert(to, sum);
                            batch.insert(10 + thread, n + 1);
                        });
                        if done.is_ok() {
                            break;
                        }
                    }
                }
            });
        }
    });
    let view = map.pin();
    assert_eq!((0..3).map(|account| view[&account]).sum::<i64>(), 3_000);
    assert!((0..THREADS).all(|thread| view[&(10 + thread)] == TRANSFERS));
}

#[test]
fn extracted_entries_are_those_removed() {
    let map: Map<u32, String> = (0..1_000).map(|key| (key, key.to_string())).collect();
    let before = map.snapshot();
    let mut gone = map.extract_if(|key, _| key.is_multiple_of(3));
    gone.sort_unstable();
    let expected: Vec<_> = (0..1_000)
        .step_by(3)
        .map(|key| (key, key.to_string()))
        .collect();
    assert_eq!((gone, map.len(), map.revision().get()), (expected, 666, 1));
    assert!(map.extract_if(|key, _| key.is_multiple_of(3)).is_empty());
    let call = || map.extract_if(|key, _| *key != 500 || panic!("no answer"));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(
        (map.len(), map.revision().get(), before.len()),
        (666, 1, 1_000)
    );
}

#[test]
fn each_entry_is_drained_once() {
    const THREADS: u32 = 3;
    const EACH: u32 = 500;
    let (map, start) = (&Map::new(), &Barrier::new(THREADS as usize + 1));
    let mut drained: Vec<u32> = thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|writer| {
                scope.spawn(move || {
                    start.wait();
                    for n in 0..EACH {
                        map.insert(writer * EACH + n, ());
                    }
                })
            })
            .collect();
        start.wait();
        let mut drained = Vec::new();
        let mut take = || drained.extend(map.drain().keys().copied());
        while writers.iter().any(|writer| !writer.is_finished()) {
            take();
        }
        take();
        drained
    });
    drained.sort_unstable();
    assert!(drained.into_iter().eq(0..THREADS * EACH));
    let revision = map.revision();
    let empty = map.drain();
    assert_eq!(
        (empty.len(), Snapshot::revision(&empty), map.revision()),
        (0, revision, revision)
    );
}
