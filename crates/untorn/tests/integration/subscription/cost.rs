//! A subscriber that is slow, idle, leaked or broken affects only itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use untorn::{Map, Published, Snapshot};

use crate::watchdog::{Progress, wait_until, with_timeout};

#[test]
fn bad_subscribers_retain_one_version_each() {
    const COMMITS: u64 = 3_000;
    let value = Published::new(0_u64);
    let (mut idle, mut leaked) = (value.subscribe(), value.subscribe());
    value.publish(1);
    leaked.try_recv().expect("a commit was made");
    std::mem::forget(leaked);
    let good = value.subscribe();
    let good_shown = AtomicU64::new(1);
    with_timeout("a good subscriber among bad ones", || {
        thread::scope(|scope| {
            // Panics while it holds a transition.
            let mut broken = value.subscribe();
            let broken = scope.spawn(move || {
                let _step = broken.recv().expect("a commit was made");
                std::panic::resume_unwind(Box::new("a bad subscriber"));
            });
            // Subscribes and unsubscribes while the others wait.
            scope.spawn(|| {
                while good_shown.load(Ordering::Acquire) < COMMITS {
                    let mut short = value.subscribe();
                    _ = short.try_recv();
                    drop(short);
                    thread::yield_now();
                }
            });
            let good_shown = &good_shown;
            scope.spawn(move || {
                let seen = Progress(good_shown);
                for step in good {
                    seen.set(*step.to);
                    if *step.to == COMMITS {
                        break;
                    }
                }
            });
            for n in 2..=COMMITS {
                value.publish(n);
                // Two versions of the idle and the leaked subscriber, the transitions of the broken
                // and the good one, a short one, what the next commit frees, and the versions of
                // the 64 commits between two scans.
                let retained = value.retained();
                assert!(retained <= 12 + 64, "{retained} retained");
                if n % 100 == 0 {
                    wait_until(good_shown, n);
                }
            }
            assert!(broken.join().is_err());
        });
    });
    value.reclaim();
    assert_eq!(
        value.retained(),
        2,
        "one of the idle and one of the leaked subscriber"
    );
    let step = idle.recv().expect("a commit was made");
    assert_eq!(
        (*step.from, *step.to, step.missed),
        (0, COMMITS, COMMITS - 1)
    );
    drop(step);
    assert_eq!((value.reclaim(), value.retained()), (1, 1));
}

#[test]
fn dropping_a_subscription_affects_no_other() {
    let map = Map::from([("n", 0)]);
    with_timeout("a commit that reaches the remaining subscribers", || {
        for n in 1..=300 {
            let start = Barrier::new(3);
            thread::scope(|scope| {
                let going = map.subscribe();
                for _ in 0..2 {
                    let (mut staying, start) = (map.subscribe(), &start);
                    scope.spawn(move || {
                        start.wait();
                        let step = staying.recv().expect("the map is alive");
                        assert_eq!((step.to["n"], step.missed), (n, 0));
                    });
                }
                start.wait();
                drop(going);
                map.insert("n", n);
            });
        }
    });
}

#[test]
fn transition_retains_only_its_two_versions() {
    let payload = Arc::new(());
    let value = Published::new(Arc::clone(&payload));
    let mut changes = value.subscribe();
    for _ in 0..100 {
        value.publish(Arc::clone(&payload));
    }
    let step = changes.recv().expect("there are many");
    let copy = step.clone();
    for _ in 0..100 {
        value.publish(Arc::clone(&payload));
    }
    value.reclaim();
    // Ours, the newest, and both ends of the transition.
    assert_eq!(Arc::strong_count(&payload), 4);
    assert_eq!(Snapshot::revision(&copy.from).get(), 0);
    assert_eq!(Snapshot::revision(&copy.to).get(), 100);
    drop((step, copy));
    value.reclaim();
    assert_eq!(
        Arc::strong_count(&payload),
        3,
        "`to` is the last received version"
    );
    drop(changes);
    value.reclaim();
    assert_eq!(Arc::strong_count(&payload), 2);
}
