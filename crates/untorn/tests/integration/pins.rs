//! Pins in unusual places: more than a thread has slots for, in threads that end, in destructors of
//! thread-locals, leaked, and beside the end of the map.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use untorn::{Map, Pinned, Published, Revision};

use crate::watchdog::with_timeout;

/// A number that detects reads after its drop.
struct Checked([u64; 2]);

impl Checked {
    fn new(number: u64) -> Self {
        Self([number, !number])
    }

    fn read(&self) -> u64 {
        let [number, inverse] = self.0;
        assert_eq!(number, !inverse, "read after its drop");
        number
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        self.read();
        self.0 = std::hint::black_box([1, 1]);
    }
}

#[test]
fn a_thread_may_hold_any_number_of_pins() {
    const PINS: u64 = if cfg!(miri) { 16 } else { 300 };
    let value = Published::new(Checked::new(0));
    let mut pins = Vec::new();
    for n in 0..PINS {
        pins.push((n, value.pin()));
        value.publish(Checked::new(n + 1));
    }
    // In an order that is neither that of their creation nor its reverse.
    let mut left = PINS as usize;
    while !pins.is_empty() {
        let (n, pin) = pins.swap_remove(left * 7 % pins.len());
        assert_eq!(pin.read(), n);
        drop(pin);
        left -= 1;
        value.publish(Checked::new(1_000));
        assert!(pins.iter().all(|(n, pin)| pin.read() == *n));
    }
    value.reclaim();
    assert_eq!(value.retained(), 0);
}

#[test]
fn many_pins_in_many_threads_beside_a_writer() {
    const THREADS: u64 = if cfg!(miri) { 3 } else { 24 };
    const PINS: usize = 20;
    let value = Published::new(Checked::new(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let pins: Vec<_> = (0..PINS).map(|_| value.pin()).collect();
                    let snapshot = Pinned::snapshot(&pins[PINS - 1]);
                    for pin in &pins {
                        assert!(pin.read() >= last);
                        last = pin.read();
                    }
                    drop(pins);
                    assert_eq!(snapshot.read(), last);
                }
            });
        }
        for n in 1..if cfg!(miri) { 20 } else { 2_000 } {
            value.publish(Checked::new(n));
        }
        done.store(true, Ordering::Relaxed);
    });
    value.reclaim();
    assert_eq!(value.retained(), 0);
}

/// Threads that have ended cost a commit nothing: their records are used again.
#[test]
fn ended_threads_leave_no_records() {
    let map = Map::from([(1, 1)]);
    for _ in 0..if cfg!(miri) { 5 } else { 4_000 } {
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(map.get(&1), Some(1)));
        });
    }
    let records = map.stats().records;
    // Other tests of this process run at the same time.
    assert!(records < 1_000, "{records} records");
}

thread_local! {
    static EARLY: RefCell<Option<OnExit>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<OnExit>> = const { RefCell::new(None) };
}

/// A thread-local that uses a value when its thread ends.
struct OnExit {
    value: Arc<Published<Checked>>,
    /// A pin of a value that is never dropped.
    _pin: Option<Pinned<'static, Checked>>,
    runs: Arc<AtomicU64>,
}

impl Drop for OnExit {
    fn drop(&mut self) {
        let pins: Vec<_> = (0..10).map(|_| self.value.pin()).collect();
        let snapshot = self.value.snapshot();
        self.value.publish(Checked::new(7));
        assert!(pins.iter().all(|pin| pin.read() <= 7) && snapshot.read() <= 7);
        let mut reader = self.value.reader();
        assert_eq!(reader.latest().read(), 7);
        self.runs.fetch_add(1, Ordering::Relaxed);
    }
}

/// Thread-locals are destroyed in an order that depends on the platform, so there is one that is
/// used before the first pin of its thread, and one that is used after it.
#[test]
fn destructors_of_thread_locals_may_pin() {
    let forever: &'static Published<Checked> = Box::leak(Box::new(Published::new(Checked::new(3))));
    let (value, runs) = (Arc::new(Published::new(Checked::new(0))), Arc::default());
    for pinned in [false, true] {
        let (value, runs) = (Arc::clone(&value), Arc::clone(&runs));
        let thread = thread::spawn(move || {
            let on_exit = |pin| OnExit {
                value: Arc::clone(&value),
                _pin: pin,
                runs: Arc::clone(&runs),
            };
            EARLY.set(Some(on_exit(None)));
            value.pin().read();
            LATE.set(Some(on_exit(pinned.then(|| forever.pin()))));
        });
        thread.join().expect("no panic");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 4);
    assert_eq!(value.pin().read(), 7);
    value.reclaim();
    assert_eq!(value.retained(), 0);
    forever.publish(Checked::new(4));
    forever.reclaim();
    assert_eq!(
        forever.retained(),
        0,
        "the pin was dropped by its destructor"
    );
}

/// A pin that is leaked on a value that lives forever stays valid after its thread has ended, on
/// every thread.
#[test]
fn leaked_pins_outlive_their_threads() {
    let value: &'static Published<Checked> = Box::leak(Box::new(Published::new(Checked::new(0))));
    let pins: Vec<&'static Pinned<'static, Checked>> = (0..10)
        .map(|n| {
            let thread = thread::spawn(|| -> &'static Pinned<'static, Checked> {
                Box::leak(Box::new(value.pin()))
            });
            // The pin is `Sync`, so a reference to it may leave its thread.
            let pin = thread.join().expect("no panic");
            value.publish(Checked::new(n + 1));
            pin
        })
        .collect();
    for n in 100..if cfg!(miri) { 120 } else { 300 } {
        value.publish(Checked::new(n));
        // Threads that use the records of ended ones.
        if n % 10 == 0 {
            let pinned = thread::spawn(|| value.pin().read()).join();
            assert_eq!(pinned.ok(), Some(n));
        }
    }
    for (n, pin) in (0..).zip(&pins) {
        assert_eq!(pin.read(), n);
        assert_eq!(Pinned::snapshot(pin).read(), n);
    }
    value.reclaim();
    assert_eq!(value.retained(), 10, "one version each");
}

#[test]
fn abandoned_records_are_counted() {
    let map: &'static Map<u64, u64> = Box::leak(Box::new(Map::from([(1, 1)])));
    let before = map.stats().abandoned_records;
    thread::spawn(|| std::mem::forget(map.pin()))
        .join()
        .expect("no panic");
    map.insert(1, 2);
    let stats = map.stats();
    assert!(stats.abandoned_records > before && stats.slots_in_use > 0);
    assert_eq!(stats.oldest_in_use, Some(Revision::FIRST));
    assert_eq!(stats.failed_fences, 0);
}

/// Readers and subscriptions ask for the newest version while the value is dropped.
#[test]
fn handles_read_while_the_value_ends() {
    let rounds = if cfg!(miri) { 5 } else { 500 };
    with_timeout("readers beside the end of their value", || {
        for _ in 0..rounds {
            let value = Published::new(Checked::new(0));
            let start = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..2 {
                    let (mut reader, mut changes) = (value.reader(), value.subscribe());
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        for _ in 0..20 {
                            let first = reader.latest().read();
                            assert!(reader.clone().latest().read() >= first);
                        }
                        let last = reader.latest().read();
                        if let Ok(step) = changes.try_recv() {
                            assert!(step.from.read() == 0 && step.to.read() >= last);
                        }
                        reader.release();
                        assert!(reader.latest().read() >= last);
                    });
                }
                let mut idle = value.reader();
                idle.latest();
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    assert!(idle.latest().read() <= 3);
                });
                start.wait();
                for n in 1..=3 {
                    value.publish(Checked::new(n));
                }
                drop(value);
            });
        }
    });
}

#[test]
fn waiting_writer_gets_its_turn() {
    let map = Map::from([("n", 0_u64)]);
    let done = AtomicBool::new(false);
    with_timeout("a writer beside one that writes without pause", || {
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    map.update("n", |n| n.map(|n| n + 1));
                }
            });
            for _ in 0..200 {
                drop(map.begin_batch());
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn batches_that_do_not_block() {
    let map = Map::from([("a", 1)]);
    let mut open = map.begin_batch();
    open.insert("a", 2);
    assert!(map.try_begin_batch().is_none(), "on the same thread, too");
    assert!(map.begin_batch_timeout(Duration::ZERO).is_none());
    let (refused, refusals) = mpsc::channel();
    thread::scope(|scope| {
        let map = &map;
        scope.spawn(move || {
            assert!(map.try_begin_batch().is_none());
            assert!(map.begin_batch_timeout(Duration::from_millis(2)).is_none());
            refused.send(()).expect("the test waits");
            assert!(
                map.begin_batch_timeout(Duration::MAX)
                    .is_some_and(|batch| batch.len() == 1)
            );
        });
        refusals
            .recv_timeout(Duration::from_secs(60))
            .expect("the batch is open");
        thread::sleep(Duration::from_millis(20));
        open.commit();
    });
    let mut batch = map.try_begin_batch().expect("the lock is free");
    batch.insert("a", 3);
    assert_eq!(batch.commit().get(), 2);
    let nested = std::panic::catch_unwind(|| {
        let _open = map.begin_batch();
        map.begin_batch_timeout(Duration::from_secs(60)).is_some()
    });
    assert!(nested.is_err(), "the time would pass in vain");
    assert!(map.begin_batch_timeout(Duration::from_secs(60)).is_some());
}
