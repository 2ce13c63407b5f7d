//! The cell: one word that names the newest version, and the versions that are no longer it.
//!
//! ```text
//!  readers ──load──▶ newest ─▶ Version { revision 7, value }
//!                                  ▲
//!  writer  ──swap──────────────────┘   retired: [ Version 6, Version 4 ]   still seen by somebody
//! ```
//!
//! There is one publication word, and the revision lives in what it points to: whoever has a value has its number.
//! Replaced versions go to the writer's list, which keeps each alive until nobody else sees it; so dropping a pin, a
//! snapshot or a reader never frees a value while the cell's owner lives. A writer frees what it can, some at each
//! commit, after it has let the next writer in.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::revision::{Revision, Timeout};
use crate::overlap::this_thread;
use crate::sync::{AtomicU64, Ordering};

/// How many retired versions a commit frees at most: one more than it adds, so that the list shrinks.
const FREED_AT_A_COMMIT: usize = 2;

/// A value and its number.
pub(crate) struct Version<T> {
    pub(super) revision: Revision,
    pub(crate) value: T,
}

pub(crate) struct Cell<T> {
    pub(super) newest: ArcSwap<Version<T>>,
    /// Versions that were replaced, oldest first; whoever locks it is the writer.
    retired: Mutex<Vec<Arc<Version<T>>>>,
    /// The number of the thread that is the writer, or 0.
    writer: AtomicU64,
    /// Held for a moment by each commit once the newest version is out, so that nobody falls asleep past it.
    waiting: Mutex<()>,
    published: Condvar,
}

/// The right to publish.
pub(crate) struct Writer<'c, T> {
    cell: &'c Cell<T>,
    retired: MutexGuard<'c, Vec<Arc<Version<T>>>>,
}

impl<T> Cell<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            newest: ArcSwap::from_pointee(Version {
                revision: Revision::FIRST,
                value,
            }),
            retired: Mutex::new(Vec::new()),
            writer: AtomicU64::new(0),
            waiting: Mutex::new(()),
            published: Condvar::new(),
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.newest.load().revision
    }

    /// Becomes the writer; waits for the one before.
    ///
    /// # Panics
    /// If this thread is the writer already: it would wait for itself.
    #[track_caller]
    pub(super) fn write(&self) -> Writer<'_, T> {
        let thread = this_thread();
        // Relaxed: a thread's own number is what it stored itself.
        assert!(
            self.writer.load(Ordering::Relaxed) != thread,
            "a write from inside the closure of another write to the same value: it would wait for itself"
        );
        // A panic in a closure publishes nothing and leaves the list as it was.
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        self.writer.store(thread, Ordering::Relaxed);
        Writer {
            cell: self,
            retired,
        }
    }

    /// Frees every retired version that nobody sees, and returns how many.
    #[track_caller]
    pub(super) fn reclaim(&self) -> usize {
        let mut writer = self.write();
        let unseen = writer.take_unseen(usize::MAX);
        drop(writer);
        unseen.len()
    }

    /// Leaves the retired versions to those who see them.
    pub(super) fn abandon(&self) {
        let retired = std::mem::take(&mut *self.write().retired);
        drop(retired);
    }

    /// How many versions are kept besides the newest.
    pub(super) fn retained(&self) -> usize {
        self.write().retired.len()
    }

    /// Waits until the newest revision is `wanted` or later.
    pub(super) fn wait_for(
        &self,
        wanted: Revision,
        at_most: Duration,
    ) -> Result<Revision, Timeout> {
        let start = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let newest = self.revision();
            if newest >= wanted {
                return Ok(newest);
            }
            let left = at_most.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Timeout {
                    wanted,
                    newest,
                    after: at_most,
                });
            }
            let woken = self.published.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<T> Writer<'_, T> {
    pub(crate) fn newest(&self) -> Arc<Version<T>> {
        self.cell.newest.load_full()
    }

    /// Publishes `value` as the next revision, and frees some of what was replaced earlier.
    pub(crate) fn publish(mut self, value: T) -> Revision {
        let revision = self.cell.revision().next();
        let replaced = self.cell.newest.swap(Arc::new(Version { revision, value }));
        self.retired.push(replaced);
        let unseen = self.take_unseen(FREED_AT_A_COMMIT);
        let cell = self.cell;
        drop(self);
        drop(cell.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        cell.published.notify_all();
        // Last: this runs foreign code, which may publish.
        drop(unseen);
        revision
    }

    /// Takes up to so many retired versions that nobody else sees out of the list.
    fn take_unseen(&mut self, at_most: usize) -> Vec<Arc<Version<T>>> {
        let unseen = |version: &mut Arc<Version<T>>| Arc::strong_count(version) == 1;
        self.retired.extract_if(.., unseen).take(at_most).collect()
    }
}

impl<T> Drop for Writer<'_, T> {
    fn drop(&mut self) {
        // Relaxed: as in `write`.
        self.cell.writer.store(0, Ordering::Relaxed);
    }
}
