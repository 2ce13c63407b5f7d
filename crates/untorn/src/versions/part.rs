//! A part of a version, with what retains that version: the slot of a pin, or a count.
//!
//! # Invariants
//!
//! 1. The pointer of a [`PinnedPart`] was derived through `&` from the version that its claim
//!    protects, or from something that outlives its lifetime. A closure can return a reference that
//!    it captured only if the type of the version or that of the part names the lifetime of that
//!    reference, and the lifetime of a `PinnedPart` is within all of these.
//! 2. The pointer of a [`CountedPart`] was derived through `&` from the version that its count
//!    retains, or from something that is never dropped: both types are `'static`, so there is no
//!    shorter lifetime that they could name.
//! 3. A version is neither moved nor changed (but by interior mutability) before it is dropped.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;

use super::local::Claim;
use super::protected::{Pointer, Protected};
use crate::sync::Arc;

/// A part of a version that a slot of this thread protects.
pub(crate) struct PinnedPart<'c, U: ?Sized> {
    part: Pointer<U>,
    claim: Claim,
    /// Bounds the lifetimes that `U` names, for invariant 1.
    _borrows: PhantomData<&'c U>,
}

impl<'c, U: ?Sized> PinnedPart<'c, U> {
    /// Returns a part of a pinned version. If `f` panics, the slot is cleared.
    pub(crate) fn new<C>(version: Protected<'c, C>, f: impl FnOnce(&C) -> &U) -> Self {
        Self {
            part: f(&version).into(),
            claim: version.claim,
            _borrows: PhantomData,
        }
    }

    /// Returns a part of a pinned version if `f` does, otherwise that version.
    pub(crate) fn try_new<C>(
        version: Protected<'c, C>,
        f: impl FnOnce(&C) -> Option<&U>,
    ) -> Result<Self, Protected<'c, C>> {
        match f(&version).map(Pointer::from) {
            Some(part) => Ok(Self {
                part,
                claim: version.claim,
                _borrows: PhantomData,
            }),
            None => Err(version),
        }
    }

    /// Returns a part of a part.
    pub(crate) fn map<W: ?Sized>(self, f: impl FnOnce(&U) -> &W) -> PinnedPart<'c, W> {
        PinnedPart {
            part: f(&self).into(),
            claim: self.claim,
            _borrows: PhantomData,
        }
    }

    /// Returns a part of a part if `f` does, otherwise this part.
    pub(crate) fn try_map<W: ?Sized>(
        self,
        f: impl FnOnce(&U) -> Option<&W>,
    ) -> Result<PinnedPart<'c, W>, Self> {
        match f(&self).map(Pointer::from) {
            Some(part) => Ok(PinnedPart {
                part,
                claim: self.claim,
                _borrows: PhantomData,
            }),
            None => Err(self),
        }
    }
}

impl<U: ?Sized> Deref for PinnedPart<'_, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: invariants 1 and 3; the claim is dropped with `self`.
        unsafe { self.part.as_ref() }
    }
}

/// A part of a version that a count retains. It may be on any thread, since the version may be.
pub(crate) struct CountedPart<U: ?Sized> {
    part: Pointer<U>,
    /// Never used but to clone and drop it, so it is unwind safe whatever the version is.
    count: AssertUnwindSafe<Arc<dyn Any + Send + Sync>>,
}

impl<U: ?Sized + 'static> CountedPart<U> {
    /// Returns a part of a counted version. If `f` panics, the count is given back.
    pub(crate) fn new<C: Any + Send + Sync>(version: Arc<C>, f: impl FnOnce(&C) -> &U) -> Self {
        Self {
            part: f(&version).into(),
            count: AssertUnwindSafe(version),
        }
    }

    /// Returns a part of a counted version if `f` does, otherwise that version.
    pub(crate) fn try_new<C: Any + Send + Sync>(
        version: Arc<C>,
        f: impl FnOnce(&C) -> Option<&U>,
    ) -> Result<Self, Arc<C>> {
        match f(&version).map(Pointer::from) {
            Some(part) => Ok(Self {
                part,
                count: AssertUnwindSafe(version),
            }),
            None => Err(version),
        }
    }

    /// Returns a part of a part.
    pub(crate) fn map<W: ?Sized + 'static>(self, f: impl FnOnce(&U) -> &W) -> CountedPart<W> {
        CountedPart {
            part: f(&self).into(),
            count: self.count,
        }
    }

    /// Returns a part of a part if `f` does, otherwise this part.
    pub(crate) fn try_map<W: ?Sized + 'static>(
        self,
        f: impl FnOnce(&U) -> Option<&W>,
    ) -> Result<CountedPart<W>, Self> {
        match f(&self).map(Pointer::from) {
            Some(part) => Ok(CountedPart {
                part,
                count: self.count,
            }),
            None => Err(self),
        }
    }
}

impl<U: ?Sized> Clone for CountedPart<U> {
    fn clone(&self) -> Self {
        Self {
            part: self.part,
            count: AssertUnwindSafe(Arc::clone(&self.count)),
        }
    }
}

impl<U: ?Sized> Deref for CountedPart<U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: invariants 2 and 3; the count is given back when `self` is dropped.
        unsafe { self.part.as_ref() }
    }
}
