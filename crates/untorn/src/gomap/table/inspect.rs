//! Read access to the buckets, for programs that compare tables bucket by bucket.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

use super::Table;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::bucket::BucketRef;
use crate::gomap::raw::layout::BUCKET_CNT;

impl<K, V, S> Table<K, V, S> {
    /// Returns an iterator over the chains of the current array, in the order of their numbers.
    ///
    /// There are 2^B chains, or none while the array is unallocated. The last B bits of a key's
    /// hash are the number of its chain. This is for tests that compare tables bucket by bucket;
    /// use [`iter`](Self::iter) to visit the entries. O(buckets + entries) in all.
    ///
    /// # Examples
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
    pub fn chains(&self) -> Chains<'_, K, V> {
        Chains::of(Some(&self.buckets))
    }

    /// Returns an iterator over the chains of the old array, in the order of their numbers.
    ///
    /// There are none if the table is not growing. Otherwise this is like [`chains`](Self::chains).
    ///
    /// # Examples
    /// ```
    /// let table: untorn::gomap::Table<_, _> = (0..27).map(|n| (n, n)).collect();
    /// assert_eq!((table.old_chains().len(), table.chains().len()), (4, 8)); // doubling
    /// ```
    pub fn old_chains(&self) -> Chains<'_, K, V> {
        Chains::of(self.oldbuckets.as_ref())
    }
}

/// An iterator over the chains of an array, from [`Table::chains`] and [`Table::old_chains`].
pub struct Chains<'t, K, V> {
    array: Option<&'t BucketArray<K, V>>,
    numbers: Range<usize>,
}

impl<'t, K, V> Chains<'t, K, V> {
    fn of(array: Option<&'t BucketArray<K, V>>) -> Self {
        let array = array.filter(|array| array.is_allocated());
        Self {
            array,
            numbers: 0..array.map_or(0, BucketArray::count),
        }
    }
}

impl<'t, K, V> Iterator for Chains<'t, K, V> {
    type Item = Chain<'t, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.numbers.next()?;
        Some(Chain {
            next: self.array.map(|array| array.bucket(number)),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl<K, V> ExactSizeIterator for Chains<'_, K, V> {}

impl<K, V> FusedIterator for Chains<'_, K, V> {}

impl<K, V> Clone for Chains<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            array: self.array,
            numbers: self.numbers.clone(),
        }
    }
}

impl<K, V> fmt::Debug for Chains<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// An iterator over a bucket and its overflow buckets.
/// [`Table::chains`] and [`Table::old_chains`] create it.
///
/// # Examples
/// ```
/// let table = untorn::gomap::Table::from([("1", "265")]);
/// let chain = table.chains().next().unwrap();
/// assert_eq!(chain.count(), 1); // one bucket without overflow buckets
/// ```
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

/// A view of one bucket: eight tophash bytes, and an entry for each byte of at least 5.
/// # Examples
/// ```
/// let table = untorn::gomap::Table::from([("1", "265")]);
/// let bucket = table.chains().next().unwrap().next().unwrap();
/// assert_eq!(bucket.tophash()[1..], [0; 7]); // empty_rest
/// assert_eq!(bucket.entry(0), Some((&"1", &"265")));
/// ```
pub struct BucketView<'t, K, V> {
    bucket: BucketRef<'t, K, V>,
}

impl<'t, K, V> BucketView<'t, K, V> {
    /// Returns the tophash bytes of the eight slots as Go stores them.
    ///
    /// 0 is `empty_rest`, 1 `empty_one`, 2 to 4 evacuated; from 5 on, the byte is the top eight
    /// bits of the hash of the key.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// let bucket = table.chains().next().unwrap().next().unwrap();
    /// assert!(bucket.tophash()[0] >= 5);
    /// ```
    #[must_use]
    pub fn tophash(&self) -> [u8; BUCKET_CNT] {
        std::array::from_fn(|i| self.bucket.tophash(i))
    }

    /// Returns the entry in slot `i`, or `None` if the slot is empty or evacuated.
    ///
    /// # Panics
    /// Panics if `i` is not below 8.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// let bucket = table.chains().next().unwrap().next().unwrap();
    /// assert_eq!(bucket.entry(0), Some((&"1", &"265")));
    /// assert_eq!(bucket.entry(1), None);
    /// ```
    #[must_use]
    pub fn entry(&self, i: usize) -> Option<(&'t K, &'t V)> {
        assert!(
            i < BUCKET_CNT,
            "slot {i} is out of range: a bucket has eight slots"
        );
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
    /// Formats the tophash bytes only: keys and elems may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tophash().fmt(f)
    }
}
