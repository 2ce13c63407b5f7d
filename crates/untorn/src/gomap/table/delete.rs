//! Removing: Go's `mapdelete` and `mapclear`.

use std::borrow::Borrow;

use super::Table;
use super::assign::Replaced;
use super::flags::SAME_SIZE_GROW;
use super::hash::{KeyHash, SeededBuildHasher};
use super::key::Key;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::chain::{Found, VacatedSlot};
use crate::gomap::raw::tophash::tophash;
use crate::planted::planted;
use crate::random::random_u64;

/// Entries on their way out; dropping it drops them.
pub(crate) struct Cleared<K, V> {
    _buckets: BucketArray<K, V>,
    _oldbuckets: Option<BucketArray<K, V>>,
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Takes `key` and its value out: Go's `delete(m, k)`. O(1) on average.
    ///
    /// The table never shrinks. When it becomes empty it draws a new seed. Removing from a nil or empty table does
    /// nothing, not even hash.
    ///
    /// # Panics
    /// Whatever `Hash` or `Eq` panic with, and then nothing was removed.
    #[inline]
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.delete(key, None).map(Replaced::into_elem)
    }

    /// Takes `key` and its value out, and returns both.
    #[inline]
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.delete(key, None).map(Replaced::into_entry)
    }

    /// The same, given a hash that was made earlier.
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

/// Turns the empty slots that the chain now ends with into `EMPTY_REST`, so that look-ups stop early: backwards
/// from the vacated, across the buckets of the chain, to the first slot that is not empty.
pub(in crate::gomap) fn sweep<K, V>(mut vacated: VacatedSlot<'_, K, V>) {
    if !vacated.rest_is_empty() || planted("sweep_forgets_empty_rest") {
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
    /// Takes everything out: Go's `clear(m)`. The number of buckets stays, their memory is given back until the next
    /// write, the seed is drawn anew, and every [`Walk`](super::Walk) that is under way is over. O(buckets + entries).
    pub fn clear(&mut self) {
        drop(self.take_all());
    }

    /// Empties the table and hands out what was in it, to be dropped when it is safe to run foreign code.
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
