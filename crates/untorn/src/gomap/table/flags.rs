//! The flag bits of the header.

use std::fmt;

use crate::sync::{AtomicU8, Ordering};

/// Set if there may be an iterator over `buckets`.
pub(crate) const ITERATOR: u8 = 1;
/// Set if there may be an iterator over `oldbuckets`.
pub(crate) const OLD_ITERATOR: u8 = 2;
/// Set while a thread writes to the map.
pub(crate) const HASH_WRITING: u8 = 4;
/// Set during a growth to an array of the same size.
pub(crate) const SAME_SIZE_GROW: u8 = 8;

/// The flag bits of a table. Atomic because iterators set bits through a shared borrow, as Go's
/// readers do.
#[derive(Default)]
pub(in crate::gomap) struct Flags(AtomicU8);

impl Flags {
    #[inline(always)]
    pub(in crate::gomap) fn get(&self) -> FlagSet {
        // Relaxed: the bits protect no data, and the borrow of the table orders them with writes.
        FlagSet(self.0.load(Ordering::Relaxed))
    }

    /// Sets both iterator bits. Uses `fetch_or` because several threads may do so at once.
    pub(super) fn set_iterator(&self) {
        let both = ITERATOR | OLD_ITERATOR;
        if self.get().0 & both != both {
            // Relaxed: as in `get`.
            self.0.fetch_or(both, Ordering::Relaxed);
        }
    }

    /// Sets and clears bits. Called by writers.
    pub(in crate::gomap) fn change(&mut self, set: u8, clear: u8) {
        let bits = self.get().0;
        *self = Self(AtomicU8::new(bits & !clear | set));
    }
}

/// Go's flag bits of a map: `iterator` 1, `old_iterator` 2, `hash_writing` 4, `same_size_grow` 8.
///
/// Its `Display` lists the names of the set bits, separated by `|`, or `0` if none is set.
///
/// # Examples
/// ```
/// let table = untorn::gomap::Table::from([("1", "265")]);
/// assert_eq!(table.stats().flags.to_string(), "0");
/// let _ = table.iter();
/// assert_eq!(table.stats().flags.to_string(), "iterator|old_iterator");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FlagSet(pub(crate) u8);

impl FlagSet {
    /// Returns the bits as Go stores them.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// assert_eq!(table.stats().flags.bits(), 0);
    /// ```
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Returns whether there may be an iterator over the buckets.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// let _ = table.iter();
    /// assert!(table.stats().flags.iterator());
    /// ```
    #[must_use]
    pub fn iterator(self) -> bool {
        self.0 & ITERATOR != 0
    }

    /// Returns whether there may be an iterator over the old buckets.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// assert!(!table.stats().flags.old_iterator());
    /// ```
    #[must_use]
    pub fn old_iterator(self) -> bool {
        self.0 & OLD_ITERATOR != 0
    }

    /// Returns whether a thread is writing to the map.
    ///
    /// Always false for the flags of a [`Table`](crate::gomap::Table), which a writer borrows
    /// mutably. The report of an overlap shows it.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// assert!(!table.stats().flags.hash_writing());
    /// ```
    #[must_use]
    pub fn hash_writing(self) -> bool {
        self.0 & HASH_WRITING != 0
    }

    /// Returns whether the active growth keeps the number of buckets.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([("1", "265")]);
    /// assert!(!table.stats().flags.same_size_grow());
    /// ```
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
