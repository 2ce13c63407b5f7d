//! The number of entries.

use super::Table;

impl<K, V, S> Table<K, V, S> {
    /// Returns the number of entries. O(1).
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", 265), ("2", 17)]);
    /// assert_eq!(config.len(), 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether the table has no entries. O(1).
    ///
    /// # Examples
    /// ```
    /// assert!(untorn::gomap::Table::<&str, u32>::new().is_empty());
    /// ```
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
