//! The entries of a map by value.

use std::fmt;
use std::iter::FusedIterator;

use super::Map;
use super::table::{Entries, Entry, Table};
use crate::sync::Arc;

/// An iterator over the entries of a [`Map`] by value, from its `into_iter`.
#[must_use = "iterators are lazy"]
pub struct IntoIter<K, V> {
    table: Table<K, V>,
    /// The remaining entries of the segment before `next`.
    segment: Option<Entries<K, V>>,
    /// The index of the segment to take next.
    next: usize,
    remaining: usize,
}

impl<K: Clone, V: Clone, S> IntoIterator for Map<K, V, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    /// Ends the map and returns an iterator over the entries of its newest view, in no particular
    /// order. O(entries + segments) for all of them.
    ///
    /// Entries are moved out, segment by segment, where nothing else shares the segment. They are
    /// cloned where a snapshot, a reader, a subscription or a fork does. To iterate over a map that
    /// others use, [`pin`](Map::pin) it.
    ///
    /// # Examples
    /// ```
    /// let hosts = untorn::Map::from([("db", vec!["db1", "db2"])]);
    /// for (service, hosts) in hosts {
    ///     assert_eq!((service, hosts.len()), ("db", 2));
    /// }
    /// ```
    fn into_iter(self) -> IntoIter<K, V> {
        let Self {
            published, remains, ..
        } = self;
        let newest = published.into_newest();
        // Parts of earlier versions, which share segments with the newest.
        drop(remains);
        let table = match Arc::try_unwrap(newest) {
            Ok(version) => version.value.table,
            Err(shared) => shared.value.table.clone(),
        };
        IntoIter {
            remaining: table.len(),
            table,
            segment: None,
            next: 0,
        }
    }
}

impl<K: Clone, V: Clone> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some(Entry { key, value }) = self.segment.as_mut().and_then(Iterator::next) {
                self.remaining -= 1;
                return Some((key, value));
            }
            if self.next == self.table.segments() {
                return None;
            }
            self.segment = Some(self.table.take_segment(self.next));
            self.next += 1;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl<K: Clone, V: Clone> ExactSizeIterator for IntoIter<K, V> {}

impl<K: Clone, V: Clone> FusedIterator for IntoIter<K, V> {}

impl<K, V> fmt::Debug for IntoIter<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter")
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
}
