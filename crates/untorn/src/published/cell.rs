//! The versioned cell: a publication word that points to the newest version, and the retired
//! versions.
//!
//! ```text
//!  readers ──load──▶ newest ─▶ Version { revision 7, value }
//!                                  ▲
//!  writer  ──swap──────────────────┘   retired: [ Version 6, Version 4 ]   still referenced
//! ```
//!
//! A version holds its revision beside its value, so one load returns both. A replaced version
//! moves to the list of retired versions, which holds a reference to it until no other one is left.
//! So dropping a pin, a snapshot or a reader never frees a value while the cell's owner lives. A
//! writer reclaims unreferenced versions, some at each commit, after it has released the writer
//! lock.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::error::WaitError;
use super::newest::Newest;
use super::notify::{Notifier, Unresolved, Waiter};
use super::revision::Revision;
use crate::clock::{self, Limit, THREADS};
use crate::mutants::mutant;
use crate::sync::{AtomicU64, Ordering};
use crate::thread::this_thread;

/// The most retired versions that a commit frees: one more than it adds, so that the list shrinks.
const MAX_FREED_PER_COMMIT: usize = 2;

/// The most retired versions that a commit checks. It bounds the cost of a commit when many
/// versions stay referenced for long.
const MAX_SCANNED_PER_COMMIT: usize = 8;

/// A value and its revision.
pub(crate) struct Version<T> {
    pub(super) revision: Revision,
    pub(crate) value: T,
}

/// A version that was replaced.
pub(crate) struct Retired<T> {
    pub(crate) version: Arc<Version<T>>,
    /// The time of the replacement, for statistics only. `None` without a clock.
    since: Option<Instant>,
}

impl<T> Retired<T> {
    /// Returns the time of the replacement, or `None` without a clock.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Returns whether anything but the list references the version. The version is no longer the
    /// newest, so only a holder of a reference, or `stats` under the writer lock, can add another.
    pub(crate) fn is_referenced(&self) -> bool {
        Arc::strong_count(&self.version) > 1
    }
}

/// The newest version of a value, and the retired ones.
pub(crate) struct VersionedCell<T> {
    pub(super) newest: Newest<T>,
    /// The replaced versions. Its lock is the writer lock.
    retired: Mutex<VecDeque<Retired<T>>>,
    /// The number of the thread that holds the writer lock, or 0.
    writer: AtomicU64,
    /// Shared with the handles of subscriptions.
    pub(super) notifier: Arc<Notifier>,
}

/// A guard of the writer lock: the right to publish.
pub(crate) struct Writer<'c, T> {
    cell: &'c VersionedCell<T>,
    retired: MutexGuard<'c, VecDeque<Retired<T>>>,
}

impl<T> VersionedCell<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            newest: Newest::new(Version {
                revision: Revision::FIRST,
                value,
            }),
            retired: Mutex::default(),
            writer: AtomicU64::new(0),
            notifier: Arc::default(),
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.newest.load().revision
    }

    /// Acquires the writer lock, blocking until the current writer releases it.
    ///
    /// # Panics
    /// If this thread holds the writer lock: that would deadlock. `context` is the text of the
    /// message after "cannot", with the reason.
    #[track_caller]
    pub(super) fn write(&self, context: impl fmt::Display) -> Writer<'_, T> {
        let thread = this_thread();
        self.assert_not_writer(thread, context);
        // Poisoning is ignored: a panic in a closure publishes nothing and leaves the list
        // unchanged.
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        self.writer.store(thread, Ordering::Relaxed);
        Writer {
            cell: self,
            retired,
        }
    }

    #[track_caller]
    fn assert_not_writer(&self, thread: u64, context: impl fmt::Display) {
        // Relaxed: only this thread itself stores its number.
        assert!(
            self.writer.load(Ordering::Relaxed) != thread,
            "cannot {context}"
        );
    }

    /// Blocks until `condition` returns a value. It does when revision `wanted` is reached or the
    /// waiter is closed.
    ///
    /// # Panics
    /// If this thread holds the writer lock and the condition is not yet met: that would deadlock.
    /// If the wait has no limit and the target has no threads.
    #[track_caller]
    pub(super) fn wait<R>(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        limit: Limit,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R, Unresolved> {
        if let Some(result) = condition() {
            return Ok(result);
        }
        if limit.left().is_none_or(|left| !left.is_zero()) {
            self.assert_not_writer(
                this_thread(),
                "wait for a commit while this thread has a write to that map or value open: \
                 this would deadlock; end that write first",
            );
            if !THREADS {
                panic!(
                    "cannot wait for a commit: this target has no threads, so none would come; \
                     call try_recv"
                );
            }
        }
        self.notifier.wait(waiter, wanted, limit, condition)
    }

    /// Ends all waits and drops the list of retired versions, after the last commit. The last
    /// handle that references a version frees it.
    pub(super) fn end(&self) {
        // No borrow of the owner is left, so a writer that still holds the lock was leaked. Then
        // the list is dropped with the cell.
        let retired = match self.retired.try_lock() {
            Ok(mut retired) => std::mem::take(&mut *retired),
            Err(TryLockError::Poisoned(retired)) => std::mem::take(&mut *retired.into_inner()),
            Err(TryLockError::WouldBlock) => {
                // Relaxed: as in `write`. A wait on the thread that leaked the writer must end, not
                // panic.
                self.writer.store(0, Ordering::Relaxed);
                VecDeque::new()
            }
        };
        self.notifier.end();
        drop(retired);
    }

    /// Blocks until the newest revision is `wanted` or later, and returns the newest.
    #[track_caller]
    pub(super) fn wait_for(
        &self,
        wanted: Revision,
        timeout: Duration,
    ) -> Result<Revision, WaitError> {
        let reached = || Some(self.revision()).filter(|newest| *newest >= wanted);
        // Checked first, since a waiter is an allocation.
        if let Some(newest) = reached() {
            return Ok(newest);
        }
        let waited = self.wait(&Arc::default(), wanted, Limit::after(timeout), reached);
        waited.map_err(|unresolved| match unresolved {
            Unresolved::TimedOut => WaitError::Timeout {
                wanted,
                newest: self.revision(),
                timeout,
            },
            Unresolved::Ended => WaitError::Closed,
        })
    }
}

impl<T> Writer<'_, T> {
    /// Returns whether this is the writer of `cell`.
    pub(super) fn is_of(&self, cell: &VersionedCell<T>) -> bool {
        std::ptr::eq(self.cell, cell)
    }

    pub(crate) fn newest(&self) -> Arc<Version<T>> {
        self.cell.newest.load_full()
    }

    /// Returns the retired versions that have not been freed.
    pub(crate) fn retired(&self) -> impl ExactSizeIterator<Item = &Retired<T>> {
        self.retired.iter()
    }

    /// Publishes `value` as the next revision, and frees some of what was replaced earlier.
    pub(crate) fn publish(self, value: T) -> Revision {
        self.publish_with(|_| value)
    }

    /// Publishes what `make` returns for the next revision, as [`publish`](Self::publish) does.
    pub(crate) fn publish_with(mut self, make: impl FnOnce(Revision) -> T) -> Revision {
        let revision = self.cell.revision().next();
        let value = make(revision);
        if mutant("notified_before_published") {
            self.cell.notifier.notify(revision).resume();
        }
        let version = self.cell.newest.swap(Arc::new(Version { revision, value }));
        // In front, where the scan below begins: mostly no handle references it.
        self.retired.push_front(Retired {
            version,
            since: clock::now(),
        });
        let unreferenced = self.take_unreferenced();
        let cell = self.cell;
        drop(self);
        let notify = || cell.notifier.notify(revision);
        let panicked = (!mutant("notified_before_published")).then(notify);
        // This drops values, which is foreign code and may publish.
        drop(unreferenced);
        // Last: a `Drop` that panicked while this panic unwound would abort the process.
        if let Some(panicked) = panicked {
            panicked.resume();
        }
        revision
    }

    /// Removes some unreferenced versions from the list. Referenced ones move to its end, so that
    /// later commits check the others.
    fn take_unreferenced(&mut self) -> ArrayVec<Retired<T>, MAX_FREED_PER_COMMIT> {
        let mut unreferenced = ArrayVec::new();
        for _ in 0..self.retired.len().min(MAX_SCANNED_PER_COMMIT) {
            let Some(next) = self.retired.pop_front() else {
                break;
            };
            if next.is_referenced() && !mutant("readers_free_versions") {
                self.retired.push_back(next);
            } else {
                unreferenced.push(next);
                if unreferenced.is_full() {
                    break;
                }
            }
        }
        unreferenced
    }

    /// Frees every unreferenced version, and returns their number.
    pub(crate) fn reclaim(mut self) -> usize {
        let all = std::mem::take(&mut *self.retired).into_iter();
        let (referenced, unreferenced): (VecDeque<_>, VecDeque<_>) =
            all.partition(|retired| retired.is_referenced() || mutant("reclaim_frees_nothing"));
        *self.retired = referenced;
        // The lock is released before values are dropped, which is foreign code.
        drop(self);
        unreferenced.len()
    }
}

impl<T> Drop for Writer<'_, T> {
    fn drop(&mut self) {
        // Relaxed: as in `write`.
        self.cell.writer.store(0, Ordering::Relaxed);
    }
}
