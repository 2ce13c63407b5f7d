//! Reads of a batch: the contents with its own writes.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use equivalent::Equivalent;

use super::Batch;
use crate::map::iter::Iter;

impl<K: Eq + Hash, V, S: BuildHasher> Batch<'_, K, V, S> {
    /// Returns the value of `key`, with this batch's writes. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.insert("b", 2);
    ///     assert_eq!((batch.get("a"), batch.get("b")), (Some(&1), Some(&2)));
    /// });
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// Returns the stored key that equals `key`, and its value, with this batch's writes. O(1) on
    /// average.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| assert_eq!(batch.get_key_value("a"), Some((&"a", &1))));
    /// ```
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let entry = self.draft.get(key);
        entry.map(|entry| (&entry.key, &entry.value))
    }

    /// Returns whether `key` has a value, with this batch's writes. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.remove("a");
    ///     assert!(!batch.contains_key("a"));
    /// });
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.get(key).is_some()
    }
}

impl<K, V, S> Batch<'_, K, V, S> {
    /// Returns an iterator over the entries, with this batch's writes, in no particular order.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.insert("b", 2);
    ///     let sum = batch.iter().map(|(_, n)| n).sum();
    ///     batch.insert("sum", sum);
    /// });
    /// assert_eq!(map.get("sum"), Some(3));
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.draft.table().iter())
    }

    /// Returns the number of entries, with this batch's writes. O(1).
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// let mut batch = map.begin_batch();
    /// batch.insert("b", 2);
    /// assert_eq!((batch.len(), map.len()), (2, 1)); // the batch is not committed
    /// # drop(batch);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.draft.table().len()
    }

    /// Returns whether there is no entry, with this batch's writes. O(1).
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.remove("a");
    ///     assert!(batch.is_empty());
    /// });
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V, Q, S> Index<&Q> for Batch<'_, K, V, S>
where
    K: Eq + Hash,
    Q: Equivalent<K> + Hash + ?Sized,
    S: BuildHasher,
{
    type Output = V;

    /// Returns the value of `key`, with this batch's writes. O(1) on average.
    ///
    /// # Panics
    /// If `key` is absent.
    ///
    /// # Examples
    /// ```
    /// let accounts = untorn::Map::from([("a", 10), ("b", 0)]);
    /// accounts.batch(|batch| {
    ///     let (from, to) = (batch["a"], batch["b"]);
    ///     batch.insert("a", from - 3);
    ///     batch.insert("b", to + 3);
    /// });
    /// assert_eq!(accounts.pin()["b"], 3);
    /// ```
    #[track_caller]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry for this key")
    }
}

impl<'b, K, V, S> IntoIterator for &'b Batch<'_, K, V, S> {
    type Item = (&'b K, &'b V);
    type IntoIter = Iter<'b, K, V>;

    fn into_iter(self) -> Iter<'b, K, V> {
        self.iter()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for Batch<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}
