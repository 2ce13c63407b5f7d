//! The publication word of a cell, and the protocol by which a thread protects what it points to.
//!
//! ```text
//! pin                                       writer, under the writer lock
//! P1 load the word                          S1 store the word: the old version is retired
//! P2 store the address in a free slot       S2 heavy fence
//!    light fence                            S3 load all slots, then
//! P3 load the word again: the version       S4 the counts
//!    differs? P2 with this one, 4 times at  S5 free what no slot shows, if the cell's count is the
//!    most; then                                only one
//! P4 announce the cell in the slot
//!    light fence
//! P5 load the word, store it in the slot
//! ```
//!
//! A counted reference is taken under a slot: P1 to P5, then the count, then the slot is cleared.
//!
//! # Invariants
//!
//! 1. The word is a pointer from `Arc::into_raw`, and owns one count of its version. A writer moves
//!    that count to the list of retired versions when it replaces the word.
//! 2. *Protection.* The pointer that P3 or P5 loads stays valid until the slot is cleared. Either
//!    the light fence comes before the heavy fence of a scan, which then finds the address or the
//!    announcement in the slot, or the slot's later address, and frees neither; or the load comes
//!    after that fence, and so after S1: then it does not load a version that the scan may free. A
//!    version that P3 found equal is that of the second load, not that of the first: its address
//!    may be that of an earlier, freed version.
//! 3. *Counts.* A count is added under a slot or beside another count, so a version that no slot
//!    shows and whose count is 1, loaded in this order, has no other reference and cannot get one.
//!    Counts before slots would miss a handle that was counted in between.
//! 4. A protection never moves from one slot to another, nor from a count to a slot.
//! 5. The announcement is the address of the word, and 1: no version has an odd address. A scan
//!    that finds it frees nothing of this cell. It is in a slot only between P4 and P5.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::marker::PhantomData;

use super::fence;
use super::slots::Slot;
use crate::ordering_mutants::{acquire, release};
use crate::sync::{Arc, AtomicPtr, Ordering};

/// The attempts of a pin before it announces the cell: enough that a writer hardly ever overtakes
/// all of them. Models have one, so that they reach the announcement.
const ATTEMPTS: usize = if cfg!(untorn_loom) { 1 } else { 4 };

/// The word that points to the newest version of a cell.
pub(crate) struct Newest<C> {
    word: AtomicPtr<C>,
    _owns: PhantomData<Arc<C>>,
}

impl<C> Newest<C> {
    /// Creates the word of a new cell.
    pub(crate) fn new(version: C) -> Self {
        const { assert!(align_of::<C>() > 1, "the lowest bit of an address is free") };
        // Before the first cell exists (fence.rs, 1).
        fence::choose();
        Self {
            word: AtomicPtr::new(Arc::into_raw(Arc::new(version)).cast_mut()),
            _owns: PhantomData,
        }
    }

    /// Returns the word by which a slot protects every version of this cell. The cell must not have
    /// moved since the first pin.
    pub(super) fn announcement(&self) -> usize {
        std::ptr::from_ref(self).addr() | 1
    }

    /// Returns the newest version, which stays valid until `slot` is cleared. The slot is a free
    /// one of a record of this thread. `light` executes the light fence of the mode.
    #[inline(always)]
    pub(super) fn protect_by(&self, slot: &Slot, light: impl Fn()) -> *const C {
        // Relaxed: the address only.
        let seen = self.word.load(Ordering::Relaxed);
        slot.protect(seen.addr());
        light();
        // Acquire: the version (Release in `replace`).
        let newest = self.word.load(acquire("protect.newest"));
        if newest == seen {
            newest
        } else {
            self.protect_again(slot, newest)
        }
    }

    /// Continues [`protect_by`](Self::protect_by) after a commit came in between.
    #[cold]
    fn protect_again(&self, slot: &Slot, mut seen: *mut C) -> *const C {
        for _ in 1..ATTEMPTS {
            slot.protect(seen.addr());
            fence::light();
            // Acquire: as in `protect_by`.
            let newest = self.word.load(acquire("protect.newest"));
            if newest == seen {
                return newest;
            }
            seen = newest;
        }
        slot.protect(self.announcement());
        fence::light();
        // Acquire: as in `protect_by`.
        let newest = self.word.load(acquire("protect_again.newest"));
        slot.protect(newest.addr());
        newest
    }

    /// Returns the newest version, which stays valid until `slot` is cleared.
    pub(super) fn protect(&self, slot: &Slot) -> *const C {
        self.protect_by(slot, fence::light)
    }

    /// Returns a counted reference to the newest version. `slot` is a free one of a record of this
    /// thread, and is free again afterwards.
    pub(super) fn count(&self, slot: &Slot) -> Arc<C> {
        let version = self.protect(slot);
        // SAFETY: invariant 2: valid, so the count of the word or of the retired list is there.
        let counted = unsafe { counted(version) };
        slot.clear();
        counted
    }

    /// Returns whether a counted version is the newest.
    pub(crate) fn is(&self, version: &Arc<C>) -> bool {
        // Relaxed: the version is known to this thread, and its count keeps the address from being
        // used again.
        std::ptr::eq(self.word.load(Ordering::Relaxed), Arc::as_ptr(version))
    }

    /// Returns a counted reference to the newest version.
    ///
    /// # Safety
    /// The caller holds the writer lock of the cell.
    pub(crate) unsafe fn count_as_writer(&self) -> Arc<C> {
        // Relaxed: the writer lock orders the stores.
        let newest = self.word.load(Ordering::Relaxed);
        // SAFETY: invariant 1; only a writer takes the count of the word away.
        unsafe { counted(newest) }
    }

    /// Publishes `version`, and returns the one that it replaces with the count of the word: the
    /// caller has to keep it until a scan permits to free it.
    ///
    /// # Safety
    /// The caller holds the writer lock of the cell.
    pub(crate) unsafe fn replace(&self, version: Arc<C>) -> Arc<C> {
        // Relaxed: the writer lock orders the stores.
        let old = self.word.load(Ordering::Relaxed);
        let new = Arc::into_raw(version).cast_mut();
        // Release: the version (Acquire in `protect_by` and `protect_again`).
        self.word.store(new, release("replace.newest"));
        // SAFETY: invariant 1.
        unsafe { Arc::from_raw(old) }
    }
}

/// Returns one more counted reference to a version.
///
/// # Safety
/// `version` is from `Arc::into_raw`, and a count of it exists until this returns.
pub(super) unsafe fn counted<C>(version: *const C) -> Arc<C> {
    // SAFETY: by the contract.
    unsafe { Arc::increment_strong_count(version) };
    // SAFETY: the count that was just added.
    unsafe { Arc::from_raw(version) }
}

impl<C> Drop for Newest<C> {
    fn drop(&mut self) {
        // Relaxed: the reference is exclusive.
        let newest = self.word.load(Ordering::Relaxed);
        // SAFETY: invariant 1. No handle of the cell is left, so no slot protects the version.
        drop(unsafe { Arc::from_raw(newest) });
    }
}
