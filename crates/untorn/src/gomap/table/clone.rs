//! Cloning: Go's `maps.Clone`, slot by slot.
//!
//! The clone is sized by the number of entries, so it can be larger or smaller than the original.
//! Chains are packed, and their tophashes copied: only the keys of old buckets that the clone
//! splits are hashed.

use super::Table;
use super::hash::SeededBuildHasher;
use super::key::Key;
use super::load_factor::{capacity_for, over_load_factor};
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::bucket::BucketRef;
use crate::gomap::raw::chain::ChainEnd;
use crate::gomap::raw::layout::BucketLayout;

impl<K: Key + Clone, V: Clone, S: SeededBuildHasher + Clone> Clone for Table<K, V, S> {
    /// Returns a table with clones of all entries: Go's `maps.Clone`.
    ///
    /// O(buckets + entries). The clone has the seed of the original and is sized by the number of
    /// entries. A clone of a nil table is nil. `Hash` and `Eq` are called only for entries that an
    /// unfinished growth has not moved yet.
    ///
    /// # Examples
    /// ```
    /// let mut config = untorn::gomap::Table::from([("1", 265)]);
    /// let before = config.clone();
    /// config.insert("1", 17);
    /// assert_eq!(before["1"], 265);
    /// ```
    fn clone(&self) -> Self {
        let b = self.buckets.b();
        // During a same-size growth a table can be overloaded. Its clone then has the same size.
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
            // Empty slots included: Go copies the memory of the bucket.
            let bucket = self.buckets.bucket(0);
            clone.buckets.chain_mut(0).copy_bucket(bucket);
            clone.count = self.count;
            return clone;
        }
        // The clone has at most as many buckets, so each of its chains is the concatenation of
        // whole chains.
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
    /// Clones the entries of the buckets that are not evacuated from the old array of the original.
    fn add_old_buckets(&mut self, old: &BucketArray<K, V>) {
        // Fewer buckets than in the clone: the entries of one bucket go to several.
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

/// Appends clones of the entries of a chain, and returns their number.
fn append<K: Clone, V: Clone>(end: &mut ChainEnd<'_, K, V>, chain: BucketRef<'_, K, V>) -> usize {
    let mut appended = 0;
    for full in chain.entries() {
        end.push(full.tophash(), full.key().clone(), full.elem().clone());
        appended += 1;
    }
    appended
}
