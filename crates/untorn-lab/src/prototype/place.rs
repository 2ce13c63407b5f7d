//! The bits of a hash that choose a segment, a group and a slot.

/// 2^64 divided by the golden ratio, as in Fibonacci hashing.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hash, spread by one multiplication so that every bit of it counts for each choice.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its highest bits choose a segment: no operation but a shift stands before that load.
    upper: u64,
    /// The rest chooses inside a segment, while the segment's address is being loaded.
    inner: u64,
}

impl Place {
    #[inline]
    pub(super) fn of(hash: u64) -> Self {
        let product = u128::from(hash) * u128::from(GOLDEN);
        let (upper, high) = (product as u64, (product >> 64) as u64);
        Self {
            upper,
            inner: upper ^ high,
        }
    }

    /// Returns the index among `1 << bits` directory entries; `bits` is not 0.
    #[inline]
    pub(super) fn index(self, shift: u32) -> usize {
        (self.upper >> (shift & 63)) as usize
    }

    /// Returns the bit that chooses a half of a segment of this depth.
    pub(super) fn is_upper_half(self, depth: u32) -> bool {
        (self.upper >> (63 - depth)) & 1 == 1
    }

    /// Returns the first group to search, of `homes`.
    #[inline]
    pub(super) fn home(self, homes: u32) -> usize {
        ((u64::from(self.inner as u32) * u64::from(homes)) >> 32) as usize
    }

    /// Returns the control byte of the entry.
    #[inline]
    pub(super) fn tag(self) -> u8 {
        self.inner as u8 | super::control::FULL
    }

    /// Returns the bit of a group's overflow byte. The highest is never used, see `control.rs`.
    pub(super) fn overflow_bit(self) -> u8 {
        1 << ((self.inner >> 7) as u8 % 7)
    }
}
