//! Iteration over a borrowed table.

use std::fmt;
use std::iter::FusedIterator;

use super::Table;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::bucket::BucketRef;
use crate::gomap::raw::layout::BUCKET_CNT;
use crate::halves::keys_and_values;
use crate::random::random_u64;

/// An iterator over the entries of a [`Table`], in an unspecified order with a random start.
/// [`Table::iter`] creates it.
///
/// # Examples
/// ```
/// let limits = untorn::gomap::Table::from([("low", 10), ("high", 20)]);
/// let mut sum = 0;
/// for (_, n) in &limits {
///     sum += n;
/// }
/// assert_eq!(sum, 30);
/// ```
pub struct Iter<'t, K, V> {
    /// The current array, then the next one.
    arrays: [Option<&'t BucketArray<K, V>>; 2],
    /// The index of the next chain in the current array, relative to the random start.
    chain: usize,
    /// The current bucket of the current chain.
    bucket: Option<BucketRef<'t, K, V>>,
    slot: usize,
    start: u64,
    remaining: usize,
}

impl<K, V, S> Table<K, V, S> {
    /// Returns an iterator over the entries, each once.
    ///
    /// O(buckets + entries) in all. The order is unspecified and starts at a random bucket and
    /// slot, as in Go, so that no program can rely on it. The iterator borrows the table;
    /// [`cursor`](Self::cursor) does not.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::gomap::Table::from([("low", 10), ("high", 20)]);
    /// assert_eq!(limits.iter().map(|(_, n)| n).sum::<i32>(), 30);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V> {
        if self.count > 0 {
            self.flags.set_iterator();
        }
        Iter {
            arrays: [Some(&self.buckets), self.oldbuckets.as_ref()],
            chain: 0,
            bucket: None,
            slot: 0,
            start: random_u64(),
            remaining: self.count,
        }
    }

    /// Returns an iterator over the keys, in the order of [`iter`](Self::iter).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::gomap::Table::from([("low", 10)]);
    /// assert_eq!(limits.keys().collect::<Vec<_>>(), [&"low"]);
    /// ```
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys(self.iter())
    }

    /// Returns an iterator over the values, in the order of [`iter`](Self::iter).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::gomap::Table::from([("low", 10)]);
    /// assert_eq!(limits.values().collect::<Vec<_>>(), [&10]);
    /// ```
    pub fn values(&self) -> Values<'_, K, V> {
        Values(self.iter())
    }
}

impl<'t, K, V> Iterator for Iter<'t, K, V> {
    type Item = (&'t K, &'t V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.remaining == 0 {
            return None;
        }
        loop {
            while let Some(bucket) = self.bucket {
                while self.slot < BUCKET_CNT {
                    // All buckets start at the same random slot, as in Go.
                    let slot = (self.slot + (self.start >> 61) as usize) % BUCKET_CNT;
                    self.slot += 1;
                    if let Some(full) = bucket.full(slot) {
                        self.remaining -= 1;
                        return Some((full.key(), full.elem()));
                    }
                }
                self.slot = 0;
                self.bucket = bucket.overflow();
            }
            let [array, after] = self.arrays;
            let array = array?;
            if self.chain < array.count() {
                self.bucket = Some(array.bucket(self.chain.wrapping_add(self.start as usize)));
                self.chain += 1;
            } else {
                self.arrays = [after, None];
                self.chain = 0;
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

keys_and_values!(Table);

impl<'t, K, V, S> IntoIterator for &'t Table<K, V, S> {
    type Item = (&'t K, &'t V);
    type IntoIter = Iter<'t, K, V>;

    fn into_iter(self) -> Iter<'t, K, V> {
        self.iter()
    }
}
