//! The map and its versions, without the publication of `Map`: one thread writes, by `&mut`.
//!
//! Replaced versions are kept for some commits, as `Map` keeps them between two scans, so that
//! memory is reused as late as it would be there.

#![allow(unsafe_code, reason = "see `Version` and the safety notes")]

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use super::directory::Node;
use super::edit::Edit;
use super::reclaim::Reclaim;
use super::segment::Entry;
use super::table::{Change, Table};

/// The commits between two scans of `Map`, and the bytes that they replace.
const COMMITS_BETWEEN_SCANS: usize = 64;
const BYTES_BETWEEN_SCANS: usize = 1 << 20;

/// An immutable state of a map. It stays readable when the map has changed, or is gone.
pub struct Version<K, V, S> {
    /// Its nodes are freed by the map when this version has ended, or with `shared`.
    table: Table<K, V>,
    hasher: S,
    revision: u64,
    shared: Arc<Shared<K, V>>,
}

/// What a map and its versions share.
struct Shared<K, V> {
    /// The versions that have ended since the map's last commit.
    ended: Mutex<Vec<u64>>,
    /// The rest of a dropped map, freed with its last version.
    remains: Mutex<Option<Remains<K, V>>>,
}

struct Remains<K, V> {
    table: Table<K, V>,
    reclaim: Reclaim<Node<K, V>>,
}

// SAFETY: nodes are changed only before they are published, and freed by the writer, or by the last
// owner of `Shared`, which owns the entries. So this is as safe as sharing or sending them.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Shared<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Shared<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync, S: Send> Send for Version<K, V, S> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync, S: Sync> Sync for Version<K, V, S> {}

impl<K, V> Drop for Shared<K, V> {
    fn drop(&mut self) {
        let remains = self
            .remains
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(mut remains) = remains.take() {
            // SAFETY: the map and all its versions are gone.
            remains.reclaim.end_all(|node| unsafe { node.free() });
            // SAFETY: as above.
            unsafe { remains.table.free_since(0) };
        }
    }
}

impl<K, V, S> Drop for Version<K, V, S> {
    fn drop(&mut self) {
        let ended = self.shared.ended.lock();
        ended
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.revision);
    }
}

impl<K, V, S> Version<K, V, S> {
    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of commits before this version.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns an iterator over the entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.table.iter().map(|entry| (&entry.key, &entry.value))
    }
}

impl<K, V, S: BuildHasher> Version<K, V, S> {
    /// Returns the value of a key.
    #[inline]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let found = self.table.get(hash, |stored| stored.borrow() == key)?;
        Some(&found.value)
    }
}

/// A map with one writer, which publishes a [`Version`] for each commit.
pub struct PrototypeMap<K, V, S> {
    newest: Arc<Version<K, V, S>>,
    /// Replaced versions that no scan has looked at yet.
    unscanned: VecDeque<Arc<Version<K, V, S>>>,
    reclaim: Option<Reclaim<Node<K, V>>>,
    edit: Edit<K, V>,
    by_bytes: bool,
}

impl<K: Copy + Hash + Eq, V: Copy, S: BuildHasher + Clone> PrototypeMap<K, V, S> {
    /// Creates an empty map whose segments are copied bitwise.
    #[must_use]
    pub fn of_copies(hasher: S) -> Self {
        Self::with(hasher, true)
    }
}

impl<K: Clone + Hash + Eq, V: Clone, S: BuildHasher + Clone> PrototypeMap<K, V, S> {
    /// Creates an empty map whose segments are copied by cloning each entry.
    #[must_use]
    pub fn of_clones(hasher: S) -> Self {
        Self::with(hasher, false)
    }

    fn with(hasher: S, by_bytes: bool) -> Self {
        let shared = Shared {
            ended: Mutex::default(),
            remains: Mutex::default(),
        };
        let first = Version {
            table: Table::new(0),
            hasher,
            revision: 0,
            shared: Arc::new(shared),
        };
        Self {
            newest: Arc::new(first),
            unscanned: VecDeque::new(),
            reclaim: Some(Reclaim::new(0)),
            edit: Edit::new(0),
            by_bytes,
        }
    }

    /// Returns the newest version.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Version<K, V, S>> {
        Arc::clone(&self.newest)
    }

    /// Inserts an entry and publishes that; returns the value that it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.batch(|batch| batch.insert(key, value))
    }

    /// Removes a key and publishes that; returns its value.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.batch(|batch| batch.remove(key))
    }

    /// Publishes the writes of `f` together, or none of them if it panics.
    pub fn batch<R>(&mut self, f: impl FnOnce(&mut Batch<'_, K, V, S>) -> R) -> R {
        self.edit.next();
        let mut batch = Batch {
            table: self.newest.table,
            map: self,
            is_committed: false,
        };
        let result = f(&mut batch);
        batch.commit();
        result
    }

    /// Frees what no version can reach. The newest version and those held by others stay.
    pub fn reclaim(&mut self) {
        self.scan();
        self.unscanned = VecDeque::new();
        *self.edit.replaced() = Vec::new();
        if let Some(reclaim) = &mut self.reclaim {
            reclaim.trim();
        }
    }

    /// Frees what no version can reach, and keeps the memory of lists.
    fn scan(&mut self) {
        self.unscanned.clear();
        self.edit.reset_replaced_bytes();
        self.end_versions();
    }

    fn end_versions(&mut self) {
        let ended = self.newest.shared.ended.lock();
        let ended = std::mem::take(&mut *ended.unwrap_or_else(PoisonError::into_inner));
        let reclaim = self.reclaim.as_mut().expect("taken by drop only");
        for revision in ended {
            // SAFETY: no live version was published while the node was part of the table.
            reclaim.end(revision, |node| unsafe { node.free() });
        }
    }
}

impl<K, V, S> Drop for PrototypeMap<K, V, S> {
    fn drop(&mut self) {
        let remains = self.reclaim.take().map(|reclaim| Remains {
            table: self.newest.table,
            reclaim,
        });
        let shared = self.newest.shared.remains.lock();
        *shared.unwrap_or_else(PoisonError::into_inner) = remains;
    }
}

/// Writes that become visible together.
pub struct Batch<'m, K, V, S> {
    table: Table<K, V>,
    map: &'m mut PrototypeMap<K, V, S>,
    is_committed: bool,
}

impl<K: Clone + Hash + Eq, V: Clone, S: BuildHasher + Clone> Batch<'_, K, V, S> {
    /// Inserts an entry; returns the value that it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let map = &mut *self.map;
        let mut change = Change {
            edit: &mut map.edit,
            by_bytes: map.by_bytes,
            hash_of: &|key| map.newest.hasher.hash_one(key),
        };
        let hash = map.newest.hasher.hash_one(&key);
        // SAFETY: `by_bytes` is set by a constructor that requires `Copy`.
        unsafe { self.table.insert(hash, Entry { key, value }, &mut change) }
    }

    /// Removes a key; returns its value.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let map = &mut *self.map;
        let mut change = Change {
            edit: &mut map.edit,
            by_bytes: map.by_bytes,
            hash_of: &|key| map.newest.hasher.hash_one(key),
        };
        let hash = map.newest.hasher.hash_one(key);
        let is_key = |stored: &K| stored.borrow() == key;
        // SAFETY: `by_bytes` is set by a constructor that requires `Copy`.
        let removed = unsafe { self.table.remove(hash, is_key, &mut change) };
        removed.map(|entry| entry.value)
    }

    /// Returns the value of a key, as this batch has it.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = self.map.newest.hasher.hash_one(key);
        let found = self.table.get(hash, |stored| stored.borrow() == key)?;
        Some(&found.value)
    }

    fn commit(mut self) {
        self.is_committed = true;
        let map = &mut *self.map;
        let revision = map.edit.number();
        let version = Version {
            table: self.table,
            hasher: map.newest.hasher.clone(),
            revision,
            shared: Arc::clone(&map.newest.shared),
        };
        let reclaim = map.reclaim.as_mut().expect("taken by drop only");
        reclaim.commit(revision, map.edit.replaced());
        let before = std::mem::replace(&mut map.newest, Arc::new(version));
        map.unscanned.push_back(before);
        if map.unscanned.len() >= COMMITS_BETWEEN_SCANS
            || map.edit.replaced_bytes() >= BYTES_BETWEEN_SCANS
        {
            map.scan();
        }
    }
}

impl<K, V, S> Drop for Batch<'_, K, V, S> {
    fn drop(&mut self) {
        if !self.is_committed {
            self.map.edit.replaced().clear();
            // SAFETY: no version has what this edit made, and its table is not used again.
            unsafe { self.table.free_since(self.map.edit.number()) };
        }
    }
}
