//! Accesses to the whole map: its length, iteration, `clear`, clones.

use super::GoMap;
use super::cursor::MapCursor;
use crate::gomap::table::Table;
use crate::gomap::table::cursor::Cursor;
use crate::gomap::table::hash::SeededBuildHasher;
use crate::gomap::table::key::Key;
use crate::overlap::tsan;

impl<K, V, S> GoMap<K, V, S> {
    /// Returns the number of entries. O(1). Counts as a read: unlike in Go, it can overlap with a
    /// write.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// assert_eq!(config.len(), 2);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn len(&self) -> usize {
        self.read(operation!(Read "len"), Table::len)
    }

    /// Returns whether the map has no entries. O(1). Counts as a read.
    ///
    /// # Examples
    /// ```
    /// assert!(untorn::GoMap::<&str, u32>::new().is_empty());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.read(operation!(Read "is_empty"), Table::is_empty)
    }

    /// Removes all entries: Go's `clear(m)`. O(buckets + entries).
    ///
    /// The number of buckets stays; their memory is freed until the next write, and active cursors
    /// end. The entries are dropped after the access.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]);
    /// config.clear();
    /// assert!(config.is_empty());
    /// ```
    #[track_caller]
    #[doc(alias = "mapclear")]
    pub fn clear(&self) {
        let cleared = self.write(operation!(Write "clear"), Table::take_all);
        drop(cleared);
    }

    /// Calls `f` with every entry, in one access.
    ///
    /// O(buckets + entries), plus `f`. No write to the map may occur until the method returns,
    /// neither by another thread nor by `f`. The order is unspecified and differs between calls.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// let mut sum = 0;
    /// map.iter_with(|_, value| sum += value);
    /// assert_eq!(sum, 282);
    /// ```
    #[track_caller]
    #[doc(alias = "iter")]
    #[doc(alias = "for_each")]
    pub fn iter_with(&self, mut f: impl FnMut(&K, &V)) {
        self.read(operation!(Iterate "iter_with"), |table| {
            table.iter().for_each(|(key, elem)| {
                let _shown = tsan::show();
                f(key, elem);
            });
        });
    }

    /// Creates a cursor over the entries that allows changes between its steps: Go's `for k, v :=
    /// range m`.
    ///
    /// O(1). This call is an access, and so is each step.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// for (key, _) in config.cursor() {
    ///     config.remove(key);
    /// }
    /// assert!(config.is_empty());
    /// ```
    #[track_caller]
    #[doc(alias = "range")]
    #[doc(alias = "iter")]
    #[doc(alias = "mapiterinit")]
    pub fn cursor(&self) -> MapCursor<'_, K, V, S> {
        let cursor = self.read(operation!(Iterate "cursor"), |table| {
            // The lock of the cursor list must not order threads that create cursors at once.
            let _hidden = tsan::hide();
            table.cursor()
        });
        MapCursor { map: self, cursor }
    }

    /// Takes one step of a cursor, in one access.
    #[track_caller]
    pub(super) fn cursor_step<R>(
        &self,
        cursor: &mut Cursor,
        f: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        self.read(operation!(Iterate "cursor"), |table| {
            let next = {
                let _hidden = tsan::hide();
                cursor.next(table)
            };
            next.map(|(key, elem)| f(key, elem))
        })
    }
}

impl<K: Key, V, S: SeededBuildHasher> GoMap<K, V, S> {
    /// Returns a map with clones of all entries: Go's `maps.Clone`. O(buckets + entries).
    ///
    /// This is one access. The clone has the name, policy and delay injection of the original, and
    /// a detector of its own.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", "265")]);
    /// let before = config.deep_clone();
    /// config.insert("1", "17");
    /// assert_eq!(before.get("1"), Some("265"));
    /// ```
    #[must_use]
    #[track_caller]
    #[doc(alias = "clone")]
    pub fn deep_clone(&self) -> Self
    where
        K: Clone,
        V: Clone,
        S: Clone,
    {
        let table = self.read(operation!(Clone "deep_clone"), Table::clone);
        let mut clone = Self::from(table);
        clone.cell.copy_settings(&self.cell);
        clone
    }
}
