//! Cursors over a `GoMap`.

use std::fmt;

use super::GoMap;
use crate::gomap::table::cursor::Cursor;
use crate::gomap::table::hash::FoldHash;
use crate::overlap::tsan;

/// A cursor over a [`GoMap`]: Go's `for k, v := range m`. Each step is one access.
///
/// Between two steps any thread may write to the map, and so may the body of the loop. A write
/// *during* a step is an overlap, reported as `concurrent map iteration and map write`. The
/// guarantees on the entries are those of a [`Cursor`] over a table. The `Iterator` returns clones,
/// made inside the access; [`next_with`](Self::next_with) does not clone.
///
/// # Examples
/// ```
/// let map: untorn::GoMap<u64, u64> = (0..100).map(|n| (n, n)).collect();
/// for (key, value) in map.cursor() {
///     map.remove(&key); // as in Go
///     map.insert(key, value + 1);
/// }
/// assert_eq!(map.len(), 100);
/// let mut sum = 0;
/// map.iter_with(|_, value| sum += value);
/// assert!(sum >= 4950 + 100); // each was returned; a new entry may be returned again
/// ```
#[must_use = "a cursor returns entries only when its `next` is called"]
#[doc(alias = "range")]
pub struct MapCursor<'m, K, V, S = FoldHash> {
    pub(in crate::gomap) map: &'m GoMap<K, V, S>,
    pub(in crate::gomap) cursor: Cursor,
}

impl<K, V, S> MapCursor<'_, K, V, S> {
    /// Calls `f` with the next entry, inside the access, and returns its result, or `None` after
    /// the last entry.
    ///
    /// O(1) on average, plus `f`, which must not write to the map.
    ///
    /// # Panics
    /// If `f` panics, the entry counts as returned.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// let mut cursor = map.cursor();
    /// let mut sum = 0;
    /// while let Some(key) = cursor.next_with(|key, value| {
    ///     sum += value;
    ///     *key
    /// }) {
    ///     map.remove(key);
    /// }
    /// assert_eq!((sum, map.len()), (282, 0));
    /// ```
    #[track_caller]
    pub fn next_with<R>(&mut self, f: impl FnOnce(&K, &V) -> R) -> Option<R> {
        self.map.cursor_step(&mut self.cursor, |key, elem| {
            let _shown = tsan::show();
            f(key, elem)
        })
    }
}

impl<K: Clone, V: Clone, S> Iterator for MapCursor<'_, K, V, S> {
    type Item = (K, V);

    /// Returns the next entry, cloned inside the access.
    ///
    /// In a `for` loop a report shows the line of the `for`. In a call by an iterator adapter it
    /// shows a line in std.
    #[track_caller]
    fn next(&mut self) -> Option<(K, V)> {
        self.map
            .cursor_step(&mut self.cursor, |key, elem| (key.clone(), elem.clone()))
    }
}

impl<K: Clone, V: Clone, S> std::iter::FusedIterator for MapCursor<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for MapCursor<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cursor.fmt(f)
    }
}
