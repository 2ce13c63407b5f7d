//! Writes that become visible together or not at all.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::DefaultHashBuilder;
use super::table::{Entry, Table};
use super::view::Iter;
use crate::Revision;
use crate::planted::planted;

/// Writes being collected: the batch sees its own, nobody else does until it is committed.
///
/// Given to the closure of [`Map::batch`](super::Map::batch) and its relatives.
///
/// What it overwrites, removes or clears is kept until it ends, and dropped after the next writer was let in.
pub struct Batch<'b, K, V, S = DefaultHashBuilder> {
    table: Table<K, V>,
    /// Of the view that the batch began with.
    revision: Revision,
    hasher: &'b S,
    changed: bool,
    aborted: bool,
    /// On its way into the table: here, so that a panic in foreign code does not drop it under the lock.
    entering: Option<Entry<K, V>>,
    dropped_later: DroppedLater<K, V>,
}

/// What went out of the table and to nobody: dropped when the next writer has been let in, since that runs foreign code,
/// which may write.
pub(super) struct DroppedLater<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
    tables: Vec<Table<K, V>>,
}

impl<K, V> DroppedLater<K, V> {
    fn key(&mut self, key: K) {
        if std::mem::needs_drop::<K>() {
            self.keys.push(key);
        }
    }

    fn value(&mut self, value: V) {
        if std::mem::needs_drop::<V>() {
            self.values.push(value);
        }
    }
}

impl<'b, K, V, S> Batch<'b, K, V, S> {
    pub(super) fn new(table: Table<K, V>, revision: Revision, hasher: &'b S) -> Self {
        Self {
            table,
            revision,
            hasher,
            changed: false,
            aborted: false,
            entering: None,
            dropped_later: DroppedLater {
                keys: Vec::new(),
                values: Vec::new(),
                tables: Vec::new(),
            },
        }
    }

    /// Whether there is something to publish.
    pub(super) fn is_to_be_published(&self) -> bool {
        self.changed && (!self.aborted || planted("abort_is_ignored"))
    }

    /// The contents.
    pub(super) fn take_table(&mut self) -> Table<K, V> {
        std::mem::replace(&mut self.table, Table::new())
    }

    /// What is to be dropped without the lock.
    pub(super) fn into_dropped_later(self) -> DroppedLater<K, V> {
        self.dropped_later
    }

    /// The revision of the map that the batch began with; a commit makes the next one.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
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
            let cleared = self.take_table();
            self.dropped_later.tables.push(cleared);
            self.changed = true;
        }
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Batch<'_, K, V, S> {
    /// The value of `key`, with this batch's writes. O(1) on average.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The stored key that equals `key`, and its value, with this batch's writes.
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let entry = self.table.get(hash, |stored| stored.borrow() == key);
        entry.map(|entry| (&entry.key, &entry.value))
    }

    /// Whether `key` has a value.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(key).is_some()
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Batch<'_, K, V, S> {
    /// Gives `key` a value and returns the one it had; the stored key stays. O(1) on average, and the first write to a
    /// segment copies it.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let left = self.entering.replace(Entry { key, value });
        if let Some(Entry { key, value }) = left {
            // The batch has survived a panic.
            self.dropped_later.key(key);
            self.dropped_later.value(value);
        }
        let hash = self.hasher.hash_one(&self.entering.as_ref()?.key);
        if planted("batch_loses_a_write") && self.changed && hash.is_multiple_of(2) {
            return None;
        }
        let hash_of = |key: &K| self.hasher.hash_one(key);
        self.table.insert(hash, &mut self.entering, hash_of);
        self.changed = true;
        let Entry { key, value: old } = self.entering.take()?;
        self.dropped_later.key(key);
        Some(old)
    }

    /// Gives `key` a value; the one it had is dropped later.
    pub(super) fn put(&mut self, key: K, value: V) {
        if let Some(old) = self.insert(key, value) {
            self.dropped_later.value(old);
        }
    }

    /// Takes `key` out and returns its value. Copies nothing if it has none.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let Entry { key, value } = take_out(&mut self.table, self.hasher, key)?;
        self.changed = true;
        self.dropped_later.key(key);
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
        if let Some(value) = f(self.get(&key)) {
            self.put(key, value);
            return;
        }
        if let Some(old) = self.remove(&key) {
            self.dropped_later.value(old);
        }
        self.dropped_later.key(key);
    }

    /// Keeps the entries for which `keep` is true. Copies only where one goes.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let Self {
            table,
            hasher,
            changed,
            dropped_later,
            ..
        } = self;
        let DroppedLater { keys, values, .. } = dropped_later;
        let first = keys.len();
        let going = table.iter().filter(|entry| !keep(&entry.key, &entry.value));
        keys.extend(going.map(|entry| entry.key.clone()));
        for i in first..keys.len() {
            if let Some(Entry { key, value }) = take_out(table, *hasher, &keys[i]) {
                *changed = true;
                keys.push(key);
                if std::mem::needs_drop::<V>() {
                    values.push(value);
                }
            }
        }
    }
}

/// Takes an entry out of a table.
fn take_out<K, V, S, Q>(table: &mut Table<K, V>, hasher: &S, key: &Q) -> Option<Entry<K, V>>
where
    K: Eq + Hash + Clone + Borrow<Q>,
    V: Clone,
    S: BuildHasher,
    Q: Eq + Hash + ?Sized,
{
    let hash_of = |key: &K| hasher.hash_one(key);
    table.remove(
        hasher.hash_one(key),
        |stored| stored.borrow() == key,
        hash_of,
    )
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Extend<(K, V)> for Batch<'_, K, V, S> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.put(key, value);
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
