//! A subscriber that is slow, asleep, gone or broken costs itself only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use untorn::{Map, Published, Snapshot};

use crate::watchdog::{Seen, until, watched};

#[test]
fn the_writer_goes_on_beside_the_worst_and_keeps_one_version_for_each() {
    const COMMITS: u64 = 3_000;
    let value = Published::new(0_u64);
    let (mut asleep, mut forgotten) = (value.subscribe(), value.subscribe());
    value.publish(1);
    forgotten.try_recv().expect("there is a commit");
    std::mem::forget(forgotten);
    let good = value.subscribe();
    let good_shown = AtomicU64::new(1);
    watched("a good subscriber among bad ones", || {
        thread::scope(|scope| {
            // Panics with a transition in its hands.
            let mut broken = value.subscribe();
            let broken = scope.spawn(move || {
                let _step = broken.recv().expect("there is a commit");
                std::panic::resume_unwind(Box::new("a bad subscriber"));
            });
            // Come and go while the others wait.
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
                let seen = Seen(good_shown);
                for step in good {
                    seen.set(*step.to);
                    if *step.to == COMMITS {
                        break;
                    }
                }
            });
            for n in 2..=COMMITS {
                value.publish(n);
                // Two that are shown for good, a step of the broken one and of the good one, a short one, and what the next
                // commit frees.
                let retained = value.retained();
                assert!(retained <= 12, "{retained} retained");
                if n % 100 == 0 {
                    until(good_shown, n);
                }
            }
            assert!(broken.join().is_err());
        });
    });
    value.reclaim();
    assert_eq!(
        value.retained(),
        2,
        "of the one asleep and of the forgotten one"
    );
    let step = asleep.recv().expect("there is a commit");
    assert_eq!(
        (*step.from, *step.to, step.missed),
        (0, COMMITS, COMMITS - 1)
    );
    drop(step);
    assert_eq!((value.reclaim(), value.retained()), (1, 1));
}

#[test]
fn one_that_goes_while_others_wait_takes_nobody_with_it() {
    let map = Map::from([("n", 0)]);
    watched("a commit that is seen by those who stayed", || {
        for n in 1..=300 {
            let start = Barrier::new(3);
            thread::scope(|scope| {
                let going = map.subscribe();
                for _ in 0..2 {
                    let (mut staying, start) = (map.subscribe(), &start);
                    scope.spawn(move || {
                        start.wait();
                        let step = staying.recv().expect("the map is there");
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
fn a_kept_step_keeps_its_two_versions_and_nothing_between() {
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
    // Ours, the newest, and both ends of the step.
    assert_eq!(Arc::strong_count(&payload), 4);
    assert_eq!(Snapshot::revision(&copy.from).get(), 0);
    assert_eq!(Snapshot::revision(&copy.to).get(), 100);
    drop((step, copy));
    value.reclaim();
    assert_eq!(
        Arc::strong_count(&payload),
        3,
        "`to` is what was shown last"
    );
    drop(changes);
    value.reclaim();
    assert_eq!(Arc::strong_count(&payload), 2);
}
