//! The way in: enters a gate with a slot of this thread's, and knows what is said and done about an overlap.
//!
//! What an access gets for entering is an [`OngoingRead`] or an [`OngoingWrite`], which leaves the gate when it is
//! dropped, by a panic too. If it is forgotten, it is inside for ever: its slot stays announced, and its record is
//! never given to another thread.

use std::cell::Cell;
use std::ffi::CStr;
use std::hint;
use std::panic::Location;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use super::clock;
use super::event;
use super::fatal;
use super::gate::{Busy, Gate};
use super::identity::Who;
use super::policy::{Environment, OnOverlap};
use super::record::Slot;
use super::report::{Overlap, OverlapKind, Subject};
use super::site::{Access, AccessKind, Name, Operation, Site};
use super::stretch::Stretch;
use super::thread::{Claim, REGISTRY};
use super::tsan;
use crate::mutants::mutant;
use crate::sync::thread_local;

/// What a report says of the thing behind the gate.
pub(crate) trait Describe {
    /// What ThreadSanitizer calls such a thing.
    const KIND: &'static CStr;

    /// What is done about an overlap unless somebody chose.
    const ON_OVERLAP: OnOverlap;

    /// Asked without entering, so of atomics only.
    fn subject(&self) -> Subject;
}

/// A gate, and what is said and done when it notices an overlap.
pub(crate) struct Entrance<D> {
    gate: Gate,
    /// The thing behind it to ThreadSanitizer: all of it is one location, as Go's map to Go's race detector.
    location: tsan::Location,
    pub(super) name: Option<Name>,
    /// `None`: what the environment says, or else what is usual for such a thing.
    pub(super) on_overlap: Option<OnOverlap>,
    pub(super) description: D,
}

/// How often the slot of the other side is looked at until it tells of an access: some microseconds, which is enough
/// for a thread that is running. Under shuttle, where each look takes some twenty steps, a few: no step passes in vain
/// there unless it is drawn.
const LOOKS: usize = if cfg!(untorn_shuttle) { 10 } else { 1000 };
/// How often the processor is offered after that to a thread that was stopped between two accesses.
const OFFERS: usize = 10;

/// What has to be done before the first access of a process: the environment is read, the clock started, and the end of
/// the process told to wait for reports. Returns what the environment says of stretching.
#[inline]
pub(super) fn prepare() -> Stretch {
    // ThreadSanitizer would see half of it: a race with whoever was first, or an order.
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

/// A read that is about to enter, is inside, or found a writer there. Dropped before it was announced, it leaves a slot
/// that is free as free as it was.
pub(crate) struct OngoingRead<'e, D> {
    entrance: &'e Entrance<D>,
    claim: Claim,
    /// The last to be dropped, so that a report of ThreadSanitizer is printed by one that has left.
    _told: tsan::Told<'e>,
}

impl<'e, D> OngoingRead<'e, D> {
    pub(super) fn entrance(&self) -> &'e Entrance<D> {
        self.entrance
    }
}

impl<D> Drop for OngoingRead<'_, D> {
    #[inline(always)]
    fn drop(&mut self) {
        let _hidden = tsan::hide();
        self.entrance.gate.leave_read(self.claim.slot);
    }
}

/// The same for a write.
pub(crate) struct OngoingWrite<'e, D> {
    entrance: &'e Entrance<D>,
    claim: Claim,
    /// The last to be dropped, so that a report of ThreadSanitizer is printed by one that has left.
    _told: tsan::Told<'e>,
}

impl<D> Drop for OngoingWrite<'_, D> {
    #[inline(always)]
    fn drop(&mut self) {
        let _hidden = tsan::hide();
        self.entrance.gate.leave_write(self.claim.slot);
    }
}

/// An access that knows its slot.
pub(super) trait Inside {
    fn slot(&self) -> &'static Slot;
}

impl<D> Inside for OngoingRead<'_, D> {
    fn slot(&self) -> &'static Slot {
        self.claim.slot
    }
}

impl<D> Inside for OngoingWrite<'_, D> {
    fn slot(&self) -> &'static Slot {
        self.claim.slot
    }
}

impl<D> Entrance<D> {
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

impl<D: Describe> Entrance<D> {
    /// What stands for a read that is about to enter.
    #[inline(always)]
    fn read_to_be<'e>(&'e self, told: tsan::Told<'e>) -> OngoingRead<'e, D> {
        OngoingRead {
            entrance: self,
            claim: Claim::new(),
            _told: told,
        }
    }

    /// What stands for a write that is about to enter.
    #[inline(always)]
    fn write_to_be<'e>(&'e self, told: tsan::Told<'e>) -> OngoingWrite<'e, D> {
        OngoingWrite {
            entrance: self,
            claim: Claim::new(),
            _told: told,
        }
    }

    /// Enters to read; an overlap is acted on.
    #[inline(always)]
    #[track_caller]
    pub(super) fn enter_read(&self, operation: &'static Operation) -> OngoingRead<'_, D> {
        let told = self.location.read(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let inside = self.read_to_be(told);
        if let Err(busy) = self.gate.enter_read(inside.claim.slot, access) {
            self.notice(access, &busy, None, inside);
        }
        inside
    }

    /// Enters to write; an overlap is acted on.
    #[inline(always)]
    #[track_caller]
    pub(super) fn enter_write(&self, operation: &'static Operation) -> OngoingWrite<'_, D> {
        let told = self.location.write(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let since = clock::now();
        let inside = self.write_to_be(told);
        if let Err(busy) = self
            .gate
            .enter_write(&REGISTRY, inside.claim.slot, access, since)
        {
            self.notice(access, &busy, Some(since), inside);
        }
        inside
    }

    /// Enters to read, or tells of the overlap and has left again.
    #[inline]
    #[track_caller]
    pub(super) fn try_enter_read(
        &self,
        operation: &'static Operation,
    ) -> Result<OngoingRead<'_, D>, Box<Overlap>> {
        let told = self.location.read(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let inside = self.read_to_be(told);
        match self.gate.enter_read(inside.claim.slot, access) {
            Ok(()) => Ok(inside),
            Err(busy) => Err(self.refuse(access, &busy, None, inside)),
        }
    }

    /// Enters to write, or tells of the overlap and has left again.
    #[inline]
    #[track_caller]
    pub(super) fn try_enter_write(
        &self,
        operation: &'static Operation,
    ) -> Result<OngoingWrite<'_, D>, Box<Overlap>> {
        let told = self.location.write(D::KIND, self.name.as_ref());
        let _hidden = tsan::hide();
        let access = Access::here(operation);
        let since = clock::now();
        let inside = self.write_to_be(told);
        match self
            .gate
            .enter_write(&REGISTRY, inside.claim.slot, access, since)
        {
            Ok(()) => Ok(inside),
            Err(busy) => Err(self.refuse(access, &busy, Some(since), inside)),
        }
    }

    /// Returns the overlap of an attempt, and ends the attempt before it allocates: a global
    /// allocator may use maps and cells.
    #[cold]
    fn refuse<G: Inside>(
        &self,
        access: Access,
        busy: &Busy,
        since: Option<u64>,
        inside: G,
    ) -> Box<Overlap> {
        let overlap = self.overlap(access, busy, inside.slot(), since);
        drop(inside);
        Box::new(overlap)
    }

    /// The two sides, read while this one is still announced.
    #[cold]
    fn overlap(
        &self,
        access: Access,
        busy: &Busy,
        slot: &'static Slot,
        since: Option<u64>,
    ) -> Overlap {
        let Access { operation, at } = access;
        // While the other thread is between two accesses its slot tells of neither; the next one overlaps with this
        // attempt as well, since it is still going on.
        let seen = (0..LOOKS + OFFERS).find_map(|look| {
            if look < LOOKS {
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
            busy.other.seen(self.gate.number(), busy.writes)
        });
        let here = site(
            slot.identity().who().unwrap_or_else(Who::unknown),
            operation,
            Some(at),
            since.and_then(clock::since),
        );
        let other = match seen {
            Some(seen) => {
                let kept_open = seen.kept_open;
                let since = if busy.writes {
                    Some(seen.since)
                } else {
                    kept_open
                };
                let duration = since.and_then(clock::since);
                Site {
                    stretched: kept_open.is_some(),
                    ..site(seen.who, seen.operation, Some(seen.at), duration)
                }
            }
            // It went on elsewhere, and its record may be another thread's by now.
            None => site(Who::unknown(), unknown(busy.writes), None, None),
        };
        Overlap {
            kind: OverlapKind::of(here.kind, other.kind),
            here,
            other,
            additional_readers: busy.more,
            name: self.name,
            subject: self.description.subject(),
        }
    }

    /// Does what is to be done about an overlap. `inside` is this side, announced.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn notice<G: Inside>(&self, access: Access, busy: &Busy, since: Option<u64>, inside: G) -> ! {
        let overlap = self.overlap(access, busy, inside.slot(), since);
        let chosen = self.on_overlap.or(Environment::get().on_overlap);
        match chosen.unwrap_or(D::ON_OVERLAP) {
            OnOverlap::Exit => fatal::die(&overlap, || self.gate.close(inside.slot())),
            OnOverlap::Panic => {
                drop(inside);
                once_at_a_time(|| event::emit(&overlap));
            }
            OnOverlap::Call(function) => {
                drop(inside);
                once_at_a_time(|| {
                    event::emit(&overlap);
                    function(&overlap);
                });
            }
        }
        // The panic hook is foreign.
        let _shown = (!mutant("tsan_sees_no_hook")).then(tsan::show);
        panic!("{overlap}")
    }
}

/// Calls `tell`, unless this overlap was met by one that is being told of on this thread: what `tell` uses may still
/// be in use by the other side, and the calls would have no end.
fn once_at_a_time(tell: impl FnOnce()) {
    thread_local! {
        static TELLING: Cell<bool> = const { Cell::new(false) };
    }

    struct Done;

    impl Drop for Done {
        fn drop(&mut self) {
            TELLING.with(|telling| telling.set(false));
        }
    }

    if !TELLING.with(|telling| telling.replace(true)) {
        let _done = Done;
        let _shown = tsan::show();
        tell();
    }
}

/// What is known of an access whose slot already serves another.
fn unknown(writes: bool) -> &'static Operation {
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
    who: Who,
    operation: &'static Operation,
    location: Option<&'static Location<'static>>,
    duration: Option<Duration>,
) -> Site {
    Site {
        thread: who.name,
        thread_number: who.number,
        created_at: who.created_at,
        location,
        operation: operation.name,
        kind: operation.kind,
        duration,
        stretched: false,
    }
}
