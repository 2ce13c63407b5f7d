//! The guards of an `OverlapCell`.
//!
//! # Invariants
//!
//! 1. `value` of a [`ReadGuard`] may be read, by any thread, until `access` is dropped: it points
//!    at the value of a cell whose gate `access` has entered to read (cell.rs, 1), at a part of
//!    that value that was derived through `&`, or, if the function that chose the part returned
//!    something else, at what outlives a lifetime that the type of the whole names. `_borrows`
//!    makes those outlive `'c`.
//! 2. `value` of a [`WriteGuard`] may be read through a `&` of the guard, by any thread, and
//!    written through a `&mut` of it, until `access` is dropped: it points at the value of a cell
//!    whose gate `access` has entered to write (cell.rs, 1), at a part of that value that was
//!    derived through `&mut`, or at something else as in 1, which `_exclusive` bounds.
//!
//! The guards hold pointers, not references: a function that drops a guard passed by value would
//! otherwise assert that the value is not written until the function returns.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::cell::Contents;
use super::detector::{ReadAccess, WriteAccess};
use super::site::{AccessKind, Operation};

/// A read guard of an [`OverlapCell`](crate::OverlapCell): the read lasts until this is dropped.
///
/// It is not `Send`, since its access is recorded for the thread. Its operations are associated
/// functions (`ReadGuard::map(reading, ..)`), so that they do not hide methods of `T`.
///
/// # Examples
/// ```
/// use untorn::{OverlapCell, ReadGuard};
///
/// let config = OverlapCell::new((265, "on".to_string()));
/// let name = ReadGuard::map(config.read(), |(_, name)| name.as_str());
/// assert_eq!(&*name, "on");
/// assert!(config.try_write().is_err()); // the read is still in progress
/// ```
#[must_use = "the read is over when this is dropped"]
pub struct ReadGuard<'c, T: ?Sized> {
    value: NonNull<T>,
    access: ReadAccess<'c, Contents>,
    /// Bounds the lifetimes that `T` names, for invariant 1.
    _borrows: PhantomData<&'c T>,
}

// SAFETY: a shared guard gives access to `&T`, and begins another read on the calling thread
// (invariant 1).
unsafe impl<T: ?Sized + Sync> Sync for ReadGuard<'_, T> {}

impl<'c, T: ?Sized> ReadGuard<'c, T> {
    /// Creates a guard.
    ///
    /// # Safety
    /// Invariant 1.
    #[inline(always)]
    pub(super) unsafe fn new(value: NonNull<T>, access: ReadAccess<'c, Contents>) -> Self {
        Self {
            value,
            access,
            _borrows: PhantomData,
        }
    }

    /// Begins another read of the same value, which lasts by itself and counts as one more reader.
    /// O(1).
    ///
    /// # Panics
    /// As [`OverlapCell::read`](crate::OverlapCell::read), if an attempt to write is in progress.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OverlapCell, ReadGuard};
    ///
    /// let config = OverlapCell::new(265);
    /// let first = config.read();
    /// let second = ReadGuard::clone(&first);
    /// drop(first);
    /// assert_eq!(*second, 265);
    /// assert!(config.try_write().is_err());
    /// ```
    #[allow(
        clippy::should_implement_trait,
        reason = "as in std: a method `clone` would hide that of the value"
    )]
    #[track_caller]
    pub fn clone(this: &Self) -> Self {
        Self {
            value: this.value,
            access: this.access.detector().enter_read(&Operation {
                name: "ReadGuard::clone",
                kind: AccessKind::Read,
            }),
            _borrows: PhantomData,
        }
    }

    /// Returns a guard of a part of the value; the read lasts until that guard is dropped. If `f`
    /// panics, the read ends.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OverlapCell, ReadGuard};
    ///
    /// let range = OverlapCell::new((10, 20));
    /// let high = ReadGuard::map(range.read(), |(_, high)| high);
    /// assert_eq!(*high, 20);
    /// ```
    pub fn map<U: ?Sized>(this: Self, f: impl FnOnce(&T) -> &U) -> ReadGuard<'c, U> {
        ReadGuard {
            value: NonNull::from(f(&this)),
            access: this.access,
            _borrows: PhantomData,
        }
    }

    /// Returns a guard of a part of the value, if `f` returns one.
    ///
    /// # Errors
    /// The unchanged guard, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OverlapCell, ReadGuard};
    ///
    /// let limits = OverlapCell::new(vec![100, 200]);
    /// let second = ReadGuard::filter_map(limits.read(), |limits| limits.get(1)).unwrap();
    /// assert_eq!(*second, 200);
    /// let whole = ReadGuard::filter_map(limits.read(), |limits| limits.get(2)).unwrap_err();
    /// assert_eq!(whole.len(), 2);
    /// ```
    pub fn filter_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<ReadGuard<'c, U>, Self> {
        match f(&this).map(NonNull::from) {
            Some(value) => Ok(ReadGuard {
                value,
                access: this.access,
                _borrows: PhantomData,
            }),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: invariant 1; the reference ends before `self` does.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A write guard of an [`OverlapCell`](crate::OverlapCell): the write lasts until this is dropped.
///
/// It is not `Send`, since its access is recorded for the thread. Its operations are associated
/// functions.
///
/// # Examples
/// ```
/// use untorn::{OverlapCell, WriteGuard};
///
/// let config = OverlapCell::new((265, "on".to_string()));
/// let mut name = WriteGuard::map(config.write(), |(_, name)| name);
/// name.push_str("ce");
/// assert!(config.try_read().is_err()); // the write is still in progress
/// drop(name);
/// assert_eq!(config.read().1, "once");
/// ```
#[must_use = "the write is over when this is dropped"]
pub struct WriteGuard<'c, T: ?Sized> {
    value: NonNull<T>,
    access: WriteAccess<'c, Contents>,
    /// Makes the guard invariant in `T`, as `&mut T` is.
    _exclusive: PhantomData<&'c mut T>,
}

// SAFETY: a shared guard gives access to `&T` only (invariant 2).
unsafe impl<T: ?Sized + Sync> Sync for WriteGuard<'_, T> {}

impl<'c, T: ?Sized> WriteGuard<'c, T> {
    /// Creates a guard.
    ///
    /// # Safety
    /// Invariant 2.
    #[inline(always)]
    pub(super) unsafe fn new(value: NonNull<T>, access: WriteAccess<'c, Contents>) -> Self {
        Self {
            value,
            access,
            _exclusive: PhantomData,
        }
    }

    /// Returns a guard of a part of the value; the write lasts until that guard is dropped. If `f`
    /// panics, the write ends.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OverlapCell, WriteGuard};
    ///
    /// let range = OverlapCell::new((10, 20));
    /// *WriteGuard::map(range.write(), |(_, high)| high) += 1;
    /// assert_eq!(range.read().1, 21);
    /// ```
    pub fn map<U: ?Sized>(mut this: Self, f: impl FnOnce(&mut T) -> &mut U) -> WriteGuard<'c, U> {
        WriteGuard {
            value: NonNull::from(f(&mut this)),
            access: this.access,
            _exclusive: PhantomData,
        }
    }

    /// Returns a guard of a part of the value, if `f` returns one.
    ///
    /// # Errors
    /// The unchanged guard, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use untorn::{OverlapCell, WriteGuard};
    ///
    /// let limits = OverlapCell::new(vec![100, 200]);
    /// match WriteGuard::filter_map(limits.write(), |limits| limits.get_mut(2)) {
    ///     Ok(mut third) => *third = 300,
    ///     Err(mut whole) => whole.push(300),
    /// }
    /// assert_eq!(*limits.read(), [100, 200, 300]);
    /// ```
    pub fn filter_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<WriteGuard<'c, U>, Self> {
        match f(&mut this).map(NonNull::from) {
            Some(value) => Ok(WriteGuard {
                value,
                access: this.access,
                _exclusive: PhantomData,
            }),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: invariant 2; the reference ends before `self` does.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: invariant 2; the reference ends before `self` does.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
