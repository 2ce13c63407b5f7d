//! Conversion from the standard library's `HashMap`.

use std::collections::HashMap;

use super::Table;
use super::key::Key;

impl<K: Key, V, R> From<HashMap<K, V, R>> for Table<K, V> {
    /// Moves all entries into a new table, which is allocated once and has its own hasher.
    /// O(entries).
    ///
    /// # Examples
    /// ```
    /// use std::collections::HashMap;
    /// use untorn::gomap::Table;
    ///
    /// let table = Table::from(HashMap::from([("low", 10)]));
    /// assert_eq!(table["low"], 10);
    /// ```
    fn from(entries: HashMap<K, V, R>) -> Self {
        let mut table = Self::with_hint(entries.len());
        table.extend(entries);
        table
    }
}
