//! `OverlapCell`: the rule of `GoMap` for any value.
//!
//! # Invariants
//!
//! 1. The value is reached by `&` or by a [`Reading`] only from a read that entered the gate, by a [`Writing`] only from
//!    a write that did, and by `&mut` without the gate only under a `&mut` of the cell. By the exclusion and order of the
//!    gate (gate.rs, 1 and 2) no two of these meet, and each sees what came before.

#![allow(unsafe_code, reason = "named for it: see the invariant above")]
#![allow(
    clippy::result_large_err,
    reason = "an overlap is described in place, without allocating"
)]

use std::any::type_name;
use std::ffi::CStr;
use std::fmt;
use std::ptr::NonNull;

use super::entrance::{Describe, Entrance, Inside, OngoingRead, OngoingWrite, prepare};
use super::guards::{Reading, Writing};
use super::policy::OnOverlap;
use super::report::{Overlap, Subject};
use super::site::{AccessKind, Name, Operation};
use super::stretch::{Side, Stretch, Stretching};
use crate::sync::UnsafeCell;

/// What is said of a cell without entering.
pub(super) struct Contents {
    /// A function, since a name of a type is not to be had at compile time.
    type_name: fn() -> &'static str,
}

impl Describe for Contents {
    const KIND: &'static CStr = c"OverlapCell";

    /// As a `RefCell`.
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

/// A value that many may read or one may write, where breaking that rule is reported with **both** sides: a `RefCell` that
/// can be shared between threads and knows who the other borrower is.
///
/// It is not a lock: nobody ever waits. It is for state of which something *else* is meant to keep the accesses apart (a
/// phase of the program, a channel, an event loop, a foreign library, an `unsafe impl Sync`), to be told where that is not
/// so. [A page](crate::pages::overlap_cell) has the usual cases.
///
/// # What counts as an overlap
/// Two accesses at the same time, at least one of them a write, on two threads or on one. An access lasts from the call to
/// the drop of its guard. An attempt counts while it lasts: also a [`try_write`](Self::try_write) that fails may be met by
/// another thread's read. Of two overlapping accesses at least one reports; accesses that do not overlap are never
/// reported.
///
/// # What happens then
/// By default a panic, as with a `RefCell`, whose message is the report; [`OnOverlap`] has the other ways, for one cell by
/// [`on_overlap`](Self::on_overlap), for all by `UNTORN_ON_OVERLAP=exit`. The access that noticed does not proceed, the
/// other is not disturbed, and the cell stays usable. `try_read` and `try_write` return the [`Overlap`] instead, whatever
/// the policy.
///
/// # Order
/// An access that begins after another has ended sees all that it did, whatever order there was otherwise. So there is no
/// data race even in a program that breaks the rule.
///
/// # Guards
/// They may be nested (reads with reads), dropped in any order and held while others panic: a guard that unwinding drops
/// ends its access, and whether the value is then half changed is for the program to know, as with a `RefCell`. They stay
/// on their thread. A guard that is *forgotten* ([`std::mem::forget`], a leak, a cycle of `Rc`) is an access that never
/// ends: the cell is in use for ever, also when the thread has ended, and every later report names that access's thread and
/// line. Nothing is lost but that: `get_mut`, `into_inner` and dropping the cell go on working, and what it holds is dropped
/// once.
///
/// # Cost
/// Taking a guard is amortized O(1), however many the thread holds, and so is dropping one. The
/// first access of a thread allocates; a thread that holds more than four guards at once allocates
/// room for more, which doubles each time and is reused. A read stores to memory of the thread's
/// own, so readers on many threads do not slow each other down; a write also looks at a record for
/// each thread that was using maps or cells at the same time as any other, at each guard that a
/// thread holds beyond four, and at the clock. Guards that were dropped cost later writes nothing.
/// No method waits for another thread,
/// unless the process is about to end with a report; and none sleeps, unless [`stretch`](Self::stretch) or `UNTORN_STRETCH`
/// asks for it. A cell is some 180 bytes larger
/// than its value. Making one is possible in a `static`.
///
/// ```
/// use untorn::OverlapCell;
///
/// static LIMITS: OverlapCell<Vec<u32>> = OverlapCell::named("limits", Vec::new());
///
/// LIMITS.write().push(100);
/// let reading = LIMITS.read();
/// assert_eq!(*reading, [100]);
/// let overlap = LIMITS.try_write().unwrap_err(); // somebody reads: who?
/// assert_eq!(overlap.other.at.unwrap().line(), reading_was_made_in_line());
/// # fn reading_was_made_in_line() -> u32 { line!() - 4 }
/// ```
pub struct OverlapCell<T: ?Sized> {
    entrance: Entrance<Contents>,
    stretching: Stretching,
    value: UnsafeCell<T>,
}

// SAFETY: reads share the value and writes have it to themselves, on any thread, which may also take it out
// (invariant 1).
unsafe impl<T: ?Sized + Send + Sync> Sync for OverlapCell<T> {}

impl<T> OverlapCell<T> {
    /// A cell without a name. Can be called at compile time.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self {
            entrance: Entrance::new(Contents {
                type_name: type_name::<T>,
            }),
            stretching: Stretching::untold(),
            value: UnsafeCell::new(value),
        }
    }

    /// A cell with a name that reports show. Names of more than 64 bytes are cut. Can be called at compile time.
    ///
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

    /// Gives the cell a name that reports show, such as one that was made by `Default`, `From` or `Clone`. Can be called at
    /// compile time.
    ///
    /// ```
    /// use untorn::OverlapCell;
    ///
    /// let seen = OverlapCell::<Vec<u32>>::default().with_name("seen");
    /// assert_eq!(seen.name(), Some("seen"));
    /// ```
    #[must_use]
    pub const fn with_name(mut self, name: &str) -> Self {
        self.entrance.name = Some(Name::new(name));
        self
    }

    /// Sets what an access does that notices an overlap, whatever the environment says. Can be called at compile time.
    ///
    /// ```
    /// use untorn::{OnOverlap, OverlapCell};
    ///
    /// // As Go: the report on stderr, exit status 2, and nothing that could catch it.
    /// static CONFIG: OverlapCell<u32> = OverlapCell::named("config", 265).on_overlap(OnOverlap::Exit);
    /// assert_eq!(*CONFIG.read(), 265);
    /// ```
    #[must_use]
    pub const fn on_overlap(mut self, on_overlap: OnOverlap) -> Self {
        self.entrance.on_overlap = Some(on_overlap);
        self
    }

    /// Sets how much time is spent on keeping accesses open, so that those that rarely meet do meet, whatever the
    /// environment says. [`Stretch`] says what it costs. Can be called at compile time.
    ///
    /// ```
    /// use untorn::{OverlapCell, Stretch};
    ///
    /// static CONFIG: OverlapCell<u32> = OverlapCell::named("config", 265).stretch(Stretch::percent(1.0));
    /// assert_eq!(*CONFIG.read(), 265);
    /// ```
    #[must_use]
    pub const fn stretch(mut self, stretch: Stretch) -> Self {
        self.stretching = Stretching::with(stretch);
        self
    }

    /// The value without its gate. That there is no guard is known at compile time, and so is nothing checked.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Puts `value` in and returns what was there. One write; on an overlap `value` is dropped and nothing is changed.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    ///
    /// ```
    /// let cell = untorn::OverlapCell::new(17);
    /// assert_eq!(cell.replace(265), 17);
    /// ```
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.begin_write(operation!(Write "replace")), value)
    }

    /// Takes the value out and leaves its `Default`, which is made before the write begins.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    ///
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

impl<T: ?Sized> OverlapCell<T> {
    /// The name that reports show, cut to 64 bytes.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.entrance.name.as_deref()
    }

    /// Begins a read, which lasts until the guard is dropped. Never waits. Any number of reads may go on at once.
    ///
    /// # Panics
    /// If somebody is writing, or trying to, with the report as the message, unless
    /// [`on_overlap`](Self::on_overlap) or the environment says otherwise.
    ///
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// let (one, two) = (cell.read(), cell.read());
    /// assert_eq!(*one + *two, 530);
    /// ```
    #[inline]
    #[track_caller]
    pub fn read(&self) -> Reading<'_, T> {
        self.begin_read(operation!(Read "read"))
    }

    /// Begins a write, which lasts until the guard is dropped. Never waits. Nothing else may go on meanwhile.
    ///
    /// # Panics
    /// If somebody is reading or writing, or trying to write, with the report as the message, unless
    /// [`on_overlap`](Self::on_overlap) or the environment says otherwise.
    ///
    /// ```
    /// let cell = untorn::OverlapCell::new(17);
    /// *cell.write() = 265; // dropped at the end of the statement
    /// assert_eq!(*cell.read(), 265);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write(&self) -> Writing<'_, T> {
        self.begin_write(operation!(Write "write"))
    }

    /// Begins a read, or tells who is in the way. Never waits, and does not do what the policy says: it is for those who
    /// have something else to do, not for trying again and again, since a write that begins during an attempt meets it,
    /// and reports it.
    ///
    /// # Errors
    /// If somebody is writing, or trying to. The [`Overlap`] is described in place, without allocating, and so is large
    /// (some 500 bytes): a function that passes it on had better `map_err(Box::new)`.
    ///
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// let writing = cell.write();
    /// let overlap = cell.try_read().unwrap_err();
    /// assert!(overlap.is_reentrant()); // we are both sides ourselves
    /// drop(writing);
    /// assert!(cell.try_read().is_ok());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Result<Reading<'_, T>, Overlap> {
        let environment = prepare();
        let inside = self.entrance.try_enter_read(operation!(Read "try_read"))?;
        self.stretching
            .stretch_or(environment, inside.slot(), Side::Read);
        Ok(self.reading(inside))
    }

    /// Begins a write, or tells who is in the way, of several readers one and how many more. Never waits, and does not do
    /// what the policy says: it is for those who have something else to do, not for trying again and again, since an
    /// access that begins during an attempt meets it, and reports it.
    ///
    /// # Errors
    /// If somebody is reading or writing, or trying to write. As for [`try_read`](Self::try_read), the error is large.
    ///
    /// ```
    /// let cell = untorn::OverlapCell::new(265);
    /// let readings = [cell.read(), cell.read(), cell.read()];
    /// assert_eq!(cell.try_write().unwrap_err().more, 2);
    /// drop(readings);
    /// assert!(cell.try_write().is_ok());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Result<Writing<'_, T>, Overlap> {
        let environment = prepare();
        let inside = self
            .entrance
            .try_enter_write(operation!(Write "try_write"))?;
        self.stretching
            .stretch_or(environment, inside.slot(), Side::Write);
        Ok(self.writing(inside))
    }

    /// The value. Whoever has the cell to itself needs no gate, so this is no access; a guard that was forgotten does not
    /// matter here.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline(always)]
    #[track_caller]
    fn begin_read(&self, operation: &'static Operation) -> Reading<'_, T> {
        let environment = prepare();
        let inside = self.entrance.enter_read(operation);
        self.stretching
            .stretch_or(environment, inside.slot(), Side::Read);
        self.reading(inside)
    }

    #[inline(always)]
    #[track_caller]
    fn begin_write(&self, operation: &'static Operation) -> Writing<'_, T> {
        let environment = prepare();
        let inside = self.entrance.enter_write(operation);
        self.stretching
            .stretch_or(environment, inside.slot(), Side::Write);
        self.writing(inside)
    }

    #[inline(always)]
    fn reading<'c>(&'c self, inside: OngoingRead<'c, Contents>) -> Reading<'c, T> {
        let value = self.value.with(|value| {
            // SAFETY: the address of a field.
            unsafe { NonNull::new_unchecked(value.cast_mut()) }
        });
        // SAFETY: `inside` has entered this cell's gate to read, and leaves it last (invariant 1).
        unsafe { Reading::new(value, inside) }
    }

    #[inline(always)]
    fn writing<'c>(&'c self, inside: OngoingWrite<'c, Contents>) -> Writing<'c, T> {
        let value = self.value.with_mut(|value| {
            // SAFETY: the address of a field.
            unsafe { NonNull::new_unchecked(value) }
        });
        // SAFETY: `inside` has entered this cell's gate to write, and leaves it last (invariant 1).
        unsafe { Writing::new(value, inside) }
    }
}

impl<T: Clone> Clone for OverlapCell<T> {
    /// A cell with a clone of the value, which is made in one read. It has the same name, policy and stretch, and a gate of
    /// its own.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    ///
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
        clone.entrance.name = self.entrance.name;
        clone.entrance.on_overlap = self.entrance.on_overlap;
        clone.stretching = self.stretching.anew();
        clone
    }
}

impl<T: ?Sized + PartialEq> PartialEq for OverlapCell<T> {
    /// Compares the values, in a read of each.
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
    /// Shows the value if it can be read, as a `try_read` would, and `<in use>` otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        prepare();
        let mut cell = f.debug_struct("OverlapCell");
        if let Some(name) = &self.entrance.name {
            cell.field("name", name);
        }
        match self.entrance.try_enter_read(operation!(Read "fmt")) {
            Ok(inside) => cell.field("value", &self.reading(inside)),
            Err(_) => cell.field("value", &format_args!("<in use>")),
        };
        cell.finish_non_exhaustive()
    }
}
