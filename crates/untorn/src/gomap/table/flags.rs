//! The flag bits of the header.

use std::fmt;

use crate::sync::{AtomicU8, Ordering};

/// There may be an iterator over `buckets`.
pub(crate) const ITERATOR: u8 = 1;
/// There may be an iterator over `oldbuckets`.
pub(crate) const OLD_ITERATOR: u8 = 2;
/// Someone is writing to the map.
pub(crate) const HASH_WRITING: u8 = 4;
/// The growth being carried out is to an array of the same size.
pub(crate) const SAME_SIZE_GROW: u8 = 8;

/// The bits themselves. Atomic because iterators set theirs under a shared borrow, as Go's readers do.
#[derive(Default)]
pub(in crate::gomap) struct Flags(AtomicU8);

impl Flags {
    #[inline(always)]
    pub(in crate::gomap) fn get(&self) -> FlagSet {
        // Relaxed: the bits guard nothing; whoever reads them has the table's own borrow for order.
        FlagSet(self.0.load(Ordering::Relaxed))
    }

    /// Notes that there is an iterator. `or`, not a store: there may be another at the same moment.
    pub(super) fn set_iterator(&self) {
        let both = ITERATOR | OLD_ITERATOR;
        if self.get().0 & both != both {
            // Relaxed: as in `get`.
            self.0.fetch_or(both, Ordering::Relaxed);
        }
    }

    /// Sets and clears bits for a writer.
    pub(in crate::gomap) fn change(&mut self, set: u8, clear: u8) {
        let bits = self.get().0;
        *self = Self(AtomicU8::new(bits & !clear | set));
    }
}

/// Go's flag bits of a map: `iterator` 1, `old_iterator` 2, `hash_writing` 4, `same_size_grow` 8.
///
/// Shown by name, joined by `|`; `0` when none is set.
///
/// ```
/// let table = untorn::gomap::Table::from([("1", "265")]);
/// assert_eq!(table.stats().flags.to_string(), "0");
/// let _ = table.iter();
/// assert_eq!(table.stats().flags.to_string(), "iterator|old_iterator");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FlagSet(pub(crate) u8);

impl FlagSet {
    /// The bits as Go stores them.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// There may be an iterator over the buckets.
    #[must_use]
    pub fn iterator(self) -> bool {
        self.0 & ITERATOR != 0
    }

    /// There may be an iterator over the old buckets.
    #[must_use]
    pub fn old_iterator(self) -> bool {
        self.0 & OLD_ITERATOR != 0
    }

    /// Someone is writing to the map. Never seen through a [`Table`](crate::gomap::Table), which is borrowed
    /// mutably then; a report of an overlap shows it.
    #[must_use]
    pub fn hash_writing(self) -> bool {
        self.0 & HASH_WRITING != 0
    }

    /// The growth being carried out keeps the number of buckets.
    #[must_use]
    pub fn same_size_grow(self) -> bool {
        self.0 & SAME_SIZE_GROW != 0
    }
}

impl fmt::Display for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (ITERATOR, "iterator"),
            (OLD_ITERATOR, "old_iterator"),
            (HASH_WRITING, "hash_writing"),
            (SAME_SIZE_GROW, "same_size_grow"),
        ];
        let mut separator = "";
        for (_, name) in names.iter().filter(|(bit, _)| self.0 & bit != 0) {
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        if separator.is_empty() {
            f.write_str("0")?;
        }
        Ok(())
    }
}

impl fmt::Debug for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
