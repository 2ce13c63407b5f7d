//! A value behind a gate: the two ways in, and what is done about an overlap.
//!
//! # Invariants
//!
//! 1. The value is reached by `&` only inside a read that entered the gate, by `&mut` only inside a write that did.
//!    By the exclusion and order of the gate (gate.rs, 1 and 2) no two of these meet, and each sees what came
//!    before.
//! 2. An access leaves the gate when its guard is dropped, by a panic too.

#![allow(unsafe_code, reason = "named for it: see the invariants above")]

use std::cell::Cell;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::clock;
use super::fatal;
use super::gate::{Busy, Gate};
use super::policy::{Environment, OnOverlap};
use super::record::{Slot, Who};
use super::report::{Overlap, OverlapKind, State};
use super::site::{Access, AccessKind, Name, Operation, Site};
use super::stretch::Stretch;
use super::thread::{Claim, REGISTRY};
use super::tsan;
use crate::sync::UnsafeCell;

/// What a report says of the thing behind the gate. Asked without entering, so of atomics only.
pub(crate) trait Describe {
    fn state(&self) -> State;
}

/// A value whose accesses must not overlap, and what is said of it when they do.
pub(crate) struct OverlapCell<T, D> {
    gate: Gate,
    name: Option<Name>,
    on_overlap: OnOverlap,
    stretch: Stretch,
    pub(crate) description: D,
    value: UnsafeCell<T>,
}

// SAFETY: reads share the value and writes have it to themselves, on any thread (invariant 1).
unsafe impl<T: Send + Sync, D: Sync> Sync for OverlapCell<T, D> {}

// A panic inside an access leaves the gate (invariant 2); the value is whatever its own methods leave behind.
impl<T: RefUnwindSafe, D: RefUnwindSafe> RefUnwindSafe for OverlapCell<T, D> {}
impl<T: UnwindSafe, D: UnwindSafe> UnwindSafe for OverlapCell<T, D> {}

/// How often the slot of the other side is looked at until it tells of an access: some microseconds.
const LOOKS: usize = 1000;

/// A read that is inside.
struct Reading<'c> {
    gate: &'c Gate,
    claim: Claim,
}

impl Drop for Reading<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.gate.leave_read(self.claim.slot);
    }
}

/// A write that is inside, or that found the gate taken.
struct Writing<'c> {
    gate: &'c Gate,
    claim: Claim,
}

impl Drop for Writing<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.gate.leave_write(self.claim.slot);
    }
}

impl<T, D: Describe> OverlapCell<T, D> {
    pub(crate) fn new(value: T, description: D) -> Self {
        clock::start();
        Self {
            gate: Gate::new(),
            name: None,
            on_overlap: Environment::get().on_overlap.unwrap_or(OnOverlap::Exit),
            stretch: Stretch::from_environment(),
            description,
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.name = Some(Name::new(name));
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn set_on_overlap(&mut self, on_overlap: OnOverlap) {
        self.on_overlap = on_overlap;
    }

    /// Takes over name and policy of another cell.
    pub(crate) fn copy_settings(&mut self, other: &Self) {
        self.name = other.name;
        self.on_overlap = other.on_overlap;
    }

    pub(crate) fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Calls `f` with the value inside one read.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn read<R>(&self, operation: &'static Operation, f: impl FnOnce(&T) -> R) -> R {
        let access = Access {
            operation,
            at: Location::caller(),
        };
        let inside = Reading {
            gate: &self.gate,
            claim: Claim::new(),
        };
        if let Err(busy) = self.gate.enter_read(inside.claim.slot, access) {
            self.notice(access, &busy, None, inside);
        }
        self.stretch.stretch();
        // SAFETY: the read is inside until after `f` (invariants 1 and 2).
        self.value.with(|value| f(unsafe { &*value }))
    }

    /// Calls `f` with the value inside one write.
    #[inline]
    #[track_caller]
    pub(crate) fn write<R>(
        &self,
        operation: &'static Operation,
        f: impl FnOnce(&mut T, &D) -> R,
    ) -> R {
        let access = Access {
            operation,
            at: Location::caller(),
        };
        let since = clock::now();
        let inside = Writing {
            gate: &self.gate,
            claim: Claim::new(),
        };
        if let Err(busy) = self
            .gate
            .enter_write(&REGISTRY, inside.claim.slot, access, since)
        {
            self.notice(access, &busy, Some(since), inside);
        }
        self.stretch.stretch();
        // SAFETY: the write is inside until after `f` (invariants 1 and 2).
        self.value
            .with_mut(|value| f(unsafe { &mut *value }, &self.description))
    }

    /// The two sides, read while this one is still announced.
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
        let seen = (0..LOOKS).find_map(|_| {
            std::hint::spin_loop();
            busy.other.seen(self.gate.number(), busy.writes)
        });
        let here = site(
            slot.identity().who(),
            operation,
            Some(at),
            since.map(clock::since),
        );
        let other = match seen {
            Some(seen) => site(
                seen.who,
                seen.operation,
                Some(seen.at),
                busy.writes.then(|| clock::since(seen.since)),
            ),
            None => site(
                busy.other.identity().who(),
                unknown(busy.writes),
                None,
                None,
            ),
        };
        Overlap {
            kind: OverlapKind::of(here.kind, other.kind),
            here,
            other,
            more: busy.more,
            map: self.name,
            state: self.description.state(),
        }
    }

    /// Does what is to be done about an overlap. `inside` is this side, announced.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn notice<G: Inside>(&self, access: Access, busy: &Busy, since: Option<u64>, inside: G) -> ! {
        let overlap = self.overlap(access, busy, inside.slot(), since);
        match self.on_overlap {
            OnOverlap::Exit => fatal::die(&overlap, || {
                let slot = inside.slot();
                self.gate.is_taken_by(slot) || self.gate.close(slot)
            }),
            OnOverlap::Panic => drop(inside),
            OnOverlap::Call(function) => {
                drop(inside);
                call_once_at_a_time(function, &overlap);
            }
        }
        panic!("{overlap}")
    }
}

/// Calls `function`, unless this overlap was met by one that is being called on this thread: the map it uses may still
/// be in use by the other side, and the calls would have no end.
fn call_once_at_a_time(function: fn(&Overlap), overlap: &Overlap) {
    thread_local! {
        static CALLING: Cell<bool> = const { Cell::new(false) };
    }

    struct Done;

    impl Drop for Done {
        fn drop(&mut self) {
            CALLING.set(false);
        }
    }

    if !CALLING.replace(true) {
        let _done = Done;
        let _shown = tsan::show();
        function(overlap);
    }
}

/// A guard that knows its slot.
trait Inside {
    fn slot(&self) -> &'static Slot;
}

impl Inside for Reading<'_> {
    fn slot(&self) -> &'static Slot {
        self.claim.slot
    }
}

impl Inside for Writing<'_> {
    fn slot(&self) -> &'static Slot {
        self.claim.slot
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
    at: Option<&'static Location<'static>>,
    lasted: Option<Duration>,
) -> Site {
    Site {
        thread: who.name,
        thread_number: who.number,
        created_at: who.created_at,
        at,
        operation: operation.name,
        kind: operation.kind,
        lasted,
    }
}
