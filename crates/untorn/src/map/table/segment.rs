//! A segment: one hash table of some tens or hundreds of entries.
//!
//! hashbrown may call the hash function in the middle of a growth. Here all hashes of a growth, a split or a merge are
//! made first, so that a `Hash` that panics finds the segment as it was.

use hashbrown::HashTable;

use crate::mutants::mutant;

#[derive(Clone)]
pub(crate) struct Entry<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
}

#[derive(Clone)]
pub(super) struct Segment<K, V> {
    entries: HashTable<Entry<K, V>>,
}

/// For hashbrown, where it has no reason to ask.
fn not_asked<T>(_: &T) -> u64 {
    unreachable!("there is room for one more")
}

impl<K, V> Segment<K, V> {
    /// Room for `capacity` entries.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: HashTable::with_capacity(capacity),
        }
    }

    pub(super) fn iter(&self) -> hashbrown::hash_table::Iter<'_, Entry<K, V>> {
        self.entries.iter()
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        self.entries.find(hash, |entry| is_key(&entry.key))
    }

    pub(super) fn find_mut(
        &mut self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<&mut Entry<K, V>> {
        self.entries.find_mut(hash, |entry| is_key(&entry.key))
    }

    /// The hashes of all entries, in the order of `iter`.
    pub(super) fn hashes(&self, hash_of: impl Fn(&K) -> u64) -> Vec<u64> {
        self.iter().map(|entry| hash_of(&entry.key)).collect()
    }

    /// Makes room for so many more, and some for those to come: what is removed leaves marks that use up room, and to make
    /// it again for each new entry would cost a hash of all.
    pub(super) fn reserve(&mut self, additional: usize, hash_of: impl Fn(&K) -> u64) {
        let wanted = self.entries.len() + additional;
        if wanted > self.entries.capacity() {
            self.make_again(wanted + wanted / 16, hash_of);
        }
    }

    /// Gives room back where little of it is used.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(&K) -> u64) {
        let len = self.entries.len();
        if len * 8 < self.entries.num_buckets() && self.entries.num_buckets() > 16 {
            self.make_again(2 * len, hash_of);
        }
    }

    /// Moves the entries into a table of so much room; all, or none if a hash panics.
    fn make_again(&mut self, capacity: usize, hash_of: impl Fn(&K) -> u64) {
        let hashes = self.hashes(hash_of);
        let old = std::mem::replace(self, Self::with_capacity(capacity));
        self.put(old, hashes);
    }

    /// Moves the entries of `other` here, where there is room for them.
    pub(super) fn put(&mut self, other: Self, hashes: Vec<u64>) {
        for (entry, hash) in other.entries.into_iter().zip(hashes) {
            self.put_one(hash, entry);
        }
    }

    /// Adds an entry whose key is not there, where there is room for it.
    pub(super) fn put_one(&mut self, hash: u64, entry: Entry<K, V>) {
        self.entries.insert_unique(hash, entry, not_asked);
    }

    /// Takes out an entry that is there.
    pub(super) fn remove(&mut self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        let found = self.entries.find_entry(hash, |entry| is_key(&entry.key));
        Some(found.ok()?.remove().0)
    }

    /// Takes out the entries at these positions, which ascend, in the order of `iter`.
    pub(super) fn take_out(
        &mut self,
        positions: impl Iterator<Item = usize>,
        taken: impl FnMut(Entry<K, V>),
    ) {
        let mut goes = at(positions);
        self.entries.extract_if(|_| goes()).for_each(taken);
    }

    /// Moves the entries whose hash `goes` into a segment of their own; all, or none if a hash panics.
    pub(super) fn split_off(
        &mut self,
        goes: impl Fn(u64) -> bool,
        hash_of: impl Fn(&K) -> u64,
    ) -> Self {
        let hashes = self.hashes(hash_of);
        let going = hashes.iter().filter(|&&hash| goes(hash)).count();
        let stays = Self::with_capacity(hashes.len() - going + 1);
        let mut gone = Self::with_capacity(going + 1);
        let old = std::mem::replace(self, stays);
        let mut entries = old.entries.into_iter().zip(hashes);
        if mutant("split_loses_an_entry") {
            entries.next();
        }
        for (entry, hash) in entries {
            let segment = if goes(hash) { &mut gone } else { &mut *self };
            segment.entries.insert_unique(hash, entry, not_asked);
        }
        gone
    }

    /// Bytes that the segment takes, without what its entries point to.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.allocation_size()
    }
}

impl<K: Clone, V: Clone> Segment<K, V> {
    /// A copy without the entries at these positions, which ascend, in the order of `iter`.
    pub(super) fn without(
        &self,
        positions: impl ExactSizeIterator<Item = usize>,
        hash_of: impl Fn(&K) -> u64,
    ) -> Self {
        let mut copy = Self::with_capacity(self.entries.len() - positions.len());
        let mut goes = at(positions);
        for entry in self.iter().filter(|_| !goes()) {
            copy.put_one(hash_of(&entry.key), entry.clone());
        }
        copy
    }
}

/// Whether the next position is among those, which ascend.
fn at(positions: impl Iterator<Item = usize>) -> impl FnMut() -> bool {
    let mut positions = positions.peekable();
    let mut next = 0;
    move || {
        let is_among = positions.next_if_eq(&next).is_some();
        next += 1;
        is_among
    }
}

impl<K, V> Default for Segment<K, V> {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}
