//! Conversions from the standard library's `HashMap`, and into entries.

use std::collections::HashMap;

use super::GoMap;
use crate::gomap::table::Table;
use crate::gomap::table::hash::SeededBuildHasher;
use crate::gomap::table::key::Key;
use crate::gomap::table::retain::IntoIter;

impl<K: Key, V, R> From<HashMap<K, V, R>> for GoMap<K, V> {
    /// Moves all entries into a new map, which is allocated once and has its own hasher.
    /// O(entries).
    ///
    /// # Examples
    /// ```
    /// use std::collections::HashMap;
    /// use untorn::GoMap;
    ///
    /// let limits = GoMap::from(HashMap::from([("low", 10), ("high", 20)])).with_name("limits");
    /// assert_eq!(limits.get("high"), Some(20));
    /// let back: HashMap<_, _> = limits.into_iter().collect();
    /// assert_eq!(back["low"], 10);
    /// ```
    fn from(entries: HashMap<K, V, R>) -> Self {
        Self::from(Table::from(entries))
    }
}

impl<K: Key, V, S: SeededBuildHasher> IntoIterator for GoMap<K, V, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, S>;

    /// Returns an owning iterator over the entries of the [table](GoMap::into_table).
    ///
    /// This is not an access: ownership proves that no other thread uses the map.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]);
    /// assert_eq!(config.into_iter().collect::<Vec<_>>(), [("1", 265)]);
    /// ```
    fn into_iter(self) -> IntoIter<K, V, S> {
        self.into_table().into_iter()
    }
}
