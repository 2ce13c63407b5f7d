//! A value behind an entrance that is reached by closures: what `GoMap` stands on.
//!
//! # Invariants
//!
//! 1. The value is reached by `&` only inside a read that entered the gate, by `&mut` only inside a write that did.
//!    By the exclusion and order of the gate (gate.rs, 1 and 2) no two of these meet, and each sees what came
//!    before.
//! 2. An access leaves the gate when what stands for it is dropped (entrance.rs), by a panic too.

#![allow(unsafe_code, reason = "named for it: see the invariants above")]

use std::panic::UnwindSafe;

use super::entrance::{Describe, Entrance, Inside, prepare};
use super::policy::OnOverlap;
use super::site::{Name, Operation};
use super::stretch::{Side, Stretch, Stretching};
use crate::sync::UnsafeCell;

/// A value whose accesses must not overlap, and what is said of it when they do.
pub(crate) struct Guarded<T, D> {
    entrance: Entrance<D>,
    stretching: Stretching,
    value: UnsafeCell<T>,
}

// SAFETY: reads share the value and writes have it to themselves, on any thread (invariant 1).
unsafe impl<T: Send + Sync, D: Sync> Sync for Guarded<T, D> {}

// A panic inside an access leaves the gate (invariant 2); the value is whatever its own methods leave behind.
impl<T: UnwindSafe, D: UnwindSafe> UnwindSafe for Guarded<T, D> {}

impl<T, D: Describe> Guarded<T, D> {
    pub(crate) fn new(value: T, description: D) -> Self {
        Self {
            stretching: Stretching::with(prepare()),
            entrance: Entrance::new(description),
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.entrance.name = Some(Name::new(name));
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.entrance.name.as_deref()
    }

    pub(crate) fn set_on_overlap(&mut self, on_overlap: OnOverlap) {
        self.entrance.on_overlap = Some(on_overlap);
    }

    pub(crate) fn set_stretch(&mut self, stretch: Stretch) {
        self.stretching = Stretching::with(stretch);
    }

    /// Takes over name, policy and stretch of another.
    pub(crate) fn copy_settings(&mut self, other: &Self) {
        self.entrance.name = other.entrance.name;
        self.entrance.on_overlap = other.entrance.on_overlap;
        self.set_stretch(other.stretching.setting());
    }

    #[inline(always)]
    pub(crate) fn description(&self) -> &D {
        &self.entrance.description
    }

    pub(crate) fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Calls `f` with the value inside one read.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn read<R>(&self, operation: &'static Operation, f: impl FnOnce(&T) -> R) -> R {
        let inside = self.entrance.enter_read(operation);
        self.stretching.stretch(inside.slot(), Side::Read);
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
        let inside = self.entrance.enter_write(operation);
        self.stretching.stretch(inside.slot(), Side::Write);
        let description = &self.entrance.description;
        // SAFETY: the write is inside until after `f` (invariants 1 and 2).
        self.value
            .with_mut(|value| f(unsafe { &mut *value }, description))
    }
}
