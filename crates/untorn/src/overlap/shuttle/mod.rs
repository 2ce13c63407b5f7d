//! `OverlapCell` as a whole under shuttle: guards that are held, mapped, cloned, leaked and dropped
//! in any order, attempts that fail, threads that exit. `schedules/` draws the schedules.
//!
//! Each attempt is logged from its call until its guard is dropped. In every schedule:
//! - no two conflicting accesses are inside at once: so of two that overlap at least one reports;
//! - each report has an overlapping attempt: their intervals intersect, and one of them is a write;
//! - both sides of a report, with thread, operation and line, are the reporting attempt and such an
//!   overlapping one, and the report has no more readers than overlap.

mod log;

use std::cell::RefCell;

use shuttle::sync::{Arc, Mutex, mpsc};
use shuttle::thread;

use self::log::{Held, assert_reports, begin, begin_log};
use super::record::SLOTS;
use super::{OnOverlap, OverlapCell, ReadGuard, WriteGuard};
use crate::schedules::{
    add_reports, assert_no_reports, assert_some, attempt, join_all, note, overlaps,
};
use crate::schedules::{schedules, spawn, tried};
use crate::sync::Counter;

/// A value whose halves are equal unless it is torn.
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

fn clone_guard<'c, T>(reading: &Held<ReadGuard<'c, T>>) -> Read<'c, T> {
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

/// Checks the value through a guard.
fn check_value(reading: &Read<'_>) {
    if let Some(reading) = reading {
        reading.assert_whole();
    }
}

fn set(writing: Write<'_>, n: u64) {
    if let Some(mut writing) = writing {
        writing.set(n);
    }
}

/// Guards held while others are taken: a clone that outlives its original, mapped guards, nested
/// reads.
#[test]
fn shuttle_cells_guards_are_held() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_guards_are_held", || {
        let cell = cell();
        let shared = Arc::clone(&cell);
        let cloner = spawn("cloner", move || {
            if let Some(first) = read(&shared) {
                let second = clone_guard(&first);
                drop(first);
                check_value(&second);
                let part = second
                    .map(|second| second.map(|second| ReadGuard::map(second, |halves| &halves.1)));
                let third = part.as_ref().and_then(clone_guard);
                drop(part);
                thread::yield_now();
                drop(third);
            }
        });
        let shared = Arc::clone(&cell);
        let nested = spawn("nested", move || {
            let outer = try_read(&shared);
            let inner = read(&shared);
            check_value(&inner);
            drop(outer);
            check_value(&inner);
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

/// Attempts that are refused and retried, also inside an access of the same thread.
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
                        // The write conflicts with this thread's own read.
                        assert!(try_write(&cell).is_none());
                    }
                    check_value(&reading);
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

/// Threads exit while others scan, and their records are reused.
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
                    let another = reading.as_ref().and_then(clone_guard);
                    drop(reading);
                    check_value(&another);
                })]);
            }
        });
        let shared = Arc::clone(&cell);
        let writers = spawn("writers", move || {
            for (name, n) in [("writer 1", 1), ("writer 2", 2)] {
                let cell = Arc::clone(&shared);
                join_all([spawn(name, move || {
                    set(write(&cell), n);
                    check_value(&try_read(&cell));
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
    check_value(&last);
    drop(held.pop());
    drop(held);
    check_value(&last);
    // First used after the thread's own thread-locals, and so destroyed after them.
    KEPT.with(|kept| kept.replace(last));
}

/// Accesses in slot blocks, which are reused by the next threads, also after an access that ends
/// while the thread-locals are destroyed.
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

/// A leaked guard is always reported, with its thread's name, also after the thread has exited.
#[test]
fn shuttle_cells_a_guard_is_leaked() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cells_a_guard_is_leaked", || {
        let cell = cell();
        let shared = Arc::clone(&cell);
        let leaker = spawn("leaker", move || {
            let mut reading = read(&shared);
            while reading.is_none() {
                thread::yield_now();
                reading = try_read(&shared);
            }
            reading.expect("the loop ends with a guard").leak();
        });
        let shared = Arc::clone(&cell);
        let writer = spawn("writer", move || {
            set(write(&shared), 1);
            set(try_write(&shared), 2);
        });
        let shared = Arc::clone(&cell);
        let successor = spawn("successor", move || {
            join_all([leaker]);
            // The new thread must not reuse the record with that read.
            let cell = Arc::clone(&shared);
            join_all([spawn("reader", move || check_value(&read(&cell)))]);
            assert!(write(&shared).is_none());
        });
        join_all([writer, successor]);
        assert!(try_write(&cell).is_none());
        let (overlaps, _) = overlaps();
        let last = overlaps.last().expect("a report");
        assert_eq!(
            (&*last.other.thread, last.additional_readers),
            ("leaker", 0)
        );
        assert_reports();
        add_reports(&REPORTS);
    });
    assert_some("cells_a_guard_is_leaked", &REPORTS);
}

/// Accesses ordered by a lock or a channel are never reported.
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
                check_value(&reading.as_ref().and_then(clone_guard));
                drop(reading);
                *last = n + 10;
                set(try_write(&cell), *last);
                drop(last);
                done.send(()).expect("the receiver exists");
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for _ in &tasks {
            all_done.recv().expect("each task sends once");
        }
        let readers = [1, 2].map(|_| {
            let (cell, done) = (Arc::clone(&cell), done.clone());
            spawn("reader", move || {
                check_value(&read(&cell));
                done.send(()).expect("the receiver exists");
            })
        });
        for _ in &readers {
            all_done.recv().expect("each reader sends once");
        }
        take(&cell);
        join_all(tasks);
        join_all(readers);
        assert_no_reports();
    });
}
