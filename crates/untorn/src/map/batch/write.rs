//! Writes to a batch. Foreign values stay in its draft until the lock has been released.

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::Batch;

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Batch<'_, K, V, S> {
    /// Inserts a value for `key` and returns the value that it replaces. If the key is present, the
    /// stored key is kept and `key` is dropped with the batch. O(1) on average, but the first write
    /// to a segment copies it.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     assert_eq!(batch.insert("a", 2), Some(1));
    ///     assert_eq!(batch.insert("b", 3), None);
    /// });
    /// assert_eq!((map.get("a"), map.get("b")), (Some(2), Some(3)));
    /// ```
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.draft.insert(key, value)
    }

    /// Removes `key` and returns its value. O(1) on average, but the first write to a segment
    /// copies it. Copies nothing if `key` is absent.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     assert_eq!(batch.remove("a"), Some(1));
    ///     assert_eq!(batch.remove("a"), None);
    /// });
    /// assert!(map.is_empty());
    /// ```
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.draft.remove(key)
    }

    /// Replaces the value of `key` with the result of `f`, which gets the current value or `None`;
    /// if it returns `None`, the key is removed. O(1) on average, but the first write to a segment
    /// copies it.
    ///
    /// # Examples
    /// ```
    /// let stock = untorn::Map::from([("apples", 3), ("pears", 1)]);
    /// stock.batch(|batch| {
    ///     for fruit in ["apples", "pears"] {
    ///         batch.update(fruit, |n| n.map(|n| n - 1).filter(|n| *n > 0));
    ///     }
    /// });
    /// assert_eq!((stock.get("apples"), stock.get("pears")), (Some(2), None));
    /// ```
    #[doc(alias = "entry")]
    pub fn update(&mut self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) {
        self.draft.update(key, f);
    }

    /// Replaces the value of `key`, if it is present, with the result of `f`; if `f` returns
    /// `None`, the key is removed. This is [`update`](Self::update) for a borrowed key, and inserts
    /// nothing. O(1) on average, but the first write to a segment copies it.
    ///
    /// # Examples
    /// ```
    /// use untorn::Map;
    ///
    /// let stock: Map<String, u32> = Map::from([("figs".to_owned(), 2)]);
    /// stock.batch(|batch| {
    ///     for fruit in ["figs", "pears"] {
    ///         batch.update_if_present(fruit, |n| Some(n - 1));
    ///     }
    /// });
    /// assert_eq!((stock.get("figs"), stock.get("pears")), (Some(1), None));
    /// ```
    #[doc(alias = "and_modify")]
    #[doc(alias = "get_mut")]
    pub fn update_if_present<Q>(&mut self, key: &Q, f: impl FnOnce(&V) -> Option<V>)
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.draft.update_if_present(key, f);
    }

    /// Keeps the entries for which `keep` returns true, and removes the others. `keep` is called
    /// for all entries before the first one is removed. Only segments that lose an entry are
    /// copied. Entries are removed by position, so one whose key does not equal itself can be
    /// removed too. O(entries).
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1), ("b", 2), ("c", 3)]);
    /// map.batch(|batch| {
    ///     batch.retain(|_, n| *n != 2);
    ///     assert_eq!(batch.len(), 2);
    /// });
    /// ```
    pub fn retain(&mut self, keep: impl FnMut(&K, &V) -> bool) {
        self.draft.retain(keep);
    }
}

impl<K, V, S> Batch<'_, K, V, S> {
    /// Removes all entries. O(1): later commits drop the contents in parts, or the end of the batch
    /// does, if it is not committed.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1), ("b", 2)]);
    /// map.batch(|batch| {
    ///     batch.clear();
    ///     batch.insert("c", 3);
    /// });
    /// assert_eq!(map.pin().keys().collect::<Vec<_>>(), [&"c"]);
    /// ```
    pub fn clear(&mut self) {
        self.draft.clear();
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Extend<(K, V)> for Batch<'_, K, V, S> {
    /// Inserts all entries. They are drained first, while the writer lock is held; what the
    /// iterator itself owns is dropped under the lock.
    ///
    /// # Panics
    /// If the iterator panics: then none of its entries is inserted. If `Hash`, `Eq` or `Clone` of
    /// a key or value panics: the entries before that one stay in the batch. If the iterator
    /// writes to the map of this batch: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::new();
    /// map.batch(|batch| batch.extend([("a", 1), ("b", 2)]));
    /// assert_eq!((map.len(), map.revision().get()), (2, 1));
    /// ```
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.draft.extend_drained(entries);
    }
}
