//! Loom models of the gate as shipped: every interleaving, and every value that the memory model
//! permits a load to return.
//!
//! `just loom` runs the models; each prints its number of executions and their bound. A model with
//! a bound on preemptions leaves out executions in which threads are preempted more often, and
//! `just loom-long` raises that bound. `just ordering-mutants` weakens each ordering once,
//! and a model must fail.
//!
//! | file | what holds in every execution |
//! |---|---|
//! | `exclusion.rs` | no two conflicting accesses are inside at once; a write happens-before the next access |
//! | `overlaps.rs` | of two attempts known to overlap, at least one reports; a closed gate refuses all accesses |
//! | `reader_count.rs` | a writer reports the number of readers, without any that has left |
//! | `transitivity.rs` | happens-before edges through another gate are respected |
//! | `no_false_positives.rs` | accesses that do not overlap are not reported, however weakly the program orders them |
//! | `reports.rs` | the other side of a report is one access, and none that had ended before |
//! | `thread_exit.rs` | all of this holds while threads start and exit and records are reused |
//! | `blocks.rs` | all of this holds for accesses in slot blocks, whose occupancy bitmap a scan reads first |
//!
//! Loom's cell checks exclusion and order: a read and a write, or two writes, that no chain of
//! Release and Acquire orders fail the model.
//!
//! Loom has two limits. Its `SeqCst` fences are stronger than the language's: everything before the
//! first fence happens-before everything after the second. So a model checks the other orderings
//! only in executions with the opposite order of these fences; `reports.rs` and `thread_exit.rs`
//! read slots without such a fence. And loom keeps the last seven stores to a word: it does not
//! explore a load that returns an older one.

#![allow(
    unsafe_code,
    reason = "accesses the value after the gate has been entered"
)]

mod blocks;
mod exclusion;
mod no_false_positives;
mod overlaps;
mod reader_count;
mod reports;
mod thread_exit;
mod transitivity;

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::gate::Gate;
use super::identity::ThreadIdentity;
use super::record::{Record, Registry, Slot, SlotSnapshot};
use super::site::{Access, AccessKind, Name, Operation};
use crate::loom_models::{Bound, check};
use crate::sync::{Counter, Ordering, UnsafeCell};

/// The number of the value's gate, and of another gate.
const GATE: u64 = 7;
const OTHER_GATE: u64 = 8;

#[track_caller]
const fn access(operation: &'static Operation) -> Access {
    Access {
        operation,
        location: Location::caller(),
    }
}

const fn operation(name: &'static str, kind: AccessKind) -> Operation {
    Operation { name, kind }
}

/// Accesses, each with an operation and a line of its own.
static GET: Access = access(&operation("get", AccessKind::Read));
static LEN: Access = access(&operation("len", AccessKind::Read));
static CURSOR: Access = access(&operation("cursor", AccessKind::Iterate));
static INSERT: Access = access(&operation("insert", AccessKind::Write));
static REMOVE: Access = access(&operation("remove", AccessKind::Write));

/// Another operation on the line of `GET`.
static GET_WITH: Access = Access {
    operation: &operation("get_with", AccessKind::Read),
    location: GET.location,
};

/// The operation of `GET` on another line.
static GET_ELSEWHERE: Access = Access {
    operation: GET.operation,
    location: LEN.location,
};

/// The other side of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Side {
    thread: u64,
    operation: &'static str,
    line: u32,
    /// The start time, of writes only.
    since: u64,
    delayed_since: Option<u64>,
}

impl Side {
    fn of(thread: u64, access: Access, since: u64) -> Self {
        Self {
            thread,
            operation: access.operation.name,
            line: access.location.line(),
            since,
            delayed_since: None,
        }
    }

    /// Converts a snapshot; fails if the thread's name or creation site is another thread's.
    fn of_snapshot(seen: &SlotSnapshot) -> Self {
        assert_whole(&seen.thread);
        Self {
            thread: seen.thread.number,
            operation: seen.operation.name,
            line: seen.location.line(),
            since: if seen.operation.kind == AccessKind::Write {
                seen.since
            } else {
                0
            },
            delayed_since: seen.delayed_since,
        }
    }
}

/// Returns the identity of thread `number`, with a name and a creation site derived from it.
fn identity_of(number: u64) -> ThreadIdentity {
    let locations = [GET.location, LEN.location, CURSOR.location, INSERT.location];
    ThreadIdentity {
        number,
        name: Name::new(&format!("thread {number}")),
        created_at: Some(locations[number as usize % locations.len()]),
    }
}

fn assert_whole(seen: &ThreadIdentity) {
    let expected = identity_of(seen.number);
    assert_eq!(seen.name, expected.name, "the name of another thread");
    assert_eq!(
        seen.created_at.map(Location::line),
        expected.created_at.map(Location::line),
        "the creation site of another thread"
    );
}

/// The end of an attempt: it entered, or it reported an overlap, with the other side if known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Entered,
    Reported(Option<Side>),
}

impl End {
    fn entered(self) -> bool {
        self == Self::Entered
    }
}

/// A gate, a value behind it, and the records of all threads.
struct Shared {
    gate: Gate,
    other_gate: Gate,
    registry: Registry,
    value: UnsafeCell<usize>,
    /// Behind the other gate.
    other_value: UnsafeCell<usize>,
    entered: Counter,
    reported: Counter,
}

// SAFETY: each value is accessed only by accesses that have entered its gate; the models check that
// this is sound.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::numbered(GATE),
            other_gate: Gate::numbered(OTHER_GATE),
            registry: Registry::new(),
            value: UnsafeCell::new(0),
            other_value: UnsafeCell::new(0),
            entered: Counter::new(0),
            reported: Counter::new(0),
        })
    }

    /// Acquires a record for thread `number`.
    fn record(&self, number: u64) -> &'static Record {
        self.registry.acquire(&identity_of(number))
    }

    /// Makes one read; calls `inside` if it enters.
    fn read_with(&self, slot: &'static Slot, access: Access, inside: impl FnOnce()) -> End {
        let end = match self.gate.enter_read(slot, access) {
            Ok(()) => {
                // SAFETY: the read is inside.
                self.value.with(|value| unsafe { *value });
                inside();
                // SAFETY: the read is inside.
                self.value.with(|value| unsafe { *value });
                End::Entered
            }
            Err(conflict) => self.reported(conflict.other, conflict.writes),
        };
        self.gate.leave_read(slot);
        assert!(slot.is_free());
        self.count(end)
    }

    fn read(&self, slot: &'static Slot, access: Access) -> End {
        self.read_with(slot, access, || ())
    }

    /// Makes one read in a slot block of `record`; calls `inside` if it enters.
    fn read_in_block_with(
        &self,
        record: &'static Record,
        access: Access,
        inside: impl FnOnce(),
    ) -> End {
        let slot = record.claim_in_block();
        let end = self.read_with(slot, access, inside);
        assert!(!self.registry.clean_up(slot), "its thread has not ended");
        end
    }

    fn read_in_block(&self, record: &'static Record, access: Access) -> End {
        self.read_in_block_with(record, access, || ())
    }

    /// Makes one write; calls `inside` if it enters.
    fn write_with(
        &self,
        slot: &'static Slot,
        access: Access,
        since: u64,
        inside: impl FnOnce(),
    ) -> End {
        let end = match self.gate.enter_write(&self.registry, slot, access, since) {
            Ok(()) => {
                // SAFETY: the write is inside.
                self.value.with_mut(|value| unsafe { *value += 1 });
                inside();
                // SAFETY: the write is inside.
                self.value.with_mut(|value| unsafe { *value += 1 });
                End::Entered
            }
            Err(conflict) => self.reported(conflict.other, conflict.writes),
        };
        self.gate.leave_write(slot);
        assert!(slot.is_free());
        self.count(end)
    }

    fn write(&self, slot: &'static Slot, access: Access, since: u64) -> End {
        self.write_with(slot, access, since, || ())
    }

    /// Makes one read of the other gate, for models in which it has no writer.
    fn read_elsewhere(&self, slot: &'static Slot, access: Access) {
        assert!(self.other_gate.enter_read(slot, access).is_ok());
        self.other_gate.leave_read(slot);
    }

    /// Reads the other gate's value, if the read enters.
    fn read_other(&self, slot: &'static Slot, access: Access, inside: impl FnOnce(usize)) {
        if self.other_gate.enter_read(slot, access).is_ok() {
            // SAFETY: the read is inside.
            inside(self.other_value.with(|value| unsafe { *value }));
        }
        self.other_gate.leave_read(slot);
    }

    /// Writes the other gate's value, if the write enters.
    fn write_other(&self, slot: &'static Slot, access: Access, inside: impl FnOnce(&mut usize)) {
        let end = self.other_gate.enter_write(&self.registry, slot, access, 1);
        if end.is_ok() {
            // SAFETY: the write is inside.
            self.other_value
                .with_mut(|value| inside(unsafe { &mut *value }));
        }
        self.other_gate.leave_write(slot);
    }

    fn reported(&self, other: &'static Slot, writes: bool) -> End {
        End::Reported(other.snapshot(GATE, writes).as_ref().map(Side::of_snapshot))
    }

    fn count(&self, end: End) -> End {
        let counter = if end.entered() {
            &self.entered
        } else {
            &self.reported
        };
        counter.fetch_add(1, Ordering::Relaxed);
        end
    }

    fn reports(&self) -> u64 {
        self.reported.load(Ordering::Relaxed)
    }

    /// Asserts that each attempt either entered or reported.
    fn assert_attempts(&self, attempts: u64) {
        let entered = self.entered.load(Ordering::Relaxed);
        assert_eq!(entered + self.reports(), attempts);
    }
}

/// Starts a thread of a model.
fn spawn<T: 'static>(
    shared: &Arc<Shared>,
    body: impl FnOnce(&Shared) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || body(&shared))
}

fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the model does not panic")
}
