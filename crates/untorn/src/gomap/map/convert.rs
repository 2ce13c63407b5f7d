//! From std's map to a `GoMap`, and from a `GoMap` to its entries.

use std::collections::HashMap;

use super::GoMap;
use crate::gomap::table::Table;
use crate::gomap::table::hash::SeededBuildHasher;
use crate::gomap::table::key::Key;
use crate::gomap::table::retain::IntoIter;

impl<K: Key, V, R> From<HashMap<K, V, R>> for GoMap<K, V> {
    /// With room for all from the beginning, and a hasher of its own.
    ///
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

    /// The entries, as of its [table](GoMap::into_table). Whoever has the map to itself needs no gate: this is no access.
    fn into_iter(self) -> IntoIter<K, V, S> {
        self.into_table().into_iter()
    }
}
