//! When the table grows, and how: a new array at once, the entries a little at a time.
//!
//! A write that would pass the load factor of 6.5 gets an array of twice the size; one that finds too many overflow
//! buckets gets an array of the same size, into which the sparse chains are packed. Entries then move with the
//! writes that follow: each first evacuates the old bucket that it is about to touch and one more, so no single
//! write pays for the whole. Reads move nothing.

use super::Table;
use super::flags::{ITERATOR, OLD_ITERATOR, SAME_SIZE_GROW};
use super::hash::SeededBuildHasher;
use super::key::Key;
use super::load_factor::{Growth, over_load_factor, too_many_overflow_buckets};
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::chain::move_chain;

/// How many evacuated buckets `nevacuate` may pass in one write.
const MAX_ADVANCE: usize = 1024;

impl<K, V, S> Table<K, V, S> {
    /// The growth that one more entry asks for. At most one is carried out at a time.
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

    /// Starts to grow.
    #[cold]
    pub(super) fn hash_grow(&mut self, growth: Option<Growth>) {
        let bigger = growth == Some(Growth::Doubling);
        let b = self.buckets.b() + u8::from(bigger);
        let new = BucketArray::allocated(b);
        self.oldbuckets = Some(std::mem::replace(&mut self.buckets, new));
        self.nevacuate = 0;
        // Whoever iterated over the buckets iterates over the old ones now.
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
    /// What a write does for the growth before it touches the bucket `bucket`.
    #[inline]
    pub(super) fn grow_work(&mut self, bucket: usize) {
        if self.oldbuckets.is_some() {
            self.evacuate(bucket);
            self.evacuate(self.nevacuate);
        }
    }

    /// Moves the entries of the old bucket with these low bits, if it is still to be done.
    ///
    /// Their hashes are all computed before the first is moved: a `Hash` that panics leaves the bucket as it was.
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

    /// Moves `nevacuate` past what is done, and ends the growth when everything is.
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
