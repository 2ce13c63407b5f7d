//! The sixteen control bytes of a group, compared at once.
//!
//! ```text
//!   byte 0 … 14   slot: 0 if empty, else FULL and seven bits of the hash (the tag)
//!   byte 15       overflow: a bit for each of seven classes of hashes that found the group full
//! ```
//!
//! The overflow byte never has the highest bit, so that it neither matches a tag nor counts as a
//! full slot. A search stops at the first group without the bit of its class, so a removal leaves
//! no tombstone and needs no empty slot.

/// The slots of a group.
pub(super) const SLOTS: usize = 15;

/// The bit of the control byte of a full slot.
pub(super) const FULL: u8 = 0x80;

/// The bits of all slots.
const ALL: u32 = (1 << SLOTS) - 1;

#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Control([u8; 16]);

/// A set of slots.
#[derive(Clone, Copy)]
pub(super) struct Slots(u32);

impl Iterator for Slots {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

impl Control {
    pub(super) const EMPTY: Self = Self([0; 16]);

    /// Returns the slots with this tag.
    #[inline]
    pub(super) fn matches(&self, tag: u8) -> Slots {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            Slots(sse2::equal(&self.0, tag))
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        Slots(swar::equal(&self.0, tag))
    }

    #[inline]
    pub(super) fn full(&self) -> Slots {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            Slots(sse2::highest_bits(&self.0))
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        Slots(swar::highest_bits(&self.0))
    }

    pub(super) fn empty(&self) -> Slots {
        Slots(!self.full().0 & ALL)
    }

    #[inline]
    pub(super) fn overflow(&self) -> u8 {
        self.0[SLOTS]
    }

    pub(super) fn add_overflow(&mut self, bit: u8) {
        self.0[SLOTS] |= bit;
    }

    pub(super) fn fill(&mut self, slot: usize, tag: u8) {
        debug_assert!(slot < SLOTS && tag & FULL != 0);
        self.0[slot] = tag;
    }

    pub(super) fn tag(&self, slot: usize) -> u8 {
        self.0[slot]
    }

    pub(super) fn clear(&mut self, slot: usize) {
        debug_assert!(slot < SLOTS);
        self.0[slot] = 0;
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2 {
    #![allow(unsafe_code, reason = "the module exists with SSE2 only")]

    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: sixteen bytes are borrowed, and the load needs no alignment.
        unsafe { _mm_loadu_si128(std::ptr::from_ref(bytes).cast()) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal_by_sse2(bytes: &[u8; 16], tag: u8) -> u32 {
        let equal = _mm_cmpeq_epi8(load(bytes), _mm_set1_epi8(tag as i8));
        _mm_movemask_epi8(equal) as u32
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn highest_bits_by_sse2(bytes: &[u8; 16]) -> u32 {
        _mm_movemask_epi8(load(bytes)) as u32
    }

    #[inline]
    pub(super) fn equal(bytes: &[u8; 16], tag: u8) -> u32 {
        // SAFETY: this module is compiled only if each processor of the target has SSE2.
        unsafe { equal_by_sse2(bytes, tag) }
    }

    #[inline]
    pub(super) fn highest_bits(bytes: &[u8; 16]) -> u32 {
        // SAFETY: as above.
        unsafe { highest_bits_by_sse2(bytes) }
    }
}

/// Eight bytes at once in a `u64`, for targets without SSE2.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod swar {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x80 * ONES;

    /// Moves the highest bit of each byte into one byte.
    fn gather(highest: u64) -> u32 {
        // Byte i contributes bit i of the topmost byte of the product, without carries.
        ((highest >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    }

    fn both(bytes: &[u8; 16], bits: impl Fn(u64) -> u64) -> u32 {
        let half = |from: usize| {
            let mut half = [0; 8];
            half.copy_from_slice(&bytes[from..from + 8]);
            gather(bits(u64::from_le_bytes(half)))
        };
        half(0) | half(8) << 8
    }

    /// The comparison is exact: a false match would read an empty slot.
    pub(super) fn equal(bytes: &[u8; 16], tag: u8) -> u32 {
        both(bytes, |half| {
            let differ = half ^ (ONES * u64::from(tag));
            !(((differ & !HIGHEST) + !HIGHEST) | differ) & HIGHEST
        })
    }

    pub(super) fn highest_bits(bytes: &[u8; 16]) -> u32 {
        both(bytes, |half| half & HIGHEST)
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::{FULL, sse2, swar};

    #[test]
    fn sse2_and_swar_agree() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            // Few different bytes, so that many match.
            let bytes = [(); 16].map(|()| random.u8(..4) | if random.bool() { FULL } else { 0 });
            let tag = random.u8(..4) | FULL;
            assert_eq!(sse2::equal(&bytes, tag), swar::equal(&bytes, tag));
            assert_eq!(sse2::highest_bits(&bytes), swar::highest_bits(&bytes));
        }
    }
}
