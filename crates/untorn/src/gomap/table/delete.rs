//! Removal: Go's `mapdelete` and `mapclear`.

use std::borrow::Borrow;

use super::Table;
use super::assign::Replaced;
use super::flags::SAME_SIZE_GROW;
use super::hash::{KeyHash, SeededBuildHasher};
use super::key::Key;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::chain::{Found, VacatedSlot};
use crate::gomap::raw::tophash::tophash;
use crate::mutants::mutant;
use crate::random::random_u64;

/// The arrays of a cleared table. Dropping it drops their entries.
pub(crate) struct Cleared<K, V> {
    _buckets: BucketArray<K, V>,
    _oldbuckets: Option<BucketArray<K, V>>,
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Removes `key` and returns its value: Go's `delete(m, k)`.
    ///
    /// O(1) on average, with at most two chains moved if the table is growing. The table never
    /// shrinks. When it becomes empty it draws a new seed. On a nil or empty table this does
    /// nothing and does not hash.
    ///
    /// # Panics
    /// If `Hash` or `Eq` panics, nothing is removed.
    ///
    /// # Examples
    /// ```
    /// let mut config = untorn::gomap::Table::from([("1", 265)]);
    /// assert_eq!(config.remove("1"), Some(265));
    /// assert_eq!(config.remove("1"), None);
    /// ```
    #[inline]
    #[doc(alias = "delete")]
    #[doc(alias = "mapdelete")]
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.delete(key, None).map(Replaced::into_elem)
    }

    /// Removes `key` and returns the stored key and its value. O(1) on average.
    ///
    /// # Panics
    /// If `Hash` or `Eq` panics, nothing is removed.
    ///
    /// # Examples
    /// ```
    /// let mut config = untorn::gomap::Table::from([("1", 265)]);
    /// assert_eq!(config.remove_entry("1"), Some(("1", 265)));
    /// ```
    #[inline]
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.delete(key, None).map(Replaced::into_entry)
    }

    /// Removes like [`remove_entry`](Self::remove_entry), given a hash computed earlier.
    pub(crate) fn delete<Q>(&mut self, key: &Q, hash: Option<KeyHash>) -> Option<Replaced<K, V>>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        if self.count == 0 {
            return None;
        }
        let hash = self.hash_or_rehash(key, hash);
        let (low_bits, top) = (hash as usize, tophash(hash));
        self.grow_work(low_bits & self.buckets.mask());
        let chain = self.buckets.chain_mut(low_bits);
        match chain.find(top, |k| k.borrow() == key) {
            Found::Vacant(_) => None,
            Found::Occupied(slot) => {
                let (entry, vacated) = slot.take();
                sweep(vacated);
                self.count -= 1;
                if self.count == 0 {
                    self.hash0 = random_u64();
                }
                let (key, elem) = entry;
                Some(Replaced { key, elem })
            }
        }
    }
}

/// Marks the empty slots at the end of the chain `EMPTY_REST`, so that lookups stop early.
///
/// It moves backwards from the vacated slot, across the buckets of the chain, to the last full
/// slot.
pub(in crate::gomap) fn sweep<K, V>(mut vacated: VacatedSlot<'_, K, V>) {
    if !vacated.rest_is_empty() || mutant("sweep_forgets_empty_rest") {
        return;
    }
    while vacated.is_empty_one() {
        vacated.mark_empty_rest();
        if !vacated.step_back() {
            break;
        }
    }
}

impl<K, V, S> Table<K, V, S> {
    /// Removes all entries: Go's `clear(m)`.
    ///
    /// O(buckets + entries). The table keeps its number of buckets but frees their memory until the
    /// next write. It draws a new seed, and every active [`Cursor`](crate::gomap::Cursor) ends.
    ///
    /// # Examples
    /// ```
    /// let mut config = untorn::gomap::Table::from([("1", 265)]);
    /// config.clear();
    /// assert!(config.is_empty());
    /// ```
    #[doc(alias = "mapclear")]
    pub fn clear(&mut self) {
        drop(self.take_all());
    }

    /// Empties the table and returns its arrays, which the caller drops where user code may run.
    pub(crate) fn take_all(&mut self) -> Option<Cleared<K, V>> {
        if let Some(cursors) = self.cursors.get_mut() {
            cursors.end();
        }
        if self.count == 0 {
            return None;
        }
        let empty = BucketArray::unallocated(self.buckets.b());
        self.count = 0;
        self.nevacuate = 0;
        self.hash0 = random_u64();
        self.flags.change(0, SAME_SIZE_GROW);
        Some(Cleared {
            _buckets: std::mem::replace(&mut self.buckets, empty),
            _oldbuckets: self.oldbuckets.take(),
        })
    }
}
