//! When a table has to grow, and in which of the two ways.

use crate::gomap::raw::bucket::BUCKET_CNT;
use crate::planted::planted;

/// The load factor 6.5 as a fraction.
const LOAD_FACTOR_NUM: usize = 13;
const LOAD_FACTOR_DEN: usize = 2;

/// The two ways a table grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// To twice as many buckets.
    Doubling,
    /// To as many buckets with fewer overflow buckets (Go's `sameSizeGrow`).
    SameSize,
}

/// Whether `count` entries are too many for 2^b buckets: more than eight, and more than 6.5 a bucket.
pub(in crate::gomap) fn over_load_factor(count: usize, b: u8) -> bool {
    let late = usize::from(planted("growth_one_key_late"));
    count > BUCKET_CNT && count > capacity_for(b) + late
}

/// How many entries 2^b buckets are for.
pub(in crate::gomap) fn capacity_for(b: u8) -> usize {
    LOAD_FACTOR_NUM.saturating_mul((1_usize << b) / LOAD_FACTOR_DEN)
}

/// Whether 2^b buckets should not have this many overflow buckets: about as many as buckets, 2^15 at most.
pub(super) fn too_many_overflow_buckets(noverflow: u16, b: u8) -> bool {
    noverflow >= 1 << b.min(15)
}
