//! A pinned version.

#![allow(unsafe_code, reason = "a reference to a version that a slot protects")]

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
use super::fence;
use super::local::{self, Claim};
use super::newest::{self, Newest};
use crate::sync::Arc;

/// A version that a slot of this thread protects.
///
/// # Invariant
/// The claim was made for the protection of `version`, and the slot is cleared only when this is
/// dropped (newest.rs, 2). That touches the slot only, so it may come after the end of the cell.
pub(crate) struct Protected<'c, C> {
    /// A pointer rather than a reference: another thread may free the version as soon as the slot
    /// is cleared, during the drop of this.
    version: NonNull<C>,
    _claim: Claim,
    _borrows: PhantomData<&'c C>,
}

// SAFETY: a shared `Protected` gives out shared references to the version, and counted ones, which
// may be dropped on any thread. The claim is used on drop only.
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
            version: unsafe { NonNull::new_unchecked(version.cast_mut()) },
            _claim: claim,
            _borrows: PhantomData,
        }
    }

    /// Returns a counted reference to the version.
    pub(crate) fn count(&self) -> Arc<C> {
        // SAFETY: the slot protects the version, so its cell has not given its count back.
        unsafe { newest::counted(self.version.as_ptr()) }
    }
}

impl<C> Deref for Protected<'_, C> {
    type Target = C;

    #[inline(always)]
    fn deref(&self) -> &C {
        // SAFETY: the slot protects the version until this is dropped, and nothing changes it.
        unsafe { self.version.as_ref() }
    }
}

/// Returns a counted reference to the newest version. Wait-free once the thread has a record.
pub(crate) fn count<C>(newest: &Newest<C>) -> Arc<C> {
    local::with_moment(|slot| newest.count(slot))
}
