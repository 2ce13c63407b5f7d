//! A pinned version.
//!
//! # Invariants
//!
//! 1. The claim of a [`Protected`] was made for the protection of its version, and the slot is
//!    cleared only when the claim is dropped (newest.rs, 2). That touches the slot only, so it may
//!    come after the end of the cell.
//! 2. A [`Pointer`] by itself gives out nothing. What owns one gives out `&T` while it retains what
//!    the pointer points to.
//!
//! They hold pointers, not references: another thread may free the version as soon as the slot is
//! cleared, during the drop of its owner.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
use super::fence;
use super::local::{self, Claim};
use super::newest::{self, Newest};
use crate::sync::Arc;

/// A pointer that may be sent where a reference may be. So the claim beside it is the only reason
/// why a pin cannot be sent, and the compiler reports that one only.
pub(super) struct Pointer<T: ?Sized>(NonNull<T>);

// SAFETY: invariant 2; threads may share a `T` that is `Sync`.
unsafe impl<T: ?Sized + Sync> Send for Pointer<T> {}

// SAFETY: as for `Send`.
unsafe impl<T: ?Sized + Sync> Sync for Pointer<T> {}

impl<T: ?Sized> Pointer<T> {
    /// Returns a reference to what this points to.
    ///
    /// # Safety
    /// It must be alive, and nothing may change it, as long as the reference lives.
    #[inline(always)]
    pub(super) unsafe fn as_ref<'t>(&self) -> &'t T {
        // SAFETY: the caller's.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> From<&T> for Pointer<T> {
    fn from(target: &T) -> Self {
        Self(NonNull::from(target))
    }
}

impl<T: ?Sized> Clone for Pointer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Pointer<T> {}

/// A version that a slot of this thread protects.
pub(crate) struct Protected<'c, C> {
    version: Pointer<C>,
    pub(super) claim: Claim,
    _borrows: PhantomData<&'c C>,
}

// SAFETY: a shared `Protected` gives out shared references to the version, and counted ones, which
// may be dropped on any thread (invariant 1). The claim is used on drop only.
unsafe impl<C: Send + Sync> Sync for Protected<'_, C> {}

impl<'c, C> Protected<'c, C> {
    /// Pins the newest version. Wait-free once the thread has a record.
    #[inline(always)]
    pub(crate) fn new(newest: &'c Newest<C>) -> Self {
        #[cfg(not(any(untorn_loom, untorn_shuttle)))]
        if fence::MAY_BE_ASYMMETRIC
            && let Some(claim) = Claim::fast_pin()
        {
            // The fast path exists in asymmetric mode only.
            let version = newest.protect_by(claim.slot, fence::light_asymmetric);
            return Self::of(version, claim);
        }
        Self::slow(newest)
    }

    #[inline(never)]
    fn slow(newest: &'c Newest<C>) -> Self {
        let claim = Claim::pin();
        Self::of(newest.protect(claim.slot), claim)
    }

    #[inline(always)]
    fn of(version: *const C, claim: Claim) -> Self {
        Self {
            // SAFETY: from an `Arc` (newest.rs, 1).
            version: Pointer(unsafe { NonNull::new_unchecked(version.cast_mut()) }),
            claim,
            _borrows: PhantomData,
        }
    }

    /// Returns a counted reference to the version.
    pub(crate) fn count(&self) -> Arc<C> {
        // SAFETY: the slot protects the version (invariant 1), so its cell has not given its count
        // back.
        unsafe { newest::counted(self.version.0.as_ptr()) }
    }
}

impl<C> Deref for Protected<'_, C> {
    type Target = C;

    #[inline(always)]
    fn deref(&self) -> &C {
        // SAFETY: invariant 1: the slot protects the version until `self` is dropped, and nothing
        // changes it.
        unsafe { self.version.as_ref() }
    }
}

/// Returns a counted reference to the newest version. Wait-free once the thread has a record.
pub(crate) fn count<C>(newest: &Newest<C>) -> Arc<C> {
    local::with_moment(|slot| newest.count(slot))
}
