//! A chain (a bucket with its overflow buckets), borrowed for writing.
//!
//! The types here are witnesses: an [`Occupied`] is a slot that is known to be full, a [`Vacant`]
//! one that is known to be empty, a [`VacatedSlot`] one that has just been emptied. They borrow the
//! `BucketArray` mutably, so the code that uses them (`assign.rs`, `delete.rs`, `grow.rs`) is safe.
//!
//! # Invariants
//!
//! 1. `head`, `bucket` and `last` are buckets of one chain of the `BucketArray` that is borrowed
//!    beside them.
//! 2. The slot of an `Occupied` is full, the slot of a `Vacant` is empty. Where a `Vacant` has no
//!    free slot, its `last` ends the chain and has no overflow bucket; the `last` of a `ChainEnd`
//!    never has one.

#![allow(unsafe_code, reason = "see the invariants above")]

use super::array::BucketArray;
use super::bucket::{Bucket, BucketRef};
use super::layout::BUCKET_CNT;
use super::slot_mask::SlotMask;
use super::tophash::{EMPTY_ONE, EMPTY_REST, is_empty};

/// A mutable reference to a chain.
pub(in crate::gomap) struct ChainMut<'t, K, V> {
    buckets: &'t mut BucketArray<K, V>,
    head: Bucket<K, V>,
}

/// The result of a search in a chain.
pub(in crate::gomap) enum Found<'t, K, V> {
    /// The slot that holds the key.
    Occupied(Occupied<'t, K, V>),
    /// The key is not in the chain; this is the slot for it.
    Vacant(Vacant<'t, K, V>),
}

impl<K, V> BucketArray<K, V> {
    /// Borrows the chain that a hash with these low bits belongs to for writing.
    #[inline(always)]
    pub(in crate::gomap) fn chain_mut(&mut self, low_bits: usize) -> ChainMut<'_, K, V> {
        let head = self.head(low_bits);
        ChainMut {
            buckets: self,
            head,
        }
    }
}

impl<'t, K, V> ChainMut<'t, K, V> {
    /// Searches for the entry with this tophash whose key satisfies `is_key`, and records the first
    /// free slot.
    #[inline]
    pub(in crate::gomap) fn find(
        self,
        top: u8,
        mut is_key: impl FnMut(&K) -> bool,
    ) -> Found<'t, K, V> {
        let Self { buckets, head } = self;
        let mut free = None;
        let mut bucket = head;
        loop {
            // SAFETY: `buckets` is borrowed for longer, and written to only after the last use of
            // `shared`.
            let shared = unsafe { BucketRef::new(bucket) };
            for full in shared.matches(top) {
                if is_key(full.key()) {
                    return Found::Occupied(Occupied {
                        i: full.index(),
                        buckets,
                        head,
                        bucket,
                    });
                }
            }
            if free.is_none() {
                free = shared.first_empty().map(|i| (bucket, i));
            }
            match bucket.overflow() {
                Some(next) if !shared.ends_chain() => bucket = next,
                _ => {
                    return Found::Vacant(Vacant {
                        buckets,
                        free,
                        last: bucket,
                    });
                }
            }
        }
    }
}

impl<'t, K, V> ChainMut<'t, K, V> {
    /// Returns the end of the chain, for appending.
    pub(in crate::gomap) fn end(self) -> ChainEnd<'t, K, V> {
        let mut last = self.head;
        while let Some(next) = last.overflow() {
            last = next;
        }
        ChainEnd {
            buckets: self.buckets,
            last,
            i: 0,
        }
    }

    /// Clones `from` slot by slot into this bucket, which must be empty and the only one of its
    /// chain.
    pub(in crate::gomap) fn copy_bucket(self, from: BucketRef<'_, K, V>)
    where
        K: Clone,
        V: Clone,
    {
        for i in 0..BUCKET_CNT {
            assert!(is_empty(self.head.tophash(i)));
            if let Some(full) = from.full(i) {
                let (key, elem) = (full.key().clone(), full.elem().clone());
                // SAFETY: the slot is empty, as asserted; the `BucketArray` is borrowed mutably,
                // and `Clone` has no access to it.
                unsafe { self.head.fill(i, full.tophash(), key, elem) };
            } else {
                assert!(is_empty(from.tophash(i)));
                // SAFETY: an empty slot stays empty, and the `BucketArray` is borrowed mutably.
                unsafe { self.head.set_tophash(i, from.tophash(i)) };
            }
        }
    }
}

/// The last bucket of a chain, and the slot in it from which to search for an empty one.
pub(in crate::gomap) struct ChainEnd<'t, K, V> {
    buckets: &'t mut BucketArray<K, V>,
    last: Bucket<K, V>,
    i: usize,
}

impl<K, V> ChainEnd<'_, K, V> {
    /// Writes the entry into the next empty slot, in a new overflow bucket if this one has none.
    pub(in crate::gomap) fn push(&mut self, top: u8, key: K, elem: V) {
        while self.i < BUCKET_CNT && !is_empty(self.last.tophash(self.i)) {
            self.i += 1;
        }
        if self.i == BUCKET_CNT {
            // SAFETY: `last` is the last of its chain.
            self.last = unsafe { self.buckets.append_overflow(self.last) };
            self.i = 0;
        }
        // SAFETY: the slot is empty, or its bucket is new; the `BucketArray` is borrowed mutably.
        unsafe { self.last.fill(self.i, top, key, elem) };
        self.i += 1;
    }
}

/// A full slot.
pub(in crate::gomap) struct Occupied<'t, K, V> {
    buckets: &'t mut BucketArray<K, V>,
    head: Bucket<K, V>,
    bucket: Bucket<K, V>,
    i: usize,
}

impl<'t, K, V> Occupied<'t, K, V> {
    pub(in crate::gomap) fn replace_key(&mut self, key: K) -> K {
        // SAFETY: invariant 2.
        let mut place = unsafe { self.bucket.key(self.i) };
        // SAFETY: initialized, and the `BucketArray` is borrowed mutably.
        std::mem::replace(unsafe { place.as_mut() }, key)
    }

    pub(in crate::gomap) fn replace_elem(&mut self, elem: V) -> V {
        // SAFETY: invariant 2.
        let mut place = unsafe { self.bucket.elem(self.i) };
        // SAFETY: initialized, and the `BucketArray` is borrowed mutably.
        std::mem::replace(unsafe { place.as_mut() }, elem)
    }

    /// Removes the entry and marks its slot `EMPTY_ONE`. The caller decides whether the slot
    /// becomes `EMPTY_REST`.
    pub(in crate::gomap) fn take(self) -> ((K, V), VacatedSlot<'t, K, V>) {
        // SAFETY: invariant 2, and the `BucketArray` is borrowed mutably.
        let entry = unsafe { self.bucket.take(self.i, EMPTY_ONE) };
        let vacated = VacatedSlot {
            _buckets: self.buckets,
            head: self.head,
            bucket: self.bucket,
            i: self.i,
        };
        (entry, vacated)
    }
}

/// An empty slot, or the end of a chain that has none.
pub(in crate::gomap) struct Vacant<'t, K, V> {
    buckets: &'t mut BucketArray<K, V>,
    /// The first free slot of the chain, if it has one.
    free: Option<(Bucket<K, V>, usize)>,
    last: Bucket<K, V>,
}

impl<K, V> Vacant<'_, K, V> {
    /// Writes the entry into the slot, or into a new overflow bucket if the chain is full.
    #[inline]
    pub(in crate::gomap) fn fill(self, top: u8, key: K, elem: V) {
        let (bucket, i) = self.free.unwrap_or_else(|| {
            // SAFETY: no free slot, so by invariants 1 and 2 `last` ends its chain.
            (unsafe { self.buckets.append_overflow(self.last) }, 0)
        });
        // SAFETY: the slot is empty by invariant 2, or its bucket is new; the `BucketArray` is
        // borrowed mutably.
        unsafe { bucket.fill(i, top, key, elem) };
    }
}

/// A slot that has just been emptied. It can move backwards along its chain.
pub(in crate::gomap) struct VacatedSlot<'t, K, V> {
    _buckets: &'t mut BucketArray<K, V>,
    head: Bucket<K, V>,
    bucket: Bucket<K, V>,
    i: usize,
}

impl<K, V> VacatedSlot<'_, K, V> {
    /// Returns whether this slot is `EMPTY_ONE`.
    pub(in crate::gomap) fn is_empty_one(&self) -> bool {
        self.bucket.tophash(self.i) == EMPTY_ONE
    }

    /// Returns whether no slot after this one is full.
    pub(in crate::gomap) fn rest_is_empty(&self) -> bool {
        let next = if self.i + 1 < BUCKET_CNT {
            Some(self.bucket.tophash(self.i + 1))
        } else {
            self.bucket.overflow().map(|next| next.tophash(0))
        };
        next.is_none_or(|tophash| tophash == EMPTY_REST)
    }

    /// Marks the slot `EMPTY_REST`.
    pub(in crate::gomap) fn mark_empty_rest(&mut self) {
        assert!(self.is_empty_one());
        // SAFETY: an empty slot stays empty, and the `BucketArray` is borrowed mutably.
        unsafe { self.bucket.set_tophash(self.i, EMPTY_REST) };
    }

    /// Moves to the previous slot. Returns false at the first slot of the chain.
    pub(in crate::gomap) fn step_back(&mut self) -> bool {
        if self.i > 0 {
            self.i -= 1;
            return true;
        }
        // Chains are singly linked, so the search for the previous bucket starts at the head.
        let mut before = self.head;
        while let Some(next) = before.overflow() {
            if next == self.bucket {
                self.bucket = before;
                self.i = BUCKET_CNT - 1;
                return true;
            }
            before = next;
        }
        false
    }
}

/// A chain that evacuated entries are appended to.
struct Destination<K, V> {
    bucket: Bucket<K, V>,
    i: usize,
}

impl<K, V> Destination<K, V> {
    /// Starts at bucket `i` of `new`.
    ///
    /// # Panics
    /// Panics if the bucket is in use: then it was written to before its old bucket was evacuated.
    fn new(new: &mut BucketArray<K, V>, i: usize) -> Self {
        let bucket = new.chain_mut(i).head;
        assert!(bucket.word() == 0 && bucket.overflow().is_none());
        Self { bucket, i: 0 }
    }

    /// Appends the entry that slot `i` of `from`, a bucket of another array, held when its tophash
    /// was `tophash`.
    ///
    /// # Safety
    /// `self.bucket` belongs to `buckets` and is empty from slot `self.i` on; slot `i` of `from`
    /// was full until it was marked as evacuated, its entry was not moved since, and the array of
    /// `from` is borrowed mutably too.
    #[inline(always)]
    unsafe fn push(
        &mut self,
        buckets: &mut BucketArray<K, V>,
        from: Bucket<K, V>,
        i: usize,
        tophash: u8,
    ) {
        if self.i == BUCKET_CNT {
            // SAFETY: by the contract, and no bucket was appended behind it yet.
            self.bucket = unsafe { buckets.append_overflow(self.bucket) };
            self.i = 0;
        }
        // SAFETY: by the contract.
        unsafe { from.relocate(i, tophash, self.bucket, self.i) };
        self.i += 1;
    }
}

/// Moves every entry of the chain at bucket `from` of `old` to `new` without gaps, and marks the
/// old chain as evacuated.
///
/// `upper` lists, for each bucket of the chain, the slots that move to the upper half of a doubled
/// array. All other slots move to the lower half.
///
/// # Panics
/// Panics if a destination is in use: then it was written to before its old bucket was evacuated.
pub(in crate::gomap) fn move_chain<K, V>(
    old: &mut BucketArray<K, V>,
    from: usize,
    new: &mut BucketArray<K, V>,
    upper: &[SlotMask],
) {
    assert!(
        upper.is_empty() || new.count() == 2 * old.count(),
        "no upper half"
    );
    let halves = [from, from + new.count() - old.count()];
    let mut destinations = halves.map(|i| Destination::new(new, i));
    let mut upper = upper.iter();
    let mut next = Some(old.chain_mut(from).head);
    while let Some(bucket) = next {
        let word = bucket.word();
        let full = SlotMask::match_full(word);
        assert!(
            full.union(SlotMask::match_empty(word)) == SlotMask::ALL,
            "bad map state"
        );
        let upper = upper.next().copied().unwrap_or(SlotMask::NONE);
        // Marked first: if the allocation of a bucket panics, the entries not yet moved leak and
        // are not dropped twice.
        // SAFETY: `old` is borrowed mutably.
        unsafe { bucket.mark_evacuated(full, upper) };
        for i in full {
            // An index, not a branch: the half is unpredictable.
            let to = &mut destinations[usize::from(upper.contains(i))];
            let tophash = (word >> (8 * i)) as u8;
            // SAFETY: the destinations are buckets of `new` that were empty and are filled from the
            // front, two different ones or only the first, as asserted; the slot was full until it
            // was marked just now, and both arrays are borrowed mutably.
            unsafe { to.push(new, bucket, i, tophash) };
        }
        next = bucket.overflow();
    }
}
