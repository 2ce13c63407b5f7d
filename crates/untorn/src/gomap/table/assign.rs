//! Inserting: Go's `mapassign`.

use super::Table;
use super::hash::{KeyHash, SeededBuildHasher};
use super::key::Key;
use crate::gomap::raw::chain::Found;
use crate::gomap::raw::tophash::tophash;

/// What a write put out of the table; dropped by whoever asked for it, when it is safe to run foreign code.
pub(crate) struct Replaced<K, V> {
    /// The key that is no longer in the table, or that did not get in because an equal one stays.
    pub(in crate::gomap) key: K,
    pub(in crate::gomap) elem: V,
}

impl<K, V> Replaced<K, V> {
    /// The value alone.
    pub(crate) fn into_elem(self) -> V {
        // Before the value is on its way out: if this panics, the value is not leaked.
        drop(self.key);
        self.elem
    }

    pub(crate) fn into_entry(self) -> (K, V) {
        (self.key, self.elem)
    }
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Gives `key` the value `elem` and returns the value it had: Go's `m[k] = v`. O(1) on average.
    ///
    /// Where an equal key is there already, the stored key is replaced if [`Key::NEEDS_KEY_UPDATE`] says so.
    ///
    /// # Panics
    /// With Go's text if the table is nil; whatever `Hash` or `Eq` panic with, and then nothing was inserted.
    #[inline]
    pub fn insert(&mut self, key: K, elem: V) -> Option<V> {
        self.assign(key, elem, None).map(Replaced::into_elem)
    }

    /// The same, given a hash that was made earlier.
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
            // Start over: in the grown table the entry belongs elsewhere.
            self.hash_grow(growth);
        }
    }
}
