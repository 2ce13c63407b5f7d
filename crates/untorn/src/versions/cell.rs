//! A cell: the newest version, and the writers' side of it.

#![allow(unsafe_code, reason = "what a guard of the writer lock permits")]

use super::newest::Newest;
#[cfg(not(untorn_loom))]
use super::protected::{self, Protected};
use super::reclaim::{Freed, Reclaim, ReclaimStats, Weight};
use super::slots::Registry;
use super::writer_lock::{WriterGuard, WriterLock};
use crate::clock::Limit;
use crate::sync::Arc;

/// The versions of a value: the newest, and those that were replaced.
pub(crate) struct Versions<C> {
    newest: Newest<C>,
    writer: WriterLock<Reclaim<C>>,
}

/// The right to publish a version.
pub(crate) struct VersionsWriter<'v, C> {
    newest: &'v Newest<C>,
    /// A guard of the writer lock of that cell.
    reclaim: WriterGuard<'v, Reclaim<C>>,
}

impl<C> Versions<C> {
    pub(crate) fn new(version: C) -> Self {
        Self {
            newest: Newest::new(version),
            writer: WriterLock::new(Reclaim::new()),
        }
    }

    /// Pins the newest version.
    #[cfg(not(untorn_loom))]
    #[inline(always)]
    pub(crate) fn pin(&self) -> Protected<'_, C> {
        Protected::new(&self.newest)
    }

    /// Returns a counted reference to the newest version.
    #[cfg(not(untorn_loom))]
    pub(crate) fn count(&self) -> Arc<C> {
        protected::count(&self.newest)
    }

    /// Returns whether a counted version is the newest.
    #[inline]
    pub(crate) fn is_newest(&self, version: &Arc<C>) -> bool {
        self.newest.is(version)
    }

    #[cfg(untorn_loom)]
    pub(super) fn newest(&self) -> &Newest<C> {
        &self.newest
    }

    fn with<'v>(&'v self, reclaim: WriterGuard<'v, Reclaim<C>>) -> VersionsWriter<'v, C> {
        VersionsWriter {
            newest: &self.newest,
            reclaim,
        }
    }

    /// Acquires the writer lock, blocking until the writers before have released it.
    pub(crate) fn write(&self) -> VersionsWriter<'_, C> {
        self.with(self.writer.lock())
    }

    /// Acquires the writer lock if it is free and no writer waits for it.
    pub(crate) fn try_write(&self) -> Option<VersionsWriter<'_, C>> {
        Some(self.with(self.writer.try_lock()?))
    }

    /// Acquires the writer lock, blocking until `limit` returns, which is called only if the lock
    /// is not free.
    pub(crate) fn write_until(
        &self,
        limit: impl FnOnce() -> Limit,
    ) -> Option<VersionsWriter<'_, C>> {
        Some(self.with(self.writer.lock_until(limit)?))
    }
}

impl<C> VersionsWriter<'_, C> {
    /// Returns a counted reference to the newest version.
    pub(crate) fn newest(&self) -> Arc<C> {
        // SAFETY: this has the writer lock of the cell.
        unsafe { self.newest.count_as_writer() }
    }

    /// Publishes a version. Returns replaced ones, to be dropped after the writer lock has been
    /// released.
    pub(crate) fn publish(
        &mut self,
        registry: &Registry,
        version: Arc<C>,
        weight: Weight,
    ) -> Freed<C> {
        self.reclaim.reserve();
        // From here on nothing panics and no foreign code runs.
        // SAFETY: this has the writer lock of the cell.
        let old = unsafe { self.newest.replace(version) };
        self.reclaim.retire(old, weight);
        self.reclaim.after_commit(self.newest, registry, weight)
    }

    /// Removes every replaced version that nothing references, to be dropped after the writer lock
    /// has been released.
    pub(crate) fn take_all_free(&mut self, registry: &Registry) -> Vec<Arc<C>> {
        self.reclaim.take_all_free(self.newest, registry)
    }

    /// Returns the replaced versions that are referenced.
    pub(crate) fn referenced(&mut self, registry: &Registry) -> Vec<Arc<C>> {
        self.reclaim.referenced(self.newest, registry)
    }

    /// Returns every version that has been replaced and not dropped.
    pub(crate) fn retained(&self) -> impl ExactSizeIterator<Item = &Arc<C>> {
        self.reclaim.retained()
    }

    pub(crate) fn stats(&self) -> ReclaimStats {
        self.reclaim.stats()
    }

    /// Removes the versions that no slot shows, after the last commit. The last handle that has
    /// counted one frees it.
    pub(crate) fn end(&mut self, registry: &Registry) -> Vec<Arc<C>> {
        self.reclaim.end(self.newest, registry)
    }
}
