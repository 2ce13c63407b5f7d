//! `OverlapCell` as a whole under shuttle: guards that are held, mapped, cloned, dropped in any order and forgotten,
//! attempts that fail, threads that end. `schedules/` draws the schedules.
//!
//! Each attempt is written down from its call until its guard is dropped. In every schedule:
//! - two that entered are not inside at once, one of them a write: so of two that overlap at least one reports;
//! - who reports has met somebody: an attempt whose time and its own have a moment in common, one of them a write;
//! - what it says of both sides, thread, operation and line, is true of itself and of such an attempt, and there are
//!   no fewer readers than it says.

mod log;

use std::cell::RefCell;

use shuttle::sync::{Arc, Mutex, mpsc};
use shuttle::thread;

use self::log::{Held, assert_reports, begin, begin_log};
use super::record::SLOTS;
use super::{OnOverlap, OverlapCell, ReadGuard, WriteGuard};
use crate::schedules::{add_reports, assert_quiet, assert_some, attempt, join_all, note, overlaps};
use crate::schedules::{schedules, spawn, tried};
use crate::sync::Counter;

/// A value that is whole: both halves are the same.
#[derive(Default)]
struct Halves(u64, u64);

impl Halves {
    fn assert_whole(&self) {
        let one = self.0;
        thread::yield_now();
        assert_eq!(one, self.1, "a torn value");
    }

    fn set(&mut self, n: u64) {
        self.0 = n;
        thread::yield_now();
        self.1 = n;
    }
}

type Cell = OverlapCell<Halves>;

fn cell() -> Arc<Cell> {
    begin_log();
    let cell = Cell::named("config", Halves(0, 0));
    Arc::new(cell.on_overlap(OnOverlap::Call(note)))
}

type Read<'c, T = Halves> = Option<Held<ReadGuard<'c, T>>>;
type Write<'c, T = Halves> = Option<Held<WriteGuard<'c, T>>>;

fn read(cell: &Cell) -> Read<'_> {
    begin("OverlapCell::read", true, || attempt(|| cell.read()))
}

fn try_read(cell: &Cell) -> Read<'_> {
    begin("OverlapCell::try_read", true, || tried(cell.try_read()))
}

fn again<'c, T>(reading: &Held<ReadGuard<'c, T>>) -> Read<'c, T> {
    let reading = reading.guard();
    begin("ReadGuard::clone", true, || {
        attempt(|| ReadGuard::clone(reading))
    })
}

fn write(cell: &Cell) -> Write<'_> {
    begin("OverlapCell::write", true, || attempt(|| cell.write()))
}

fn try_write(cell: &Cell) -> Write<'_> {
    begin("OverlapCell::try_write", true, || tried(cell.try_write()))
}

fn replace(cell: &Cell, n: u64) -> Option<u64> {
    let halves = begin("OverlapCell::replace", false, || {
        attempt(|| cell.replace(Halves(n, n)))
    });
    halves.map(|halves| {
        let Halves(one, two) = *halves.guard();
        assert_eq!(one, two);
        one
    })
}

fn take(cell: &Cell) {
    let halves = begin("OverlapCell::take", false, || attempt(|| cell.take()));
    drop(halves);
}

/// Reads and sets the value by a guard that is held meanwhile.
fn look(reading: &Read<'_>) {
    if let Some(reading) = reading {
        reading.assert_whole();
    }
}

fn set(writing: Write<'_>, n: u64) {
    if let Some(mut writing) = writing {
        writing.set(n);
    }
}

/// Guards that stay while others come: a clone that outlives its original, parts, reads inside reads.
#[test]
fn shuttle_cells_guards_are_held() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_guards_are_held", || {
        let cell = cell();
        let shared = Arc::clone(&cell);
        let cloner = spawn("cloner", move || {
            if let Some(first) = read(&shared) {
                let second = again(&first);
                drop(first);
                look(&second);
                let part = second
                    .map(|second| second.map(|second| ReadGuard::map(second, |halves| &halves.1)));
                let third = part.as_ref().and_then(again);
                drop(part);
                thread::yield_now();
                drop(third);
            }
        });
        let shared = Arc::clone(&cell);
        let nested = spawn("nested", move || {
            let outer = try_read(&shared);
            let inner = read(&shared);
            look(&inner);
            drop(outer);
            look(&inner);
        });
        let shared = Arc::clone(&cell);
        let writer = spawn("writer", move || {
            if let Some(mut writing) = write(&shared) {
                writing.set(1);
                let mut part =
                    writing.map(|writing| WriteGuard::map(writing, |halves| &mut halves.1));
                thread::yield_now();
                *part = 1;
            }
            replace(&shared, 2);
        });
        let shared = Arc::clone(&cell);
        let other = spawn("other", move || {
            set(try_write(&shared), 3);
            take(&shared);
        });
        join_all([cloner, nested, writer, other]);
        assert_reports();
        add_reports(&REPORTS);
    });
    assert_some("cells_guards_are_held", &REPORTS);
}

/// Who does something else when it may not, and comes again; also from inside an access of its own.
#[test]
fn shuttle_cells_attempts_fail() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_attempts_fail", || {
        let cell = cell();
        let tasks = ["one", "two", "three"].map(|name| {
            let cell = Arc::clone(&cell);
            spawn(name, move || {
                for n in 1..3 {
                    let reading = try_read(&cell);
                    if reading.is_some() {
                        // It is in its own way.
                        assert!(try_write(&cell).is_none());
                    }
                    look(&reading);
                    drop(reading);
                    set(try_write(&cell), n);
                }
            })
        });
        join_all(tasks);
        assert_reports();
        add_reports(&REPORTS);
    });
    assert_some("cells_attempts_fail", &REPORTS);
}

/// Threads end while others scan, and their records go to the next ones.
#[test]
fn shuttle_cells_records_change_hands() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_records_change_hands", || {
        let cell = cell();
        let shared = Arc::clone(&cell);
        let readers = spawn("readers", move || {
            for name in ["reader 1", "reader 2"] {
                let cell = Arc::clone(&shared);
                join_all([spawn(name, move || {
                    let reading = read(&cell);
                    let another = reading.as_ref().and_then(again);
                    drop(reading);
                    look(&another);
                })]);
            }
        });
        let shared = Arc::clone(&cell);
        let writers = spawn("writers", move || {
            for (name, n) in [("writer 1", 1), ("writer 2", 2)] {
                let cell = Arc::clone(&shared);
                join_all([spawn(name, move || {
                    set(write(&cell), n);
                    look(&try_read(&cell));
                })]);
            }
        });
        join_all([readers, writers]);
        assert_reports();
        add_reports(&REPORTS);
    });
    assert_some("cells_records_change_hands", &REPORTS);
}

/// Holds more guards than a record has slots, keeps the last one until the thread-locals are
/// destroyed, and drops the others.
fn read_in_blocks(cell: &'static Cell) {
    shuttle::thread_local! {
        static KEPT: RefCell<Read<'static>> = const { RefCell::new(None) };
    }

    let mut held: Vec<_> = (0..SLOTS).map(|_| try_read(cell)).collect();
    let last = read(cell);
    look(&last);
    drop(held.pop());
    drop(held);
    look(&last);
    // First used after the thread's own thread-locals, and so destroyed after them.
    KEPT.with(|kept| kept.replace(last));
}

/// Accesses in slot blocks, which go to the next threads, by the end of an access after that of its
/// thread too.
#[test]
fn shuttle_cells_slot_blocks() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_slot_blocks", || {
        let shared: &'static Arc<Cell> = Box::leak(Box::new(cell()));
        let readers = spawn("readers", move || {
            for name in ["reader 1", "reader 2"] {
                join_all([spawn(name, move || read_in_blocks(shared))]);
            }
        });
        let writer = spawn("writer", move || {
            set(write(shared), 1);
            set(try_write(shared), 2);
        });
        join_all([readers, writer]);
        assert!(shared.try_write().is_ok(), "an access is left");
        assert_reports();
        add_reports(&REPORTS);
    });
    assert_some("cells_slot_blocks", &REPORTS);
}

/// A guard that was forgotten is met for ever, by its thread's name, also when the thread has ended.
#[test]
fn shuttle_cells_a_guard_is_forgotten() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_a_guard_is_forgotten", || {
        let cell = cell();
        let shared = Arc::clone(&cell);
        let forgetter = spawn("forgetter", move || {
            let mut reading = read(&shared);
            while reading.is_none() {
                thread::yield_now();
                reading = try_read(&shared);
            }
            reading.expect("at last").forget();
        });
        let shared = Arc::clone(&cell);
        let writer = spawn("writer", move || {
            set(write(&shared), 1);
            set(try_write(&shared), 2);
        });
        let shared = Arc::clone(&cell);
        let successor = spawn("successor", move || {
            join_all([forgetter]);
            // Its thread may get no record with that read in it.
            let cell = Arc::clone(&shared);
            join_all([spawn("reader", move || look(&read(&cell)))]);
            assert!(write(&shared).is_none());
        });
        join_all([writer, successor]);
        assert!(try_write(&cell).is_none());
        let (overlaps, _) = overlaps();
        let last = overlaps.last().expect("just now");
        assert_eq!((&*last.other.thread, last.more), ("forgetter", 0));
        assert_reports();
        add_reports(&REPORTS);
    });
    assert_some("cells_a_guard_is_forgotten", &REPORTS);
}

/// What is done under a lock, or handed over by a channel, is never reported.
#[test]
fn shuttle_cells_in_order() {
    schedules("cells_in_order", || {
        let cell = cell();
        let lock = Arc::new(Mutex::new(0));
        let (done, all_done) = mpsc::channel();
        let tasks = (1..4).map(|n| {
            let (cell, lock, done) = (Arc::clone(&cell), Arc::clone(&lock), done.clone());
            spawn("under the lock", move || {
                let mut last = lock.lock().expect("not poisoned");
                assert_eq!(replace(&cell, n), Some(*last));
                let reading = read(&cell);
                look(&reading.as_ref().and_then(again));
                drop(reading);
                *last = n + 10;
                set(try_write(&cell), *last);
                drop(last);
                done.send(()).expect("somebody waits");
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for _ in &tasks {
            all_done.recv().expect("all will be done");
        }
        let readers = [1, 2].map(|_| {
            let (cell, done) = (Arc::clone(&cell), done.clone());
            spawn("reader", move || {
                look(&read(&cell));
                done.send(()).expect("somebody waits");
            })
        });
        for _ in &readers {
            all_done.recv().expect("both will have read");
        }
        take(&cell);
        join_all(tasks);
        join_all(readers);
        assert_quiet();
    });
}
