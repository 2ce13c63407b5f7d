//! The layout of a bucket: eight tophash bytes, eight keys, eight elems, and a pointer to the next
//! bucket of the chain.
//!
//! ```text
//!  offset 0        8                    elems            overflow
//!  ┌───────────────┬─────┬─────┬───┬─────┬─────┬───┬─────┬──────┐
//!  │ tophash [u8;8]│ k0  │ k1  │ … │ k7  │ v0  │ … │ v7  │  *   │
//!  └───────────────┴─────┴─────┴───┴─────┴─────┴───┴─────┴──────┘
//! ```
//!
//! Keys are stored together and elems are stored together, so that `map[i64]i8` wastes no padding.
//! A key or an elem of more than 128 bytes is boxed, and its slot holds the pointer.

use std::alloc::Layout;
use std::marker::PhantomData;

/// The number of slots in a bucket (Go's `bucketCnt`).
pub(in crate::gomap) const BUCKET_CNT: usize = 8;

/// The size above which keys and elems are boxed (Go's `maxKeySize`, `maxElemSize`).
pub(in crate::gomap) const MAX_INLINE_SIZE: usize = 128;

const fn round_up(offset: usize, align: usize) -> usize {
    (offset + align - 1) & !(align - 1)
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The layout of a bucket of `K` and `V`, computed at compile time.
pub(in crate::gomap) struct BucketLayout<K, V>(PhantomData<(K, V)>);

impl<K, V> BucketLayout<K, V> {
    pub(in crate::gomap) const INDIRECT_KEY: bool = size_of::<K>() > MAX_INLINE_SIZE;
    pub(in crate::gomap) const INDIRECT_ELEM: bool = size_of::<V>() > MAX_INLINE_SIZE;

    pub(super) const KEY: Layout = if Self::INDIRECT_KEY {
        Layout::new::<*mut K>()
    } else {
        Layout::new::<K>()
    };
    pub(super) const ELEM: Layout = if Self::INDIRECT_ELEM {
        Layout::new::<*mut V>()
    } else {
        Layout::new::<V>()
    };

    pub(in crate::gomap) const KEYS: usize = round_up(BUCKET_CNT, Self::KEY.align());
    pub(in crate::gomap) const ELEMS: usize = round_up(
        Self::KEYS + BUCKET_CNT * Self::KEY.size(),
        Self::ELEM.align(),
    );
    pub(in crate::gomap) const OVERFLOW: usize = round_up(
        Self::ELEMS + BUCKET_CNT * Self::ELEM.size(),
        align_of::<*mut u8>(),
    );
    /// The alignment of a bucket. At least that of a `u64`, because the eight tophash bytes are
    /// also read as one word.
    pub(in crate::gomap) const ALIGN: usize = larger(
        align_of::<u64>(),
        larger(
            align_of::<*mut u8>(),
            larger(Self::KEY.align(), Self::ELEM.align()),
        ),
    );
    pub(in crate::gomap) const SIZE: usize =
        round_up(Self::OVERFLOW + size_of::<*mut u8>(), Self::ALIGN);

    /// True if a full slot needs `drop_entry`: its key or elem has drop glue or is boxed.
    pub(super) const NEEDS_DROP: bool = std::mem::needs_drop::<K>()
        || std::mem::needs_drop::<V>()
        || Self::INDIRECT_KEY
        || Self::INDIRECT_ELEM;
}
