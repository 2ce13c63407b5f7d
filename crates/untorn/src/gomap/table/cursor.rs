//! Cursors over a table that may change between two steps: Go's `range`.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::Table;
use super::arrays::Arrays;
use super::cursors::{CursorSet, CursorState, lock};

/// A cursor over a [`Table`]: Go's `range` over a map.
///
/// It does not borrow the table. Between two steps the program may insert, overwrite, remove, clear
/// and clone, and the table may grow. Any number of cursors may be active at once. The guarantees
/// are those of Go:
///
/// - No entry is returned twice, and an entry that is present from the creation of the cursor to
///   its end is returned.
/// - An entry that is removed before the cursor reaches it is not returned. An entry that is
///   inserted meanwhile may be returned.
/// - Key and value are the newest.
/// - The order is unspecified and starts at a random bucket and slot.
///
/// A key that is removed and inserted again is a new entry. The cursor ends when the table is
/// cleared, or when it is empty at a step. A cursor that is created on an empty table ends
/// immediately. Every cursor ends, whatever is inserted meanwhile: entries inserted after a growth
/// has started are not returned, except those that take the slot of a removed entry.
///
/// # Cost
/// All steps together visit each slot at most once: O(buckets + entries), which is also the worst
/// case of a single step. A step is O(1) on average, and O(length of the chain) if a bad hash puts
/// many entries into one chain. Nothing is hashed or compared: no step can panic in user code, and
/// keys that are unequal to themselves are returned too.
///
/// While cursors are active, a write that evacuates a bucket also updates each of them, and a
/// growing table stores up to eight bytes per bucket for each group of cursors that were created
/// between the same two growths. A dropped cursor stops costing this at the next growth; a leaked
/// cursor never does.
///
/// # Examples
/// ```
/// use untorn::gomap::Table;
///
/// let mut queue = Table::from([("a", 3), ("b", 1)]);
/// let mut done = Vec::new();
/// let mut cursor = queue.cursor(); // does not borrow `queue`
/// while let Some((&key, &n)) = cursor.next(&queue) {
///     done.push((key, n));
///     queue.remove(key);
/// }
/// done.sort();
/// assert_eq!(done, [("a", 3), ("b", 1)]);
/// assert!(queue.is_empty());
/// ```
#[must_use = "a cursor returns entries only when its `next` is called"]
#[doc(alias = "range")]
#[doc(alias = "hiter")]
pub struct Cursor {
    /// The identity of its table.
    table: u64,
    /// `None` after the last entry.
    state: Option<Arc<Mutex<CursorState>>>,
}

impl<K, V, S> Table<K, V, S> {
    /// Creates a cursor over the entries that allows changes between its steps: Go's `for k, v :=
    /// range m`.
    ///
    /// O(1). The first cursor of a table allocates. Several threads that share a borrow may call
    /// this at once; each holds a lock while it adds its cursor to a list.
    ///
    /// # Examples
    /// ```
    /// let mut limits = untorn::gomap::Table::from([("low", 10), ("high", 20)]);
    /// let mut cursor = limits.cursor();
    /// while let Some((&key, _)) = cursor.next(&limits) {
    ///     limits.insert(key, 0);
    /// }
    /// assert_eq!(limits["low"] + limits["high"], 0);
    /// ```
    #[doc(alias = "range")]
    #[doc(alias = "mapiterinit")]
    pub fn cursor(&self) -> Cursor {
        let cursors = self.cursors.get_or_init(|| Box::new(CursorSet::new()));
        let state = (self.count > 0).then(|| {
            self.flags.set_iterator();
            let smaller = self.oldbuckets.as_ref().unwrap_or(&self.buckets);
            cursors.register(smaller.b())
        });
        Cursor {
            table: cursors.id(),
            state,
        }
    }
}

impl Cursor {
    /// Returns the next entry of `table`, which must be the table that created the cursor. After
    /// the first `None` it always returns `None`.
    ///
    /// O(1) on average; see [Cost](Self#cost) for the worst case.
    ///
    /// # Panics
    /// Panics if `table` is not the table that created the cursor. A clone of that table, or a
    /// table assigned in its place, is another table.
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::Table;
    ///
    /// let table = Table::from([("low", 10)]);
    /// let mut cursor = table.cursor();
    /// assert_eq!(cursor.next(&table), Some((&"low", &10)));
    /// assert_eq!(cursor.next(&table), None);
    /// ```
    #[doc(alias = "mapiternext")]
    pub fn next<'t, K, V, S>(&mut self, table: &'t Table<K, V, S>) -> Option<(&'t K, &'t V)> {
        let cursors = table
            .cursors
            .get()
            .filter(|cursors| cursors.id() == self.table)
            .expect("cannot step a cursor with another table than the one that created it");
        let state = self.state.as_deref()?;
        let arrays = Arrays {
            current: &table.buckets,
            old: table.oldbuckets.as_ref(),
        };
        // An empty table holds no entry from before the cursor was created.
        let entry = if table.is_empty() {
            None
        } else {
            lock(state).step(arrays, cursors)
        };
        if entry.is_none() {
            self.state = None;
        }
        entry
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("over", &self.state.is_none())
            .finish_non_exhaustive()
    }
}
