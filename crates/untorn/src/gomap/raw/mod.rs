//! The memory of a table. No other folder of `gomap` contains `unsafe`.
//!
//! | file | in Go | what |
//! |---|---|---|
//! | `tophash.rs` | `tophash`, `emptyRest`, `evacuatedX` | the mark byte of each slot |
//! | `slot_mask.rs` | | sets of slots, from eight tophash bytes as one word |
//! | `layout.rs` | `bmap`, `dataOffset` | the layout of a bucket |
//! | `bucket.rs` | `keys`, `overflow` | one bucket |
//! | `array.rs` | `makeBucketArray`, `newoverflow` | the bucket array, overflow buckets |
//! | `chain.rs` | | a bucket with its overflow buckets, borrowed for writing |

pub(super) mod array;
pub(super) mod bucket;
pub(super) mod chain;
pub(super) mod layout;
pub(super) mod slot_mask;
pub(super) mod tophash;
