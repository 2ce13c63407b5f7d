//! Writes that become visible together or not at all.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::DefaultHashBuilder;
use super::table::{Entry, Table};
use super::view::Iter;

/// Writes being collected: the batch sees its own, nobody else does until it is committed.
///
/// Given to the closure of [`Map::batch`](super::Map::batch) and its relatives.
pub struct Batch<'b, K, V, S = DefaultHashBuilder> {
    table: Table<K, V>,
    hasher: &'b S,
    changed: bool,
    aborted: bool,
    /// What went out of the table and to nobody: dropped when the next writer has been let in, since that runs foreign
    /// code, which may write.
    dropped_later: (Vec<K>, Vec<V>),
}

impl<'b, K, V, S> Batch<'b, K, V, S> {
    pub(super) fn new(table: Table<K, V>, hasher: &'b S) -> Self {
        Self {
            table,
            hasher,
            changed: false,
            aborted: false,
            dropped_later: (Vec::new(), Vec::new()),
        }
    }

    /// Whether there is something to publish.
    pub(super) fn is_to_be_published(&self) -> bool {
        self.changed && !self.aborted
    }

    /// The contents; what else the batch holds is to be dropped without the lock.
    pub(super) fn take_table(&mut self) -> Table<K, V> {
        std::mem::replace(&mut self.table, Table::new())
    }

    fn drop_key_later(&mut self, key: K) {
        if std::mem::needs_drop::<K>() {
            self.dropped_later.0.push(key);
        }
    }

    pub(super) fn drop_value_later(&mut self, value: V) {
        if std::mem::needs_drop::<V>() {
            self.dropped_later.1.push(value);
        }
    }

    /// The entries, with this batch's writes, in no particular order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.table.iter())
    }

    /// Number of entries, with this batch's writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Throws away everything that this batch writes, before this call and after it: no revision is made.
    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            self.table = Table::new();
            self.changed = true;
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Batch<'_, K, V, S> {
    /// The value of `key`, with this batch's writes. O(1) on average.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let entry = self.table.get(hash, |stored| stored.borrow() == key);
        entry.map(|entry| &entry.value)
    }

    /// Whether `key` has a value.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(key).is_some()
    }

    /// Gives `key` a value and returns the one it had; the stored key stays. O(1) on average, and the first write to a
    /// segment copies it.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let hash_of = |key: &K| self.hasher.hash_one(key);
        let replaced = self.table.insert(hash, Entry { key, value }, hash_of);
        self.changed = true;
        let (key, old) = replaced?;
        self.drop_key_later(key);
        Some(old)
    }

    /// Takes `key` out and returns its value. Copies nothing if it has none.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let hash_of = |key: &K| self.hasher.hash_one(key);
        let is_key = |stored: &K| stored.borrow() == key;
        let (key, value) = self.table.remove(hash, is_key, hash_of)?;
        self.changed = true;
        self.drop_key_later(key);
        Some(value)
    }

    /// Replaces the value of `key` by what `f` makes of it; `None` means no value.
    ///
    /// ```
    /// let stock = untorn::Map::from([("apples", 3), ("pears", 1)]);
    /// stock.batch(|batch| {
    ///     for fruit in ["apples", "pears"] {
    ///         batch.update(fruit, |n| n.map(|n| n - 1).filter(|n| *n > 0));
    ///     }
    /// });
    /// assert_eq!((stock.get("apples"), stock.get("pears")), (Some(2), None));
    /// ```
    pub fn update(&mut self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) {
        let old = match f(self.get(&key)) {
            Some(value) => self.insert(key, value),
            None => {
                let old = self.remove(&key);
                self.drop_key_later(key);
                old
            }
        };
        if let Some(old) = old {
            self.drop_value_later(old);
        }
    }

    /// Keeps the entries for which `keep` is true. Copies only where one goes.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let entries = self
            .table
            .iter()
            .filter(|entry| !keep(&entry.key, &entry.value));
        let going: Vec<K> = entries.map(|entry| entry.key.clone()).collect();
        for key in going {
            if let Some(value) = self.remove(&key) {
                self.drop_value_later(value);
            }
            self.drop_key_later(key);
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Extend<(K, V)> for Batch<'_, K, V, S> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            if let Some(old) = self.insert(key, value) {
                self.drop_value_later(old);
            }
        }
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
