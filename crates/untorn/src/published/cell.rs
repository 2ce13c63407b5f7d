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

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::error::WaitError;
use super::newest::Newest;
use super::notify::{Notifier, Unanswered, Waiter};
use super::revision::Revision;
use crate::clock::{self, Limit, THREADS};
use crate::mutants::mutant;
use crate::overlap::this_thread;
use crate::sync::{AtomicU64, Ordering};

/// How many retired versions a commit frees at most: one more than it adds, so that the list shrinks.
const FREED_AT_A_COMMIT: usize = 2;

/// How many retired versions a commit looks at, so that many that are seen for long do not make it slow.
const LOOKED_AT_BY_A_COMMIT: usize = 8;

/// A value and its number.
pub(crate) struct Version<T> {
    pub(super) revision: Revision,
    pub(crate) value: T,
}

/// A version that was replaced.
pub(crate) struct Retired<T> {
    pub(crate) version: Arc<Version<T>>,
    /// For statistics only. `None` without a clock.
    since: Option<Instant>,
}

impl<T> Retired<T> {
    /// When it was replaced; `None` without a clock.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Returns whether anything but the list references the version. Only a holder of a reference, or
    /// `stats` under the writer lock, can clone another: the version is no longer the newest.
    pub(crate) fn is_seen(&self) -> bool {
        Arc::strong_count(&self.version) > 1
    }
}

pub(crate) struct Cell<T> {
    pub(super) newest: Newest<T>,
    /// Versions that were replaced; whoever locks it is the writer.
    retired: Mutex<VecDeque<Retired<T>>>,
    /// The number of the thread that is the writer, or 0.
    writer: AtomicU64,
    /// Shared with handles that close a subscription.
    pub(super) notifier: Arc<Notifier>,
}

/// The right to publish.
pub(crate) struct Writer<'c, T> {
    cell: &'c Cell<T>,
    retired: MutexGuard<'c, VecDeque<Retired<T>>>,
}

impl<T> Cell<T> {
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

    /// Becomes the writer; waits for the one before.
    ///
    /// # Panics
    /// If this thread is the writer already: that would deadlock. `what` is to be done, such as
    /// "write to a map".
    #[track_caller]
    pub(super) fn write(&self, what: impl fmt::Display) -> Writer<'_, T> {
        let thread = this_thread();
        self.refuse_the_writer(thread, what);
        // A panic in a closure publishes nothing and leaves the list as it was.
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        self.writer.store(thread, Ordering::Relaxed);
        Writer {
            cell: self,
            retired,
        }
    }

    #[track_caller]
    fn refuse_the_writer(&self, thread: u64, what: impl fmt::Display) {
        // Relaxed: a thread's own number is what it stored itself.
        assert!(
            self.writer.load(Ordering::Relaxed) != thread,
            "cannot {what} while this thread has a write to it open: this would deadlock; end that write first"
        );
    }

    /// Blocks until there is an answer, which comes with revision `wanted` or when the waiter is closed.
    ///
    /// # Panics
    /// If this thread is the writer, and there is no answer yet: that would deadlock. If the wait
    /// has no limit and the target has no threads.
    #[track_caller]
    pub(super) fn wait<A>(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        limit: Limit,
        mut answer: impl FnMut() -> Option<A>,
    ) -> Result<A, Unanswered> {
        if let Some(answer) = answer() {
            return Ok(answer);
        }
        if limit.left().is_none_or(|left| !left.is_zero()) {
            self.refuse_the_writer(this_thread(), "wait for a commit");
            if !THREADS {
                panic!(
                    "cannot wait for a commit: this target has no threads, so none would come; \
                     call try_recv"
                );
            }
        }
        self.notifier.wait(waiter, wanted, limit, answer)
    }

    /// Nobody publishes any more: leaves the retired versions to those who see them.
    pub(super) fn end(&self) {
        // No borrow of the owner is left, so a writer that still holds the lock was leaked: its
        // list goes with the cell.
        let retired = match self.retired.try_lock() {
            Ok(mut retired) => std::mem::take(&mut *retired),
            Err(TryLockError::Poisoned(retired)) => std::mem::take(&mut *retired.into_inner()),
            Err(TryLockError::WouldBlock) => {
                // Relaxed: as in `write`. A wait on the thread that leaked it is to end, too.
                self.writer.store(0, Ordering::Relaxed);
                VecDeque::new()
            }
        };
        self.notifier.end();
        drop(retired);
    }

    /// Waits until the newest revision is `wanted` or later.
    #[track_caller]
    pub(super) fn wait_for(
        &self,
        wanted: Revision,
        timeout: Duration,
    ) -> Result<Revision, WaitError> {
        let reached = || Some(self.revision()).filter(|newest| *newest >= wanted);
        if let Some(newest) = reached() {
            // Without the allocation of a waiter.
            return Ok(newest);
        }
        let waited = self.wait(&Arc::default(), wanted, Limit::after(timeout), reached);
        waited.map_err(|unanswered| match unanswered {
            Unanswered::TimedOut => WaitError::Timeout {
                wanted,
                newest: self.revision(),
                timeout,
            },
            Unanswered::Ended => WaitError::Closed,
        })
    }
}

impl<T> Writer<'_, T> {
    /// Whether this is the writer of that cell.
    pub(super) fn is_of(&self, cell: &Cell<T>) -> bool {
        std::ptr::eq(self.cell, cell)
    }

    pub(crate) fn newest(&self) -> Arc<Version<T>> {
        self.cell.newest.load_full()
    }

    /// The versions that were replaced and are still kept.
    pub(crate) fn retired(&self) -> impl ExactSizeIterator<Item = &Retired<T>> {
        self.retired.iter()
    }

    /// Publishes `value` as the next revision, and frees some of what was replaced earlier.
    pub(crate) fn publish(mut self, value: T) -> Revision {
        let revision = self.cell.revision().next();
        if mutant("notified_before_published") {
            self.cell.notifier.notify(revision).resume();
        }
        let version = self.cell.newest.swap(Arc::new(Version { revision, value }));
        // In front: it is looked at first, and mostly nobody sees it.
        self.retired.push_front(Retired {
            version,
            since: clock::now(),
        });
        let unseen = self.take_some_unseen();
        let cell = self.cell;
        drop(self);
        let notify = || cell.notifier.notify(revision);
        let panicked = (!mutant("notified_before_published")).then(notify);
        // This runs foreign code, which may publish.
        drop(unseen);
        // Last: a drop that panicked while this unwound would end the process.
        if let Some(panicked) = panicked {
            panicked.resume();
        }
        revision
    }

    /// Takes some versions that nobody sees out of the list, the others in turn.
    fn take_some_unseen(&mut self) -> ArrayVec<Retired<T>, FREED_AT_A_COMMIT> {
        let mut unseen = ArrayVec::new();
        for _ in 0..self.retired.len().min(LOOKED_AT_BY_A_COMMIT) {
            let Some(next) = self.retired.pop_front() else {
                break;
            };
            if next.is_seen() && !mutant("readers_free_versions") {
                self.retired.push_back(next);
            } else {
                unseen.push(next);
                if unseen.is_full() {
                    break;
                }
            }
        }
        unseen
    }

    /// Frees every version that nobody sees, and returns how many.
    pub(crate) fn reclaim(mut self) -> usize {
        let all = std::mem::take(&mut *self.retired).into_iter();
        let (seen, unseen): (VecDeque<_>, VecDeque<_>) =
            all.partition(|retired| retired.is_seen() || mutant("reclaim_frees_nothing"));
        *self.retired = seen;
        // The next writer is let in before foreign code runs.
        drop(self);
        unseen.len()
    }
}

impl<T> Drop for Writer<'_, T> {
    fn drop(&mut self) {
        // Relaxed: as in `write`.
        self.cell.writer.store(0, Ordering::Relaxed);
    }
}
