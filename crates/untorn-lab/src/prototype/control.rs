//! Sixteen control bytes, compared at once.
//!
//! A slot's control byte is 0 if the slot is empty and was so since the segment was filled, 1 if
//! its entry was removed but a search must go on behind it, and else the *tag*: eight bits of the
//! hash, of which two values stand for others.

/// The control bytes that are compared at once.
pub(super) const WINDOW: usize = 16;

pub(super) const EMPTY: u8 = 0;
pub(super) const REMOVED: u8 = 1;

/// Each byte as a tag, four times: one load and one shuffle fill a register.
static TAGS: [u32; 256] = {
    let mut tags = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let tag = if byte <= REMOVED as usize {
            byte + 0x80
        } else {
            byte
        };
        tags[byte] = tag as u32 * 0x0101_0101;
        byte += 1;
    }
    tags
};

/// The control byte of a full slot, four times.
#[derive(Clone, Copy)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline]
    pub(super) fn of(byte: u8) -> Self {
        Self(TAGS[usize::from(byte)])
    }

    pub(super) fn byte(self) -> u8 {
        self.0 as u8
    }
}

/// The control bytes from some slot on.
#[derive(Clone, Copy)]
pub(super) struct Window<'s>(pub(super) &'s [u8; WINDOW]);

/// A set of positions in a window.
#[derive(Clone, Copy)]
pub(super) struct Positions(u32);

impl Positions {
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the set without those below `first`.
    pub(super) fn from(self, first: usize) -> Self {
        Self(self.0 >> first << first)
    }

    /// Returns the number of positions below the lowest in the set: all if there is none.
    pub(super) fn before(self) -> usize {
        (self.0.trailing_zeros() as usize).min(WINDOW)
    }

    /// Returns the number of positions above the highest in the set: all if there is none.
    pub(super) fn after(self) -> usize {
        self.0.leading_zeros() as usize - (32 - WINDOW)
    }
}

impl Iterator for Positions {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let position = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(position)
    }
}

impl Window<'_> {
    #[inline]
    fn equal(self, four: u32) -> u32 {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        let equal = sse2::equal(self.0, four);
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        let equal = swar::equal(self.0, four);
        equal
    }

    #[inline]
    pub(super) fn matches(self, tag: Tag) -> Positions {
        Positions(self.equal(tag.0))
    }

    #[inline]
    pub(super) fn empty(self) -> Positions {
        Positions(self.equal(0))
    }

    /// Returns the positions without an entry.
    pub(super) fn free(self) -> Positions {
        Positions(self.equal(0) | self.equal(0x0101_0101 * u32::from(REMOVED)))
    }

    pub(super) fn full(self) -> Positions {
        Positions(self.free().0 ^ ((1 << WINDOW) - 1))
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2 {
    #![allow(unsafe_code, reason = "the module exists with SSE2 only")]

    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi32};

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal_by_sse2(bytes: &[u8; 16], four: u32) -> u32 {
        // SAFETY: sixteen bytes are borrowed, and the load needs no alignment.
        let bytes = unsafe { _mm_loadu_si128(std::ptr::from_ref(bytes).cast()) };
        let equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi32(four as i32));
        _mm_movemask_epi8(equal) as u32
    }

    /// Returns the bytes that are equal to each of `four`, as bits.
    #[inline]
    pub(super) fn equal(bytes: &[u8; 16], four: u32) -> u32 {
        // SAFETY: this module is compiled only if each processor of the target has SSE2.
        unsafe { equal_by_sse2(bytes, four) }
    }
}

/// Eight bytes at once in a `u64`, for targets without SSE2.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod swar {
    const HIGHEST: u64 = 0x8080_8080_8080_8080;

    /// Returns the bytes that are equal to each of `four`, as bits. The comparison is exact: a
    /// false match would read an empty slot.
    pub(super) fn equal(bytes: &[u8; 16], four: u32) -> u32 {
        let four = u64::from(four) << 32 | u64::from(four);
        let half = |from: usize| {
            let mut half = [0; 8];
            half.copy_from_slice(&bytes[from..from + 8]);
            let differ = u64::from_le_bytes(half) ^ four;
            let equal = !(((differ & !HIGHEST) + !HIGHEST) | differ) & HIGHEST;
            // Byte i contributes bit i of the topmost byte of the product, without carries.
            ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
        };
        half(0) | half(8) << 8
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::{Tag, sse2, swar};

    #[test]
    fn sse2_and_swar_agree() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..if cfg!(miri) { 50 } else { 10_000 } {
            // Few different bytes, so that many match.
            let bytes = [(); 16].map(|()| random.u8(..4) | if random.bool() { 128 } else { 0 });
            for four in [0, Tag::of(random.u8(..4) | 128).0] {
                assert_eq!(sse2::equal(&bytes, four), swar::equal(&bytes, four));
            }
        }
    }
}
