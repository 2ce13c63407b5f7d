//! One bucket: its tophash bytes, keys and elems, and the next bucket of its chain, at the offsets
//! of [`BucketLayout`].
//!
//! # Invariants
//!
//! 1. A [`Bucket`] points at a bucket of its layout in memory that its
//!    [`BucketArray`](super::array::BucketArray) owns and has not freed. It was zeroed when it was
//!    allocated, so the tophash bytes and the overflow pointer are always initialized, and the
//!    overflow pointer is null or upholds this invariant itself.
//! 2. Key and elem of slot *i* are initialized if and only if `tophash[i] >= MIN_TOP_HASH`.
//! 3. An indirect slot that is initialized holds a pointer made by `Box::into_raw`, and owns it.
//! 4. A [`BucketRef`] or [`FullSlot`] lives no longer than a borrow of the `BucketArray`; while it
//!    lives, no slot changes.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::layout::{BUCKET_CNT, BucketLayout};
use super::slot_mask::SlotMask;
use super::tophash::{
    EMPTY_REST, EVACUATED_EMPTY, EVACUATED_X, EVACUATED_Y, MIN_TOP_HASH, evacuated, is_empty,
};

/// The address of a bucket. Copying it does not copy the bucket.
pub(in crate::gomap) struct Bucket<K, V> {
    base: NonNull<u8>,
    entry: PhantomData<*const (K, V)>,
}

impl<K, V> Clone for Bucket<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Bucket<K, V> {}

impl<K, V> PartialEq for Bucket<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base
    }
}

impl<K, V> Bucket<K, V> {
    /// Creates a handle to the bucket at `base`.
    ///
    /// # Safety
    /// Invariant 1 must hold for as long as the result is used.
    #[inline(always)]
    pub(in crate::gomap) unsafe fn at(base: NonNull<u8>) -> Self {
        Self {
            base,
            entry: PhantomData,
        }
    }

    pub(super) fn base(self) -> NonNull<u8> {
        self.base
    }

    /// Returns the eight tophash bytes as a word, with slot 0 in the lowest byte.
    #[inline(always)]
    pub(in crate::gomap) fn word(self) -> u64 {
        // SAFETY: invariant 1, and ALIGN is at least that of a u64.
        u64::from_le(unsafe { self.base.cast::<u64>().read() })
    }

    #[inline(always)]
    pub(in crate::gomap) fn tophash(self, i: usize) -> u8 {
        debug_assert!(i < BUCKET_CNT);
        // SAFETY: invariant 1; a bucket begins with its eight tophash bytes.
        let byte = unsafe { self.base.add(i) };
        // SAFETY: as above.
        unsafe { byte.read() }
    }

    /// Sets the tophash byte of slot `i`.
    ///
    /// # Safety
    /// Invariant 2 must still hold afterwards, and the caller has exclusive access to the
    /// `BucketArray`.
    #[inline(always)]
    pub(super) unsafe fn set_tophash(self, i: usize, tophash: u8) {
        debug_assert!(i < BUCKET_CNT);
        // SAFETY: invariant 1; a bucket begins with its eight tophash bytes.
        let byte = unsafe { self.base.add(i) };
        // SAFETY: as above, and by the contract the caller has exclusive access.
        unsafe { byte.write(tophash) }
    }

    #[inline(always)]
    fn overflow_slot(self) -> NonNull<Option<NonNull<u8>>> {
        // SAFETY: invariant 1; OVERFLOW lies inside a bucket of this layout.
        unsafe { self.base.add(BucketLayout::<K, V>::OVERFLOW) }.cast()
    }

    /// Returns the next bucket of the chain.
    #[inline(always)]
    pub(in crate::gomap) fn overflow(self) -> Option<Self> {
        // SAFETY: invariant 1: always initialized, and aligned by the layout; a null pointer is
        // `None`.
        let next = unsafe { self.overflow_slot().read() };
        // SAFETY: invariant 1 holds for the bucket that the pointer points at.
        next.map(|base| unsafe { Self::at(base) })
    }

    /// Links `next` behind this bucket.
    ///
    /// # Safety
    /// The caller has exclusive access to the `BucketArray`, which also owns `next`.
    pub(super) unsafe fn set_overflow(self, next: Self) {
        // SAFETY: invariant 1, and by the contract the caller has exclusive access.
        unsafe { self.overflow_slot().write(Some(next.base)) }
    }

    #[inline(always)]
    fn key_slot(self, i: usize) -> NonNull<u8> {
        debug_assert!(i < BUCKET_CNT);
        // SAFETY: invariant 1; eight key slots begin at KEYS.
        unsafe {
            self.base
                .add(BucketLayout::<K, V>::KEYS + i * BucketLayout::<K, V>::KEY.size())
        }
    }

    #[inline(always)]
    fn elem_slot(self, i: usize) -> NonNull<u8> {
        debug_assert!(i < BUCKET_CNT);
        // SAFETY: invariant 1; eight elem slots begin at ELEMS.
        unsafe {
            self.base
                .add(BucketLayout::<K, V>::ELEMS + i * BucketLayout::<K, V>::ELEM.size())
        }
    }

    /// Returns the address of the key of slot `i`, inside its box if it is boxed.
    ///
    /// # Safety
    /// Slot `i` is full.
    #[inline(always)]
    pub(in crate::gomap) unsafe fn key(self, i: usize) -> NonNull<K> {
        if BucketLayout::<K, V>::INDIRECT_KEY {
            // SAFETY: the slot is full, so by invariants 2 and 3 it holds a pointer.
            unsafe { self.key_slot(i).cast::<NonNull<K>>().read() }
        } else {
            self.key_slot(i).cast()
        }
    }

    /// Returns the address of the elem of slot `i`, inside its box if it is boxed.
    ///
    /// # Safety
    /// Slot `i` is full.
    #[inline(always)]
    pub(in crate::gomap) unsafe fn elem(self, i: usize) -> NonNull<V> {
        if BucketLayout::<K, V>::INDIRECT_ELEM {
            // SAFETY: the slot is full, so by invariants 2 and 3 it holds a pointer.
            unsafe { self.elem_slot(i).cast::<NonNull<V>>().read() }
        } else {
            self.elem_slot(i).cast()
        }
    }

    /// Writes an entry into the empty slot `i`.
    ///
    /// # Safety
    /// Slot `i` is empty, `tophash` is that of a full slot, and the caller has exclusive access to
    /// the `BucketArray`.
    #[inline]
    pub(in crate::gomap) unsafe fn fill(self, i: usize, tophash: u8, key: K, elem: V) {
        debug_assert!(is_empty(self.tophash(i)) && tophash >= MIN_TOP_HASH);
        if BucketLayout::<K, V>::INDIRECT_KEY {
            let boxed = NonNull::from(Box::leak(Box::new(key)));
            // SAFETY: an indirect key slot has room for a pointer, aligned by the layout.
            unsafe { self.key_slot(i).cast::<NonNull<K>>().write(boxed) };
        } else {
            // SAFETY: the slot has room for a `K`, aligned by the layout, and is empty: nothing is
            // overwritten.
            unsafe { self.key_slot(i).cast::<K>().write(key) };
        }
        if BucketLayout::<K, V>::INDIRECT_ELEM {
            let boxed = NonNull::from(Box::leak(Box::new(elem)));
            // SAFETY: as for the key.
            unsafe { self.elem_slot(i).cast::<NonNull<V>>().write(boxed) };
        } else {
            // SAFETY: as for the key.
            unsafe { self.elem_slot(i).cast::<V>().write(elem) };
        }
        // SAFETY: key and elem are initialized now, so invariant 2 holds.
        unsafe { self.set_tophash(i, tophash) };
    }

    /// Moves the entry out of the full slot `i` and sets the tophash byte to `mark`.
    ///
    /// # Safety
    /// Slot `i` is full, `mark` is not the tophash of a full slot, and the caller has exclusive
    /// access to the `BucketArray`.
    #[inline]
    pub(in crate::gomap) unsafe fn take(self, i: usize, mark: u8) -> (K, V) {
        debug_assert!(self.tophash(i) >= MIN_TOP_HASH && mark < MIN_TOP_HASH);
        // SAFETY: the slot is full.
        let key = unsafe { self.key(i) };
        // SAFETY: the slot is full.
        let elem = unsafe { self.elem(i) };
        // SAFETY: invariant 2 holds again: the entry is moved out below, and the slot is not used
        // again.
        unsafe { self.set_tophash(i, mark) };
        let key = if BucketLayout::<K, V>::INDIRECT_KEY {
            // SAFETY: invariant 3, and the slot no longer owns the box.
            *unsafe { Box::from_raw(key.as_ptr()) }
        } else {
            // SAFETY: it was initialized, and the slot no longer owns it.
            unsafe { key.read() }
        };
        let elem = if BucketLayout::<K, V>::INDIRECT_ELEM {
            // SAFETY: invariant 3, and the slot no longer owns the box.
            *unsafe { Box::from_raw(elem.as_ptr()) }
        } else {
            // SAFETY: it was initialized, and the slot no longer owns it.
            unsafe { elem.read() }
        };
        (key, elem)
    }

    /// Drops the entry of the full slot `i` in place and sets the tophash byte to `mark`.
    ///
    /// The elem is dropped even if dropping the key panics. In place, because a boxed value may be
    /// larger than the stack.
    ///
    /// # Safety
    /// Slot `i` is full, `mark` is not the tophash of a full slot, and the caller has exclusive
    /// access to the `BucketArray`.
    pub(super) unsafe fn drop_entry(self, i: usize, mark: u8) {
        debug_assert!(self.tophash(i) >= MIN_TOP_HASH && mark < MIN_TOP_HASH);
        // SAFETY: the slot is full.
        let elem = unsafe { self.elem(i) };
        // SAFETY: the slot is full.
        let key = unsafe { self.key(i) };
        // SAFETY: invariant 2 holds again: the entry is dropped below, and not used again.
        unsafe { self.set_tophash(i, mark) };
        // SAFETY: by invariants 2 and 3, and the slot no longer owns the elem.
        let _dropped_last = unsafe { DropInPlace::new(elem, BucketLayout::<K, V>::INDIRECT_ELEM) };
        // SAFETY: as above, for the key.
        let _dropped_first = unsafe { DropInPlace::new(key, BucketLayout::<K, V>::INDIRECT_KEY) };
    }

    /// Marks all slots as evacuated, those in `upper` to the upper half.
    ///
    /// The caller must then pass each entry of a full slot to [`relocate`](Self::relocate), or the
    /// entry leaks.
    ///
    /// # Safety
    /// The caller has exclusive access to the `BucketArray`.
    #[inline(always)]
    pub(super) unsafe fn mark_evacuated(self, full: SlotMask, upper: SlotMask) {
        let marks = full.splat(EVACUATED_X) | full.intersection(upper).splat(EVACUATED_Y);
        let marks = marks | full.invert().splat(EVACUATED_EMPTY);
        // SAFETY: invariant 1; no mark is the tophash of a full slot, so invariant 2 requires
        // nothing of key and elem.
        unsafe { self.base.cast::<u64>().write(marks.to_le()) };
    }

    /// Moves the entry that slot `i` held when its tophash was `tophash` into the empty slot `j` of
    /// `dst`. Boxes are moved by pointer.
    ///
    /// # Safety
    /// Slot `i` was full until [`mark_evacuated`](Self::mark_evacuated), and its entry was not
    /// moved since; slot `j` of `dst` is empty, and the caller has exclusive access to the
    /// `BucketArray` of both.
    #[inline(always)]
    pub(super) unsafe fn relocate(self, i: usize, tophash: u8, dst: Self, j: usize) {
        debug_assert!(tophash >= MIN_TOP_HASH && is_empty(dst.tophash(j)));
        let (key, elem) = (self.key_slot(i), self.elem_slot(i));
        // SAFETY: two slots of one layout in two arrays.
        unsafe { key.copy_to_nonoverlapping(dst.key_slot(j), BucketLayout::<K, V>::KEY.size()) };
        // SAFETY: as above.
        unsafe { elem.copy_to_nonoverlapping(dst.elem_slot(j), BucketLayout::<K, V>::ELEM.size()) };
        // SAFETY: the entry is in `dst` now, so invariant 2 holds there.
        unsafe { dst.set_tophash(j, tophash) };
    }
}

/// A guard that drops a key or an elem in place, and frees its box if it is boxed.
struct DropInPlace<T> {
    at: NonNull<T>,
    boxed: bool,
}

impl<T> DropInPlace<T> {
    /// Creates the guard.
    ///
    /// # Safety
    /// The value at `at` is initialized, is in a box made by `Box::into_raw` if `boxed`, and has no
    /// other owner.
    unsafe fn new(at: NonNull<T>, boxed: bool) -> Self {
        Self { at, boxed }
    }
}

impl<T> Drop for DropInPlace<T> {
    fn drop(&mut self) {
        if self.boxed {
            // SAFETY: by the contract of `new`.
            drop(unsafe { Box::from_raw(self.at.as_ptr()) });
        } else {
            // SAFETY: by the contract of `new`.
            unsafe { self.at.drop_in_place() };
        }
    }
}

/// A shared reference to a bucket, which does not change while the reference lives.
pub(in crate::gomap) struct BucketRef<'t, K, V> {
    bucket: Bucket<K, V>,
    table: PhantomData<&'t (K, V)>,
}

// SAFETY: a `BucketRef` is a shared borrow of keys and elems.
unsafe impl<K: Sync, V: Sync> Send for BucketRef<'_, K, V> {}

// SAFETY: as above.
unsafe impl<K: Sync, V: Sync> Sync for BucketRef<'_, K, V> {}

impl<K, V> Clone for BucketRef<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for BucketRef<'_, K, V> {}

impl<'t, K, V> BucketRef<'t, K, V> {
    /// Borrows `bucket` for `'t`.
    ///
    /// # Safety
    /// `'t` is no longer than a borrow of the `BucketArray` that owns it, and nothing is written to
    /// a slot of it for as long as the result, or anything derived from it, is used (invariant 4).
    #[inline(always)]
    pub(in crate::gomap) unsafe fn new(bucket: Bucket<K, V>) -> Self {
        Self {
            bucket,
            table: PhantomData,
        }
    }

    #[inline(always)]
    pub(in crate::gomap) fn tophash(self, i: usize) -> u8 {
        self.bucket.tophash(i)
    }

    #[inline(always)]
    pub(in crate::gomap) fn evacuated(self) -> bool {
        evacuated(self.bucket.tophash(0))
    }

    #[inline(always)]
    pub(in crate::gomap) fn overflow(self) -> Option<Self> {
        // SAFETY: the same `BucketArray` owns the next bucket, for the same borrow.
        self.bucket
            .overflow()
            .map(|bucket| unsafe { Self::new(bucket) })
    }

    /// Prefetches the cache lines of the bucket after the first, so that those of key and elem
    /// arrive while the tophash bytes are scanned. This is only a hint.
    #[inline(always)]
    pub(in crate::gomap) fn prefetch_rest(self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

            const LINE: usize = 64;
            // In a larger bucket most lines would be fetched in vain, and a processor has no room
            // for so many pending loads.
            const MAX_LINES: usize = 6;
            let lines = BucketLayout::<K, V>::SIZE.div_ceil(LINE);
            if lines > MAX_LINES {
                return;
            }
            for i in 1..lines {
                // SAFETY: inside the bucket, which is `SIZE` long, by invariant 1.
                let line = unsafe { self.bucket.base.add(i * LINE) };
                // SAFETY: every x86-64 processor has the instruction, and it may name any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
            }
        }
    }

    /// Iterates over this bucket and the rest of its chain.
    pub(in crate::gomap) fn chain(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |bucket| bucket.overflow())
    }

    /// Iterates over the full slots of this bucket and of the rest of its chain, in order.
    pub(in crate::gomap) fn entries(self) -> impl Iterator<Item = FullSlot<'t, K, V>> {
        self.chain()
            .flat_map(|bucket| (0..BUCKET_CNT).filter_map(move |i| bucket.full(i)))
    }

    /// Returns the full slots whose keys satisfy `predicate`, which is called once for each, in
    /// order.
    #[inline(always)]
    pub(in crate::gomap) fn full_slots_matching(
        self,
        mut predicate: impl FnMut(&K) -> bool,
    ) -> SlotMask {
        let bucket = self;
        SlotMask::match_full(self.bucket.word()).filter(|i| predicate(FullSlot { bucket, i }.key()))
    }

    /// Returns slot `i` if it is full.
    #[inline(always)]
    pub(in crate::gomap) fn full(self, i: usize) -> Option<FullSlot<'t, K, V>> {
        (self.tophash(i) >= MIN_TOP_HASH).then_some(FullSlot { bucket: self, i })
    }

    /// Iterates over the full slots whose tophash is `top`, which must be that of a full slot.
    #[inline(always)]
    pub(in crate::gomap) fn matches(self, top: u8) -> Matches<'t, K, V> {
        debug_assert!(top >= MIN_TOP_HASH);
        Matches {
            bucket: self,
            hits: SlotMask::match_byte(self.bucket.word(), top),
        }
    }

    /// Returns the first empty slot.
    #[inline(always)]
    pub(super) fn first_empty(self) -> Option<usize> {
        SlotMask::match_empty(self.bucket.word()).lowest_set_bit()
    }

    /// Returns whether no later bucket of the chain holds an entry: the last slot is then
    /// `EMPTY_REST`.
    #[inline(always)]
    pub(in crate::gomap) fn ends_chain(self) -> bool {
        self.bucket.word() >> 56 == u64::from(EMPTY_REST)
    }
}

/// An iterator over the full slots that may hold the key, lowest first.
pub(in crate::gomap) struct Matches<'t, K, V> {
    bucket: BucketRef<'t, K, V>,
    hits: SlotMask,
}

impl<'t, K, V> Iterator for Matches<'t, K, V> {
    type Item = FullSlot<'t, K, V>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let bucket = self.bucket;
        self.hits.next().map(|i| FullSlot { bucket, i })
    }
}

/// A slot that is known to be full. It lets safe code read key and elem.
pub(in crate::gomap) struct FullSlot<'t, K, V> {
    bucket: BucketRef<'t, K, V>,
    i: usize,
}

impl<'t, K, V> FullSlot<'t, K, V> {
    pub(in crate::gomap) fn index(&self) -> usize {
        self.i
    }

    pub(in crate::gomap) fn tophash(&self) -> u8 {
        self.bucket.tophash(self.i)
    }

    #[inline(always)]
    pub(in crate::gomap) fn key(&self) -> &'t K {
        // SAFETY: a `FullSlot` is created for full slots only, which stay full by invariant 4.
        let key = unsafe { self.bucket.bucket.key(self.i) };
        // SAFETY: initialized by invariant 2, unchanged for 't by invariant 4.
        unsafe { key.as_ref() }
    }

    #[inline(always)]
    pub(in crate::gomap) fn elem(&self) -> &'t V {
        // SAFETY: a `FullSlot` is created for full slots only, which stay full by invariant 4.
        let elem = unsafe { self.bucket.bucket.elem(self.i) };
        // SAFETY: initialized by invariant 2, unchanged for 't by invariant 4.
        unsafe { elem.as_ref() }
    }
}
