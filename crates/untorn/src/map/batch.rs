//! Writes that become visible together or not at all.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::DefaultHashBuilder;
use super::table::{Entry, Table};
use crate::Revision;
use crate::planted::planted;

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
    dropped_later: DroppedLater<K, V>,
}

/// Keys, values and whole contents.
pub(super) type DroppedLater<K, V> = (Vec<K>, Vec<V>, Vec<Table<K, V>>);

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed<R> {
    /// What the closure returned.
    pub value: R,
    /// The newest revision after the commit: its own if it changed anything.
    pub revision: Revision,
}

/// The map was no longer at the revision that a commit was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// The revision that the commit was meant for.
    pub wanted: Revision,
    /// The newest one.
    pub newest: Revision,
}

impl Error for Moved {}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, newest } = self;
        write!(
            f,
            "the map has moved on from revision {wanted} to {newest}; read it again and retry"
        )
    }
}

impl<'b, K, V, S> Batch<'b, K, V, S> {
    pub(super) fn new(table: Table<K, V>, hasher: &'b S) -> Self {
        Self {
            table,
            hasher,
            changed: false,
            aborted: false,
            dropped_later: DroppedLater::default(),
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

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.table.iter()
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
            self.dropped_later.2.push(cleared);
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
        if planted("batch_loses_a_write") && self.changed && hash.is_multiple_of(2) {
            return None;
        }
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
