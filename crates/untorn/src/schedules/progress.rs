//! Progress: a gate is wait-free. Whichever task is frozen, and at whichever step, every access of
//! the others ends: it enters, or it is reported. So are the reads of a `Map`, beside one writer,
//! and the lookups that find their key, beside an initializer.
//!
//! One wait is not covered: cursors that begin at the same time acquire a lock of std's in turn,
//! and shuttle has no step inside it at which a task could be frozen.

use std::sync::Arc;

use shuttle::thread;

use super::freeze::{freeze_each, steps, task};
use super::{attempt, join_all, note, overlaps, tried, wanted};
use crate::gomap::GoMap;
use crate::map::Map;
use crate::overlap::{OnOverlap, OverlapCell, ReadGuard, WriteGuard};
use crate::sync::{Counter, Ordering};

/// The outcomes of the accesses of a scenario.
struct Tally {
    entered: Counter,
    reported: Counter,
    /// The most steps that an access took.
    longest: Counter,
}

impl Tally {
    const fn new() -> Self {
        Self {
            entered: Counter::new(0),
            reported: Counter::new(0),
            longest: Counter::new(0),
        }
    }

    /// Performs an access and counts its steps.
    fn timed<R>(&self, access: impl FnOnce() -> R) -> R {
        let before = steps();
        let result = access();
        let took = steps() - before;
        self.longest.fetch_max(took as u64, Ordering::Relaxed);
        result
    }

    /// Performs an access that may be reported, and counts its steps.
    fn attempt<R>(&self, access: impl FnOnce() -> R) -> Option<R> {
        self.timed(|| attempt(access))
    }

    /// Adds the outcomes of an execution.
    fn add(&self) {
        let (overlaps, entered) = overlaps();
        self.entered.fetch_add(entered as u64, Ordering::Relaxed);
        let reported = overlaps.len() as u64;
        self.reported.fetch_add(reported, Ordering::Relaxed);
    }
}

/// Freezes each task of the scenario at each of its steps.
fn freeze(name: &str, tasks: usize, tally: &Tally, body: fn()) {
    let rounds = wanted().div_ceil(500) as u64;
    let points = freeze_each(tasks, rounds, body);
    let [entered, reported, longest] = [&tally.entered, &tally.reported, &tally.longest]
        .map(|counter| counter.load(Ordering::Relaxed));
    println!(
        "{name}: a task was frozen at {points} points of {rounds} schedules; {entered} accesses entered, \
         {reported} were reported, none took more than {longest} steps"
    );
    assert!(points > 0 && entered > 0 && reported > 0);
}

/// A value whose clone takes a step.
#[derive(Default)]
struct Value(u64);

impl Clone for Value {
    fn clone(&self) -> Self {
        thread::yield_now();
        Self(self.0)
    }
}

#[test]
fn shuttle_progress_of_maps() {
    static TALLY: Tally = Tally::new();
    freeze("progress_of_maps", 3, &TALLY, || {
        let map = GoMap::named("config").on_overlap(OnOverlap::Call(note));
        for key in 0..8 {
            map.insert(key, Value(0));
        }
        let map: Arc<GoMap<u64, Value>> = Arc::new(map);
        join_all([
            task("reader", &map, |map| {
                TALLY.attempt(|| map.get(&0));
                TALLY.attempt(|| map.iter_with(|_, _| thread::yield_now()));
                TALLY.attempt(|| map.len());
                TALLY.attempt(|| map.deep_clone());
            }),
            task("walker", &map, |map| {
                if let Some(mut cursor) = TALLY.attempt(|| map.cursor()) {
                    for _ in 0..3 {
                        TALLY.attempt(|| cursor.next_with(|_, _| thread::yield_now()));
                    }
                }
                TALLY.attempt(|| map.remove(&1));
            }),
            task("writer", &map, |map| {
                // The table begins to grow, and evacuates.
                TALLY.attempt(|| map.insert(8, Value(1)));
                TALLY.attempt(|| map.insert(9, Value(1)));
                TALLY.attempt(|| map.clear());
            }),
        ]);
        TALLY.add();
    });
}

#[test]
fn shuttle_progress_of_cells() {
    static TALLY: Tally = Tally::new();
    freeze("progress_of_cells", 3, &TALLY, || {
        let cell = OverlapCell::named("config", [0, 0]).on_overlap(OnOverlap::Call(note));
        // Under shuttle the registry, a constant elsewhere, is created at the first access, behind
        // a lock.
        drop(cell.read());
        let cell: Arc<OverlapCell<[u64; 2]>> = Arc::new(cell);
        join_all([
            task("reader", &cell, |cell| {
                if let Some(guard) = TALLY.attempt(|| cell.read()) {
                    thread::yield_now();
                    let another = TALLY.attempt(|| ReadGuard::clone(&guard));
                    TALLY.timed(|| drop(guard));
                    let part = another.map(|another| ReadGuard::map(another, |halves| &halves[1]));
                    thread::yield_now();
                    TALLY.timed(|| drop(part));
                }
                TALLY.timed(|| drop(tried(cell.try_read())));
            }),
            task("writer", &cell, |cell| {
                if let Some(guard) = TALLY.attempt(|| cell.write()) {
                    let mut part = WriteGuard::map(guard, |halves| &mut halves[1]);
                    thread::yield_now();
                    *part = 1;
                    TALLY.timed(|| drop(part));
                }
                TALLY.attempt(|| cell.replace([1, 1]));
            }),
            task("both", &cell, |cell| {
                TALLY.timed(|| drop(tried(cell.try_write())));
                if let Some(guard) = TALLY.attempt(|| cell.read()) {
                    thread::yield_now();
                    // It conflicts with the guard of its own thread.
                    assert!(TALLY.timed(|| tried(cell.try_write())).is_none());
                    TALLY.timed(|| drop(guard));
                }
            }),
        ]);
        TALLY.add();
    });
}

/// The most steps of a read of a map: four attempts of a pin and the announcement of the cell, with
/// a search for a free slot before and a count or a lookup after.
const MOST_STEPS_OF_A_READ: u64 = 40;

#[test]
fn shuttle_progress_of_reads() {
    static TALLY: Tally = Tally::new();
    let rounds = wanted().div_ceil(500) as u64;
    let points = freeze_each(3, rounds, || {
        let map = Map::from([(0, 0), (1, 0)]);
        // Under shuttle the registry, a constant elsewhere, is created at the first pin, behind a
        // lock.
        drop(map.pin());
        let map: Arc<Map<u64, u64>> = Arc::new(map);
        let reads: fn(&Map<u64, u64>) = |map| {
            // The first pin of a thread claims a record.
            let first = map.pin();
            let mut reader = map.reader();
            let mut last = first.revision();
            for _ in 0..2 {
                let pin = TALLY.timed(|| map.pin());
                thread::yield_now();
                assert!(pin[&0] == pin[&1] && pin.revision() >= last);
                let snapshot = TALLY.timed(|| map.snapshot());
                assert!(snapshot.revision() >= pin.revision());
                TALLY.timed(|| drop(pin));
                last = TALLY.timed(|| reader.latest().revision());
                assert!(last >= snapshot.revision());
                TALLY.timed(|| drop(snapshot));
            }
            assert_eq!(first[&0], first[&1]);
        };
        join_all([
            task("reader", &map, reads),
            task("another reader", &map, reads),
            task("writer", &map, |map| {
                for n in 1..6 {
                    map.batch(|batch| {
                        batch.insert(0, n);
                        batch.insert(1, n);
                    });
                    map.reclaim();
                }
            }),
        ]);
        assert_eq!(map.revision().get(), 5);
    });
    let longest = TALLY.longest.load(Ordering::Relaxed);
    println!(
        "progress_of_reads: a task was frozen at {points} points of {rounds} schedules; no read took \
         more than {longest} steps"
    );
    assert!(points > 0 && longest <= MOST_STEPS_OF_A_READ);
}

#[test]
fn shuttle_progress_of_hits() {
    static TALLY: Tally = Tally::new();
    let rounds = wanted().div_ceil(500) as u64;
    let points = freeze_each(3, rounds, || {
        let map = Map::from([(0, 7)]);
        drop(map.pin());
        let map: Arc<Map<u64, u64>> = Arc::new(map);
        let hits: fn(&Map<u64, u64>) = |map| {
            drop(map.pin());
            for _ in 0..2 {
                let value = TALLY.timed(|| map.get_or_insert_with(0, || unreachable!()));
                assert_eq!(value, 7);
            }
        };
        join_all([
            task("hits", &map, hits),
            task("more hits", &map, hits),
            task("initializes", &map, |map| {
                let value = map.get_or_insert_with(1, || {
                    thread::yield_now();
                    8
                });
                assert_eq!(value, 8);
            }),
        ]);
    });
    let longest = TALLY.longest.load(Ordering::Relaxed);
    println!("progress_of_hits: frozen at {points} points; no hit took more than {longest} steps");
    assert!(points > 0 && longest <= MOST_STEPS_OF_A_READ);
}
