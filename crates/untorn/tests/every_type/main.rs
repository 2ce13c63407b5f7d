//! Exercises every type in a few steps, with threads where they matter. The tests are small enough
//! for an emulator and for Miri, which checks each step for undefined behavior.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use untorn::gomap::Table;
use untorn::{
    GoMap, Map, OnOverlap, OverlapCell, Pinned, Poller, Published, RecvTimeoutError, Revision,
    Stretch, spawn,
};

/// The number of repetitions per thread.
const ROUNDS: u64 = if cfg!(miri) { 20 } else { 2_000 };

/// More pins at once than a thread has slots for.
const PINS: usize = 12;

#[test]
fn map_pins_show_whole_batches() {
    let map = Map::from([("a", 0), ("b", 0)]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                map.batch(|batch| {
                    batch.insert("a", round);
                    batch.insert("b", round);
                });
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reader = map.reader();
                let mut last = Revision::FIRST;
                for _ in 0..ROUNDS {
                    let pin = map.pin();
                    assert_eq!(pin["a"], pin["b"]);
                    assert!(Pinned::revision(&pin) >= last);
                    last = Pinned::revision(&pin);
                    let view = reader.latest();
                    assert_eq!(view["a"], view["b"]);
                    assert!(view.revision() >= last);
                    last = view.revision();
                }
            });
        }
    });
    assert_eq!(map.revision().get(), ROUNDS);
}

#[test]
fn published_values_outlive_commits() {
    let value = Published::new(vec![0, 0]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                value.publish(vec![round, round]);
            }
        });
        scope.spawn(|| {
            for _ in 0..ROUNDS / PINS as u64 {
                let pins: Vec<_> = (0..PINS).map(|_| value.pin()).collect();
                let snapshot = value.snapshot();
                thread::yield_now();
                assert!(pins.iter().all(|pin| pin[0] == pin[1]));
                assert!(snapshot[0] >= pins[PINS - 1][0]);
            }
        });
    });
    value.reclaim();
    assert_eq!(value.retained(), 0);
}

#[test]
fn views_outlive_their_map() {
    let map = Map::from([(1, "one".to_string())]);
    let (snapshot, mut reader) = (map.snapshot(), map.reader());
    map.insert(1, "uno".to_string());
    drop(map);
    let elsewhere = thread::spawn(move || snapshot[&1].clone());
    assert_eq!(elsewhere.join().unwrap(), "one");
    assert_eq!(reader.latest()[&1], "uno");
}

#[test]
fn subscription_ends_after_the_last_version() {
    let map = Map::new();
    let changes = map.subscribe();
    let follower = thread::spawn(move || {
        let mut changes = changes;
        let mut last = 0;
        while let Ok(change) = changes.recv() {
            assert_eq!(change.from.len() as u64, last);
            last = change.to.len() as u64;
        }
        last
    });
    for key in 0..ROUNDS {
        map.insert(key, key);
    }
    let wanted = Revision::from(ROUNDS);
    let reached = map.wait_for(wanted, Duration::from_secs(60));
    assert_eq!(reached.map(|view| view.revision()), Ok(wanted));
    drop(map);
    assert_eq!(follower.join().unwrap(), ROUNDS);
}

#[test]
fn wait_ends_at_its_timeout() {
    let limit = Published::new(1);
    let mut changes = limit.subscribe();
    let none = changes.recv_timeout(Duration::from_millis(1)).unwrap_err();
    assert_eq!(none, RecvTimeoutError::Timeout);
    changes.handle().close();
    assert!(changes.recv().is_err());
}

#[test]
fn a_poller_refreshes_its_map() {
    let map = Arc::new(Map::new());
    let mut fetches = 0;
    let poller = Poller::every(Duration::from_millis(1), move || {
        fetches += 1;
        if fetches == 2 {
            return Err("the second fetch fails");
        }
        Ok([("fetches", fetches)])
    })
    .start(&map)
    .unwrap();
    poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    while map.get("fetches") < Some(3) {
        poller.trigger();
        thread::sleep(Duration::from_millis(1));
    }
    poller.stop();
    assert!(poller.status().last_failure.is_some());
}

#[test]
fn go_map_overlaps_name_both_threads() {
    let map = GoMap::from([(1, 10)]).on_overlap(OnOverlap::Panic);
    let (entered, noticed) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            map.get_with(&1, |_| {
                entered.wait();
                noticed.wait();
            });
        });
        entered.wait();
        let write = std::panic::AssertUnwindSafe(|| map.insert(2, 20));
        let panic = std::panic::catch_unwind(write).unwrap_err();
        noticed.wait();
        let text = panic.downcast::<String>().unwrap();
        assert!(text.starts_with("concurrent map read and map write"));
        assert!(text.contains("GoMap::get_with") && text.contains("GoMap::insert"));
    });
    assert_eq!(map.len(), 1);
}

#[test]
fn go_map_may_change_under_its_cursor() {
    let map: GoMap<u64, u64> = (0..ROUNDS).map(|key| (key, key)).collect();
    let mut shown = 0;
    for (key, value) in map.cursor() {
        assert_eq!(key, value);
        shown += 1;
        map.remove(&key);
        map.insert(ROUNDS + key, ROUNDS + key);
    }
    assert!(shown >= ROUNDS);
    assert_eq!(map.len() as u64, ROUNDS);
}

#[test]
fn cell_accesses_in_turn_do_not_overlap() {
    let cell = OverlapCell::new(Vec::new());
    let turn = AtomicU64::new(0);
    thread::scope(|scope| {
        for me in 0..2 {
            let (cell, turn) = (&cell, &turn);
            scope.spawn(move || {
                for round in (me..ROUNDS).step_by(2) {
                    while turn.load(Ordering::Relaxed) != round {
                        thread::yield_now();
                    }
                    cell.write().push(round);
                    assert_eq!(cell.read().len() as u64, round + 1);
                    // Relaxed: the detector orders accesses that do not overlap.
                    turn.store(round + 1, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(cell.into_inner().into_iter().eq(0..ROUNDS));
}

#[test]
fn cell_guards_exclude_each_other() {
    let cell = OverlapCell::new((0_u64, 0_u64)).stretch(Stretch::percent(10.0));
    let attempts = |_| {
        let mut refused = 0;
        for _ in 0..ROUNDS {
            match cell.try_write() {
                Ok(mut pair) => {
                    pair.0 += 1;
                    thread::yield_now();
                    pair.1 += 1;
                }
                Err(overlap) => refused += u64::from(!overlap.is_reentrant()),
            }
            if let Ok(pair) = cell.try_read() {
                assert_eq!(pair.0, pair.1);
            }
        }
        refused
    };
    let refused: u64 = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| attempts(())));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(cell.into_inner().0 + refused, 2 * ROUNDS);
}

#[test]
fn one_thread_may_hold_many_guards() {
    let cell = OverlapCell::new(String::from("shared"));
    let reader = spawn("reader", move || {
        let guards: Vec<_> = (0..PINS).map(|_| cell.read()).collect();
        assert!(guards.iter().all(|guard| **guard == "shared"));
        let overlap = cell.try_write().unwrap_err();
        assert_eq!(
            (
                overlap.additional_readers,
                overlap.here.created_at.is_some()
            ),
            (PINS - 1, true)
        );
    });
    reader.join().unwrap();
}

#[test]
fn a_table_grows_and_shrinks() {
    let mut table = Table::new();
    for key in 0..ROUNDS {
        table.insert(key.to_string(), vec![key]);
    }
    for key in 0..ROUNDS {
        assert_eq!(table.remove(key.to_string().as_str()), Some(vec![key]));
    }
    assert!(table.is_empty());
}
