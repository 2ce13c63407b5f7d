//! The detector of one map or cell: enters and leaves its gate with a slot of the current thread,
//! and applies the overlap policy.
//!
//! An access that enters returns a [`ReadAccess`] or a [`WriteAccess`], which leaves the gate when
//! it is dropped, also by unwinding. If it is leaked, the access never ends: its slot stays
//! published, and its record is never reused by another thread.

use std::cell::Cell;
use std::ffi::CStr;
use std::hint;
use std::panic::Location;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use super::clock;
use super::fatal;
use super::gate::{Conflict, Gate};
use super::identity::ThreadIdentity;
use super::policy::{Environment, OnOverlap};
use super::record::Slot;
use super::report::{Overlap, OverlapKind, Subject};
use super::site::{Access, AccessKind, Name, Operation, Site};
use super::stretch::Stretch;
use super::thread::{Claim, REGISTRY};
use super::tracing;
use super::tsan;
use crate::mutants::mutant;
use crate::sync::thread_local;

/// A map or cell, as its reports describe it.
pub(crate) trait Describe {
    /// The kind of object in reports of ThreadSanitizer.
    const KIND: &'static CStr;

    /// The default overlap policy of this kind.
    const ON_OVERLAP: OnOverlap;

    /// Returns the subject of a report. Called without entering the gate, so it loads atomics only.
    fn subject(&self) -> Subject;
}

/// A gate, with the description and the policy for the overlaps that it detects.
pub(crate) struct Detector<D> {
    gate: Gate,
    /// The value in annotations for ThreadSanitizer: all of it is one location, as Go's map is for
    /// Go's race detector.
    location: tsan::Location,
    pub(super) name: Option<Name>,
    /// `None`: the policy from the environment, or else the default of the kind.
    pub(super) on_overlap: Option<OnOverlap>,
    pub(super) description: D,
}

/// The number of spinning retries until a snapshot of the other side's slot validates. They take
/// some microseconds, which is enough if the other thread is running. There are few under shuttle,
/// where each retry takes some twenty steps and no other task progresses unless it is scheduled.
const SPIN_RETRIES: usize = if cfg!(untorn_shuttle) { 10 } else { 1000 };
/// The number of yielding retries after those, for a thread that was preempted between two
/// accesses.
const YIELD_RETRIES: usize = 10;

/// Prepares the process before its first access: reads the environment, starts the clock, and
/// registers the exit handler that waits for reports. Returns the `Stretch` of the environment.
#[inline]
pub(super) fn prepare() -> Stretch {
    // ThreadSanitizer would observe a part of it: a race with the first caller, or an order.
    let _hidden = (!mutant("tsan_sees_the_first")).then(tsan::hide);
    match Environment::known() {
        Some(environment) => environment.stretch,
        None => prepare_now(),
    }
}

#[cold]
fn prepare_now() -> Stretch {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        clock::start();
        fatal::prepare();
    });
    Environment::get().stretch
}

/// A read that is about to enter, has entered, or found a writer. If it is dropped before it is
/// published, its slot stays free.
pub(crate) struct ReadAccess<'d, D> {
    detector: &'d Detector<D>,
    claim: Claim,
    /// Dropped last, so that the access has left the gate when ThreadSanitizer prints a report.
    _annotation: tsan::Annotation<'d>,
}

impl<'d, D> ReadAccess<'d, D> {
    pub(super) fn detector(&self) -> &'d Detector<D> {
        self.detector
    }
}

impl<D> Drop for ReadAccess<'_, D> {
    #[inline(always)]
    fn drop(&mut self) {
        let _hidden = tsan::hide();
        self.detector.gate.leave_read(self.claim.slot);
    }
}

/// A write that is about to enter, has entered, or found a conflict.
pub(crate) struct WriteAccess<'d, D> {
    detector: &'d Detector<D>,
    claim: Claim,
    /// Dropped last, as in [`ReadAccess`].
    _annotation: tsan::Annotation<'d>,
}

impl<D> Drop for WriteAccess<'_, D> {
    #[inline(always)]
    fn drop(&mut self) {
        let _hidden = tsan::hide();
        self.detector.gate.leave_write(self.claim.slot);
    }
}

/// An access with a slot.
pub(super) trait HasSlot {
    fn slot(&self) -> &'static Slot;
}

impl<D> HasSlot for ReadAccess<'_, D> {
    fn slot(&self) -> &'static Slot {
        self.claim.slot
    }
}

impl<D> HasSlot for WriteAccess<'_, D> {
    fn slot(&self) -> &'static Slot {
        self.claim.slot
    }
}

impl<D> Detector<D> {
    pub(super) const fn new(description: D) -> Self {
        Self {
            gate: Gate::new(),
            location: tsan::Location::new(),
            name: None,
            on_overlap: None,
            description,
        }
    }
}

impl<D: Describe> Detector<D> {
    /// Claims a slot for a read that is about to enter.
    #[inline(always)]
    fn begin_read<'d>(&'d self, annotation: tsan::Annotation<'d>) -> ReadAccess<'d, D> {
        ReadAccess {
            detector: self,
            claim: Claim::new(),
            _annotation: annotation,
        }
    }

    /// Claims a slot for a write that is about to enter.
    #[inline(always)]
    fn begin_write<'d>(&'d self, annotation: tsan::Annotation<'d>) -> WriteAccess<'d, D> {
        WriteAccess {
            detector: self,
            claim: Claim::new(),
            _annotation: annotation,
        }
    }

    /// Enters to read; applies the policy to an overlap.
    #[inline(always)]
    #[track_caller]
    pub(super) fn enter_read(&self, operation: &'static Operation) -> ReadAccess<'_, D> {
        let annotation = self.location.read(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let this_side = self.begin_read(annotation);
        if let Err(conflict) = self.gate.enter_read(this_side.claim.slot, access) {
            self.report_conflict(access, &conflict, None, this_side);
        }
        this_side
    }

    /// Enters to write; applies the policy to an overlap.
    #[inline(always)]
    #[track_caller]
    pub(super) fn enter_write(&self, operation: &'static Operation) -> WriteAccess<'_, D> {
        let annotation = self.location.write(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let since = clock::now();
        let this_side = self.begin_write(annotation);
        if let Err(conflict) = self
            .gate
            .enter_write(&REGISTRY, this_side.claim.slot, access, since)
        {
            self.report_conflict(access, &conflict, Some(since), this_side);
        }
        this_side
    }

    /// Enters to read, or leaves again and returns the overlap.
    #[inline]
    #[track_caller]
    pub(super) fn try_enter_read(
        &self,
        operation: &'static Operation,
    ) -> Result<ReadAccess<'_, D>, Box<Overlap>> {
        let annotation = self.location.read(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let this_side = self.begin_read(annotation);
        match self.gate.enter_read(this_side.claim.slot, access) {
            Ok(()) => Ok(this_side),
            Err(conflict) => Err(self.refuse(access, &conflict, None, this_side)),
        }
    }

    /// Enters to write, or leaves again and returns the overlap.
    #[inline]
    #[track_caller]
    pub(super) fn try_enter_write(
        &self,
        operation: &'static Operation,
    ) -> Result<WriteAccess<'_, D>, Box<Overlap>> {
        let annotation = self.location.write(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let since = clock::now();
        let this_side = self.begin_write(annotation);
        match self
            .gate
            .enter_write(&REGISTRY, this_side.claim.slot, access, since)
        {
            Ok(()) => Ok(this_side),
            Err(conflict) => Err(self.refuse(access, &conflict, Some(since), this_side)),
        }
    }

    /// Returns the overlap of an attempt. The attempt ends before the allocation: a global
    /// allocator may use maps and cells.
    #[cold]
    fn refuse<G: HasSlot>(
        &self,
        access: Access,
        conflict: &Conflict,
        since: Option<u64>,
        this_side: G,
    ) -> Box<Overlap> {
        let overlap = self.overlap(access, conflict, this_side.slot(), since);
        drop(this_side);
        Box::new(overlap)
    }

    /// Reads both sides of an overlap, while this side is still published.
    #[cold]
    fn overlap(
        &self,
        access: Access,
        conflict: &Conflict,
        slot: &'static Slot,
        since: Option<u64>,
    ) -> Overlap {
        let Access {
            operation,
            location,
        } = access;
        // While the other thread is between two accesses, its slot contains neither. Its next
        // access overlaps with this attempt as well, since the attempt is still in progress.
        let spins = (0..SPIN_RETRIES).map(|_| hint::spin_loop());
        let yields = (0..YIELD_RETRIES).map(|_| thread::yield_now());
        let snapshot = spins
            .chain(yields)
            .find_map(|()| conflict.other.snapshot(self.gate.number(), conflict.writes));
        let here = site(
            slot.identity()
                .get()
                .unwrap_or_else(ThreadIdentity::unknown),
            operation,
            Some(location),
            since.and_then(clock::since),
        );
        let other = match snapshot {
            Some(snapshot) => {
                let delayed_since = snapshot.delayed_since;
                let since = if conflict.writes {
                    Some(snapshot.since)
                } else {
                    delayed_since
                };
                let duration = since.and_then(clock::since);
                Site {
                    stretched: delayed_since.is_some(),
                    ..site(
                        snapshot.thread,
                        snapshot.operation,
                        Some(snapshot.location),
                        duration,
                    )
                }
            }
            // The access has ended, and another thread may own the record by now.
            None => site(
                ThreadIdentity::unknown(),
                ended_operation(conflict.writes),
                None,
                None,
            ),
        };
        Overlap {
            kind: OverlapKind::of(here.kind, other.kind),
            here,
            other,
            additional_readers: conflict.additional_readers,
            name: self.name,
            subject: self.description.subject(),
        }
    }

    /// Applies the policy to an overlap. `this_side` is this attempt, which is still published.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn report_conflict<G: HasSlot>(
        &self,
        access: Access,
        conflict: &Conflict,
        since: Option<u64>,
        this_side: G,
    ) -> ! {
        let overlap = self.overlap(access, conflict, this_side.slot(), since);
        let policy = self.on_overlap.or(Environment::get().on_overlap);
        match policy.unwrap_or(D::ON_OVERLAP) {
            OnOverlap::Exit => {
                fatal::report_and_exit(&overlap, || self.gate.close(this_side.slot()))
            }
            OnOverlap::Panic => {
                drop(this_side);
                without_recursion(|| tracing::emit(&overlap));
            }
            OnOverlap::Call(function) => {
                drop(this_side);
                without_recursion(|| {
                    tracing::emit(&overlap);
                    function(&overlap);
                });
            }
        }
        // The panic hook is user code, whose accesses ThreadSanitizer should observe.
        let _shown = (!mutant("tsan_sees_no_hook")).then(tsan::show);
        panic!("{overlap}")
    }
}

/// Calls `report`, unless this thread is inside such a call: `report` may use a map or cell that
/// the other side still uses, and the recursion would not end.
fn without_recursion(report: impl FnOnce()) {
    thread_local! {
        static REPORTING: Cell<bool> = const { Cell::new(false) };
    }

    struct Reset;

    impl Drop for Reset {
        fn drop(&mut self) {
            REPORTING.with(|reporting| reporting.set(false));
        }
    }

    if !REPORTING.with(|reporting| reporting.replace(true)) {
        let _reset = Reset;
        let _shown = tsan::show();
        report();
    }
}

/// Returns the operation of an access that ended before it could be read.
fn ended_operation(writes: bool) -> &'static Operation {
    if writes {
        &Operation {
            name: "an access that has ended",
            kind: AccessKind::Write,
        }
    } else {
        &Operation {
            name: "an access that has ended",
            kind: AccessKind::Read,
        }
    }
}

fn site(
    thread: ThreadIdentity,
    operation: &'static Operation,
    location: Option<&'static Location<'static>>,
    duration: Option<Duration>,
) -> Site {
    Site {
        thread: thread.name,
        thread_number: thread.number,
        created_at: thread.created_at,
        location,
        operation: operation.name,
        kind: operation.kind,
        duration,
        stretched: false,
    }
}
