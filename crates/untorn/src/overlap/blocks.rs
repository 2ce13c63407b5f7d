//! Slot blocks: slots for the accesses of a thread beyond those that its record has slots for.
//!
//! ```text
//! Record
//!  ├ slots[4]                        the first accesses of the thread
//!  └ SlotBlocks
//!     ├ live       bit k: a slot of block k is in use
//!     ├ taken, free                  the free list
//!     └ blocks[k] ─> SlotBlock       4·2^k slots: allocated when needed, reused, never freed
//!                     ├ levels[1]    bit i: word i of the level below is not 0
//!                     │                (as many levels as it takes)
//!                     ├ levels[0]    bit i: slot i is in use
//!                     └ slots        { Slot, next_free }
//! ```
//!
//! `live` and the levels are the *occupancy bitmap*. A writer's scan reads it from the top, and
//! then the slots whose bits are set: O(slots in use), however many were in use before. The owner
//! takes and frees a slot in O(1), but for the allocation of a block that doubles the room.
//!
//! # Invariants
//!
//! 1. Blocks are leaked, as records are (record.rs, 1).
//! 2. Only the thread that owns the record stores here (record.rs, 2).
//! 3. *Occupancy.* The bit of a slot, the bits above it, and the bit of its block in `live` are set
//!    before an access is published in the slot, and cleared after the access is unpublished.
//! 4. *Order.* A bit is stored Relaxed. It is set before the `SeqCst` fence on entering, so a scan
//!    that must find the access finds the bit (gate.rs, 1). It is cleared after the Release fence
//!    in `unpublish`, and a later owner stores after the Release fence in `Identity::set`. So an
//!    Acquire load of a word in which a bit is clear has also acquired the end of each access that
//!    had set it.
//! 5. *Free list.* Each place below `taken` is in use or in the free list. The places from `taken`
//!    on were not used by this owner of the record.
//! 6. *Allocation.* A global allocator may use a cell, so an allocation or deallocation may run
//!    whole accesses of the same thread, which take and free slots and add blocks. So nothing
//!    allocates or frees between a load of `free`, `taken`, `live`, a level or a pointer to a block
//!    and the store that depends on it: `claim` begins again after `grow`, and `grow` adds its
//!    block only if there still is none after it has allocated.
//!
//! The models need no such allocator: its accesses add no order of two threads, and begin only
//! where this module allocates. `tests/memory/reentrant.rs` has one.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::ptr;

use super::identity::Identity;
use super::record::{Slot, own};
use crate::ordering_mutants::{acquire, release};
#[cfg(any(untorn_loom, untorn_shuttle))]
use crate::sync::last_stored;
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// The number of slots in the first block; each further block has twice as many.
const FIRST: usize = if cfg!(untorn_loom) { 2 } else { 4 };

/// The bits of a word of the bitmap. The models, which have few slots, have two, and so two levels.
const FAN_OUT: usize = if cfg!(untorn_loom) { 2 } else { 64 };

/// The maximum number of blocks of a record: room for 268 million accesses, in 19 GB.
const BLOCKS: usize = if cfg!(untorn_loom) { 2 } else { 26 };

/// The end of the free list.
const NONE: u64 = u64::MAX;

/// The slot blocks of one record.
#[repr(C)]
pub(super) struct SlotBlocks {
    live: AtomicU64,
    taken: AtomicU64,
    free: AtomicU64,
    blocks: [AtomicPtr<SlotBlock>; BLOCKS],
}

struct SlotBlock {
    levels: Box<[Box<[AtomicU64]>]>,
    slots: Box<[BlockSlot]>,
}

struct BlockSlot {
    slot: Slot,
    /// The next place of the free list, while this slot is in it.
    next_free: AtomicU64,
}

/// Returns the number of the block with the slot at `place`, and the slot's index in the block.
fn locate(place: u64) -> (usize, usize) {
    let place = place as usize;
    let block = (place / FIRST + 1).ilog2() as usize;
    (block, place - FIRST * ((1 << block) - 1))
}

impl SlotBlocks {
    pub(super) fn new() -> Self {
        Self {
            live: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            free: AtomicU64::new(NONE),
            blocks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Returns whether no slot is in use. For the owner.
    pub(super) fn is_free(&self) -> bool {
        own!(self.live) == 0
    }

    /// Takes a free slot and sets its bits. For the owner.
    pub(super) fn claim(&self, identity: &'static Identity) -> &'static Slot {
        let (free, taken) = (own!(self.free), own!(self.taken));
        let reused = free != NONE;
        let place = if reused { free } else { taken };
        let (number, index) = locate(place);
        assert!(
            number < BLOCKS,
            "cannot begin another access on this thread: {taken} are not over; drop their guards first"
        );
        let Some(block) = self.own_block(number) else {
            self.grow(number, identity);
            // Invariant 6: what was loaded above may be outdated.
            return self.claim(identity);
        };
        let BlockSlot { slot, next_free } = &block.slots[index];
        if reused {
            self.free.store(own!(next_free), Ordering::Relaxed);
        } else {
            self.taken.store(taken + 1, Ordering::Relaxed);
        }
        block.occupy(index);
        let live = own!(self.live);
        if live & (1 << number) == 0 {
            // Relaxed, as all bits are: invariant 4.
            self.live.store(live | (1 << number), Ordering::Relaxed);
        }
        slot
    }

    /// Clears the bits of the slot at `place`, whose access has ended, and frees it. For the owner.
    pub(super) fn vacate(&self, place: u32) {
        let place = u64::from(place);
        let (number, index) = locate(place);
        let block = self.own_block(number).expect("the slot is in it");
        if block.vacate(index) {
            let live = own!(self.live) & !(1 << number);
            self.live.store(live, Ordering::Relaxed);
        }
        let next_free = &block.slots[index].next_free;
        next_free.store(own!(self.free), Ordering::Relaxed);
        self.free.store(place, Ordering::Relaxed);
    }

    /// Leaves all slots free, without a line, to the next owner. For the owner, before the Release
    /// fence that the handover needs.
    pub(super) fn reset(&self) {
        for place in 0..own!(self.taken) {
            let (number, index) = locate(place);
            let block = self.own_block(number).expect("a place that was taken");
            block.slots[index].slot.invalidate();
        }
        self.taken.store(0, Ordering::Relaxed);
        self.free.store(NONE, Ordering::Relaxed);
    }

    /// Returns whether a slot may be in use.
    #[inline(always)]
    pub(super) fn are_in_use(&self) -> bool {
        // Acquire: the reads in the slots, if none is in use any more, with `unpublish.fence`.
        self.live.load(acquire("are_in_use.live")) != 0
    }

    /// Folds the slots that may be in use.
    pub(super) fn fold<B>(&self, initial: B, fold: impl Fn(B, &'static Slot) -> B + Copy) -> B {
        // Acquire: as in `are_in_use`, for each block.
        let mut live = self.live.load(acquire("fold.live"));
        let mut folded = initial;
        while live != 0 {
            let number = live.trailing_zeros() as usize;
            live &= live - 1;
            // Acquire: the contents of the block (Release in `grow`).
            let block = self.blocks[number].load(acquire("fold.block"));
            // SAFETY: invariant 1; only `grow` stores here. The scan may observe a new bit before
            // the pointer to the block: then the access finds the pointer of this writer.
            if let Some(block) = unsafe { block.as_ref() } {
                folded = block.fold(block.levels.len() - 1, 0, folded, fold);
            }
        }
        folded
    }

    /// Returns the block with this number, if it is allocated. For the owner.
    fn own_block(&self, number: usize) -> Option<&'static SlotBlock> {
        let block = own!(self.blocks[number]);
        // SAFETY: invariant 1; only `grow` stores here.
        unsafe { block.as_ref() }
    }

    /// Adds the block with this number, unless an access inside of an allocation has added it. For
    /// the owner.
    #[cold]
    fn grow(&self, number: usize, identity: &'static Identity) {
        let new = Box::new(SlotBlock::new(number, identity));
        if self.own_block(number).is_none() {
            // Release: the contents of the block (Acquire in `fold`).
            self.blocks[number].store(Box::leak(new), release("grow.block"));
        }
    }
}

#[cfg(test)]
std::thread_local! {
    /// The words of blocks' bitmaps that scans have read on this thread.
    pub(super) static WORDS_READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl SlotBlock {
    fn new(number: usize, identity: &'static Identity) -> Self {
        let first = FIRST * ((1 << number) - 1);
        let len = FIRST << number;
        let words = |below: usize| -> Box<[AtomicU64]> {
            let words = below.div_ceil(FAN_OUT);
            (0..words).map(|_| AtomicU64::new(0)).collect()
        };
        let levels = std::iter::successors(Some(words(len)), |below| {
            (below.len() > 1).then(|| words(below.len()))
        });
        let slots = (first..first + len).map(|place| BlockSlot {
            slot: Slot::in_block(identity, place),
            next_free: AtomicU64::new(NONE),
        });
        Self {
            levels: levels.collect(),
            slots: slots.collect(),
        }
    }

    /// Sets the bits of a slot.
    fn occupy(&self, mut index: usize) {
        for level in &self.levels {
            let word = &level[index / FAN_OUT];
            let before = own!(word);
            word.store(before | 1 << (index % FAN_OUT), Ordering::Relaxed);
            if before != 0 {
                return;
            }
            index /= FAN_OUT;
        }
    }

    /// Clears the bits of a slot; returns whether the block has no other slot in use.
    fn vacate(&self, mut index: usize) -> bool {
        for level in &self.levels {
            let word = &level[index / FAN_OUT];
            let left = own!(word) & !(1 << (index % FAN_OUT));
            word.store(left, Ordering::Relaxed);
            if left != 0 {
                return false;
            }
            index /= FAN_OUT;
        }
        true
    }

    /// Folds the slots below a word of the bitmap that may be in use.
    fn fold<B>(
        &'static self,
        level: usize,
        word: usize,
        initial: B,
        fold: impl Fn(B, &'static Slot) -> B + Copy,
    ) -> B {
        #[cfg(test)]
        WORDS_READ.set(WORDS_READ.get() + 1);
        // Acquire: the reads in slots that are free again, with `unpublish.fence`.
        let mut bits = self.levels[level][word].load(acquire("fold.word"));
        let mut folded = initial;
        while bits != 0 {
            let below = word * FAN_OUT + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            folded = match level.checked_sub(1) {
                Some(level) => self.fold(level, below, folded, fold),
                None => fold(folded, &self.slots[below].slot),
            };
        }
        folded
    }
}

/// Frees the blocks of the records of a model, which creates a registry for each execution.
#[cfg(any(untorn_loom, untorn_shuttle))]
impl Drop for SlotBlocks {
    fn drop(&mut self) {
        for block in &mut self.blocks {
            let block = last_stored(block);
            if !block.is_null() {
                // SAFETY: leaked by `grow`, and no thread is left that has a reference to it.
                drop(unsafe { Box::from_raw(block) });
            }
        }
    }
}
