//! The bucket array with its overflow buckets. It owns their memory and drops the entries.
//!
//! From `B = 4` on, the array has 2^(B-4) spare buckets. They become overflow buckets first;
//! further overflow buckets are allocated one by one. (Go also rounds the array up to a size class
//! of its allocator and uses the extra space. This crate does not, because Rust's allocator reports
//! no size classes.)
//!
//! # Invariants
//!
//! 1. `base` points at `total` zero-initialized buckets of one allocation, or dangles while `total`
//!    is 0.
//! 2. `singles` are overflow buckets with an allocation of their own each. They and the buckets of
//!    the array are freed only when the `BucketArray` is dropped.
//! 3. Chains do not share buckets, and every bucket with a full slot is in the chain of one of the
//!    first 2^B.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::mem;
use std::ptr::NonNull;

use super::bucket::{Bucket, BucketRef};
use super::layout::{BUCKET_CNT, BucketLayout};
use super::tophash::{EMPTY_ONE, MIN_TOP_HASH};
use crate::random::random_u64;

/// The size limit of an allocation (Go's `maxAlloc`). No machine has this many bytes, and a failed
/// allocation would abort the process.
const MAX_ALLOC: u64 = 1 << 48;

/// The memory of the buckets. Dropping it frees the memory but drops no entries.
struct Storage<K, V> {
    base: NonNull<u8>,
    total: usize,
    singles: Vec<Bucket<K, V>>,
}

impl<K, V> Storage<K, V> {
    /// Returns storage without any allocation.
    fn empty() -> Self {
        Self {
            base: NonNull::<u64>::dangling().cast(),
            total: 0,
            singles: Vec::new(),
        }
    }

    fn layout(total: usize) -> Option<Layout> {
        let size = BucketLayout::<K, V>::SIZE.checked_mul(total)?;
        Layout::from_size_align(size, BucketLayout::<K, V>::ALIGN).ok()
    }

    fn allocate(total: usize) -> NonNull<u8> {
        let layout = Self::layout(total).expect("capacity overflow");
        // SAFETY: a bucket is never zero-sized, so neither is the layout.
        let base = unsafe { alloc_zeroed(layout) };
        NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Allocates one overflow bucket.
    fn allocate_single(&mut self) -> Bucket<K, V> {
        let base = Self::allocate(1);
        // SAFETY: zeroed memory of one bucket's layout, freed with `self`.
        let bucket = unsafe { Bucket::at(base) };
        self.singles.push(bucket);
        bucket
    }
}

impl<K, V> Drop for Storage<K, V> {
    fn drop(&mut self) {
        let free = |base: NonNull<u8>, total| {
            let layout = Self::layout(total).expect("it was allocated with this layout");
            // SAFETY: by invariants 1 and 2, `base` was allocated with this layout, and it is freed
            // only here.
            unsafe { dealloc(base.as_ptr(), layout) };
        };
        for bucket in &self.singles {
            free(bucket.base(), 1);
        }
        if self.total > 0 {
            free(self.base, self.total);
        }
    }
}

/// An array of 2^B buckets with their overflow buckets. It may be unallocated until the first
/// write.
pub(in crate::gomap) struct BucketArray<K, V> {
    storage: Storage<K, V>,
    /// Log2 of the number of buckets. Stored beside the mask because baseline x86-64 has no
    /// instruction to count the bits of the mask.
    b: u8,
    mask: usize,
    /// Index of the next bucket of the array that can serve as an overflow bucket.
    next_overflow: usize,
    /// The number of overflow buckets in use: exact below `B = 16`, approximate from there on, as
    /// in Go.
    noverflow: u16,
}

// SAFETY: a `BucketArray` owns its keys and elems; moving it to another thread moves them.
unsafe impl<K: Send, V: Send> Send for BucketArray<K, V> {}

// SAFETY: through a shared `BucketArray` only shared keys and elems are reached.
unsafe impl<K: Sync, V: Sync> Sync for BucketArray<K, V> {}

impl<K, V> BucketArray<K, V> {
    /// Creates an array of 2^b buckets that the first write allocates.
    pub(in crate::gomap) fn unallocated(b: u8) -> Self {
        let count = 1_usize
            .checked_shl(u32::from(b))
            .expect("capacity overflow");
        Self {
            storage: Storage::empty(),
            b,
            mask: count - 1,
            next_overflow: count,
            noverflow: 0,
        }
    }

    /// Creates an array of 2^b buckets and allocates it.
    pub(in crate::gomap) fn allocated(b: u8) -> Self {
        let mut buckets = Self::unallocated(b);
        buckets.allocate();
        buckets
    }

    /// Allocates the array if it is unallocated.
    #[inline]
    pub(super) fn allocate(&mut self) {
        if self.storage.total == 0 {
            let total = Self::array_len(self.b());
            self.storage.base = Storage::<K, V>::allocate(total);
            self.storage.total = total;
        }
    }

    /// Returns the length of an array for `b`, including the preallocated overflow buckets.
    fn array_len(b: u8) -> usize {
        let count = 1 << b;
        if b >= 4 { count + (count >> 4) } else { count }
    }

    /// Returns whether Go's `makemap` ignores this hint: one bucket for each entry would exceed
    /// [`MAX_ALLOC`].
    pub(in crate::gomap) fn exceeds_max_alloc(hint: usize) -> bool {
        let bytes = hint.checked_mul(BucketLayout::<K, V>::SIZE);
        bytes.is_none_or(|bytes| bytes as u64 > MAX_ALLOC)
    }

    pub(in crate::gomap) fn is_allocated(&self) -> bool {
        self.storage.total > 0
    }

    /// Returns log2 of the number of buckets.
    #[inline(always)]
    pub(in crate::gomap) fn b(&self) -> u8 {
        self.b
    }

    #[inline(always)]
    pub(in crate::gomap) fn mask(&self) -> usize {
        self.mask
    }

    /// Returns the number of buckets without overflow buckets.
    pub(in crate::gomap) fn count(&self) -> usize {
        self.mask + 1
    }

    pub(in crate::gomap) fn noverflow(&self) -> u16 {
        self.noverflow
    }

    /// Returns the exact number of overflow buckets in use.
    pub(in crate::gomap) fn overflow_taken(&self) -> usize {
        self.next_overflow - self.count() + self.storage.singles.len()
    }

    /// Returns bucket `i` of the allocation.
    ///
    /// # Safety
    /// The array is allocated, and `i` is below its `total`.
    #[inline(always)]
    unsafe fn nth(&self, i: usize) -> Bucket<K, V> {
        debug_assert!(i < self.storage.total);
        // SAFETY: `i` is inside the allocation, by the contract.
        let base = unsafe { self.storage.base.add(i * BucketLayout::<K, V>::SIZE) };
        // SAFETY: a bucket of the array, by invariant 1.
        unsafe { Bucket::at(base) }
    }

    /// Returns the bucket that a hash with these low bits belongs to.
    ///
    /// # Panics
    /// Panics if the array is not allocated.
    #[inline(always)]
    pub(in crate::gomap) fn bucket(&self, low_bits: usize) -> BucketRef<'_, K, V> {
        assert!(self.is_allocated(), "no bucket before the first write");
        // SAFETY: allocated, and the mask keeps the index below 2^B.
        let bucket = unsafe { self.nth(low_bits & self.mask) };
        // SAFETY: `self` is borrowed for as long.
        unsafe { BucketRef::new(bucket) }
    }

    /// Returns the head of the chain that a hash with these low bits belongs to. Allocates the
    /// array first if it is unallocated.
    #[inline(always)]
    pub(in crate::gomap) fn head(&mut self, low_bits: usize) -> Bucket<K, V> {
        self.allocate();
        // SAFETY: allocated, and the mask keeps the index below 2^B.
        unsafe { self.nth(low_bits & self.mask) }
    }

    /// Links a new overflow bucket behind `last`, the last bucket of a chain of this array.
    ///
    /// # Safety
    /// `last` belongs to `self` and has no overflow bucket yet.
    pub(super) unsafe fn append_overflow(&mut self, last: Bucket<K, V>) -> Bucket<K, V> {
        debug_assert!(last.overflow().is_none());
        let bucket = if self.next_overflow < self.storage.total {
            self.next_overflow += 1;
            // SAFETY: below `total`.
            unsafe { self.nth(self.next_overflow - 1) }
        } else {
            self.storage.allocate_single()
        };
        self.count_overflow();
        // SAFETY: `self` is borrowed mutably and owns both.
        unsafe { last.set_overflow(bucket) };
        bucket
    }

    /// Increments `noverflow`: always below `B = 16`, and with probability 1 / 2^(B-15) from there
    /// on, so that sixteen bits suffice.
    fn count_overflow(&mut self) {
        let b = self.b();
        if b < 16 {
            self.noverflow = self.noverflow.saturating_add(1);
        } else {
            let odds = (1_u64 << (b - 15)) - 1;
            if random_u64() & odds == 0 {
                self.noverflow = self.noverflow.saturating_add(1);
            }
        }
    }

    /// Frees an array whose entries have all been moved out, without scanning its slots.
    pub(in crate::gomap) fn free_evacuated(mut self) {
        debug_assert!((0..self.count()).all(|i| self.bucket(i).evacuated()));
        // `Drop` skips an array without storage.
        drop(mem::replace(&mut self.storage, Storage::empty()));
    }

    /// Drops the entries of all chains from number `chain` on, and advances `chain`.
    ///
    /// After a panic a second call resumes: a slot is marked empty before its entry is dropped.
    fn drop_entries(&mut self, chain: &mut usize) {
        while *chain < self.count() {
            // SAFETY: only called while allocated, and `chain` is below 2^B.
            let mut next = Some(unsafe { self.nth(*chain) });
            while let Some(bucket) = next {
                for i in 0..BUCKET_CNT {
                    if bucket.tophash(i) >= MIN_TOP_HASH {
                        // SAFETY: the slot is full, and `self` is borrowed mutably.
                        unsafe { bucket.drop_entry(i, EMPTY_ONE) };
                    }
                }
                next = bucket.overflow();
            }
            *chain += 1;
        }
    }
}

impl<K, V> Drop for BucketArray<K, V> {
    /// Drops every entry once, also when the drop of one of them panics. Dropping `storage` then
    /// frees the memory.
    fn drop(&mut self) {
        struct Entries<'b, K, V> {
            buckets: &'b mut BucketArray<K, V>,
            chain: usize,
        }

        impl<K, V> Drop for Entries<'_, K, V> {
            fn drop(&mut self) {
                self.buckets.drop_entries(&mut self.chain);
            }
        }

        if self.is_allocated() && BucketLayout::<K, V>::NEEDS_DROP {
            let mut entries = Entries {
                buckets: self,
                chain: 0,
            };
            entries.buckets.drop_entries(&mut entries.chain);
        }
    }
}
