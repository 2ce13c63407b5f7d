//! `OverlapCell`: the overlap check of `GoMap` for any value.
//!
//! # Invariants
//!
//! 1. The value is accessed through `&` or a [`ReadGuard`] only by a read that entered the gate,
//!    through a [`WriteGuard`] only by a write that did, and through `&mut` without the gate only
//!    under a `&mut` of the cell. By the exclusion and order of the gate (gate.rs, 1 and 2) no two
//!    of these conflict, and a write happens-before each later access.

#![allow(unsafe_code, reason = "see the invariant above")]
#![allow(
    clippy::result_large_err,
    reason = "an overlap is described in place, without allocating"
)]

use std::any::type_name;
use std::ffi::CStr;
use std::fmt;
use std::ptr::NonNull;

use super::detector::{Describe, Detector, HasSlot, ReadAccess, WriteAccess, prepare};
use super::guards::{ReadGuard, WriteGuard};
use super::policy::OnOverlap;
use super::report::{Overlap, Subject};
use super::site::{AccessKind, Name, Operation};
use super::stretch::{Side, Stretch, Stretching};
use crate::sync::UnsafeCell;

/// The description of a cell, which is read without entering its gate.
pub(super) struct Contents {
    /// A function, since `type_name` is not a stable `const fn`.
    type_name: fn() -> &'static str,
}

impl Describe for Contents {
    const KIND: &'static CStr = c"OverlapCell";

    /// Panics, as a `RefCell` does.
    const ON_OVERLAP: OnOverlap = OnOverlap::Panic;

    fn subject(&self) -> Subject {
        Subject::Cell((self.type_name)())
    }
}

macro_rules! operation {
    ($kind:ident $name:literal) => {
        &Operation {
            name: concat!("OverlapCell::", $name),
            kind: AccessKind::$kind,
        }
    };
}

/// A `RefCell` that threads can share: many reads or one write at a time, and a report that names
/// **both** borrowers if an access breaks that rule.
///
/// It is a checker, not a lock: no access waits for another access. Use it for state whose accesses
/// something *else* is supposed to keep apart (a phase of the program, a channel, an event loop, a
/// foreign library, an `unsafe impl Sync`), to find out where that fails. [The
/// guide](crate::docs::overlap_cell) has the usual cases.
///
/// # Examples
/// ```
/// use untorn::OverlapCell;
///
/// static LIMITS: OverlapCell<Vec<u32>> = OverlapCell::named("limits", Vec::new());
///
/// LIMITS.write().push(100);
/// let reading = LIMITS.read();
/// assert_eq!(*reading, [100]);
///
/// // Meanwhile another thread tries to write. `write` would panic with the report.
/// let refresh = untorn::spawn("refresh", || LIMITS.try_write().map(drop));
/// let overlap = refresh.join().unwrap().unwrap_err();
/// println!("{overlap}");
/// assert_eq!(overlap.other.operation, "OverlapCell::read");
/// ```
///
/// This prints both borrowers:
///
/// ```text
/// concurrent read and write
///
/// thread "refresh" (2) [writing]: OverlapCell::try_write, for 16.8µs
///         src/main.rs:10:50
///         created at src/main.rs:10:15
/// thread "main" (1) [reading]: OverlapCell::read
///         src/main.rs:6:22
///         created elsewhere, not by untorn::spawn
/// cell "limits": alloc::vec::Vec<u32>
///
/// Put both sites under one lock, or share an untorn::Published or an untorn::Map instead.
/// ```
///
/// # Overlaps
/// Two accesses overlap if they are in progress at the same time and at least one of them is a
/// write, on two threads or on one. An access lasts from the call to the drop of its guard. An
/// attempt is an access while it lasts: the read of another thread can conflict even with a
/// [`try_write`](Self::try_write) that fails. Of two overlapping accesses at least one reports it
/// (no false negative), and accesses that do not overlap are never reported (no false positive).
///
/// By default the access that detects the overlap panics, as with a `RefCell`, with the report as
/// its message. [`OnOverlap`] has the other policies, set for one cell by
/// [`on_overlap`](Self::on_overlap) and for all others by `UNTORN_ON_OVERLAP=exit`. The detecting
/// access does not proceed, the other one is not disturbed, and the cell stays usable. `try_read`
/// and `try_write` return the [`Overlap`] instead, whatever the policy.
///
/// # Order
/// A write happens-before each access that begins after it has ended, and a read happens-before
/// each write that begins after it has ended, also without any other synchronization. So there is
/// no data race even in a program that breaks the rule.
///
/// # Guards
/// Read guards may be nested, and guards may be dropped in any order and held while other code
/// panics. A guard that is dropped by unwinding ends its access. There is no poisoning: as with a
/// `RefCell`, the program has to know whether the value is then half changed. Guards stay on their
/// thread.
///
/// A *leaked* guard ([`std::mem::forget`], a cycle of `Rc`) is an access that never ends: the cell
/// stays in use until the process ends, also when the thread has ended, and every later report
/// names the guard's thread and line. `get_mut`, `into_inner` and dropping the cell still work, and
/// the value is dropped once.
///
/// # Cost
/// Taking a guard is amortized O(1), however many the thread holds, and so is dropping one. The
/// first access of a thread allocates; a thread that holds more than four guards at once allocates
/// room for more, which doubles each time and is reused. A read stores to the thread's own record,
/// so readers on many threads do not slow each other down. A write also reads the clock, and scans
/// one record for each thread (as many as ever used this crate at once) and one slot for each guard
/// that a thread holds beyond four. Guards that were dropped cost later writes nothing.
///
/// No method waits for another thread, unless the process is about to end with a report, and none
/// sleeps, unless [`stretch`](Self::stretch) or `UNTORN_STRETCH` enables it. A cell is some 180
/// bytes larger than its value. It can be created at compile time, in a `static`.
pub struct OverlapCell<T: ?Sized> {
    detector: Detector<Contents>,
    stretching: Stretching,
    value: UnsafeCell<T>,
}

// SAFETY: reads share the value and writes are exclusive, on any thread, which may also move the
// value out (invariant 1).
unsafe impl<T: ?Sized + Send + Sync> Sync for OverlapCell<T> {}

impl<T> OverlapCell<T> {
    /// Creates a cell without a name.
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// assert_eq!(*cell.read(), 265);
    /// ```
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self {
            detector: Detector::new(Contents {
                type_name: type_name::<T>,
            }),
            stretching: Stretching::unset(),
            value: UnsafeCell::new(value),
        }
    }

    /// Creates a cell with a name that reports show. Names of more than 64 bytes are cut.
    ///
    /// # Examples
    /// ```
    /// use untorn::OverlapCell;
    ///
    /// static CONFIG: OverlapCell<u32> = OverlapCell::named("config", 265);
    /// assert_eq!(CONFIG.name(), Some("config"));
    /// ```
    #[must_use]
    pub const fn named(name: &str, value: T) -> Self {
        Self::new(value).with_name(name)
    }
}

impl<T: ?Sized> OverlapCell<T> {
    /// Returns the name that reports show, cut to 64 bytes.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(untorn::OverlapCell::named("limits", 265).name(), Some("limits"));
    /// assert_eq!(untorn::OverlapCell::new(265).name(), None);
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.detector.name.as_deref()
    }

    /// Begins a read, which lasts until the guard is dropped. Never blocks. Reads do not conflict
    /// with each other.
    ///
    /// # Panics
    /// If a write, or an attempt to write, is in progress, with the report as the message, unless
    /// [`on_overlap`](Self::on_overlap) or the environment sets another policy.
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// let (one, two) = (cell.read(), cell.read());
    /// assert_eq!(*one + *two, 530);
    /// ```
    #[inline]
    #[track_caller]
    pub fn read(&self) -> ReadGuard<'_, T> {
        self.begin_read(operation!(Read "read"))
    }

    /// Begins a write, which lasts until the guard is dropped. Never blocks. A write conflicts with
    /// every other access.
    ///
    /// # Panics
    /// If a read, a write, or an attempt to write is in progress, with the report as the message,
    /// unless [`on_overlap`](Self::on_overlap) or the environment sets another policy.
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(17);
    /// *cell.write() = 265; // dropped at the end of the statement
    /// assert_eq!(*cell.read(), 265);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write(&self) -> WriteGuard<'_, T> {
        self.begin_write(operation!(Write "write"))
    }

    /// Begins a read, or returns the conflicting access. Never blocks, and does not apply the
    /// policy.
    ///
    /// Use it where the program can do something else instead. Do not call it in a retry loop: a
    /// write that begins during an attempt conflicts with it, and reports it.
    ///
    /// # Errors
    /// If a write, or an attempt to write, is in progress. The error is allocated after the
    /// attempt has ended.
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// let writing = cell.write();
    /// let overlap = cell.try_read().unwrap_err();
    /// assert!(overlap.is_reentrant()); // both sides are this thread
    /// drop(writing);
    /// assert!(cell.try_read().is_ok());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Result<ReadGuard<'_, T>, Box<Overlap>> {
        let environment = prepare();
        let access = self.detector.try_enter_read(operation!(Read "try_read"))?;
        self.stretching
            .stretch_or(environment, access.slot(), Side::Read);
        Ok(self.read_guard(access))
    }

    /// Begins a write, or returns the conflicting access: of several readers one, and the number of
    /// the others. Never blocks, and does not apply the policy. As with
    /// [`try_read`](Self::try_read), do not call it in a retry loop.
    ///
    /// # Errors
    /// If a read, a write, or an attempt to write is in progress.
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// let readings = [cell.read(), cell.read(), cell.read()];
    /// assert_eq!(cell.try_write().unwrap_err().additional_readers, 2);
    /// drop(readings);
    /// assert!(cell.try_write().is_ok());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Result<WriteGuard<'_, T>, Box<Overlap>> {
        let environment = prepare();
        let access = self
            .detector
            .try_enter_write(operation!(Write "try_write"))?;
        self.stretching
            .stretch_or(environment, access.slot(), Side::Write);
        Ok(self.write_guard(access))
    }

    /// Returns a reference to the value. The exclusive borrow proves that no other access is in
    /// progress, so this is no access and checks nothing, also after a guard was leaked.
    ///
    /// # Examples
    /// ```
    /// let mut limit = untorn::OverlapCell::new(265);
    /// *limit.get_mut() += 1;
    /// assert_eq!(*limit.read(), 266);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline(always)]
    #[track_caller]
    fn begin_read(&self, operation: &'static Operation) -> ReadGuard<'_, T> {
        let environment = prepare();
        let access = self.detector.enter_read(operation);
        self.stretching
            .stretch_or(environment, access.slot(), Side::Read);
        self.read_guard(access)
    }

    #[inline(always)]
    #[track_caller]
    fn begin_write(&self, operation: &'static Operation) -> WriteGuard<'_, T> {
        let environment = prepare();
        let access = self.detector.enter_write(operation);
        self.stretching
            .stretch_or(environment, access.slot(), Side::Write);
        self.write_guard(access)
    }

    #[inline(always)]
    fn read_guard<'c>(&'c self, access: ReadAccess<'c, Contents>) -> ReadGuard<'c, T> {
        let value = self.value.with(|value| {
            // SAFETY: the address of a field.
            unsafe { NonNull::new_unchecked(value.cast_mut()) }
        });
        // SAFETY: `access` has entered this cell's gate to read; the guard drops it last (invariant
        // 1).
        unsafe { ReadGuard::new(value, access) }
    }

    #[inline(always)]
    fn write_guard<'c>(&'c self, access: WriteAccess<'c, Contents>) -> WriteGuard<'c, T> {
        let value = self.value.with_mut(|value| {
            // SAFETY: the address of a field.
            unsafe { NonNull::new_unchecked(value) }
        });
        // SAFETY: `access` has entered this cell's gate to write; the guard drops it last
        // (invariant 1).
        unsafe { WriteGuard::new(value, access) }
    }
}

impl<T> OverlapCell<T> {
    /// Gives the cell a name that reports show, for cells from `Default`, `From` or `Clone`.
    ///
    /// # Examples
    /// ```
    /// use untorn::OverlapCell;
    ///
    /// let seen = OverlapCell::<Vec<u32>>::default().with_name("seen");
    /// assert_eq!(seen.name(), Some("seen"));
    /// ```
    #[must_use]
    pub const fn with_name(mut self, name: &str) -> Self {
        self.detector.name = Some(Name::new(name));
        self
    }

    /// Sets the policy of accesses that notice an overlap. It takes precedence over the
    /// environment.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OnOverlap, OverlapCell};
    ///
    /// // As Go does: the report on stderr and exit status 2, which no code can catch.
    /// static CONFIG: OverlapCell<u32> =
    ///     OverlapCell::named("config", 265).on_overlap(OnOverlap::Exit);
    /// assert_eq!(*CONFIG.read(), 265);
    /// ```
    #[must_use]
    pub const fn on_overlap(mut self, on_overlap: OnOverlap) -> Self {
        self.detector.on_overlap = Some(on_overlap);
        self
    }

    /// Sets the share of the time for which accesses are delayed, so that rare overlaps become
    /// likely. It takes precedence over the environment. [`Stretch`] says what it costs.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OverlapCell, Stretch};
    ///
    /// static CONFIG: OverlapCell<u32> =
    ///     OverlapCell::named("config", 265).stretch(Stretch::percent(1.0));
    /// assert_eq!(*CONFIG.read(), 265);
    /// ```
    #[must_use]
    pub const fn stretch(mut self, stretch: Stretch) -> Self {
        self.stretching = Stretching::with(stretch);
        self
    }

    /// Returns the value. No check is needed: ownership proves that no guard exists.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(untorn::OverlapCell::new(265).into_inner(), 265);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Replaces the value in one write, and returns the old one.
    ///
    /// # Panics
    /// As [`write`](Self::write). Then `value` is dropped and the cell is unchanged.
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(17);
    /// assert_eq!(cell.replace(265), 17);
    /// ```
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.begin_write(operation!(Write "replace")), value)
    }

    /// Replaces the value by its `Default`, which is created before the write begins, and returns
    /// the old one.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::new(vec![265]);
    /// assert_eq!(cell.take(), [265]);
    /// assert!(cell.read().is_empty());
    /// ```
    #[track_caller]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        let value = T::default();
        std::mem::replace(&mut *self.begin_write(operation!(Write "take")), value)
    }
}

impl<T: Clone> Clone for OverlapCell<T> {
    /// Creates a cell with a clone of the value, which is made in one read, and with the name,
    /// policy and stretch of this one.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    ///
    /// # Examples
    /// ```
    /// let cell = untorn::OverlapCell::named("limits", vec![100]);
    /// let other = cell.clone();
    /// other.write().push(200);
    /// assert_eq!((&**cell.read(), other.name()), (&[100][..], Some("limits")));
    /// ```
    #[track_caller]
    fn clone(&self) -> Self {
        let value = T::clone(&self.begin_read(operation!(Clone "clone")));
        let mut clone = Self::new(value);
        clone.detector.name = self.detector.name;
        clone.detector.on_overlap = self.detector.on_overlap;
        clone.stretching = self.stretching.fresh();
        clone
    }
}

impl<T: ?Sized + PartialEq> PartialEq for OverlapCell<T> {
    /// Compares the values, in one read of each cell.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[track_caller]
    fn eq(&self, other: &Self) -> bool {
        let one = self.begin_read(operation!(Read "eq"));
        let other = other.begin_read(operation!(Read "eq"));
        *one == *other
    }
}

impl<T: ?Sized + Eq> Eq for OverlapCell<T> {}

impl<T> From<T> for OverlapCell<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for OverlapCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OverlapCell<T> {
    /// Formats the value if a `try_read` succeeds, and `<in use>` otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        prepare();
        let mut cell = f.debug_struct("OverlapCell");
        if let Some(name) = &self.detector.name {
            cell.field("name", name);
        }
        match self.detector.try_enter_read(operation!(Read "fmt")) {
            Ok(access) => cell.field("value", &self.read_guard(access)),
            Err(_) => cell.field("value", &format_args!("<in use>")),
        };
        cell.finish_non_exhaustive()
    }
}
