//! `CheckedCell`: a value with a detector, accessed through closures; the base of `GoMap`.
//!
//! # Invariants
//!
//! 1. The value is accessed through `&` only inside a read that entered the gate, through `&mut`
//!    only inside a write that did. By the exclusion and order of the gate (gate.rs, 1 and 2) no
//!    two of these conflict, and a write happens-before each later access.
//! 2. An access leaves the gate when its `ReadAccess` or `WriteAccess` is dropped (detector.rs),
//!    also by unwinding.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::panic::UnwindSafe;

use super::detector::{Describe, Detector, HasSlot, prepare};
use super::policy::OnOverlap;
use super::site::{Name, Operation};
use super::stretch::{Side, Stretch, Stretching};
use crate::sync::UnsafeCell;

/// A value whose accesses must not overlap, with the description for its reports.
pub(crate) struct CheckedCell<T, D> {
    detector: Detector<D>,
    stretching: Stretching,
    value: UnsafeCell<T>,
}

// SAFETY: reads share the value and writes are exclusive, on any thread (invariant 1).
unsafe impl<T: Send + Sync, D: Sync> Sync for CheckedCell<T, D> {}

// An access that panics leaves the gate (invariant 2); the value's own methods are responsible for
// its consistency.
impl<T: UnwindSafe, D: UnwindSafe> UnwindSafe for CheckedCell<T, D> {}

impl<T, D: Describe> CheckedCell<T, D> {
    pub(crate) fn new(value: T, description: D) -> Self {
        Self {
            stretching: Stretching::with(prepare()),
            detector: Detector::new(description),
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.detector.name = Some(Name::new(name));
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.detector.name.as_deref()
    }

    pub(crate) fn set_on_overlap(&mut self, on_overlap: OnOverlap) {
        self.detector.on_overlap = Some(on_overlap);
    }

    pub(crate) fn set_stretch(&mut self, stretch: Stretch) {
        self.stretching = Stretching::with(stretch);
    }

    /// Copies name, policy and stretch of another cell.
    pub(crate) fn copy_settings(&mut self, other: &Self) {
        self.detector.name = other.detector.name;
        self.detector.on_overlap = other.detector.on_overlap;
        self.set_stretch(other.stretching.setting());
    }

    #[inline(always)]
    pub(crate) fn description(&self) -> &D {
        &self.detector.description
    }

    pub(crate) fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Calls `f` with the value inside one read.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn read<R>(&self, operation: &'static Operation, f: impl FnOnce(&T) -> R) -> R {
        let access = self.detector.enter_read(operation);
        self.stretching.stretch(access.slot(), Side::Read);
        // SAFETY: the read stays inside until `f` has returned (invariants 1 and 2).
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
        let access = self.detector.enter_write(operation);
        self.stretching.stretch(access.slot(), Side::Write);
        let description = &self.detector.description;
        // SAFETY: the write stays inside until `f` has returned (invariants 1 and 2).
        self.value
            .with_mut(|value| f(unsafe { &mut *value }, description))
    }
}
