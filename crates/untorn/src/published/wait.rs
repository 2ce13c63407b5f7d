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
        let mut wait: Option<(Arc<Waiter>, Limit)> = None;
        loop {
            let next = match self.check(&mut condition) {
                Ok(newest) => return Ok(newest),
                Err(next) => next,
            };
            // Checked here too, since a wait succeeds after its limit if there has been a commit.
            if wait.as_ref().is_some_and(|(_, limit)| limit.has_passed())
                && !mutant("wait_is_extended_by_commits")
            {
                return Err(WaitError::Timeout);
            }
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
            let commit = Commit {
                cell: self,
                waiter: &waiter,
                wanted,
                is_first_poll: true,
            };
            commit.await;
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

/// A future that completes when a revision is reached, at its second poll or later: a loop that
/// awaits it yields to the runtime after each step, however fast commits follow each other.
struct Commit<'w, T> {
    cell: &'w VersionedCell<T>,
    waiter: &'w Arc<Waiter>,
    wanted: Revision,
    is_first_poll: bool,
}

impl<T> Future for Commit<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let is_first_poll = std::mem::take(&mut self.is_first_poll);
        let (cell, wanted) = (self.cell, self.wanted);
        let condition = || cell.reached(wanted);
        let polled = cell
            .notifier
            .poll(self.waiter, wanted, context.waker(), condition);
        match polled {
            Poll::Ready(Ok(())) if is_first_poll && !mutant("wait_does_not_yield") => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
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
