//! The sixteen control bytes of a group, compared at once.
//!
//! ```text
//!   byte 0 … 14   slot: 0 if empty, else eight bits of the hash that are not all 0 (the tag)
//!   byte 15       overflow: a bit for each of eight classes of hashes that found the group full
//! ```
//!
//! A search stops at the first group without the bit of its class, so a removal leaves no tombstone
//! and needs no empty slot.

#![allow(unsafe_code, reason = "one load; see `has_overflow`")]

/// The slots of a group.
pub(super) const SLOTS: usize = 15;

/// The bits of all slots.
const ALL: u32 = (1 << SLOTS) - 1;

/// Each byte as a tag, four times: one load and one shuffle fill a register.
static TAGS: [u32; 256] = {
    let mut tags = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let tag = if byte == 0 { 1 } else { byte as u32 };
        tags[byte] = tag * 0x0101_0101;
        byte += 1;
    }
    tags
};

/// The control byte of a full slot, in each byte.
#[derive(Clone, Copy)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline]
    pub(super) fn of(byte: u8) -> Self {
        Self(TAGS[usize::from(byte)])
    }

    fn from_control(byte: u8) -> Self {
        debug_assert_ne!(byte, 0);
        Self::of(byte)
    }

    fn byte(self) -> u8 {
        self.0 as u8
    }
}

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

    #[inline]
    fn equal(&self, bytes: u32) -> u32 {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        let equal = sse2::equal(&self.0, bytes);
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        let equal = swar::equal(&self.0, bytes);
        equal & ALL
    }

    /// Returns the slots with this tag.
    #[inline]
    pub(super) fn matches(&self, tag: Tag) -> Slots {
        Slots(self.equal(tag.0))
    }

    #[inline]
    pub(super) fn empty(&self) -> Slots {
        Slots(self.equal(0))
    }

    #[inline]
    pub(super) fn full(&self) -> Slots {
        Slots(self.equal(0) ^ ALL)
    }

    pub(super) fn overflow(&self) -> u8 {
        self.0[SLOTS]
    }

    /// Returns whether the overflow byte has a bit. It is loaded here, not together with the tags:
    /// else each search would store them to the stack first.
    #[inline]
    pub(super) fn has_overflow(&self) -> bool {
        // SAFETY: the byte is borrowed.
        unsafe { std::ptr::from_ref(&self.0[SLOTS]).read_volatile() != 0 }
    }

    pub(super) fn add_overflow(&mut self, bits: u8) {
        self.0[SLOTS] |= bits;
    }

    pub(super) fn fill(&mut self, slot: usize, tag: Tag) {
        debug_assert!(slot < SLOTS);
        self.0[slot] = tag.byte();
    }

    pub(super) fn tag(&self, slot: usize) -> Tag {
        Tag::from_control(self.0[slot])
    }

    pub(super) fn clear(&mut self, slot: usize) {
        debug_assert!(slot < SLOTS);
        self.0[slot] = 0;
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
        for _ in 0..10_000 {
            // Few different bytes, so that many match.
            let bytes = [(); 16].map(|()| random.u8(..4) | if random.bool() { 128 } else { 0 });
            for four in [0, Tag::of(random.u8(..4) | 128).0] {
                assert_eq!(sse2::equal(&bytes, four), swar::equal(&bytes, four));
            }
        }
    }
}
