//! The versioned cell: a publication cell of values with revisions, and the waits for a revision.
//!
//! A version holds its revision beside its value, so one load returns both. `versions/` has the
//! protocol of pins and writers.

use std::fmt;
use std::iter::Chain;
use std::time::Duration;

use super::notify::{Notifier, Unresolved, Waiter};
use super::revision::Revision;
use crate::clock::{Limit, THREADS};
use crate::mutants::mutant;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::thread::this_thread;
use crate::versions::{Freed, Protected, REGISTRY, ReclaimStats, Versions, VersionsWriter, Weight};

/// A value and its revision. The value is first, so that its address is that of the version.
#[repr(C)]
pub(crate) struct Version<T> {
    pub(crate) value: T,
    pub(super) revision: Revision,
}

/// The newest version of a value, and the retired ones.
pub(crate) struct VersionedCell<T> {
    versions: Versions<Version<T>>,
    /// The number of the thread that holds the writer lock, or 0.
    writer: AtomicU64,
    /// Shared with the handles of subscriptions.
    pub(super) notifier: Arc<Notifier>,
}

/// The versions that a commit frees, of those that nothing references.
#[derive(Clone, Copy)]
pub(crate) enum Frees {
    /// As many as fit into [`Freed`].
    Some,
    /// Every one.
    All,
}

/// The versions that a commit frees.
pub(crate) type FreedVersions<T> =
    Chain<<Freed<Version<T>> as IntoIterator>::IntoIter, std::vec::IntoIter<Arc<Version<T>>>>;

/// A guard of the writer lock: the right to publish.
pub(crate) struct Writer<'c, T> {
    cell: &'c VersionedCell<T>,
    writer: VersionsWriter<'c, Version<T>>,
}

impl<T> VersionedCell<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            versions: Versions::new(Version {
                revision: Revision::FIRST,
                value,
            }),
            writer: AtomicU64::new(0),
            notifier: Arc::default(),
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.pin().revision
    }

    /// Pins the newest version.
    #[inline(always)]
    pub(super) fn pin(&self) -> Protected<'_, Version<T>> {
        self.versions.pin()
    }

    /// Returns a counted reference to the newest version.
    pub(super) fn count(&self) -> Arc<Version<T>> {
        self.versions.count()
    }

    /// Returns whether a counted version is the newest.
    #[inline]
    pub(super) fn is_newest(&self, version: &Arc<Version<T>>) -> bool {
        self.versions.is_newest(version)
    }

    /// Acquires the writer lock, blocking until the current writer releases it.
    ///
    /// # Panics
    /// If this thread holds the writer lock: that would deadlock. `context` is the text of the
    /// message after "cannot", with the reason.
    #[track_caller]
    pub(super) fn write(&self, context: impl fmt::Display) -> Writer<'_, T> {
        self.assert_not_writer(this_thread(), context);
        self.with(self.versions.write())
    }

    /// Acquires the writer lock if it is free and no writer waits for it.
    pub(super) fn try_write(&self) -> Option<Writer<'_, T>> {
        Some(self.with(self.versions.try_write()?))
    }

    /// Acquires the writer lock, blocking for `timeout` at the longest.
    ///
    /// # Panics
    /// If this thread holds the writer lock and the timeout is not zero: the lock cannot become
    /// free before the timeout.
    #[track_caller]
    pub(super) fn write_timeout(
        &self,
        context: impl fmt::Display,
        timeout: Duration,
    ) -> Option<Writer<'_, T>> {
        if !timeout.is_zero() {
            self.assert_not_writer(this_thread(), context);
        }
        Some(self.with(self.versions.write_until(|| Limit::after(timeout))?))
    }

    fn with<'c>(&'c self, writer: VersionsWriter<'c, Version<T>>) -> Writer<'c, T> {
        // A panic in a closure publishes nothing, so there is no poisoning.
        self.writer.store(this_thread(), Ordering::Relaxed);
        Writer { cell: self, writer }
    }

    /// Panics if this thread holds the writer lock.
    #[track_caller]
    pub(super) fn assert_not_writer(&self, thread: u64, context: impl fmt::Display) {
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

    /// Ends all waits and drops the retired versions, after the last commit. The last handle that
    /// references a version frees it.
    pub(super) fn end(&self) {
        let unneeded = match self.versions.try_write() {
            Some(mut writer) => writer.end(&REGISTRY),
            // No borrow of the owner is left, so a writer that still holds the lock was leaked.
            // Then the versions are dropped with the cell.
            None => {
                // Relaxed: as in `write`. A wait on the thread that leaked the writer must end, not
                // panic.
                self.writer.store(0, Ordering::Relaxed);
                Vec::new()
            }
        };
        self.notifier.end();
        drop(unneeded);
    }
}

impl<T> Writer<'_, T> {
    /// Returns whether this is the writer of `cell`.
    pub(super) fn is_of(&self, cell: &VersionedCell<T>) -> bool {
        std::ptr::eq(self.cell, cell)
    }

    pub(crate) fn newest(&self) -> Arc<Version<T>> {
        self.writer.newest()
    }

    /// Returns the number of versions that have been replaced and not freed.
    pub(crate) fn retained(&self) -> usize {
        self.writer.retained().len()
    }

    /// Returns every version that has been replaced and not freed.
    pub(crate) fn versions(&self) -> Vec<Arc<Version<T>>> {
        self.writer.retained().cloned().collect()
    }

    /// Returns the replaced versions that are referenced.
    pub(crate) fn referenced(&mut self) -> Vec<Arc<Version<T>>> {
        self.writer.referenced(&REGISTRY)
    }

    pub(crate) fn stats(&self) -> ReclaimStats {
        self.writer.stats()
    }

    /// Publishes `value` as the next revision, and frees some of what was replaced earlier.
    pub(crate) fn publish(self, value: T) -> Revision {
        let keep = |version: &Arc<Version<T>>| version.revision;
        let discard = |freed: FreedVersions<T>| freed.for_each(drop);
        self.publish_with(|_| value, weight::<T>(), Frees::Some, keep, discard)
    }

    /// Publishes what `make` returns for the next revision, and returns what `keep` returns for
    /// that version. Passes replaced versions to `discard`, after the lock has been released.
    pub(crate) fn publish_with<R>(
        mut self,
        make: impl FnOnce(Revision) -> T,
        weight: Weight,
        frees: Frees,
        keep: impl FnOnce(&Arc<Version<T>>) -> R,
        discard: impl FnOnce(FreedVersions<T>),
    ) -> R {
        let cell = self.cell;
        let revision = cell.revision().next();
        let value = make(revision);
        if mutant("notified_before_published") {
            cell.notifier.notify(revision).resume();
        }
        let version = Arc::new(Version { revision, value });
        let kept = keep(&version);
        let freed: Freed<_> = self.writer.publish(&REGISTRY, version, weight);
        // Under this lock: another writer's commit could take them, and a thread that holds another
        // map's writer must not wait for this one again.
        let others = match frees {
            Frees::Some => Vec::new(),
            Frees::All => self.writer.take_all_free(&REGISTRY),
        };
        drop(self);
        let notify = || cell.notifier.notify(revision);
        let panicked = (!mutant("notified_before_published")).then(notify);
        // This may drop values, which is foreign code and may publish.
        discard(freed.into_iter().chain(others));
        // Last: a `Drop` that panicked while this panic unwound would abort the process.
        if let Some(panicked) = panicked {
            panicked.resume();
        }
        kept
    }

    /// Returns every unreferenced version, after the lock has been released.
    pub(crate) fn take_unreferenced(mut self) -> Vec<Arc<Version<T>>> {
        self.writer.take_all_free(&REGISTRY)
    }
}

impl<T> Drop for Writer<'_, T> {
    fn drop(&mut self) {
        // Relaxed: as in `write`.
        self.cell.writer.store(0, Ordering::Relaxed);
    }
}

/// Returns the weight of a version whose value may own memory of any size if it has a `Drop`: then
/// it is looked for at each commit.
fn weight<T>() -> Weight {
    let bytes = size_of::<Version<T>>();
    Weight {
        retired: bytes,
        newest: bytes,
        commits: if std::mem::needs_drop::<T>() { 1 } else { 64 },
    }
}
