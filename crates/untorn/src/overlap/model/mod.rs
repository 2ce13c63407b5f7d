//! The gate, as shipped, under loom: every interleaving, and every value that the memory model lets a load see.
//!
//! `just loom` runs the models; each prints how many executions it took and what bounded them. Where a bound on
//! preemptions is given, executions in which threads are interrupted more often are left out; `just loom-long` takes a
//! higher one. `just weakened` takes each ordering away once, and a model must fail.
//!
//! | file | what holds in every execution |
//! |---|---|
//! | `exclusion.rs` | no two accesses are inside at once, one of them a write; what one did the next one sees |
//! | `overlaps.rs` | where two attempts are known to overlap, at least one reports; a closed gate lets nobody in |
//! | `count.rs` | a writer is told how many readers there are, and of none that has left |
//! | `order.rs` | an access to another gate hands over what was done at this one |
//! | `quiet.rs` | accesses that follow each other are not reported, however weakly the program orders them |
//! | `reports.rs` | what a report says of the other side is of one access, and of none that had ended before |
//! | `life.rs` | the same while threads come and go and records change hands |
//! | `blocks.rs` | all of that for accesses in slot blocks, whose occupancy bitmap a scan reads first |
//!
//! Exclusion and order are watched by loom's cell: a read and a write, or two writes, that no chain of Release and Acquire
//! orders fail the model.
//!
//! Two limits of loom: a `SeqCst` fence orders more than the language says (all before the first one comes before all after
//! the second), so a model says something of the other orderings only by executions in which these fences come the other
//! way round; `reports.rs` and `life.rs` look at slots without any. And the last seven stores to a word are kept: a
//! load that sees an older one is not tried.

#![allow(unsafe_code, reason = "reaches the value when the gate has let it in")]

mod blocks;
mod count;
mod exclusion;
mod life;
mod order;
mod overlaps;
mod quiet;
mod reports;

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::gate::Gate;
use super::identity::Who;
use super::record::{Record, Registry, Seen, Slot};
use super::site::{Access, AccessKind, Name, Operation};
use crate::sync::{Counter, Ordering, UnsafeCell};

/// The gate in front of the value, and another one.
const GATE: u64 = 7;
const OTHER_GATE: u64 = 8;

#[track_caller]
const fn access(operation: &'static Operation) -> Access {
    Access {
        operation,
        at: Location::caller(),
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
    at: GET.at,
};

/// The operation of `GET` on another line.
static GET_ELSEWHERE: Access = Access {
    operation: GET.operation,
    at: LEN.at,
};

/// What a report says of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Side {
    thread: u64,
    operation: &'static str,
    line: u32,
    /// Of writes only.
    since: u64,
    kept_open: Option<u64>,
}

impl Side {
    fn of(thread: u64, access: Access, since: u64) -> Self {
        Self {
            thread,
            operation: access.operation.name,
            line: access.at.line(),
            since,
            kept_open: None,
        }
    }

    /// Fails if the thread's name and creator are another thread's.
    fn seen(seen: &Seen) -> Self {
        assert_whole(&seen.who);
        Self {
            thread: seen.who.number,
            operation: seen.operation.name,
            line: seen.at.line(),
            since: if seen.operation.kind == AccessKind::Write {
                seen.since
            } else {
                0
            },
            kept_open: seen.kept_open,
        }
    }
}

/// Thread `number`: the line that created it is its own, and so is its name.
fn who(number: u64) -> Who {
    let births = [GET.at, LEN.at, CURSOR.at, INSERT.at];
    Who {
        number,
        name: Name::new(&format!("thread {number}")),
        created_at: Some(births[number as usize % births.len()]),
    }
}

fn assert_whole(seen: &Who) {
    let expected = who(seen.number);
    assert_eq!(seen.name, expected.name, "the name of another thread");
    assert_eq!(
        seen.created_at.map(Location::line),
        expected.created_at.map(Location::line),
        "the creator of another thread"
    );
}

/// How an attempt ended: inside, or with a report that may know the other side.
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

// SAFETY: each value is reached only by those whom its gate lets in; that this is sound is what the models check.
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

    /// A record for thread `number`.
    fn record(&self, number: u64) -> &'static Record {
        self.registry.acquire(&who(number))
    }

    /// One read, with `inside` called if it is let in.
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
            Err(busy) => self.reported(busy.other, busy.writes),
        };
        self.gate.leave_read(slot);
        assert!(slot.is_free());
        self.count(end)
    }

    fn read(&self, slot: &'static Slot, access: Access) -> End {
        self.read_with(slot, access, || ())
    }

    /// One read in a slot block of `record`, with `inside` called if it is let in.
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

    /// One write, with `inside` called if it is let in.
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
            Err(busy) => self.reported(busy.other, busy.writes),
        };
        self.gate.leave_write(slot);
        assert!(slot.is_free());
        self.count(end)
    }

    fn write(&self, slot: &'static Slot, access: Access, since: u64) -> End {
        self.write_with(slot, access, since, || ())
    }

    /// One read of the other gate, which nobody writes to.
    fn read_elsewhere(&self, slot: &'static Slot, access: Access) {
        assert!(self.other_gate.enter_read(slot, access).is_ok());
        self.other_gate.leave_read(slot);
    }

    /// One read of the other gate's value, if it enters.
    fn read_other(&self, slot: &'static Slot, access: Access, inside: impl FnOnce(usize)) {
        if self.other_gate.enter_read(slot, access).is_ok() {
            // SAFETY: the read is inside.
            inside(self.other_value.with(|value| unsafe { *value }));
        }
        self.other_gate.leave_read(slot);
    }

    /// One write to the other gate's value, if it enters.
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
        End::Reported(other.seen(GATE, writes).as_ref().map(Side::seen))
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

    /// That each attempt either entered or reported.
    fn assert_attempts(&self, attempts: u64) {
        let entered = self.entered.load(Ordering::Relaxed);
        assert_eq!(entered + self.reports(), attempts);
    }
}

/// How far a model goes.
#[derive(Clone, Copy)]
enum Bound {
    /// Every execution.
    None,
    /// Those in which threads are preempted so often at most. `UNTORN_LOOM_PREEMPTIONS` may say how much oftener, or
    /// `none` for every execution.
    Preemptions(usize),
}

impl Bound {
    fn preemptions(self) -> Option<usize> {
        let Self::Preemptions(bound) = self else {
            return None;
        };
        match std::env::var("UNTORN_LOOM_PREEMPTIONS") {
            Ok(longer) if longer == "none" => None,
            Ok(longer) => {
                let longer: usize = longer
                    .parse()
                    .expect("UNTORN_LOOM_PREEMPTIONS: a number or none");
                Some(bound + longer)
            }
            Err(_) => Some(bound),
        }
    }
}

/// Checks `body` in every execution within the bound.
fn check(name: &str, bound: Bound, body: impl Fn() + Sync + Send + 'static) {
    static TOTAL: Counter = Counter::new(0);
    let preemptions = bound.preemptions();
    let executions = std::sync::Arc::new(Counter::new(0));
    let count = std::sync::Arc::clone(&executions);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let executions = executions.load(Ordering::Relaxed);
    let total = TOTAL.fetch_add(executions, Ordering::Relaxed) + executions;
    let bound = preemptions.map_or("no bound".into(), |n| format!("at most {n} preemptions"));
    println!("{name}: {executions} executions, {bound}; {total} in all so far");
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
