//! Conversions, comparison and formatting of maps.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::draft::Draft;
use super::{Map, Table, View};
use crate::published::Snapshot;

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> PartialEq for Map<K, V, S> {
    /// Returns whether the newest views of both maps have equal entries, at whatever revisions.
    /// Pins each map once, and compares all entries unless the numbers of entries differ.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// let fork = limits.fork();
    /// assert_eq!(limits, fork);
    /// fork.insert("low", 11);
    /// assert_ne!(limits, fork);
    /// ```
    fn eq(&self, other: &Self) -> bool {
        *self.pin() == *other.pin()
    }
}

impl<K: Eq + Hash, V: Eq, S: BuildHasher> Eq for Map<K, V, S> {}

impl<K, V, S: Default> Default for Map<K, V, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K, V, S> Extend<(K, V)> for &Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone,
{
    /// Inserts all entries, as [`Map::extend`] does.
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        Map::extend(self, entries);
    }
}

impl<K, V, S> Extend<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone,
{
    /// Inserts all entries, as the method [`Map::extend`] does.
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        Self::extend(self, entries);
    }
}

impl<K: Eq + Hash + Clone, V: Clone, R> From<HashMap<K, V, R>> for Map<K, V> {
    fn from(entries: HashMap<K, V, R>) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V, S> FromIterator<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone + Default,
{
    /// Creates a map with these entries, at revision 0. Of duplicate keys the last one wins.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut draft = Draft::new(Table::new(), S::default());
        draft.extend(entries);
        let (table, hasher, leftovers) = draft.into_parts();
        let map = Self::of(table, hasher);
        // Explicit: if a `Drop` panics here, the map is dropped too.
        drop(leftovers);
        map
    }
}

impl<K, V, S: Default> Default for Snapshot<View<K, V, S>> {
    /// Creates an empty view that is of no map, at revision 0.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Snapshot, View};
    ///
    /// let none: Snapshot<View<&str, u32>> = Snapshot::default();
    /// assert!(none.is_empty());
    /// ```
    fn default() -> Self {
        Map::default().snapshot()
    }
}

impl<K, V, S> FromIterator<(K, V)> for Snapshot<View<K, V, S>>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone + Default,
{
    /// Creates a view with these entries that is of no map, at revision 0. Of duplicate keys the
    /// last one wins.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Snapshot, View};
    ///
    /// let limits: Snapshot<View<_, _>> = [("low", 10), ("high", 20)].into_iter().collect();
    /// assert_eq!((limits["low"], limits.fork().len()), (10, 2));
    /// ```
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Map::from_iter(entries).snapshot()
    }
}

impl<K: Eq + Hash + Clone, V: Clone, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for Map<K, V, S> {
    /// Formats the entries of the newest view as a map, as std does for a `HashMap`. For a log,
    /// [`name`](Map::name) and [`revision`](Map::revision) say more.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]).with_name("limits");
    /// assert_eq!(format!("{limits:?}"), r#"{"low": 10}"#);
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pin().fmt(f)
    }
}
