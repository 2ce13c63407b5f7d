//! The iterators over a view, and over the differences between two.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::iter::FusedIterator;

use super::table::{self, Entry};
use super::view::{Change, View};
use crate::halves::keys_and_values;

/// An iterator over the entries of a [`View`] or of a [`Batch`](super::Batch).
#[must_use = "iterators are lazy"]
pub struct Iter<'v, K, V>(pub(super) table::Iter<'v, K, V>);

impl<'v, K, V> Iterator for Iter<'v, K, V> {
    type Item = (&'v K, &'v V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|entry| (&entry.key, &entry.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

keys_and_values!(View);

/// An iterator over the differences between two views, from [`View::changes_since`].
#[must_use = "iterators are lazy"]
pub struct Changes<'v, K, V, S> {
    pub(super) newer: &'v View<K, V, S>,
    pub(super) older: &'v View<K, V, S>,
    pub(super) only_newer: table::Unshared<'v, K, V>,
    pub(super) only_older: table::Unshared<'v, K, V>,
}

impl<'v, K, V, S> Iterator for Changes<'v, K, V, S>
where
    K: Eq + Hash,
    V: PartialEq,
    S: BuildHasher,
{
    type Item = Change<'v, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        for Entry { key, value: new } in &mut self.only_newer {
            match self.older.get(key) {
                None => return Some(Change::Added { key, new }),
                Some(old) if old != new => return Some(Change::Changed { key, old, new }),
                Some(_) => {}
            }
        }
        let mut removed = (&mut self.only_older).filter(|old| !self.newer.contains_key(&old.key));
        removed
            .next()
            .map(|Entry { key, value: old }| Change::Removed { key, old })
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> FusedIterator for Changes<'_, K, V, S> {}

impl<K, V, S> Clone for Changes<'_, K, V, S> {
    fn clone(&self) -> Self {
        Self {
            newer: self.newer,
            older: self.older,
            only_newer: self.only_newer.clone(),
            only_older: self.only_older.clone(),
        }
    }
}

impl<K, V, S> fmt::Debug for Changes<'_, K, V, S>
where
    K: Eq + Hash + fmt::Debug,
    V: PartialEq + fmt::Debug,
    S: BuildHasher,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
