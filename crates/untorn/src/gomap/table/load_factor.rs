//! The conditions under which a table grows.

use crate::gomap::raw::layout::BUCKET_CNT;
use crate::mutants::mutant;

/// The load factor, 6.5, as a fraction.
const LOAD_FACTOR_NUM: usize = 13;
const LOAD_FACTOR_DEN: usize = 2;

/// The two kinds of growth.
///
/// # Examples
/// ```
/// use untorn::gomap::{Growth, Table};
///
/// let table: Table<_, _> = (0..27).map(|n| (n, n)).collect();
/// assert_eq!(table.stats().growth, Some(Growth::Doubling));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Growth {
    /// Growth to twice as many buckets.
    Doubling,
    /// Growth to an equal number of buckets with fewer overflow buckets (Go's `sameSizeGrow`).
    SameSize,
}

/// Returns whether `count` entries exceed the load factor of 2^b buckets: more than eight in all,
/// and more than 6.5 per bucket.
pub(in crate::gomap) fn over_load_factor(count: usize, b: u8) -> bool {
    let late = usize::from(mutant("growth_one_key_late"));
    count > BUCKET_CNT && count > capacity_for(b) + late
}

/// Returns the number of entries up to which 2^b buckets do not grow, if `b > 0`.
pub(in crate::gomap) fn capacity_for(b: u8) -> usize {
    LOAD_FACTOR_NUM.saturating_mul((1_usize << b) / LOAD_FACTOR_DEN)
}

/// Returns whether 2^b buckets have too many overflow buckets: as many as buckets, but at most
/// 2^15.
pub(super) fn too_many_overflow_buckets(noverflow: u16, b: u8) -> bool {
    noverflow >= 1 << b.min(15)
}
