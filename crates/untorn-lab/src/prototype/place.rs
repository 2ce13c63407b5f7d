//! The bits of a hash that choose a segment and a slot.

use super::control::Tag;

/// 2^64 divided by the golden ratio, as in Fibonacci hashing.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hash, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its highest bits choose a segment: no operation but a shift stands before that load.
    upper: u64,
    /// The rest chooses inside a segment, while the segment's address is being loaded.
    inner: u64,
}

impl Place {
    /// Spreads a hash by one multiplication, so that every bit of it counts for each choice.
    #[inline]
    pub(super) fn among_many(hash: u64) -> Self {
        let product = u128::from(hash) * u128::from(GOLDEN);
        let (upper, high) = (product as u64, (product >> 64) as u64);
        Self {
            upper,
            inner: upper ^ high,
        }
    }

    /// Takes the hash as it is, as a plain hash table does.
    #[inline]
    pub(super) fn in_one(hash: u64) -> Self {
        Self {
            upper: 0,
            inner: hash.rotate_left(32),
        }
    }

    /// Returns the index among the entries of a directory whose shift this is.
    #[inline]
    pub(super) fn index(self, shift: u32) -> usize {
        (self.upper >> (shift & 63)) as usize
    }

    /// Returns the bit that chooses a half of a segment of this depth.
    pub(super) fn is_upper_half(self, depth: u32) -> bool {
        (self.upper >> (63 - depth)) & 1 == 1
    }

    /// Returns the slot at which a search begins, of `homes`.
    #[inline]
    pub(super) fn home(self, homes: u64) -> usize {
        ((u64::from(self.inner as u32) * homes) >> 32) as usize
    }

    /// Returns the tag of the entry's control byte. Its bits hardly count for `home`.
    #[inline]
    pub(super) fn tag(self) -> Tag {
        Tag::of(self.inner as u8)
    }
}
