//! A copy of the header of a table.

use super::Table;
use super::flags::FlagSet;
use super::load_factor::Growth;
use crate::gomap::raw::array::BucketArray;

/// A copy of the header of a table: the fields of Go's `hmap`.
///
/// [`Table::stats`](crate::gomap::Table::stats) and [`GoMap::stats`](crate::GoMap::stats) return
/// it. The statistics of a [`Map`](crate::Map) are in [`MapStats`](crate::MapStats).
///
/// # Examples
/// ```
/// let stats = untorn::gomap::Table::from([("1", "265")]).stats();
/// assert_eq!((stats.count, stats.b, stats.buckets), (1, 0, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// The number of entries.
    pub count: usize,
    /// The binary logarithm of the number of buckets.
    pub b: u8,
    /// The flag bits.
    pub flags: FlagSet,
    /// The number of buckets of the current array, without overflow buckets. 0 while the array is
    /// unallocated: before the first write, and from a clear to the next write.
    pub buckets: usize,
    /// The number of buckets of the old array, or 0 if the table is not growing.
    pub oldbuckets: usize,
    /// Go's count of the overflow buckets of the current array: exact below `B = 16`, approximate
    /// from there on.
    pub noverflow: u16,
    /// The exact number of overflow buckets in both arrays.
    pub overflow: usize,
    /// The number up to which all old buckets are evacuated.
    pub nevacuate: usize,
    /// The active growth, if any.
    pub growth: Option<Growth>,
}

impl<K, V, S> Table<K, V, S> {
    /// Returns a copy of the header of the table: the fields of Go's `hmap`. O(1).
    ///
    /// # Examples
    /// ```
    /// let table: untorn::gomap::Table<_, _> = (0..27).map(|n| (n, n)).collect();
    /// let stats = table.stats();
    /// assert_eq!((stats.count, stats.b), (27, 3)); // the 27th key started to double four buckets
    /// ```
    #[must_use]
    #[doc(alias = "hmap")]
    pub fn stats(&self) -> TableStats {
        TableStats {
            count: self.count,
            b: self.buckets.b(),
            flags: self.flags.get(),
            buckets: if self.buckets.is_allocated() {
                self.buckets.count()
            } else {
                0
            },
            oldbuckets: self.oldbuckets.as_ref().map_or(0, BucketArray::count),
            noverflow: self.buckets.noverflow(),
            overflow: self.buckets.overflow_taken()
                + self
                    .oldbuckets
                    .as_ref()
                    .map_or(0, BucketArray::overflow_taken),
            nevacuate: self.nevacuate,
            growth: self.growth(),
        }
    }

    /// Returns the kind of the active growth.
    pub(super) fn growth(&self) -> Option<Growth> {
        self.oldbuckets.as_ref().map(|old| {
            if old.count() == self.buckets.count() {
                Growth::SameSize
            } else {
                Growth::Doubling
            }
        })
    }
}
