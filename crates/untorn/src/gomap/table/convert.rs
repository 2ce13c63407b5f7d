//! From std's map.

use std::collections::HashMap;

use super::Table;
use super::key::Key;

impl<K: Key, V, R> From<HashMap<K, V, R>> for Table<K, V> {
    /// With room for all from the beginning, and a hasher of its own.
    fn from(entries: HashMap<K, V, R>) -> Self {
        let mut table = Self::with_hint(entries.len());
        table.extend(entries);
        table
    }
}
