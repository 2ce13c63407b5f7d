//! Walking over a table that changes: Go's `range`.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::Table;
use super::arrays::Arrays;
use super::cursors::{CursorSet, CursorState, lock};

/// A walk over a [`Table`], between two of its entries: Go's `range` over a map.
///
/// It does not borrow the table. Between any two steps the program may insert, overwrite, remove, clear and clone, and
/// the table may grow; there may be any number of cursors at once. What is promised is what Go promises:
///
/// - no entry is shown twice, and an entry that was there from the beginning to the end of the walk is shown;
/// - an entry that is removed before it was reached is not shown; one that is inserted meanwhile may be;
/// - the key and value shown are the latest;
/// - the order is unspecified and begins at a random place.
///
/// A key that is removed and inserted again is a new entry. Clearing the table ends the walk, and so does finding it empty;
/// a walk that began on an empty table is over at once. Every walk ends, whatever is inserted while it is under way: once
/// the table grows, what is inserted from then on is not shown, but for entries that get the place of a removed one.
///
/// # Cost
/// All steps together look at each slot at most once: O(buckets + entries), which also bounds what a single step can
/// take; a step costs O(1) on average, and O(length of the chain) where a bad hash piles entries up in one. Nothing is hashed or compared, so no step panics in foreign code, and
/// keys that do not equal themselves are shown too. As long as cursors are under way, a write that evacuates a bucket
/// also looks at each of them, and a table that grows keeps up to eight bytes a bucket, once for all cursors that began
/// between the same two growths. A walk that is dropped stops costing that at the next growth; one that is leaked does
/// not.
///
/// ```
/// use untorn::gomap::Table;
///
/// let mut queue = Table::from([("a", 3), ("b", 1)]);
/// let mut done = Vec::new();
/// let mut walk = queue.walk();
/// while let Some((&key, &n)) = walk.next(&queue) {
///     done.push((key, n));
///     queue.remove(key);
/// }
/// done.sort();
/// assert_eq!(done, [("a", 3), ("b", 1)]);
/// assert!(queue.is_empty());
/// ```
#[must_use = "a walk shows entries when its `next` is called"]
pub struct Walk {
    /// The table that it belongs to.
    table: u64,
    /// None when it is over.
    state: Option<Arc<Mutex<CursorState>>>,
}

impl<K, V, S> Table<K, V, S> {
    /// Begins a walk over the entries, during which the table may change: Go's `for k, v := range m`. O(1); the first
    /// walk over a table allocates.
    ///
    /// Under a shared borrow several threads may begin cursors at once; each takes a lock for as long as it takes to be
    /// put on a list.
    pub fn walk(&self) -> Walk {
        let cursors = self.cursors.get_or_init(|| Box::new(CursorSet::new()));
        let state = (self.count > 0).then(|| {
            self.flags.set_iterator();
            let smaller = self.oldbuckets.as_ref().unwrap_or(&self.buckets);
            cursors.register(smaller.b())
        });
        Walk {
            table: cursors.id(),
            state,
        }
    }
}

impl Walk {
    /// The next entry of `table`, which is the table that the walk was begun on. After the first `None` always `None`.
    ///
    /// # Panics
    /// If it is another table: also one that has come into the place of the first by an assignment, and a clone of it.
    pub fn next<'t, K, V, S>(&mut self, table: &'t Table<K, V, S>) -> Option<(&'t K, &'t V)> {
        let cursors = table
            .cursors
            .get()
            .filter(|cursors| cursors.id() == self.table)
            .expect("a walk goes over the table that it was begun on, and this is another");
        let state = self.state.as_deref()?;
        let arrays = Arrays {
            current: &table.buckets,
            old: table.oldbuckets.as_ref(),
        };
        // In an empty table nothing is left of what was there at the start.
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

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk")
            .field("over", &self.state.is_none())
            .finish_non_exhaustive()
    }
}
