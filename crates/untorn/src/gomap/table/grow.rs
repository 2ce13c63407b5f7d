//! Incremental growth: the new array is allocated at once, and later writes move the entries.
//!
//! A write that would exceed the load factor of 6.5 allocates an array of twice the size. A write
//! that finds too many overflow buckets allocates an array of the same size, into which the sparse
//! chains are packed. Each later write first evacuates the old bucket that it is about to access
//! and one more, so no single write moves the whole table. Reads move nothing.

use super::Table;
use super::flags::{ITERATOR, OLD_ITERATOR, SAME_SIZE_GROW};
use super::hash::SeededBuildHasher;
use super::key::Key;
use super::load_factor::{Growth, over_load_factor, too_many_overflow_buckets};
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::chain::move_chain;

/// The limit on how far one write advances `nevacuate`.
const MAX_ADVANCE: usize = 1024;

impl<K, V, S> Table<K, V, S> {
    /// Returns the growth that an insertion has to start. Only one growth is active at a time.
    #[inline(always)]
    pub(super) fn growth_for_insert(&self) -> Option<Growth> {
        if self.oldbuckets.is_some() {
            None
        } else if over_load_factor(self.count + 1, self.buckets.b()) {
            Some(Growth::Doubling)
        } else if too_many_overflow_buckets(self.buckets.noverflow(), self.buckets.b()) {
            Some(Growth::SameSize)
        } else {
            None
        }
    }

    /// Starts a growth.
    #[cold]
    pub(super) fn hash_grow(&mut self, growth: Option<Growth>) {
        let bigger = growth == Some(Growth::Doubling);
        let b = self.buckets.b() + u8::from(bigger);
        let new = BucketArray::allocated(b);
        self.oldbuckets = Some(std::mem::replace(&mut self.buckets, new));
        self.nevacuate = 0;
        // Iterators over the buckets are now iterators over the old buckets.
        let mut set = if bigger { 0 } else { SAME_SIZE_GROW };
        if self.flags.get().iterator() {
            set |= OLD_ITERATOR;
        }
        self.flags.change(set, ITERATOR | OLD_ITERATOR);
        if let Some(cursors) = self.cursors.get_mut() {
            cursors.growth_started(self.buckets.count());
        }
    }
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Evacuates up to two old buckets, before a write accesses `bucket`.
    #[inline]
    pub(super) fn grow_work(&mut self, bucket: usize) {
        if self.oldbuckets.is_some() {
            self.evacuate(bucket);
            self.evacuate(self.nevacuate);
        }
    }

    /// Moves the entries of the old bucket with these low bits, unless it is evacuated.
    ///
    /// All hashes are computed before the first entry is moved: if `Hash` panics, the bucket is
    /// unchanged.
    fn evacuate(&mut self, low_bits: usize) {
        let Some(old) = &mut self.oldbuckets else {
            return;
        };
        let number = low_bits & old.mask();
        let head = old.bucket(number);
        if !head.evacuated() {
            let upper = &mut self.upper;
            upper.clear();
            if old.count() < self.buckets.count() {
                let new_bit = old.count();
                upper.extend(head.chain().map(|bucket| {
                    bucket.full_slots_matching(|key| {
                        self.hasher.hash_one(key, self.hash0) as usize & new_bit != 0
                    })
                }));
            }
            move_chain(old, number, &mut self.buckets, upper);
            if let Some(cursors) = self.cursors.get_mut() {
                let split = (old.count() < self.buckets.count()).then_some(old.count());
                cursors.chain_evacuated(number, split, old.bucket(number));
            }
        }
        if number == self.nevacuate {
            self.advance_evacuation_mark();
        }
    }

    /// Advances `nevacuate` past evacuated buckets, and ends the growth when all are evacuated.
    fn advance_evacuation_mark(&mut self) {
        let Some(old) = &self.oldbuckets else {
            return;
        };
        let stop = (self.nevacuate + 1 + MAX_ADVANCE).min(old.count());
        self.nevacuate += 1;
        while self.nevacuate < stop && old.bucket(self.nevacuate).evacuated() {
            self.nevacuate += 1;
        }
        let evacuated = self.nevacuate;
        if let Some(old) = self.oldbuckets.take_if(|old| evacuated == old.count()) {
            old.free_evacuated();
            self.flags.change(0, SAME_SIZE_GROW);
            if let Some(cursors) = self.cursors.get_mut() {
                cursors.growth_finished();
            }
        }
    }
}
