//! Waits for a revision or for a condition, of threads and of tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::cell::VersionedCell;
use super::error::WaitError;
use super::notify::{Unresolved, Waiter};
use super::pinned::Snapshot;
use super::revision::Revision;
use crate::clock::Limit;
use crate::mutants::mutant;
use crate::sync::Arc;

impl<T> VersionedCell<T> {
    /// Blocks until the newest revision is `wanted` or later, and returns the newest version.
    #[track_caller]
    pub(super) fn wait_for(
        &self,
        wanted: Revision,
        timeout: Duration,
    ) -> Result<Snapshot<T>, WaitError> {
        // Checked first, since a waiter is an allocation.
        if self.revision() < wanted {
            self.wait_for_commit(&Arc::default(), wanted, Limit::after(timeout))?;
        }
        Ok(Snapshot::newest(self))
    }

    /// Blocks until the newest version satisfies `condition`, and returns it.
    #[track_caller]
    pub(super) fn wait_until(
        &self,
        mut condition: impl FnMut(&T) -> bool,
        timeout: Duration,
    ) -> Result<Snapshot<T>, WaitError> {
        let mut wait = None;
        loop {
            let next = match self.check(&mut condition) {
                Ok(newest) => return Ok(newest),
                Err(next) => next,
            };
            // Neither a clock nor an allocation if the first check succeeds.
            let (waiter, limit) =
                wait.get_or_insert_with(|| (Arc::default(), Limit::after(timeout)));
            self.wait_for_commit(waiter, next, *limit)?;
        }
    }

    /// Completes when the newest version satisfies `condition`, with that version.
    pub(super) async fn wait_until_async(
        &self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Snapshot<T> {
        let waiter = Arc::default();
        loop {
            let wanted = match self.check(&mut condition) {
                Ok(newest) => return newest,
                Err(next) => next,
            };
            let (cell, waiter) = (self, &waiter);
            Commit {
                cell,
                waiter,
                wanted,
            }
            .await;
        }
    }

    /// Returns the newest version if it satisfies `condition`, otherwise the revision after it. No
    /// lock is held meanwhile: `condition` is foreign code.
    fn check(&self, condition: impl FnOnce(&T) -> bool) -> Result<Snapshot<T>, Revision> {
        let newest = Snapshot::newest(self);
        if condition(&newest) {
            if mutant("wait_returns_a_later_view") {
                return Ok(Snapshot::newest(self));
            }
            return Ok(newest);
        }
        Err(Snapshot::revision(&newest).next())
    }

    #[track_caller]
    fn wait_for_commit(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        limit: Limit,
    ) -> Result<(), WaitError> {
        let waited = self.wait(waiter, wanted, limit, || self.reached(wanted));
        waited.map_err(|unresolved| match unresolved {
            Unresolved::TimedOut => WaitError::Timeout,
            Unresolved::Ended => WaitError::Closed,
        })
    }

    fn reached(&self, wanted: Revision) -> Option<()> {
        (self.revision() >= wanted).then_some(())
    }
}

/// A future that completes when a revision is reached.
struct Commit<'w, T> {
    cell: &'w VersionedCell<T>,
    waiter: &'w Arc<Waiter>,
    wanted: Revision,
}

impl<T> Future for Commit<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self {
            cell,
            waiter,
            wanted,
        } = *self;
        let condition = || cell.reached(wanted);
        let notifier = &cell.notifier;
        match notifier.poll(waiter, wanted, context.waker(), condition) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            // The map or value ends only when no wait borrows it.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for Commit<'_, T> {
    fn drop(&mut self) {
        self.cell.notifier.unregister(self.waiter, self.wanted);
    }
}
