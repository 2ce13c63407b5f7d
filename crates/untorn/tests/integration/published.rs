//! `Published`: consistent views, reclamation of versions, and forbidden writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};
use std::time::Duration;

use untorn::{Pinned, Published, Reader, Revision, Snapshot, WaitError};

/// A counter of live values that also records which threads dropped one.
#[derive(Default)]
struct Ledger {
    live: AtomicUsize,
    dropped_by: std::sync::Mutex<Vec<ThreadId>>,
}

struct Counted {
    number: u64,
    ledger: Arc<Ledger>,
}

impl Counted {
    fn new(number: u64, ledger: &Arc<Ledger>) -> Self {
        ledger.live.fetch_add(1, Ordering::Relaxed);
        Self {
            number,
            ledger: Arc::clone(ledger),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.ledger.live.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "dropped more often than made");
        let mut dropped_by = self.ledger.dropped_by.lock().expect("not poisoned");
        dropped_by.push(thread::current().id());
    }
}

fn live(ledger: &Ledger) -> usize {
    ledger.live.load(Ordering::Relaxed)
}

#[test]
fn each_commit_increments_the_revision() {
    let value = Published::new(0);
    assert_eq!(value.revision(), Revision::FIRST);
    for n in 1..=100 {
        let revision = if n % 2 == 0 {
            value.publish(n)
        } else {
            value.update(|old| old + 1)
        };
        assert_eq!(revision.get(), n);
        assert_eq!(*value.pin(), n);
        assert_eq!(Pinned::revision(&value.pin()), revision);
        assert_eq!(Snapshot::revision(&value.snapshot()), revision);
        assert_eq!(value.reader().latest_with_revision(), (&n, revision));
    }
}

#[test]
fn nested_pin_observes_the_newer_commit() {
    let value = Published::new(0);
    let mut pins = Vec::new();
    // More than a thread has slots for.
    for n in 0..40 {
        pins.push((n, value.pin()));
        value.publish(n + 1);
    }
    for (n, pin) in &pins {
        assert_eq!(**pin, *n);
    }
    assert_eq!(*value.pin(), 40);
}

/// A way to read both halves.
type View = fn(&Published<Pair>, &mut Reader<Pair>) -> (u64, u64);

/// Publishes generations while readers use every kind of view. Returns how many reads were torn,
/// and how many observed a new generation.
fn torn_pairs(publish: impl Fn(&Published<Pair>, u64) + Sync) -> (usize, usize) {
    const GENERATIONS: u64 = 20_000;
    let value = Published::new(Pair::default());
    let (done, start) = (AtomicBool::new(false), Barrier::new(5));
    let (torn, overlapped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            for generation in 1..=GENERATIONS {
                publish(&value, generation);
                if generation % 64 == 0 {
                    thread::yield_now();
                }
            }
            done.store(true, Ordering::Release);
        });
        let views: [View; 4] = [
            |value, _| value.pin().read(),
            |value, _| value.snapshot().read(),
            |_, reader| reader.latest().read(),
            |value, reader| {
                let outer = value.pin();
                let (first, second) = value.pin().read();
                let in_order = outer.read().0 <= first && first <= reader.latest().read().0;
                (first, if in_order { second } else { u64::MAX })
            },
        ];
        for view in views {
            let (value, done, start) = (&value, &done, &start);
            let (torn, overlapped) = (&torn, &overlapped);
            scope.spawn(move || {
                let mut reader = value.reader();
                let mut newest = 0;
                start.wait();
                while !done.load(Ordering::Acquire) {
                    let (first, second) = view(value, &mut reader);
                    torn.fetch_add(usize::from(first != second), Ordering::Relaxed);
                    assert!(first >= newest, "went back from {newest} to {first}");
                    overlapped.fetch_add(usize::from(first > newest), Ordering::Relaxed);
                    newest = first;
                }
            });
        }
    });
    assert_eq!(value.pin().read(), (GENERATIONS, GENERATIONS));
    (torn.into_inner(), overlapped.into_inner())
}

/// A generation twice. The halves are atomics, so that a test can also mutate them in place.
#[derive(Default)]
struct Pair {
    first: std::sync::atomic::AtomicU64,
    second: std::sync::atomic::AtomicU64,
}

impl Pair {
    fn of(generation: u64) -> Self {
        Self {
            first: generation.into(),
            second: generation.into(),
        }
    }

    fn read(&self) -> (u64, u64) {
        let first = self.first.load(Ordering::Acquire);
        thread::yield_now();
        (first, self.second.load(Ordering::Acquire))
    }
}

#[test]
fn views_are_never_torn_and_never_go_back() {
    let mut overlapped = 0;
    // Several times if the readers hardly run beside the writer.
    for _ in 0..20 {
        let (torn, more) = torn_pairs(|value, generation| {
            value.publish(Pair::of(generation));
        });
        assert_eq!(torn, 0);
        overlapped += more;
        if overlapped > 100 {
            return;
        }
    }
    panic!("reads and commits hardly overlapped: {overlapped}");
}

#[test]
fn in_place_mutation_is_detected_as_torn() {
    let mutate = |value: &Published<Pair>, generation| {
        let pin = value.pin();
        pin.first.store(generation, Ordering::Release);
        thread::yield_now();
        pin.second.store(generation, Ordering::Release);
    };
    assert!((0..20).any(|_| torn_pairs(mutate).0 > 0));
}

#[test]
fn every_value_is_dropped_once_and_never_by_a_reader() {
    let ledger = Arc::new(Ledger::default());
    let value = Published::new(Counted::new(0, &ledger));
    let done = AtomicBool::new(false);
    let readers = thread::scope(|scope| {
        let handles: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut reader = value.reader();
                    let mut newest = 0;
                    while !done.load(Ordering::Acquire) {
                        let snapshot = value.snapshot();
                        let pin = value.pin();
                        thread::yield_now();
                        assert!(pin.number >= snapshot.number && snapshot.number >= newest);
                        newest = reader.latest().number;
                    }
                    thread::current().id()
                })
            })
            .collect();
        for number in 1..=5_000 {
            value.publish(Counted::new(number, &ledger));
        }
        done.store(true, Ordering::Release);
        handles
            .into_iter()
            .map(|handle| handle.join().expect("no reader panics"))
            .collect::<Vec<_>>()
    });
    value.reclaim();
    assert_eq!((value.retained(), live(&ledger)), (0, 1));
    {
        let dropped_by = ledger.dropped_by.lock().expect("not poisoned");
        assert!(!dropped_by.iter().any(|thread| readers.contains(thread)));
        assert_eq!(dropped_by.len(), 5_000);
    }
    drop(value);
    assert_eq!(live(&ledger), 0);
}

#[test]
fn the_last_view_frees_after_the_published_is_gone() {
    let ledger = Arc::new(Ledger::default());
    let value = Published::new(Counted::new(0, &ledger));
    let (old, mut reader) = (value.snapshot(), value.reader());
    value.publish(Counted::new(1, &ledger));
    assert_eq!(reader.latest().number, 1);
    drop(value);
    assert_eq!(live(&ledger), 2);
    drop(old);
    assert_eq!(live(&ledger), 1);
    assert_eq!(reader.latest().number, 1);
    drop(reader);
    assert_eq!(live(&ledger), 0);
}

#[test]
fn only_referenced_versions_are_retained() {
    let ledger = Arc::new(Ledger::default());
    // Never dropped: the slot of the leaked pin would retain what is allocated at its address.
    let value = &*Box::leak(Box::new(Published::new(Counted::new(0, &ledger))));
    let first = value.snapshot();
    let mut idle = value.reader();
    value.publish(Counted::new(1, &ledger));
    assert_eq!(idle.latest().number, 1);
    std::mem::forget(value.pin());
    for number in 2..1_000 {
        value.publish(Counted::new(number, &ledger));
        assert!(live(&ledger) <= 5, "{} live", live(&ledger));
    }
    // The snapshot's version, and the one that the idle reader and the leaked pin reference.
    value.reclaim();
    assert_eq!((value.retained(), live(&ledger)), (2, 3));
    drop(first);
    assert_eq!((value.reclaim(), live(&ledger)), (1, 2));
    idle.release();
    assert_eq!(value.reclaim(), 0, "a leaked pin costs one value, for good");
}

#[test]
fn commit_frees_unreferenced_versions_within_budget() {
    let ledger = Arc::new(Ledger::default());
    let value = Published::new(Counted::new(0, &ledger));
    let seen: Vec<_> = (1..=50)
        .map(|number| {
            let snapshot = value.snapshot();
            value.publish(Counted::new(number, &ledger));
            snapshot
        })
        .collect();
    assert_eq!(value.retained(), 50);
    drop(seen);
    for step in 1..=10 {
        value.publish(Counted::new(100, &ledger));
        assert_eq!(value.retained(), 50 - step, "one more, two freed");
    }
}

#[test]
fn a_drop_may_publish() {
    struct Again(Option<Arc<Published<Option<Again>>>>);
    impl Drop for Again {
        fn drop(&mut self) {
            if let Some(value) = self.0.take() {
                value.publish(None);
            }
        }
    }
    let value = Arc::new(Published::new(None));
    value.publish(Some(Again(Some(Arc::clone(&value)))));
    value.publish(None);
    assert_eq!(
        value.revision().get(),
        3,
        "the dropped value published once more"
    );
}

#[test]
fn nested_write_panics_with_a_reason() {
    let value = Published::new(1);
    let nested: [fn(&Published<i32>); 3] = [
        |value| _ = value.publish(2),
        |value| _ = value.update(|n| n + 1),
        |value| _ = value.reclaim(),
    ];
    for write in nested {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            value.update(|n| {
                write(&value);
                *n
            })
        }));
        let message = caught.expect_err("this would deadlock");
        let message = message
            .downcast_ref::<String>()
            .expect("the message is text");
        assert!(
            message.contains("this thread has a write to that Published open"),
            "{message}"
        );
        assert_eq!(
            (*value.pin(), value.revision().get()),
            (1, 0),
            "nothing was published"
        );
    }
    // Writes to another value are allowed, and this value stays usable.
    let other = Published::new(0);
    value.update(|n| {
        other.publish(1);
        n + 1
    });
    assert_eq!((*value.pin(), *other.pin()), (2, 1));
}

#[test]
fn a_panic_in_update_publishes_nothing() {
    let value = Published::new(1);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        value.update(|_| panic!("no value today"))
    }));
    assert!(caught.is_err());
    assert_eq!((*value.pin(), value.revision().get()), (1, 0));
    assert_eq!(value.publish(2).get(), 1);
}

#[test]
fn next_of_the_largest_revision_is_itself() {
    let largest = Revision::from(u64::MAX);
    assert_eq!(largest.next(), largest);
    assert_eq!(Revision::from(u64::MAX - 1).next(), largest);
}

#[test]
fn wait_for_returns_at_the_revision_or_the_timeout() {
    let value = Published::new(0);
    let late = value.wait_for(Revision::from(1), Duration::from_millis(1));
    assert_eq!(late, Err(WaitError::Timeout));
    let waits = Barrier::new(3);
    thread::scope(|scope| {
        for wanted in [5, 10] {
            let (value, waits) = (&value, &waits);
            scope.spawn(move || {
                waits.wait();
                let reached = value.wait_for(Revision::from(wanted), Duration::from_secs(60));
                assert!(reached.is_ok_and(|reached| Snapshot::revision(&reached).get() >= wanted));
            });
        }
        waits.wait();
        for n in 1..=10 {
            value.publish(n);
        }
    });
}

#[test]
fn writers_lose_no_update() {
    let value = Published::new(0_u64);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    value.update(|n| n + 1);
                }
            });
        }
    });
    assert_eq!((*value.pin(), value.revision().get()), (8_000, 8_000));
}

#[test]
fn values_and_views_are_send_and_sync() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Published<String>>();
    sync::<Published<String>>();
    send::<Snapshot<String>>();
    sync::<Snapshot<String>>();
    send::<Reader<String>>();
    sync::<Pinned<'_, String>>();
}

/// Each value is returned to exactly one thread.
#[test]
fn replace_returns_each_value_once() {
    const THREADS: u64 = 4;
    const EACH: u64 = 500;
    let value = Published::new(0);
    let mut returned = thread::scope(|scope| {
        let replaced = |first: u64| {
            let value = &value;
            move || {
                let numbers = first..first + EACH;
                let old = numbers.map(|number| *value.replace(number));
                old.collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(replaced(1 + thread * EACH)))
            .collect();
        let returned = threads.into_iter().map(|thread| thread.join());
        returned
            .flat_map(|old| old.expect("no panic"))
            .collect::<Vec<_>>()
    });
    returned.push(*value.pin());
    returned.sort_unstable();
    assert!(returned.into_iter().eq(0..=THREADS * EACH));
    assert_eq!(value.revision().get(), THREADS * EACH);
}

#[test]
fn equal_values_are_not_published() {
    let value = Published::new((1, f64::NAN));
    let mut changes = value.subscribe();
    // NaN does not equal itself, so it counts as changed.
    assert_eq!(
        value.publish_if_changed((1, f64::NAN)),
        Some(Revision::from(1))
    );
    assert_eq!(value.publish_if_changed((1, 2.0)), Some(Revision::from(2)));
    assert_eq!(changes.try_recv().expect("a step").missed, 1);
    assert_eq!(value.publish_if_changed((1, 2.0)), None);
    assert_eq!((value.revision().get(), value.pin().1), (2, 2.0));
    assert!(changes.try_recv().is_err());
}

/// A value that publishes, or panics, in foreign code of `publish_if_changed`.
struct Reentrant<'p> {
    number: u32,
    other: &'p Published<u32>,
    outer: Option<&'p Published<Reentrant<'p>>>,
}

impl PartialEq for Reentrant<'_> {
    fn eq(&self, other: &Self) -> bool {
        assert!(other.number < 100, "rejected by its comparison");
        self.number == other.number
    }
}

impl Drop for Reentrant<'_> {
    fn drop(&mut self) {
        // Deadlocks or panics if the writer lock is held.
        if let Some(outer) = self.outer {
            self.other.publish(outer.retained() as u32);
        }
    }
}

#[test]
fn rejected_values_are_dropped_without_the_lock() {
    let drops = Published::new(0);
    let outer = &*Box::leak(Box::new(Published::new(Reentrant {
        number: 1,
        other: Box::leak(Box::new(Published::new(0))),
        outer: None,
    })));
    let drops: &Published<u32> = Box::leak(Box::new(drops));
    let value = |number| Reentrant {
        number,
        other: drops,
        outer: Some(outer),
    };
    assert_eq!(outer.publish_if_changed(value(1)), None);
    assert_eq!(drops.revision().get(), 1);
    let rejected = || outer.publish_if_changed(value(100));
    assert!(catch_unwind(AssertUnwindSafe(rejected)).is_err());
    assert_eq!((drops.revision().get(), outer.revision().get()), (2, 0));
    assert_eq!(outer.publish_if_changed(value(2)), Some(Revision::from(1)));
}

#[test]
fn into_inner_clones_only_what_is_shared() {
    #[derive(Debug)]
    struct Counted(u32);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            Self(self.0 + 100)
        }
    }
    let value = Published::new(Counted(1));
    drop((value.snapshot(), value.reader()));
    value.publish(Counted(2));
    assert_eq!(value.into_inner().0, 2);

    let value = Published::new(Counted(1));
    let snapshot = value.snapshot();
    assert_eq!((value.into_inner().0, snapshot.0), (101, 1));

    let value = Published::new(Counted(1));
    let mut reader = value.reader();
    assert_eq!((value.into_inner().0, reader.latest().0), (101, 1));
}
