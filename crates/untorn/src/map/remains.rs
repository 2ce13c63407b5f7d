//! Versions of a map that are dropped in parts, so that no commit pays for the whole of a large
//! one.

use std::mem::needs_drop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::table::{Entries, Entry, Part, Table};
use super::view::View;
use crate::mutants::mutant;
use crate::published::Version;
use crate::sync::Arc;

/// The entries of a version that is not dropped in parts.
const MAX_DROPPED_AT_ONCE: usize = 1_024;

/// The parts of dropped versions that are left.
pub(super) struct Remains<K, V>(Mutex<State<K, V>>);

struct State<K, V> {
    parts: Vec<Part<K, V>>,
    /// The threads that are dropping parts. A `Drop` that writes to the map comes here again, and
    /// must not drop the next part, whose `Drop` would do so too.
    dropping: Vec<ThreadId>,
}

// Entries are behind pointers and are never pinned.
impl<K, V> Unpin for Remains<K, V> {}

/// A part that is being dropped. If a `Drop` panics, the rest goes back.
struct Work<'r, K, V> {
    remains: &'r Remains<K, V>,
    thread: ThreadId,
    /// The entries of a segment that are left.
    entries: Option<Entries<K, V>>,
}

impl<K, V> Remains<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            parts: Vec::new(),
            dropping: Vec::new(),
        }))
    }

    /// Drops parts up to a cost, in entries and pointers: those of `tables` and those left of
    /// earlier ones. It may be exceeded by the pointers of one node. Inside of a `Drop` that this
    /// calls, it leaves the parts to the outer call.
    pub(super) fn drop_some(&self, tables: impl Iterator<Item = Table<K, V>>, most: usize) {
        let mut left = most;
        for table in tables {
            if table.len() > MAX_DROPPED_AT_ONCE {
                let part = table.into_part();
                self.lock().parts.extend(part);
            } else {
                // As a whole, which is cheaper.
                left = left.saturating_sub(table.len());
            }
        }
        if let Some(work) = self.begin() {
            work.run(left);
        }
    }

    /// Begins to drop parts; `None` if there are none, or this thread is dropping some.
    fn begin(&self) -> Option<Work<'_, K, V>> {
        if self.lock().parts.is_empty() {
            return None;
        }
        // Without the lock: it may allocate, and an allocator may write to the map.
        let thread = thread::current().id();
        let mut state = self.lock();
        if state.dropping.contains(&thread) && !mutant("drops_are_nested") {
            return None;
        }
        state.dropping.push(thread);
        Some(Work {
            remains: self,
            thread,
            entries: None,
        })
    }

    /// Returns the number of parts that are left.
    #[cfg(test)]
    pub(super) fn parts(&self) -> usize {
        self.lock().parts.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        // Poisoning cannot occur: nothing panics while the list is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops versions, and tables that may share their parts, up to a cost.
pub(super) fn discard<K, V, S>(
    versions: impl IntoIterator<Item = Arc<Version<View<K, V, S>>>>,
    shared: Vec<Table<K, V>>,
    remains: &Remains<K, V>,
    most: usize,
) {
    // A version that statistics count is freed with their reference.
    let views = versions.into_iter().filter_map(Arc::into_inner);
    let mut hashers = Vec::new();
    let freed = views.map(|version| {
        let View { table, hasher, .. } = version.value;
        if needs_drop::<S>() {
            hashers.push(hasher);
        }
        table
    });
    remains.drop_some(freed.chain(shared), most);
}

impl<K, V> Work<'_, K, V> {
    fn run(mut self, mut left: usize) {
        while left > 0 {
            if let Some(entry) = self.entries.as_mut().and_then(Iterator::next) {
                drop(entry);
                left -= 1;
                continue;
            }
            self.entries = None;
            // One at a time, so that a concurrent `reclaim` finds the others.
            let Some(part) = self.remains.lock().parts.pop() else {
                return;
            };
            let mut parts = Vec::new();
            self.entries = match part.open(|below| parts.push(below)) {
                // Entries without a `Drop` cost nothing.
                Some(entries) if needs_drop::<Entry<K, V>>() => Some(entries),
                _ => None,
            };
            left = left.saturating_sub(1 + parts.len());
            self.remains.lock().parts.append(&mut parts);
        }
    }
}

impl<K, V> Drop for Work<'_, K, V> {
    fn drop(&mut self) {
        let entries = self.entries.take().filter(|entries| entries.len() > 0);
        let mut state = self.remains.lock();
        state.dropping.retain(|thread| *thread != self.thread);
        state.parts.extend(entries.map(Part::Entries));
    }
}
