//! A value behind a gate: the two ways in, and what is done about an overlap.
//!
//! # Invariants
//!
//! 1. The value is reached by `&` only inside a read that entered the gate, by `&mut` only inside a write that did.
//!    By the exclusion and order of the gate (gate.rs, 1 and 2) no two of these meet, and each sees what came
//!    before.
//! 2. An access leaves the gate when its guard is dropped, by a panic too.

#![allow(unsafe_code, reason = "named for it: see the invariants above")]

use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::fatal;
use super::gate::{Busy, Gate};
use super::policy::{Environment, OnOverlap};
use super::record::{Slot, Who};
use super::report::{Overlap, OverlapKind, State};
use super::site::{Access, AccessKind, Name, Operation, Site};
use super::stretch::stretch;
use super::thread::{Claim, REGISTRY};
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
    pub(crate) description: D,
    value: UnsafeCell<T>,
}

// SAFETY: reads share the value and writes have it to themselves, on any thread (invariant 1).
unsafe impl<T: Send + Sync, D: Sync> Sync for OverlapCell<T, D> {}

// A panic inside an access leaves the gate (invariant 2); the value is whatever its own methods leave behind.
impl<T: RefUnwindSafe, D: RefUnwindSafe> RefUnwindSafe for OverlapCell<T, D> {}
impl<T: UnwindSafe, D: UnwindSafe> UnwindSafe for OverlapCell<T, D> {}

/// Nanoseconds since the first look at this clock.
fn nanoseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

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
        if self.gate.is_taken_by(self.claim.slot) {
            self.gate.leave_write();
        }
        // After the gate is free: whoever found this write there can still read what it was.
        self.claim.slot.retract();
    }
}

impl<T, D: Describe> OverlapCell<T, D> {
    pub(crate) fn new(value: T, description: D) -> Self {
        Self {
            gate: Gate::new(),
            name: None,
            on_overlap: Environment::get().on_overlap.unwrap_or(OnOverlap::Exit),
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
    pub(crate) fn read<R>(
        &self,
        operation: &'static Operation,
        at: &'static Location<'static>,
        f: impl FnOnce(&T) -> R,
    ) -> R {
        let access = Access { operation, at };
        let inside = Reading {
            gate: &self.gate,
            claim: Claim::new(),
        };
        if let Err(busy) = self.gate.enter_read(inside.claim.slot, access) {
            let overlap = self.overlap(access, &busy, inside.claim.slot, None);
            self.notice(&overlap, inside);
        }
        stretch();
        // SAFETY: the read is inside until after `f` (invariants 1 and 2).
        self.value.with(|value| f(unsafe { &*value }))
    }

    /// Calls `f` with the value inside one write.
    #[inline]
    pub(crate) fn write<R>(
        &self,
        operation: &'static Operation,
        at: &'static Location<'static>,
        f: impl FnOnce(&mut T, &D) -> R,
    ) -> R {
        let access = Access { operation, at };
        let since = nanoseconds();
        let inside = Writing {
            gate: &self.gate,
            claim: Claim::new(),
        };
        if let Err(busy) = self
            .gate
            .enter_write(&REGISTRY, inside.claim.slot, access, since)
        {
            let overlap = self.overlap(access, &busy, inside.claim.slot, Some(since));
            self.notice(&overlap, inside);
        }
        stretch();
        // SAFETY: the write is inside until after `f` (invariants 1 and 2).
        self.value
            .with_mut(|value| f(unsafe { &mut *value }, &self.description))
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
        let now = nanoseconds();
        let lasted = |since: u64| Duration::from_nanos(now.saturating_sub(since));
        let here = site(
            slot.identity().who(),
            operation,
            Some(at),
            since.map(lasted),
        );
        let other_who = busy.other.identity().who();
        let other = match busy.other.seen(self.gate.number(), busy.writes) {
            Some(seen) => site(
                other_who,
                seen.operation,
                Some(seen.at),
                busy.writes.then(|| lasted(seen.since)),
            ),
            None => site(other_who, unknown(busy.writes), None, None),
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

    /// Does what is to be done about an overlap. `inside` holds the gate, or the announcement of a read.
    #[cold]
    fn notice<G: Inside>(&self, overlap: &Overlap, inside: G) -> ! {
        match self.on_overlap {
            OnOverlap::Exit => fatal::die(overlap, || {
                let slot = inside.slot();
                self.gate.is_taken_by(slot) || self.gate.close(slot)
            }),
            OnOverlap::Panic => drop(inside),
            OnOverlap::Call(function) => {
                drop(inside);
                function(overlap);
            }
        }
        panic!("{overlap}")
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
