//! Each transition starts where the last one ended, and no revision and no wakeup is lost.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use untorn::{
    Change, Map, Published, RecvTimeoutError, Revision, Snapshot, Subscription, TryRecvError, View,
};

use crate::watchdog::{Progress, wait_until, with_timeout};

/// The transitions of a subscription from its beginning to its end.
#[derive(Debug, Default)]
struct Run {
    transitions: u64,
    missed: u64,
}

/// Receives until the end, checks each transition, and calls `between` before the next one.
fn follow<T>(
    mut subscription: Subscription<T>,
    number: impl Fn(&T) -> u64,
    mut between: impl FnMut(&Snapshot<T>, &Snapshot<T>),
) -> Run {
    let first = Snapshot::revision(subscription.last_received()).get();
    let mut last = subscription.last_received().clone();
    let mut run = Run::default();
    while let Ok(step) = subscription.recv() {
        assert!(
            std::ptr::eq(&*step.from, &*last),
            "from the last received version"
        );
        assert!(std::ptr::eq(&*step.to, &**subscription.last_received()));
        let (from, to) = (Snapshot::revision(&step.from), Snapshot::revision(&step.to));
        assert!(from < to, "a transition goes forward");
        assert_eq!(to.get() - from.get() - 1, step.missed);
        assert_eq!(
            (number(&step.from), number(&step.to)),
            (from.get(), to.get())
        );
        between(&step.from, &step.to);
        run.transitions += 1;
        run.missed += step.missed;
        last = step.to;
    }
    let shown = Snapshot::revision(&last).get() - first;
    assert_eq!(
        run.transitions + run.missed,
        shown,
        "the transitions add up"
    );
    run
}

/// Follows with a pause after each transition, and shows their number in `seen`.
fn follow_counted(subscription: Subscription<u64>, seen: &AtomicU64, pause: Duration) -> Run {
    let (seen, mut transitions) = (Progress(seen), 0);
    follow(
        subscription,
        |n| *n,
        |_, _| {
            thread::sleep(pause);
            transitions += 1;
            seen.set(transitions);
        },
    )
}

#[test]
fn transitions_add_up_under_two_writers() {
    const COMMITS: u64 = 5_000;
    let value = Published::new(0);
    let late = value.subscribe();
    let (fast_seen, slow_seen) = (AtomicU64::new(0), AtomicU64::new(0));
    let (fast, slow) = with_timeout("followers that end with the value", || {
        thread::scope(|scope| {
            let (fast, slow) = (value.subscribe(), value.subscribe());
            let fast = scope.spawn(|| follow_counted(fast, &fast_seen, Duration::ZERO));
            let slow = scope.spawn(|| follow_counted(slow, &slow_seen, Duration::from_micros(300)));
            let seen = [&fast_seen, &slow_seen];
            let value = scope.spawn(move || {
                let value = &value;
                thread::scope(|scope| {
                    for writer in 0..2 {
                        scope.spawn(move || {
                            for n in 0..COMMITS {
                                value.update(|n| n + 1);
                                if n % 16 == 0 {
                                    thread::yield_now();
                                }
                                // Even a delayed follower has a step for each of these.
                                if writer == 0 && n % 250 == 0 {
                                    seen.iter().for_each(|seen| wait_until(seen, n / 250));
                                }
                            }
                        });
                    }
                });
            });
            value.join().expect("no writer panics");
            (
                fast.join().expect("no panic"),
                slow.join().expect("no panic"),
            )
        })
    });
    for run in [&fast, &slow] {
        assert_eq!(run.transitions + run.missed, 2 * COMMITS, "up to the last");
        assert!(run.transitions > 10, "hardly any overlap: {run:?}");
    }
    assert!(slow.missed > 0, "the slow follower missed nothing");
    let late = follow(late, |n| *n, |_, _| ());
    assert_eq!((late.transitions, late.missed), (1, 2 * COMMITS - 1));
}

type Contents = View<u64, u64>;

/// The key whose value is the revision.
const NUMBER: u64 = u64::MAX;

fn entries(view: &Contents) -> HashMap<u64, u64> {
    view.iter().map(|(key, value)| (*key, *value)).collect()
}

/// Compares the diff of a transition with a diff of all entries, and returns the number of changes.
fn same_diff(from: &Contents, to: &Contents) -> usize {
    let (older, newer) = (entries(from), entries(to));
    let mut found = HashMap::new();
    for change in to.changes_since(from) {
        let (key, both) = match change {
            Change::Added { key, new } => (key, (None, Some(new))),
            Change::Changed { key, old, new } => (key, (Some(old), Some(new))),
            Change::Removed { key, old } => (key, (Some(old), None)),
        };
        assert!(found.insert(key, both).is_none(), "{key} twice");
    }
    let keys = older.keys().chain(newer.keys());
    let differ: HashMap<_, _> = keys
        .map(|key| (key, (older.get(key), newer.get(key))))
        .filter(|(_, (old, new))| old != new)
        .collect();
    assert_eq!(found, differ);
    differ.len()
}

#[test]
fn diff_of_each_transition_is_complete() {
    const COMMITS: u64 = 2_000;
    let map: Map<u64, u64> = (0..1_500)
        .map(|key| (key, 0))
        .chain([(NUMBER, 0)])
        .collect();
    let (subscription, shown) = (map.subscribe(), AtomicU64::new(0));
    let mut differ = 0;
    let run = with_timeout("a follower that ends with the map", || {
        thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let (seen, mut steps) = (Progress(&shown), 0);
                follow(
                    subscription,
                    |view: &Contents| view[&NUMBER],
                    |from, to| {
                        differ += same_diff(from, to);
                        steps += 1;
                        seen.set(steps);
                    },
                )
            });
            let shown = &shown;
            scope.spawn(move || {
                for n in 1..=COMMITS {
                    map.batch(|batch| {
                        let key = n.wrapping_mul(7_919) % 3_000;
                        // Growth and shrinking, changes, and writes of equal values.
                        batch.remove(&(key ^ 1));
                        batch.insert(key, n % 3);
                        batch.insert(n % 5, n % 2);
                        batch.insert(NUMBER, n);
                    });
                    if n % 10 == 0 {
                        wait_until(shown, n / 10);
                    }
                }
            });
            follower.join().expect("no panic")
        })
    });
    assert_eq!(run.transitions + run.missed, COMMITS);
    assert!(
        run.transitions >= COMMITS / 10 && differ > 1_000,
        "{run:?}, {differ}"
    );
}

#[test]
fn each_commit_ends_every_kind_of_wait() {
    const ROUNDS: u64 = 30_000;
    let value = Published::new(0);
    // Three kinds of wait; each waiter reports the commit that it has observed.
    let (received, waited) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut changes = value.subscribe();
    with_timeout("a handshake after each commit: a wakeup was lost", || {
        thread::scope(|scope| {
            scope.spawn(|| {
                let seen = Progress(&received);
                for round in 1..=ROUNDS {
                    let step = if round % 2 == 0 {
                        changes.recv().expect("the value is alive")
                    } else {
                        changes
                            .recv_timeout(Duration::MAX)
                            .expect("a commit is made")
                    };
                    assert_eq!((*step.to, step.missed), (round, 0));
                    seen.set(round);
                }
            });
            scope.spawn(|| {
                let seen = Progress(&waited);
                for round in 1..=ROUNDS {
                    let reached = value.wait_for(Revision::from(round), Duration::MAX);
                    assert!(reached.is_ok_and(|newest| *newest == round));
                    seen.set(round);
                }
            });
            for round in 1..=ROUNDS {
                value.publish(round);
                wait_until(&received, round);
                wait_until(&waited, round);
            }
        });
    });
}

/// Threads that wait for revisions, and subscriptions that follow, time out or are closed, beside
/// two writers.
#[test]
fn no_wakeup_is_lost_in_random_rounds() {
    const ROUNDS: u64 = 400;
    const COMMITS: u64 = 40;
    let mut random = fastrand::Rng::with_seed(265);
    with_timeout("waits of a random round that end", || {
        for round in 0..ROUNDS {
            let value = Published::new(0);
            let start = Barrier::new(12);
            thread::scope(|scope| {
                let (value, start) = (&value, &start);
                for _ in 0..4 {
                    let wanted = Revision::from(random.u64(1..=COMMITS));
                    let timeout = match random.bool() {
                        true => Duration::MAX,
                        false => Duration::from_secs(3_600),
                    };
                    scope.spawn(move || {
                        start.wait();
                        let reached = value.wait_for(wanted, timeout);
                        let revision = reached.map(|newest| Snapshot::revision(&newest));
                        assert!(revision.is_ok_and(|newest| newest >= wanted));
                    });
                }
                for _ in 0..3 {
                    let mut changes = value.subscribe();
                    let timeout = Duration::from_micros(random.u64(1..200));
                    let times_out = random.bool();
                    scope.spawn(move || {
                        start.wait();
                        let mut sum = 0;
                        while sum < COMMITS {
                            let step = match times_out {
                                false => changes.recv().expect("the value is alive"),
                                true => match changes.recv_timeout(timeout) {
                                    Ok(step) => step,
                                    Err(error) => {
                                        assert_eq!(error, RecvTimeoutError::Timeout);
                                        continue;
                                    }
                                },
                            };
                            sum += 1 + step.missed;
                        }
                        assert_eq!((sum, *step_of(&changes)), (COMMITS, COMMITS));
                    });
                }
                let closed = value.subscribe();
                let handle = closed.handle();
                scope.spawn(move || {
                    start.wait();
                    // Ends only through its handle: the value outlives it.
                    closed.count()
                });
                scope.spawn(move || {
                    start.wait();
                    handle.close();
                });
                let mut beyond = value.subscribe();
                scope.spawn(move || {
                    start.wait();
                    let none = beyond.recv_timeout(Duration::from_nanos(round));
                    assert!(!matches!(none, Err(RecvTimeoutError::Closed)));
                });
                for _ in 0..2 {
                    let pause = random.u64(0..8);
                    scope.spawn(move || {
                        start.wait();
                        for n in 0..COMMITS / 2 {
                            value.update(|n| n + 1);
                            if n % 8 < pause {
                                thread::yield_now();
                            }
                        }
                    });
                }
            });
        }
    });
}

/// Returns the value that the subscription received last.
fn step_of(changes: &Subscription<u64>) -> &u64 {
    changes.last_received()
}

#[test]
fn waits_respect_their_timeout() {
    let map = Map::from([("limit", 100)]);
    let mut changes = map.subscribe();
    let short = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(2),
    ];
    for at_most in short {
        let none = changes.recv_timeout(at_most);
        assert_eq!(none.map(|_| ()), Err(RecvTimeoutError::Timeout));
    }
    assert_eq!(changes.try_recv().map(|_| ()), Err(TryRecvError::Empty));
    // A pending transition needs no time.
    for at_most in short.into_iter().chain([Duration::MAX]) {
        map.insert("limit", 200);
        let step = changes.recv_timeout(at_most).expect("a commit was made");
        assert_eq!(step.missed, 0);
    }
    map.insert("limit", 300);
    assert_eq!(
        changes.try_recv().expect("a commit was made").to["limit"],
        300
    );
    with_timeout("a commit during a wait without a limit", || {
        thread::scope(|scope| {
            let waiter = scope.spawn(|| changes.recv_timeout(Duration::MAX));
            map.insert("limit", 400);
            let step = waiter.join().expect("no panic").expect("a commit was made");
            assert_eq!((step.from["limit"], step.to["limit"]), (300, 400));
        });
    });
    assert_eq!(
        [RecvTimeoutError::Timeout, RecvTimeoutError::Closed].map(|none| none.to_string()),
        [
            "timed out waiting for the next change",
            "the subscription is closed"
        ]
    );
    assert_eq!(
        [TryRecvError::Empty, TryRecvError::Closed].map(|none| none.to_string()),
        ["there is no newer revision", "the subscription is closed"]
    );
}

#[test]
fn no_revision_means_no_transition() {
    let map = Map::from([("a", 1)]);
    let mut changes = map.subscribe();
    map.refresh([("a", 1)]);
    map.remove("b");
    let mut batch = map.begin_batch();
    batch.insert("a", 2);
    drop(batch);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        map.batch(|batch| {
            batch.insert("a", 2);
            panic!("after a write");
        });
    }));
    assert!(caught.is_err());
    assert_eq!(changes.try_recv().map(|_| ()), Err(TryRecvError::Empty));
    // A subscription that starts inside a batch starts before its commit.
    let mut batch = map.begin_batch();
    batch.insert("a", 3);
    let mut inside = map.subscribe();
    assert_eq!(inside.try_recv().map(|_| ()), Err(TryRecvError::Empty));
    batch.commit();
    for changes in [&mut changes, &mut inside] {
        let step = changes.try_recv().expect("a commit was made");
        assert_eq!((step.from["a"], step.to["a"], step.missed), (1, 3, 0));
    }
}

#[test]
fn changes_are_all_between_the_two_ends() {
    let map = Map::from([("changed", 1), ("removed", 2), ("back", 3)]);
    let mut subscription = map.subscribe();
    map.insert("changed", 10);
    map.remove("removed");
    map.insert("added", 20);
    map.insert("back", 30);
    map.insert("back", 3);
    let step = subscription.recv().expect("a commit was made");
    assert_eq!(step.missed, 4);
    let mut changes: Vec<_> = step.changes().collect();
    changes.sort_by_key(|change| match change {
        Change::Added { key, .. } | Change::Changed { key, .. } | Change::Removed { key, .. } => {
            **key
        }
    });
    let expected = [
        Change::Added {
            key: &"added",
            new: &20,
        },
        Change::Changed {
            key: &"changed",
            old: &1,
            new: &10,
        },
        Change::Removed {
            key: &"removed",
            old: &2,
        },
    ];
    assert_eq!(changes, expected);
}
