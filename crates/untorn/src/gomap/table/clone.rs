//! Cloning: Go's `maps.Clone`, slot by slot.
//!
//! The clone is sized by the number of entries, so it can be larger or smaller than the array that is cloned. Chains are
//! packed on the way, and their tophashes copied: nothing is hashed, but for old buckets that the clone splits.

use super::Table;
use super::hash::SeededBuildHasher;
use super::key::Key;
use super::load_factor::{capacity_for, over_load_factor};
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::bucket::{BucketLayout, BucketRef};
use crate::gomap::raw::chain::ChainEnd;

impl<K: Key + Clone, V: Clone, S: SeededBuildHasher + Clone> Clone for Table<K, V, S> {
    /// Go's `maps.Clone`: the same seed, sized by the number of entries; a clone of nil is nil. Calls `Hash` and `Eq` only
    /// for what an unfinished growth has not moved yet. O(buckets + entries).
    fn clone(&self) -> Self {
        let b = self.buckets.b();
        // Amid a growth to the same size a table can be overloaded; its clone is then too, and not larger.
        let hint = if over_load_factor(self.count, b) {
            capacity_for(b)
        } else {
            self.count
        };
        let mut clone = Self::with_hint_and_hasher(hint, self.hasher.clone());
        clone.hash0 = self.hash0;
        clone.nil = self.nil;
        if self.count == 0 {
            return clone;
        }
        let reboxed = BucketLayout::<K, V>::INDIRECT_KEY && K::NEEDS_KEY_UPDATE;
        if b == 0 && !reboxed && !BucketLayout::<K, V>::INDIRECT_ELEM {
            // Holes and all, as Go copies the bucket as a piece of memory.
            let bucket = self.buckets.bucket(0);
            clone.buckets.chain_mut(0).copy_bucket(bucket);
            clone.count = self.count;
            return clone;
        }
        // The clone has as many buckets at most, so each of its chains takes in whole chains.
        let count = clone.buckets.count();
        for number in 0..count {
            let mut end = clone.buckets.chain_mut(number).end();
            for from in (number..self.buckets.count()).step_by(count) {
                clone.count += append(&mut end, self.buckets.bucket(from));
            }
        }
        if let Some(old) = &self.oldbuckets {
            clone.add_old_buckets(old);
        }
        clone
    }
}

impl<K: Key + Clone, V: Clone, S: SeededBuildHasher> Table<K, V, S> {
    /// Adds what is not evacuated yet from the old array of the table that is being cloned.
    fn add_old_buckets(&mut self, old: &BucketArray<K, V>) {
        // Fewer buckets than here: the entries of one belong into several.
        let splits = old.count() < self.buckets.count();
        for number in 0..old.count() {
            let bucket = old.bucket(number);
            if bucket.evacuated() {
                continue;
            }
            if splits {
                for full in bucket.entries() {
                    self.insert(full.key().clone(), full.elem().clone());
                }
            } else {
                let mut end = self.buckets.chain_mut(number).end();
                self.count += append(&mut end, bucket);
            }
        }
    }
}

/// Appends clones of the entries of a chain; returns how many they are.
fn append<K: Clone, V: Clone>(end: &mut ChainEnd<'_, K, V>, chain: BucketRef<'_, K, V>) -> usize {
    let mut appended = 0;
    for full in chain.entries() {
        end.push(full.tophash(), full.key().clone(), full.elem().clone());
        appended += 1;
    }
    appended
}
