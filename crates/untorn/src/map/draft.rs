//! Contents under construction: of a batch, of the source of a refresh, and of a map that is being
//! created.
//!
//! No key or value is dropped here, since a `Drop` is foreign code. Removed keys and values, and
//! entries whose insertion a panic in `Hash`, `Eq` or `Clone` interrupted, stay in the draft. Its
//! owner drops the draft after the writer lock has been released.

use std::hash::{BuildHasher, Hash};
use std::mem::needs_drop;

use equivalent::Equivalent;

use super::table::{Entry, Table};
use crate::mutants::mutant;

/// A table under construction.
pub(super) struct Draft<K, V, S> {
    table: Table<K, V>,
    hasher: S,
    /// The number of writes: at least that of the segments that differ, but for those of entries
    /// that were removed all at once.
    writes: usize,
    /// The number of entries that were removed all at once.
    cleared: usize,
    leftovers: Leftovers<K, V>,
}

/// Keys and values that are dropped with the draft.
pub(super) struct Leftovers<K, V> {
    /// An entry that is being inserted.
    entering: Option<Entry<K, V>>,
    /// A key whose value is being computed.
    key: Option<K>,
    /// Entries that are about to be inserted, the next one last.
    waiting: Vec<(K, V)>,
    keys: Vec<K>,
    values: Vec<V>,
    tables: Vec<Table<K, V>>,
}

impl<K, V> Leftovers<K, V> {
    fn key(&mut self, key: K) {
        if needs_drop::<K>() {
            self.keys.push(key);
        }
    }

    fn value(&mut self, value: V) {
        if needs_drop::<V>() {
            self.values.push(value);
        }
    }

    fn entry(&mut self, Entry { key, value }: Entry<K, V>) {
        self.key(key);
        self.value(value);
    }

    /// Holds an entry that is about to be inserted.
    fn enter(&mut self, entry: Entry<K, V>) {
        if let Some(left) = self.entering.replace(entry) {
            // After a panic that was caught inside the batch.
            self.entry(left);
        }
    }

    /// Holds a key whose value is about to be computed.
    fn hold(&mut self, key: K) {
        // After a panic that was caught inside the batch, the key of that call is still here.
        if let Some(left) = self.key.replace(key) {
            self.key(left);
        }
    }
}

impl<K, V, S> Draft<K, V, S> {
    pub(super) fn new(table: Table<K, V>, hasher: S) -> Self {
        Self {
            table,
            hasher,
            writes: 0,
            cleared: 0,
            leftovers: Leftovers {
                entering: None,
                key: None,
                waiting: Vec::new(),
                keys: Vec::new(),
                values: Vec::new(),
                tables: Vec::new(),
            },
        }
    }

    /// Returns whether something was written.
    pub(super) fn is_changed(&self) -> bool {
        self.writes > 0
    }

    /// Returns the number of writes; the removal of all entries is one.
    pub(super) fn writes(&self) -> usize {
        self.writes
    }

    /// Returns the number of entries that were removed all at once.
    pub(super) fn cleared(&self) -> usize {
        self.cleared
    }

    /// Returns the contents.
    pub(super) fn table(&self) -> &Table<K, V> {
        &self.table
    }

    /// Takes the contents, and leaves an empty table.
    pub(super) fn take_table(&mut self) -> Table<K, V> {
        std::mem::replace(&mut self.table, Table::new())
    }

    /// Takes the contents that were replaced as a whole.
    pub(super) fn take_replaced(&mut self) -> Vec<Table<K, V>> {
        std::mem::take(&mut self.leftovers.tables)
    }

    /// Returns the contents, the hasher, and the keys and values to be dropped.
    pub(super) fn into_parts(self) -> (Table<K, V>, S, Leftovers<K, V>) {
        (self.table, self.hasher, self.leftovers)
    }

    /// Replaces the contents by a table with a clone of this hasher, of which this many segments
    /// differ.
    pub(super) fn replace(&mut self, table: Table<K, V>, segments: usize) {
        let replaced = std::mem::replace(&mut self.table, table);
        self.writes = self.writes.saturating_add(segments);
        self.leftovers.tables.push(replaced);
    }

    pub(super) fn clear(&mut self) {
        if self.table.len() > 0 {
            self.clear_for(0);
        }
    }

    /// Removes all entries, and makes room for so many.
    pub(super) fn clear_for(&mut self, len: usize) {
        let cleared = std::mem::replace(&mut self.table, Table::with_room_for(len));
        self.writes = self.writes.saturating_add(usize::from(cleared.len() > 0));
        self.cleared = self.cleared.saturating_add(cleared.len());
        self.leftovers.tables.push(cleared);
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Draft<K, V, S> {
    pub(super) fn get<Q>(&self, key: &Q) -> Option<&Entry<K, V>>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.table.get(hash, |stored| key.equivalent(stored))
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Draft<K, V, S> {
    /// Inserts a value for `key` and returns the value that it replaces.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.leftovers.enter(Entry { key, value });
        let hash = self.hasher.hash_one(&self.leftovers.entering.as_ref()?.key);
        self.insert_entering(hash)
    }

    /// Inserts an entry; the value that it replaces is dropped with the draft. Returns whether
    /// there was one.
    pub(super) fn put_hashed(&mut self, hash: u64, entry: Entry<K, V>) -> bool {
        self.leftovers.enter(entry);
        let old = self.insert_entering(hash);
        let replaced = old.is_some();
        if let Some(old) = old {
            self.leftovers.value(old);
        }
        replaced
    }

    fn insert_entering(&mut self, hash: u64) -> Option<V> {
        let entering = &mut self.leftovers.entering;
        if mutant("batch_loses_a_write") && self.writes > 0 && hash.is_multiple_of(2) {
            return None;
        }
        let hash_of = |key: &K| self.hasher.hash_one(key);
        self.table.insert(hash, entering, hash_of);
        self.writes = self.writes.saturating_add(1);
        let Entry { key, value: old } = entering.take()?;
        self.leftovers.key(key);
        Some(old)
    }

    /// Inserts a value for `key`; the value that it replaces is dropped with the draft.
    pub(super) fn put(&mut self, key: K, value: V) {
        if let Some(old) = self.insert(key, value) {
            self.leftovers.value(old);
        }
    }

    /// Returns the value of `key`, after inserting that of `f` if there is none.
    pub(super) fn get_or_insert_with(&mut self, key: K, f: impl FnOnce() -> V) -> Option<&V> {
        self.leftovers.hold(key);
        let key = self.leftovers.key.as_ref()?;
        let hash = self.hasher.hash_one(key);
        if self.table.get(hash, |stored| stored == key).is_some() {
            let found = self.table.get(hash, |stored| stored == key);
            return found.map(|entry| &entry.value);
        }
        let value = f();
        let key = self.leftovers.key.take()?;
        self.leftovers.enter(Entry { key, value });
        let entering = &mut self.leftovers.entering;
        let hash_of = |key: &K| self.hasher.hash_one(key);
        let added = self.table.insert_absent(hash, entering, hash_of)?;
        self.writes = self.writes.saturating_add(1);
        Some(&added.value)
    }

    /// Removes `key` and returns its value.
    pub(super) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let Entry { key, value } = take_out(&mut self.table, &self.hasher, key)?;
        self.writes = self.writes.saturating_add(1);
        self.leftovers.key(key);
        Some(value)
    }

    /// Replaces the value of `key` by the one that `f` returns; `None` removes the key.
    pub(super) fn update(&mut self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) {
        self.leftovers.hold(key);
        let Some(key) = &self.leftovers.key else {
            return;
        };
        let old = self.get(key).map(|entry| &entry.value);
        if let Some(value) = f(old) {
            if let Some(key) = self.leftovers.key.take() {
                self.put(key, value);
            }
        } else {
            if let Some(removed) = take_out(&mut self.table, &self.hasher, key) {
                self.writes = self.writes.saturating_add(1);
                self.leftovers.entry(removed);
            }
            if let Some(key) = self.leftovers.key.take() {
                self.leftovers.key(key);
            }
        }
    }

    /// Exchanges `value` with that of `key`, which is present.
    pub(super) fn swap<Q>(&mut self, key: &Q, value: &mut V)
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        if let Some(stored) = self.table.get_mut(hash, |stored| key.equivalent(stored)) {
            std::mem::swap(stored, value);
            self.writes = self.writes.saturating_add(1);
        }
    }

    /// Replaces the value of `key`, if it is present, by the one that `f` returns; `None` removes
    /// the key.
    pub(super) fn update_if_present<Q>(&mut self, key: &Q, f: impl FnOnce(&V) -> Option<V>)
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let Some(old) = self.get(key) else {
            return;
        };
        if let Some(value) = f(&old.value) {
            // Foreign code runs below, so the value is in the draft.
            self.leftovers.values.push(value);
            let hash = self.hasher.hash_one(key);
            let stored = self.table.get_mut(hash, |stored| key.equivalent(stored));
            if let (Some(stored), Some(value)) = (stored, self.leftovers.values.last_mut()) {
                std::mem::swap(stored, value);
                self.writes = self.writes.saturating_add(1);
            }
            if !needs_drop::<V>() {
                self.leftovers.values.pop();
            }
        } else if let Some(removed) = take_out(&mut self.table, &self.hasher, key) {
            self.writes = self.writes.saturating_add(1);
            self.leftovers.entry(removed);
        }
    }

    /// Keeps the entries for which `keep` returns true, and returns the number of removed ones.
    /// `keep` is called for all entries before the first one is removed. They are removed by
    /// position, since no lookup finds a key that does not equal itself.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) -> usize {
        let removed = self
            .table
            .positions(|entry| !keep(&entry.key, &entry.value));
        self.take_out(&removed);
        if !removed.is_empty() {
            self.shrink();
        }
        removed.len()
    }

    /// Removes the entries at these positions.
    pub(super) fn take_out(&mut self, removed: &[(usize, usize)]) {
        let hash_of = |key: &K| self.hasher.hash_one(key);
        for of_one_segment in removed.chunk_by(|(one, _), (other, _)| one == other) {
            let taken = |entry| {
                self.writes = self.writes.saturating_add(1);
                self.leftovers.entry(entry);
            };
            self.table.take_out(of_one_segment, hash_of, taken);
            // A shared segment is copied, and its entries are not taken.
            self.writes = self.writes.saturating_add(1);
        }
    }

    /// Merges segments after removals.
    pub(super) fn shrink(&mut self) {
        self.table.shrink(|key| self.hasher.hash_one(key));
    }

    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = (K, V)>) {
        for (key, value) in entries {
            self.put(key, value);
        }
    }

    /// Inserts all entries after `entries` has been drained. Those that a panic in `Hash`, `Eq` or
    /// `Clone` leaves over are dropped with the draft.
    pub(super) fn extend_drained(&mut self, entries: impl IntoIterator<Item = (K, V)>) {
        // After a panic that was caught inside the batch, entries of that call are still here.
        let left = self.leftovers.waiting.len();
        self.leftovers.waiting.extend(entries);
        self.leftovers.waiting[left..].reverse();
        while self.leftovers.waiting.len() > left
            && let Some((key, value)) = self.leftovers.waiting.pop()
        {
            self.put(key, value);
        }
    }
}

/// Removes an entry from a table.
fn take_out<K, V, S, Q>(table: &mut Table<K, V>, hasher: &S, key: &Q) -> Option<Entry<K, V>>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher,
    Q: Equivalent<K> + Hash + ?Sized,
{
    let hash_of = |key: &K| hasher.hash_one(key);
    table.remove(
        hasher.hash_one(key),
        |stored| key.equivalent(stored),
        hash_of,
    )
}
