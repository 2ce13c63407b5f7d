//! Removal of many entries: `retain`, and `into_iter`.

use std::fmt;
use std::iter::FusedIterator;
use std::vec;

use super::Table;
use super::delete::sweep;
use super::hash::{FoldHash, SeededBuildHasher};
use super::key::Key;
use crate::gomap::raw::chain::Found;
use crate::random::random_u64;

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Removes the entries for which `keep` returns false: Go's `maps.DeleteFunc`.
    ///
    /// O(buckets + entries), and quadratic in the length of a chain if a bad hash puts many entries
    /// into one. An active growth is completed first. `keep` is called once for each entry, in
    /// unspecified order. The removed entries are dropped at the end. Unlike in Go, keys that are
    /// unequal to themselves can be removed too.
    ///
    /// # Panics
    /// If `keep` panics, the entries that it rejected before are removed.
    ///
    /// # Examples
    /// ```
    /// let mut limits = untorn::gomap::Table::from([("low", 10), ("high", 20), ("off", 0)]);
    /// limits.retain(|_, n| *n > 0);
    /// assert_eq!(limits.len(), 2);
    /// ```
    #[doc(alias = "DeleteFunc")]
    pub fn retain(&mut self, keep: impl FnMut(&K, &V) -> bool) {
        self.retain_into(keep, &mut Vec::new());
    }

    /// Removes like [`retain`](Self::retain), and moves the removed entries into `removed`, which
    /// the caller drops where user code may run.
    pub(crate) fn retain_into(
        &mut self,
        mut keep: impl FnMut(&K, &V) -> bool,
        removed: &mut Vec<(K, V)>,
    ) {
        self.finish_growth();
        for number in 0..self.buckets.count() {
            if self.count == 0 {
                return;
            }
            self.retain_in_chain(number, &mut keep, removed);
        }
    }

    /// Completes an active growth, so that all entries are in one array and do not move.
    fn finish_growth(&mut self) {
        while self.oldbuckets.is_some() {
            self.grow_work(self.nevacuate);
        }
    }

    /// Moves the entries of one chain for which `keep` returns false into `removed`. The table must
    /// be non-empty and not growing.
    fn retain_in_chain(
        &mut self,
        low_bits: usize,
        keep: &mut impl FnMut(&K, &V) -> bool,
        removed: &mut Vec<(K, V)>,
    ) {
        let mut kept = 0;
        loop {
            let next = self.buckets.bucket(low_bits).entries().nth(kept);
            let Some(full) = next else { return };
            if keep(full.key(), full.elem()) {
                kept += 1;
                continue;
            }
            // Found again by its index among the entries of its tophash: its key may be unequal to
            // itself.
            let top = full.tophash();
            let before = self.buckets.bucket(low_bits).entries().take(kept);
            let mut skip = before.filter(|full| full.tophash() == top).count();
            let is_entry = |_: &K| {
                let found = skip == 0;
                skip = skip.saturating_sub(1);
                found
            };
            let Found::Occupied(slot) = self.buckets.chain_mut(low_bits).find(top, is_entry) else {
                unreachable!("the entry was found in this chain above");
            };
            let (entry, vacated) = slot.take();
            sweep(vacated);
            self.count -= 1;
            if self.count == 0 {
                self.hash0 = random_u64();
            }
            removed.push(entry);
        }
    }
}

/// An owning iterator over the entries of a [`Table`]. Dropping it drops the remaining entries.
/// The `IntoIterator` implementations of [`Table`] and [`GoMap`](crate::GoMap) create it.
///
/// # Examples
/// ```
/// let entries = untorn::gomap::Table::from([("low", 10), ("high", 20)]).into_iter();
/// assert_eq!(entries.map(|(_, n)| n).sum::<i32>(), 30);
/// ```
pub struct IntoIter<K, V, S = FoldHash> {
    table: Table<K, V, S>,
    /// The remaining entries of the current chain.
    removed: vec::IntoIter<(K, V)>,
    /// The number of the next chain. The first one is random.
    next_chain: usize,
    chains_left: usize,
}

impl<K: Key, V, S: SeededBuildHasher> IntoIterator for Table<K, V, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, S>;

    /// Returns an owning iterator over the entries, in unspecified order.
    ///
    /// O(buckets + entries) in all. An active growth is completed first, which hashes keys.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// let limits = untorn::gomap::Table::from([("low", 10), ("high", 20)]);
    /// let sorted: BTreeMap<_, _> = limits.into_iter().collect();
    /// assert_eq!(sorted["low"]..sorted["high"], 10..20);
    /// ```
    fn into_iter(mut self) -> IntoIter<K, V, S> {
        self.finish_growth();
        IntoIter {
            removed: Vec::new().into_iter(),
            next_chain: random_u64() as usize,
            chains_left: self.buckets.count(),
            table: self,
        }
    }
}

impl<K: Key, V, S: SeededBuildHasher> Iterator for IntoIter<K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some(entry) = self.removed.next() {
                return Some(entry);
            }
            if self.table.is_empty() || self.chains_left == 0 {
                return None;
            }
            self.chains_left -= 1;
            let mut removed = Vec::new();
            self.table
                .retain_in_chain(self.next_chain, &mut |_, _| false, &mut removed);
            self.next_chain = self.next_chain.wrapping_add(1);
            self.removed = removed.into_iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.removed.len() + self.table.len();
        (left, Some(left))
    }
}

impl<K: Key, V, S: SeededBuildHasher> ExactSizeIterator for IntoIter<K, V, S> {}

impl<K: Key, V, S: SeededBuildHasher> FusedIterator for IntoIter<K, V, S> {}

impl<K, V, S> fmt::Debug for IntoIter<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter")
            .field("left", &(self.removed.len() + self.table.len()))
            .finish_non_exhaustive()
    }
}
