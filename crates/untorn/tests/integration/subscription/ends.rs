//! A subscription ends with its source, after the last version; a handle ends it at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use untorn::{Map, Published, RecvError, RecvTimeoutError, Subscription, TryRecvError};

use crate::watchdog::with_timeout;

/// Returns whether every way to receive reports the end.
fn has_ended<T>(changes: &mut Subscription<T>) -> bool {
    changes.try_recv().map(|_| ()) == Err(TryRecvError::Closed)
        && changes.recv().map(|_| ()) == Err(RecvError)
        && changes.recv_timeout(Duration::ZERO).map(|_| ()) == Err(RecvTimeoutError::Closed)
        && changes.recv_timeout(Duration::MAX).map(|_| ()) == Err(RecvTimeoutError::Closed)
        && changes.next().is_none()
}

#[test]
fn last_version_is_received_before_the_end() {
    with_timeout("subscriptions that end", || {
        let map = Map::from([("limit", 100)]);
        let (mut seen, mut unseen) = (map.subscribe(), map.subscribe());
        map.insert("limit", 200);
        map.insert("limit", 300);
        assert_eq!(seen.recv().expect("two commits were made").missed, 1);
        drop(map);
        let step = unseen.try_recv().expect("the last version is received");
        assert_eq!(
            (step.from["limit"], step.to["limit"], step.missed),
            (100, 300, 1)
        );
        assert!(has_ended(&mut seen) && has_ended(&mut unseen));
        assert_eq!(
            unseen.last_received()["limit"],
            300,
            "the last received version stays"
        );
    });
}

#[test]
fn waiting_follower_gets_the_last_version_and_ends() {
    with_timeout("a thread in `recv` whose map is dropped", || {
        for round in 0..1_000 {
            let map = Map::from([("limit", 0)]);
            let changes = map.subscribe();
            let start = Arc::new(Barrier::new(2));
            let follower = thread::spawn({
                let start = Arc::clone(&start);
                move || {
                    start.wait();
                    changes.map(|step| step.to["limit"]).last()
                }
            });
            start.wait();
            // Sometimes leaves the follower time to block.
            if round % 50 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            for n in 1..=round % 3 {
                map.insert("limit", n);
            }
            drop(map);
            let last = follower.join().expect("no panic");
            assert_eq!(last, Some(round % 3).filter(|n| *n > 0));
        }
    });
}

#[test]
fn close_wakes_a_waiting_subscriber() {
    with_timeout("a thread that waits and is closed", || {
        let value = Published::new(0);
        let ways: [fn(Subscription<u64>) -> bool; 3] = [
            |mut changes| changes.recv().is_err(),
            |mut changes| {
                changes.recv_timeout(Duration::MAX).map(|_| ()) == Err(RecvTimeoutError::Closed)
            },
            |changes| changes.count() == 0,
        ];
        for round in 0..1_000 {
            let changes = value.subscribe();
            let handle = changes.handle();
            let waits = ways[round % ways.len()];
            let start = Arc::new(Barrier::new(2));
            let follower = thread::spawn({
                let start = Arc::clone(&start);
                move || {
                    start.wait();
                    waits(changes)
                }
            });
            start.wait();
            if round % 50 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            handle.close();
            assert!(follower.join().expect("no panic"));
        }
    });
}

#[test]
fn close_discards_only_its_own_pending_version() {
    let map = Map::from([("limit", 100)]);
    let (mut closed, mut open) = (map.subscribe(), map.subscribe());
    let handle = closed.handle();
    map.insert("limit", 200);
    handle.clone().close();
    assert!(has_ended(&mut closed));
    // Closes again, through another handle, after the end.
    handle.close();
    closed.handle().close();
    assert!(has_ended(&mut closed));
    assert_eq!(closed.last_received()["limit"], 100);
    assert_eq!(open.recv().expect("it is open").to["limit"], 200);
    // Later subscriptions are open.
    let mut later = map.subscribe();
    map.insert("limit", 300);
    assert!(later.try_recv().is_ok() && open.try_recv().is_ok());
    drop(map);
    handle.close();
    assert!(has_ended(&mut open) && has_ended(&mut later));
    assert_eq!(format!("{handle:?}"), "SubscriptionHandle { .. }");
}

#[test]
fn handle_retains_neither_a_version_nor_the_map() {
    let value = Arc::new(());
    let map = Map::from([("limit", Arc::clone(&value))]);
    let (changes, mut others) = (map.subscribe(), map.subscribe());
    let handle = changes.handle();
    map.insert("limit", Arc::new(()));
    _ = others.recv();
    assert_eq!(
        (map.reclaim(), map.retained()),
        (0, 1),
        "the subscription references it"
    );
    drop(changes);
    assert_eq!((map.reclaim(), Arc::strong_count(&value)), (1, 1));
    drop(map);
    assert!(has_ended(&mut others));
    drop(handle);
}

#[test]
fn every_subscriber_receives_the_last_version() {
    const SUBSCRIBERS: u64 = 100;
    const COMMITS: u64 = 200;
    let map = Map::from([("n", 0)]);
    let shown = AtomicU64::new(0);
    with_timeout("a hundred followers that end with the map", || {
        thread::scope(|scope| {
            for _ in 0..SUBSCRIBERS {
                let (changes, shown) = (map.subscribe(), &shown);
                scope.spawn(move || {
                    let (mut last, mut sum) = (0, 0);
                    for step in changes {
                        assert_eq!(step.from["n"], last);
                        sum += 1 + step.missed;
                        last = step.to["n"];
                        shown.fetch_add(1, Ordering::Relaxed);
                    }
                    assert_eq!((last, sum), (COMMITS, COMMITS));
                });
            }
            for n in 1..=COMMITS {
                map.insert("n", n);
                if n % 10 == 0 {
                    thread::yield_now();
                }
            }
            drop(map);
        });
    });
    assert!(shown.into_inner() >= SUBSCRIBERS);
}
