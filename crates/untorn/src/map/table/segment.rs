//! A segment: a hash table of some tens or hundreds of entries.
//!
//! hashbrown may call the hash function in the middle of a growth. Here all hashes of a growth, a
//! split or a merge are computed first, so that a panic in `Hash` leaves the segment unchanged.

use hashbrown::HashTable;

use crate::mutants::mutant;

#[derive(Clone)]
pub(crate) struct Entry<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
}

/// The entries of a segment that is being dropped.
pub(crate) type Entries<K, V> = hashbrown::hash_table::IntoIter<Entry<K, V>>;

#[derive(Clone)]
pub(in crate::map) struct Segment<K, V> {
    entries: HashTable<Entry<K, V>>,
}

/// A hash function for hashbrown calls that cannot grow the table and so never call it.
fn not_asked<T>(_: &T) -> u64 {
    unreachable!("there is room for one more")
}

impl<K, V> Segment<K, V> {
    /// Creates an empty segment with room for `capacity` entries.
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

    /// Looks up an entry and the index of its bucket.
    pub(super) fn locate(
        &self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<(usize, &Entry<K, V>)> {
        let is_entry = |entry: &Entry<K, V>| is_key(&entry.key);
        let bucket = self.entries.find_bucket_index(hash, is_entry)?;
        Some((bucket, self.entries.get_bucket(bucket)?))
    }

    /// Returns the number of buckets.
    pub(super) fn buckets(&self) -> usize {
        self.entries.num_buckets()
    }

    /// Returns an iterator over the entries and the indices of their buckets, in the order of
    /// `iter`.
    pub(super) fn with_buckets(&self) -> impl Iterator<Item = (usize, &Entry<K, V>)> {
        let buckets = self.entries.iter_buckets();
        buckets.filter_map(|bucket| Some((bucket, self.entries.get_bucket(bucket)?)))
    }

    pub(super) fn find_mut(
        &mut self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<&mut Entry<K, V>> {
        self.entries.find_mut(hash, |entry| is_key(&entry.key))
    }

    /// Returns the hashes of all entries, in the order of `iter`.
    pub(super) fn hashes(&self, hash_of: impl Fn(&K) -> u64) -> Vec<u64> {
        self.iter().map(|entry| hash_of(&entry.key)).collect()
    }

    /// Makes room for `additional` entries and some more. Removals leave tombstones that use up
    /// room, and rebuilding the table for each new entry would rehash all entries each time.
    pub(super) fn reserve(&mut self, additional: usize, hash_of: impl Fn(&K) -> u64) {
        let wanted = self.entries.len() + additional;
        if wanted > self.entries.capacity() {
            self.make_again(wanted + wanted / 16, hash_of);
        }
    }

    /// Shrinks the table if little of its room is used.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(&K) -> u64) {
        let len = self.entries.len();
        if len * 8 < self.entries.num_buckets() && self.entries.num_buckets() > 16 {
            self.make_again(2 * len, hash_of);
        }
    }

    /// Moves the entries into a table of this capacity: all, or none if a hash panics.
    fn make_again(&mut self, capacity: usize, hash_of: impl Fn(&K) -> u64) {
        let hashes = self.hashes(hash_of);
        let old = std::mem::replace(self, Self::with_capacity(capacity));
        self.put(old, hashes);
    }

    /// Moves the entries of `other` into this segment, which must have room for them.
    pub(super) fn put(&mut self, other: Self, hashes: Vec<u64>) {
        for (entry, hash) in other.entries.into_iter().zip(hashes) {
            self.put_one(hash, entry);
        }
    }

    /// Adds an entry whose key is absent, and returns it. The segment must have room for it.
    pub(super) fn put_one(&mut self, hash: u64, entry: Entry<K, V>) -> &Entry<K, V> {
        let added = self.entries.insert_unique(hash, entry, not_asked);
        added.into_mut()
    }

    /// Removes and returns an entry, if it is present.
    pub(super) fn remove(&mut self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        let found = self.entries.find_entry(hash, |entry| is_key(&entry.key));
        Some(found.ok()?.remove().0)
    }

    /// Removes the entries at these positions, which ascend, in the order of `iter`.
    pub(super) fn take_out(
        &mut self,
        positions: impl Iterator<Item = usize>,
        taken: impl FnMut(Entry<K, V>),
    ) {
        let mut goes = at(positions);
        self.entries.extract_if(|_| goes()).for_each(taken);
    }

    /// Moves the entries for whose hash `goes` returns true into a new segment: all, or none if a
    /// hash panics.
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

    /// Returns the entries, to be dropped one by one.
    pub(super) fn into_entries(self) -> Entries<K, V> {
        self.entries.into_iter()
    }

    /// Returns the bytes of the segment, without memory that its entries point to.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.allocation_size()
    }
}

impl<K: Clone, V: Clone> Segment<K, V> {
    /// Returns a copy without the entries at these positions, which ascend, in the order of `iter`.
    pub(super) fn without(
        &self,
        positions: impl ExactSizeIterator<Item = usize>,
        hash_of: impl Fn(&K) -> u64,
    ) -> Self {
        let mut copy = Self::with_capacity(self.entries.len() - positions.len());
        let mut goes = at(positions);
        let stay = self.iter().filter(|_| !goes());
        // A panic in `Hash` must find no clones, which it would drop under the writer lock.
        let stay: Vec<_> = stay.map(|entry| (hash_of(&entry.key), entry)).collect();
        for (hash, entry) in stay {
            copy.put_one(hash, entry.clone());
        }
        copy
    }
}

/// Returns a function that counts positions from 0, and returns whether each is one of `positions`,
/// which ascend.
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
