//! What can be seen of a table's header.

use super::flags::FlagSet;
use super::load_factor::Growth;

/// The header of a table, as Go keeps it in `hmap`, at one moment. What a [`Map`](crate::Map) keeps is told by
/// [`untorn::Stats`](crate::Stats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Entries.
    pub count: usize,
    /// Log2 of the number of buckets.
    pub b: u8,
    /// The flag bits.
    pub flags: FlagSet,
    /// BucketArray of the present array, overflow buckets not counted; 0 while none is allocated: before the
    /// first write, and from a clear to the next write.
    pub buckets: usize,
    /// BucketArray of the array of before the growth; 0 when the table is not growing.
    pub oldbuckets: usize,
    /// Go's count of overflow buckets of the present array: exact below `B = 16`, else a guess.
    pub noverflow: u16,
    /// Overflow buckets taken in both arrays, exactly.
    pub overflow: usize,
    /// Every old bucket below this one is evacuated.
    pub nevacuate: usize,
    /// The growth being carried out.
    pub growth: Option<Growth>,
}
