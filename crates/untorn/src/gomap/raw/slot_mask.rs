//! A set of slots of a bucket, computed from its eight tophash bytes as one word.

use super::tophash::{EMPTY_REST, MIN_TOP_HASH};

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;

/// A set of slots of a bucket: the top bit of byte *i* is set for slot *i*. Iterates lowest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::gomap) struct SlotMask(u64);

impl SlotMask {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(!LOW);

    /// Returns the slots whose byte of `word` equals `byte`. Exact: a false positive would read an
    /// empty slot.
    #[inline(always)]
    pub(in crate::gomap) fn match_byte(word: u64, byte: u8) -> Self {
        let differ = word ^ (ONES * u64::from(byte));
        Self(!(((differ & LOW) + LOW) | differ | LOW))
    }

    /// Returns the empty slots: both marks are 0 without the lowest bit, and no other byte is.
    #[inline(always)]
    pub(in crate::gomap) fn match_empty(word: u64) -> Self {
        Self::match_byte(word & !ONES, EMPTY_REST)
    }

    /// Returns the full slots.
    #[inline(always)]
    pub(in crate::gomap) fn match_full(word: u64) -> Self {
        const BELOW: u64 = 0x80 - MIN_TOP_HASH as u64;
        Self((((word & LOW) + ONES * BELOW) | word) & !LOW)
    }

    /// Returns a word with `byte` in the bytes of these slots and 0 in the others.
    #[inline(always)]
    pub(in crate::gomap) fn splat(self, byte: u8) -> u64 {
        (self.0 >> 7) * u64::from(byte)
    }

    #[inline(always)]
    pub(super) fn invert(self) -> Self {
        Self(self.0 ^ Self::ALL.0)
    }

    #[inline(always)]
    pub(super) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline(always)]
    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    pub(in crate::gomap) fn contains(self, i: usize) -> bool {
        self.0 >> (8 * i + 7) & 1 != 0
    }

    #[inline(always)]
    pub(in crate::gomap) fn lowest_set_bit(self) -> Option<usize> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as usize / 8)
    }

    /// Returns the slots whose index satisfies `predicate`.
    #[inline(always)]
    pub(in crate::gomap) fn filter(self, mut predicate: impl FnMut(usize) -> bool) -> Self {
        let mut mask = 0;
        for i in self {
            mask |= u64::from(predicate(i)) << (8 * i + 7);
        }
        Self(mask)
    }
}

impl Iterator for SlotMask {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let first = self.lowest_set_bit()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::SlotMask;
    use crate::gomap::raw::layout::BUCKET_CNT;
    use crate::gomap::raw::tophash::{MIN_TOP_HASH, is_empty};

    /// Words whose bytes are close to the marks, so that a carry between bytes would be detected.
    fn words() -> impl Iterator<Item = [u8; BUCKET_CNT]> {
        const BYTES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 0x7f, 0x80, 0x81, 0xfe, 0xff];
        let words = if cfg!(miri) { 200 } else { 20_000 };
        (0..words).map(|seed: usize| {
            std::array::from_fn(|i| {
                BYTES[(seed.wrapping_mul(0x9e37_79b9) >> (3 * i) & 0xff ^ i) % 12]
            })
        })
    }

    fn indices(slots: SlotMask) -> Vec<usize> {
        slots.collect()
    }

    fn expected(bytes: [u8; BUCKET_CNT], is: impl Fn(u8) -> bool) -> Vec<usize> {
        (0..BUCKET_CNT).filter(|i| is(bytes[*i])).collect()
    }

    #[test]
    fn no_carry_between_bytes() {
        for bytes in words() {
            let word = u64::from_le_bytes(bytes);
            assert_eq!(
                indices(SlotMask::match_full(word)),
                expected(bytes, |b| b >= MIN_TOP_HASH)
            );
            assert_eq!(
                indices(SlotMask::match_empty(word)),
                expected(bytes, is_empty)
            );
            for byte in [0, 1, 5, 0x7f, 0x80, 0xff] {
                assert_eq!(
                    indices(SlotMask::match_byte(word, byte)),
                    expected(bytes, |b| b == byte)
                );
            }
        }
    }

    #[test]
    fn splat_sets_the_byte_in_the_slots_only() {
        let slots = SlotMask::ALL.filter(|i| i % 3 == 0);
        assert_eq!(slots.splat(4).to_le_bytes(), [4, 0, 0, 4, 0, 0, 4, 0]);
        assert_eq!(
            slots.invert().splat(3).to_le_bytes(),
            [0, 3, 3, 0, 3, 3, 0, 3]
        );
        assert!(slots.contains(3) && !slots.contains(4));
    }
}
