//! Pins, handles and batches that outlive their map or their thread, and writers that give up. Each
//! value must be dropped exactly once, and none while it can be read.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{mem, thread};

use untorn::{Batch, Map, Pinned, Published, Snapshot};

use crate::counted::Counted;
use crate::watchdog::with_timeout;

const ROUNDS: u64 = if cfg!(miri) { 4 } else { 100 };

/// A pin has no destructor that reads its map, so it may be dropped after it.
#[test]
fn pins_may_be_dropped_after_their_map() {
    let live = Arc::default();
    for keeps_reader in [false, true] {
        let reader;
        {
            let mut pins = Vec::new();
            let (first, second);
            let map = Map::from([(1, Counted::new(1, &live))]);
            (first, second) = (map.pin(), map.pin());
            assert_eq!(first[&1].read() + second[&1].read(), 2);
            pins.extend((0..10).map(|_| Pinned::snapshot(&first)));
            map.insert(1, Counted::new(2, &live));
            reader = keeps_reader.then(|| map.reader());
            drop(pins);
        }
        if let Some(mut reader) = reader {
            assert_eq!(reader.latest()[&1].read(), 2);
        }
    }
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

/// A forgotten batch holds the writer lock forever and leaks its draft. The map ends as usual.
#[test]
fn map_ends_after_a_forgotten_batch() {
    let live = Arc::default();
    let map = Map::from([(1, Counted::new(1, &live))]);
    map.insert(1, Counted::new(2, &live));
    let (mut reader, mut changes, old) = (map.reader(), map.subscribe(), map.snapshot());
    let mut batch = map.begin_batch();
    batch.insert(1, Counted::new(3, &live));
    mem::forget(batch);
    assert!(map.try_begin_batch().is_none());
    thread::scope(|scope| {
        let late = scope.spawn(|| map.begin_batch_timeout(Duration::from_millis(1)).is_none());
        assert!(late.join().expect("no panic"));
    });
    assert_eq!(map.pin()[&1].read(), 2);
    drop(map);
    assert_eq!(reader.latest()[&1].read(), 2);
    assert!(changes.recv().is_err());
    assert_eq!(old[&1].read(), 2);
}

/// Pins that are read once more when their thread ends, after commits.
struct Kept {
    value: &'static Published<Counted>,
    pins: Vec<Pinned<'static, Counted>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let (newest, live) = (self.value.pin(), Arc::clone(&self.value.pin().live));
        for n in 1..3 {
            self.value.publish(Counted::new(newest.read() + n, &live));
            self.value.reclaim();
            self.pins.iter().for_each(|pin| _ = pin.read());
        }
    }
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Threads with more pins than slots, of which each keeps some in a thread-local that is destroyed
/// before its record, or after it.
#[test]
fn hundreds_of_threads_end_with_pins() {
    const THREADS: usize = if cfg!(miri) { 6 } else { 200 };
    const PINS: usize = 12;
    let live = Arc::default();
    let value = Published::new(Counted::new(0, &live));
    let value: &'static Published<Counted> = Box::leak(Box::new(value));
    let pin_all = |early: bool| {
        if early {
            KEPT.set(None);
        }
        let mut pins: Vec<_> = (0..PINS).map(|_| value.pin()).collect();
        let kept = pins.drain(PINS / 3..).collect();
        KEPT.set(Some(Kept { value, pins: kept }));
        let snapshot = value.snapshot();
        pins.iter().for_each(|pin| _ = pin.read());
        snapshot
    };
    let snapshots: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| scope.spawn(move || pin_all(n % 2 == 0)))
            .collect();
        // `join` waits for the destructors of thread-locals.
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|joined| joined.expect("no panic")).collect()
    });
    snapshots.iter().for_each(|snapshot| _ = snapshot.read());
    drop(snapshots);
    value.reclaim();
    assert_eq!((value.retained(), live.load(Ordering::Relaxed)), (0, 1));
}

/// Forks share segments with their origin. The last of all owners drops an entry.
#[test]
fn forks_and_views_outlive_their_origin() {
    const KEYS: u64 = 60;
    let live = Arc::default();
    for round in 0..ROUNDS {
        let map: Map<u64, Counted> = (0..KEYS).map(|key| (key, Counted::new(0, &live))).collect();
        let threads: Vec<_> = (1..4)
            .map(|n| {
                let (fork, view, live) = (map.fork(), map.snapshot(), Arc::clone(&live));
                thread::spawn(move || {
                    let late: Snapshot<_> = fork.snapshot();
                    for key in (0..KEYS).step_by(7) {
                        fork.insert(key, Counted::new(n, &live));
                        let mut aborted = fork.begin_batch();
                        aborted.clear();
                        aborted.insert(key, Counted::new(9, &live));
                        drop(aborted);
                    }
                    let written: u64 = fork.pin().values().map(Counted::read).sum();
                    drop(fork);
                    assert_eq!(written, KEYS.div_ceil(7) * n);
                    assert!(
                        view.values()
                            .chain(late.values())
                            .all(|old| old.read() == 0)
                    );
                    (view, late)
                })
            })
            .collect();
        map.insert(round % KEYS, Counted::new(5, &live));
        drop(map);
        for thread in threads {
            let (view, late) = thread.join().expect("no panic");
            assert!(
                view.values()
                    .chain(late.values())
                    .all(|old| old.read() == 0)
            );
        }
    }
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

/// Writers give up at the moment at which the lock is handed to them, or just before or after it.
/// None is lost: each that got the lock has its write, and the lock is free at the end.
#[test]
fn timeouts_race_with_the_hand_over() {
    const WRITES: u64 = if cfg!(miri) { 15 } else { 2_000 };
    let map = Map::from([((), 0)]);
    let done = AtomicBool::new(false);
    let write = |batch: Option<Batch<'_, (), u64>>| {
        let Some(mut batch) = batch else { return 0 };
        batch.update((), |n| n.map(|n| n + 1));
        batch.commit();
        1
    };
    let written = with_timeout("writers that give up", || {
        thread::scope(|scope| {
            // Overtakes the others, so that the lock is handed to them.
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(map.begin_batch());
                }
            });
            let threads: Vec<_> = (1..4)
                .map(|number| {
                    let (map, write) = (&map, &write);
                    let each = move |n| {
                        let timeout = Duration::from_micros(number * n % 41 * 5);
                        write(map.begin_batch_timeout(timeout)) + write(map.try_begin_batch())
                    };
                    scope.spawn(move || (0..WRITES).map(each).sum::<u64>())
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            let written = joined.map(|joined| joined.expect("no panic")).sum();
            done.store(true, Ordering::Relaxed);
            written
        })
    });
    let stored = (map.get(&()), map.revision().get());
    assert_eq!(stored, (Some(written), written));
    assert!(map.try_begin_batch().is_some(), "the lock is free");
}
