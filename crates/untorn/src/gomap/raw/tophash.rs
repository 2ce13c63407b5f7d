//! Go's tophash byte: the top byte of a full slot's hash, or the mark of an empty or evacuated
//! slot.

/// This slot is empty, and so is every later slot of the bucket and of its overflow chain.
pub(in crate::gomap) const EMPTY_REST: u8 = 0;
/// This slot is empty.
pub(in crate::gomap) const EMPTY_ONE: u8 = 1;
/// The entry moved to the lower half of the grown table.
pub(in crate::gomap) const EVACUATED_X: u8 = 2;
/// The entry moved to the upper half of the grown table.
pub(in crate::gomap) const EVACUATED_Y: u8 = 3;
/// The slot was empty, and its bucket is evacuated.
pub(in crate::gomap) const EVACUATED_EMPTY: u8 = 4;
/// The smallest tophash of a full slot.
pub(super) const MIN_TOP_HASH: u8 = 5;

/// Returns whether a slot with this tophash byte is empty.
#[inline(always)]
pub(in crate::gomap) fn is_empty(tophash: u8) -> bool {
    tophash <= EMPTY_ONE
}

/// Returns whether a bucket with this first tophash byte is evacuated.
#[inline(always)]
pub(in crate::gomap) fn evacuated(tophash0: u8) -> bool {
    tophash0 > EMPTY_ONE && tophash0 < MIN_TOP_HASH
}

/// Returns the top eight bits of the hash, raised above the marks of empty and evacuated slots.
#[inline(always)]
pub(in crate::gomap) fn tophash(hash: u64) -> u8 {
    let top = (hash >> 56) as u8;
    if top < MIN_TOP_HASH {
        top + MIN_TOP_HASH
    } else {
        top
    }
}
