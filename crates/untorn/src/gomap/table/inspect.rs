//! The buckets as they are, for whoever compares a table with another one.

use std::fmt;
use std::iter::FusedIterator;

use super::Table;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::bucket::{BUCKET_CNT, BucketRef};

impl<K, V, S> Table<K, V, S> {
    /// The chains of the present array, in the order of their numbers: 2^B of them, none while the array is not
    /// allocated. The last B bits of a key's hash are the number of its chain.
    ///
    /// This is for tests that compare tables bucket by bucket; [`iter`](Self::iter) is the way to the entries. The whole
    /// walk is O(buckets + entries).
    ///
    /// ```
    /// use untorn::gomap::Table;
    ///
    /// let table = Table::from([("1", "265"), ("2", "17")]);
    /// let bucket = table.chains().next().unwrap().next().unwrap();
    /// assert!(bucket.tophash()[..2].iter().all(|mark| *mark >= 5)); // two full slots,
    /// assert_eq!(bucket.tophash()[2..], [0; 6]); // and six that are empty_rest
    /// assert_eq!(bucket.entry(0), Some((&"1", &"265")));
    /// ```
    pub fn chains(&self) -> impl ExactSizeIterator<Item = Chain<'_, K, V>> {
        chains(Some(&self.buckets))
    }

    /// The chains of the array of before the growth that is being carried out, in the order of their numbers; none if
    /// the table is not growing. Otherwise as [`chains`](Self::chains).
    pub fn old_chains(&self) -> impl ExactSizeIterator<Item = Chain<'_, K, V>> {
        chains(self.oldbuckets.as_ref())
    }
}

fn chains<K, V>(
    array: Option<&BucketArray<K, V>>,
) -> impl ExactSizeIterator<Item = Chain<'_, K, V>> {
    let allocated = array.filter(|array| array.is_allocated());
    (0..allocated.map_or(0, BucketArray::count)).map(move |number| Chain {
        next: allocated.map(|array| array.bucket(number)),
    })
}

/// A bucket and its overflow buckets, one after the other.
pub struct Chain<'t, K, V> {
    next: Option<BucketRef<'t, K, V>>,
}

impl<'t, K, V> Iterator for Chain<'t, K, V> {
    type Item = BucketView<'t, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        let bucket = self.next?;
        self.next = bucket.overflow();
        Some(BucketView { bucket })
    }
}

impl<K, V> FusedIterator for Chain<'_, K, V> {}

impl<K, V> Clone for Chain<'_, K, V> {
    fn clone(&self) -> Self {
        Self { next: self.next }
    }
}

impl<K, V> fmt::Debug for Chain<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// One bucket: eight marks, and an entry for each mark that is the tophash of one.
pub struct BucketView<'t, K, V> {
    bucket: BucketRef<'t, K, V>,
}

impl<'t, K, V> BucketView<'t, K, V> {
    /// The marks of the eight slots as Go stores them: 0 `empty_rest`, 1 `empty_one`, 2 to 4 evacuated, and from 5 on
    /// the top eight bits of the hash of the key that is there.
    #[must_use]
    pub fn tophash(&self) -> [u8; BUCKET_CNT] {
        std::array::from_fn(|i| self.bucket.tophash(i))
    }

    /// The entry in slot `i`, if there is one.
    ///
    /// # Panics
    /// If `i` is not below 8.
    #[must_use]
    pub fn entry(&self, i: usize) -> Option<(&'t K, &'t V)> {
        assert!(i < BUCKET_CNT, "a bucket has eight slots");
        self.bucket.full(i).map(|full| (full.key(), full.elem()))
    }
}

impl<K, V> Clone for BucketView<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for BucketView<'_, K, V> {}

impl<K, V> fmt::Debug for BucketView<'_, K, V> {
    /// Shows the marks; keys and elems may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tophash().fmt(f)
    }
}
