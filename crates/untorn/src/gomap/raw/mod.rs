//! The memory of a table: the only folder of `gomap` with `unsafe`.
//!
//! | file | in Go | what |
//! |---|---|---|
//! | `tophash.rs` | `tophash`, `emptyRest`, `evacuatedX` | the byte of each slot |
//! | `slot_mask.rs` | | eight tophash bytes as one word |
//! | `bucket.rs` | `bmap` | one bucket |
//! | `array.rs` | `makeBucketArray`, `newoverflow` | the allocation, overflow buckets |
//! | `chain.rs` | | a bucket with its overflow buckets, open for writing |

pub(super) mod array;
pub(super) mod bucket;
pub(super) mod chain;
pub(super) mod slot_mask;
pub(super) mod tophash;
