//! Which slots of a bucket: all eight tophash bytes are looked at as one word.

use super::bucket::{EMPTY_REST, MIN_TOP_HASH};

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Some of the slots of a bucket: of the byte of each, the top bit. Iterates lowest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slots(u64);

impl Slots {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(!LOW);

    /// The slots whose byte of `word` equals `byte`; exact, since a false hit would be an empty slot read.
    #[inline(always)]
    pub(super) fn equal(word: u64, byte: u8) -> Self {
        let differ = word ^ (ONES * u64::from(byte));
        Self(!(((differ & LOW) + LOW) | differ | LOW))
    }

    /// Those marked empty: both marks are 0 once the lowest bit is off, and no other byte is.
    #[inline(always)]
    pub(super) fn empty(word: u64) -> Self {
        Self::equal(word & !ONES, EMPTY_REST)
    }

    /// Those whose byte is that of a full slot.
    #[inline(always)]
    pub(super) fn full(word: u64) -> Self {
        const BELOW: u64 = 0x80 - MIN_TOP_HASH as u64;
        Self((((word & LOW) + ONES * BELOW) | word) & !LOW)
    }

    /// A word with `byte` in the bytes of these slots and 0 in the others.
    #[inline(always)]
    pub(super) fn fill(self, byte: u8) -> u64 {
        (self.0 >> 7) * u64::from(byte)
    }

    #[inline(always)]
    pub(super) fn complement(self) -> Self {
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
    pub(super) fn contains(self, i: usize) -> bool {
        self.0 >> (8 * i + 7) & 1 != 0
    }

    #[inline(always)]
    pub(super) fn first(self) -> Option<usize> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as usize / 8)
    }

    /// Those of them for whose number `choose` says so.
    #[inline(always)]
    pub(super) fn filter(self, mut choose: impl FnMut(usize) -> bool) -> Self {
        let mut chosen = 0;
        for i in self {
            chosen |= u64::from(choose(i)) << (8 * i + 7);
        }
        Self(chosen)
    }
}

impl Iterator for Slots {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use crate::gomap::bucket::{BUCKET_CNT, MIN_TOP_HASH, is_empty};

    /// Words whose bytes are near the marks, so that a carry from one byte to the next would show.
    fn words() -> impl Iterator<Item = [u8; BUCKET_CNT]> {
        const BYTES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 0x7f, 0x80, 0x81, 0xfe, 0xff];
        let words = if cfg!(miri) { 200 } else { 20_000 };
        (0..words).map(|seed: usize| {
            std::array::from_fn(|i| {
                BYTES[(seed.wrapping_mul(0x9e37_79b9) >> (3 * i) & 0xff ^ i) % 12]
            })
        })
    }

    fn numbers(slots: Slots) -> Vec<usize> {
        slots.collect()
    }

    fn expected(bytes: [u8; BUCKET_CNT], is: impl Fn(u8) -> bool) -> Vec<usize> {
        (0..BUCKET_CNT).filter(|i| is(bytes[*i])).collect()
    }

    #[test]
    fn each_byte_is_judged_by_itself() {
        for bytes in words() {
            let word = u64::from_le_bytes(bytes);
            assert_eq!(
                numbers(Slots::full(word)),
                expected(bytes, |b| b >= MIN_TOP_HASH)
            );
            assert_eq!(numbers(Slots::empty(word)), expected(bytes, is_empty));
            for byte in [0, 1, 5, 0x7f, 0x80, 0xff] {
                assert_eq!(
                    numbers(Slots::equal(word, byte)),
                    expected(bytes, |b| b == byte)
                );
            }
        }
    }

    #[test]
    fn a_filled_word_has_the_byte_in_the_slots_only() {
        let slots = Slots::ALL.filter(|i| i % 3 == 0);
        assert_eq!(slots.fill(4).to_le_bytes(), [4, 0, 0, 4, 0, 0, 4, 0]);
        assert_eq!(
            slots.complement().fill(3).to_le_bytes(),
            [0, 3, 3, 0, 3, 3, 0, 3]
        );
        assert!(slots.contains(3) && !slots.contains(4));
    }
}
