//! A check of the invariants that a table upholds between operations.

use super::Table;
use super::hash::SeededBuildHasher;
use super::key::Key;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::layout::BUCKET_CNT;
use crate::gomap::raw::tophash::tophash;
use crate::gomap::raw::tophash::{
    EMPTY_ONE, EMPTY_REST, EVACUATED_EMPTY, EVACUATED_X, EVACUATED_Y, is_empty,
};

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Checks every invariant of the table. For tests and fuzzing.
    ///
    /// O(buckets + entries). Hashes every key.
    ///
    /// # Panics
    /// Panics if an invariant is violated, with a message that names it.
    ///
    /// # Examples
    /// ```
    /// let table: untorn::gomap::Table<_, _> = (0..100).map(|n| (n, n)).collect();
    /// table.assert_invariants();
    /// ```
    #[doc(hidden)]
    pub fn assert_invariants(&self) {
        // In the unit tests under Miri, where a call takes thousands of times as long, one in
        // sixteen.
        #[cfg(all(test, miri))]
        {
            thread_local!(static CALLS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
            if CALLS.replace(CALLS.get() + 1) % 16 != 0 {
                return;
            }
        }
        let mut entries = self.assert_array(&self.buckets);
        if let Some(old) = &self.oldbuckets {
            entries += self.assert_array(old);
            assert!(
                self.nevacuate < old.count(),
                "growing, yet everything is evacuated"
            );
            for number in 0..self.nevacuate {
                assert!(
                    old.bucket(number).evacuated(),
                    "old bucket {number} is below nevacuate"
                );
            }
            let growth = self.buckets.b() - old.b();
            assert!(growth <= 1, "grown by more than one bit");
            let same_size = self.flags.get().same_size_grow();
            assert_eq!(
                same_size,
                growth == 0,
                "same_size_grow contradicts the sizes of the arrays"
            );
        } else {
            assert!(
                !self.flags.get().same_size_grow(),
                "same_size_grow without growth"
            );
        }
        assert_eq!(entries, self.count, "count is not the number of entries");
        if self.buckets.b() == 0 {
            assert!(self.oldbuckets.is_none(), "one bucket cannot be growing");
            assert_eq!(self.buckets.overflow_taken(), 0, "one bucket with overflow");
        }
    }

    /// Checks one array, and returns its number of entries.
    fn assert_array(&self, array: &BucketArray<K, V>) -> usize {
        if !array.is_allocated() {
            return 0;
        }
        let is_old = !std::ptr::eq(array, &self.buckets);
        (0..array.count())
            .map(|number| self.assert_chain(array, number, is_old))
            .sum()
    }

    /// Checks one chain, and returns its number of entries.
    fn assert_chain(&self, array: &BucketArray<K, V>, number: usize, is_old: bool) -> usize {
        let head = array.bucket(number);
        let evacuated = head.evacuated();
        assert!(
            !evacuated || is_old,
            "evacuated bucket {number} in the current array"
        );
        if !is_old
            && let Some(old) = &self.oldbuckets
            && !old.bucket(number).evacuated()
        {
            let first = head.tophash(0);
            assert_eq!(
                first, EMPTY_REST,
                "bucket {number} is used before its old one is evacuated"
            );
        }
        let (mut entries, mut rest, mut last) = (0, false, EMPTY_REST);
        for bucket in head.chain() {
            for i in 0..BUCKET_CNT {
                let mark = bucket.tophash(i);
                if evacuated {
                    let moved = [EVACUATED_X, EVACUATED_Y, EVACUATED_EMPTY].contains(&mark);
                    assert!(
                        moved,
                        "slot {i} of evacuated bucket {number} is marked {mark}"
                    );
                    continue;
                }
                assert!(
                    !rest || mark == EMPTY_REST,
                    "a slot in use follows empty_rest in bucket {number}"
                );
                rest |= mark == EMPTY_REST;
                if !rest {
                    last = mark;
                }
                let Some(full) = bucket.full(i) else {
                    assert!(
                        is_empty(mark),
                        "slot {i} of bucket {number} is marked {mark}"
                    );
                    continue;
                };
                entries += 1;
                let (key, itself) = (full.key(), full.key());
                if key != itself {
                    // A key such as NaN may hash differently each time, so any bucket is valid.
                    continue;
                }
                let hash = self.hash_of(full.key()).hash;
                assert_eq!(
                    tophash(hash),
                    mark,
                    "tophash of slot {i} of bucket {number}"
                );
                assert_eq!(
                    hash as usize & array.mask(),
                    number,
                    "bucket of a key in {number}"
                );
            }
        }
        assert_ne!(
            last, EMPTY_ONE,
            "chain {number} ends with empty_one, not empty_rest"
        );
        entries
    }
}
