//! Creating a table.

use super::Table;
use super::hash::FoldHash;

impl<K, V> Table<K, V> {
    /// Creates an empty table. Nothing is allocated before the first write.
    ///
    /// # Examples
    /// ```
    /// let mut config = untorn::gomap::Table::new();
    /// config.insert("1", 265);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(FoldHash::default())
    }

    /// Creates an empty table that holds `hint` entries before it grows: Go's `make(map[K]V,
    /// hint)`.
    ///
    /// As in Go, a hint is ignored if one bucket for each entry would take more than 2^48 bytes.
    ///
    /// # Examples
    /// ```
    /// let mut table = untorn::gomap::Table::with_hint(100);
    /// assert_eq!(table.stats().buckets, 16);
    /// table.extend((0..100).map(|n| (n, n)));
    /// assert_eq!(table.stats().buckets, 16);
    /// ```
    #[must_use]
    #[doc(alias = "with_capacity")]
    #[doc(alias = "make")]
    #[doc(alias = "makemap")]
    pub fn with_hint(hint: usize) -> Self {
        Self::with_hint_and_hasher(hint, FoldHash::default())
    }
}
