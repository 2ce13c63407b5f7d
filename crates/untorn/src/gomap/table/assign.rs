//! Insertion: Go's `mapassign`.

use super::Table;
use super::hash::{KeyHash, SeededBuildHasher};
use super::key::Key;
use crate::gomap::raw::chain::Found;
use crate::gomap::raw::tophash::tophash;

/// An entry that a write replaced or removed. The caller drops it where user code may run.
pub(crate) struct Replaced<K, V> {
    /// The key that is no longer in the table, or the new key if the stored equal one was kept.
    pub(in crate::gomap) key: K,
    pub(in crate::gomap) elem: V,
}

impl<K, V> Replaced<K, V> {
    /// Returns the value and drops the key.
    pub(crate) fn into_elem(self) -> V {
        // The key is dropped first: if that panics, unwinding drops the value.
        drop(self.key);
        self.elem
    }

    /// Returns key and value.
    pub(crate) fn into_entry(self) -> (K, V) {
        (self.key, self.elem)
    }
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Sets the value of `key` to `elem` and returns the previous value: Go's `m[k] = v`.
    ///
    /// O(1) on average, with at most two chains moved if the table is growing. If the table holds
    /// an equal key, [`Key::NEEDS_KEY_UPDATE`] decides whether `key` replaces it.
    ///
    /// # Panics
    /// Panics with Go's message, `assignment to entry in nil map`, if the table is
    /// [`nil`](Self::nil). If `Hash` or `Eq` panics, nothing is inserted.
    ///
    /// # Examples
    /// ```
    /// let mut config = untorn::gomap::Table::new();
    /// assert_eq!(config.insert("1", 265), None);
    /// assert_eq!(config.insert("1", 17), Some(265));
    /// ```
    #[inline]
    #[doc(alias = "mapassign")]
    pub fn insert(&mut self, key: K, elem: V) -> Option<V> {
        self.assign(key, elem, None).map(Replaced::into_elem)
    }

    /// Inserts like [`insert`](Self::insert), given a hash computed earlier, and returns the
    /// replaced entry.
    #[inline]
    pub(crate) fn assign(
        &mut self,
        key: K,
        elem: V,
        hash: Option<KeyHash>,
    ) -> Option<Replaced<K, V>> {
        assert!(!self.nil, "assignment to entry in nil map");
        let hash = self.hash_or_rehash(&key, hash);
        let (low_bits, top) = (hash as usize, tophash(hash));
        loop {
            self.grow_work(low_bits & self.buckets.mask());
            let growth = self.growth_for_insert();
            match self.buckets.chain_mut(low_bits).find(top, |k| *k == key) {
                Found::Occupied(mut slot) => {
                    let elem = slot.replace_elem(elem);
                    let key = if K::NEEDS_KEY_UPDATE {
                        slot.replace_key(key)
                    } else {
                        key
                    };
                    return Some(Replaced { key, elem });
                }
                Found::Vacant(slot) if growth.is_none() => {
                    slot.fill(top, key, elem);
                    self.count += 1;
                    return None;
                }
                Found::Vacant(_) => {}
            }
            // Start over: in the grown table the entry has another bucket.
            self.hash_grow(growth);
        }
    }
}
