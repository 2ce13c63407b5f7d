//! Following the commits: from the version seen last to the newest.

use std::error::Error;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::notify::{Notifier, Unanswered, Waiter};
use super::pinned::Snapshot;
use super::revision::Revision;
use crate::clock::Limit;
use crate::planted::planted;

/// A step from the version that a [`Subscription`] returned last to the newest one.
///
/// Both are snapshots, so they can be compared at any time: those of a map by
/// [`View::diff`](crate::View::diff).
#[derive(Debug)]
#[non_exhaustive]
pub struct Transition<T> {
    /// The version that was returned last; at first, the newest one when the subscription began.
    pub from: Snapshot<T>,
    /// The newest version.
    pub to: Snapshot<T>,
    /// The number of revisions between the two, which were replaced before they were received.
    pub missed: u64,
}

impl<T> Clone for Transition<T> {
    fn clone(&self) -> Self {
        Self {
            from: self.from.clone(),
            to: self.to.clone(),
            missed: self.missed,
        }
    }
}

/// A receiver of the commits of a [`Published`](crate::Published) or a [`Map`](crate::Map).
///
/// The latest version wins: a late receiver gets one [`Transition`] to the newest version, with the
/// number of revisions that it skipped. There is no queue and no callback, so a slow or idle
/// subscription delays no other thread; it retains the version that it returned last.
///
/// A subscription ends when the map or value is dropped, after it has returned the last version, or at
/// once when a [`Closer`] closes it. Its iterator blocks for each transition, and ends with the
/// subscription.
///
/// # Examples
/// ```
/// use std::thread;
/// use untorn::Map;
///
/// let config = Map::from([("limit", 100)]);
/// let mut changes = config.subscribe();
/// thread::scope(|scope| {
///     let follower = scope.spawn(move || {
///         let change = changes.recv().expect("the map is alive");
///         (change.from["limit"], change.to["limit"], change.missed)
///     });
///     config.insert("limit", 200);
///     assert_eq!(follower.join().unwrap(), (100, 200, 0));
/// });
/// ```
#[must_use = "a subscription does nothing unless it is asked"]
pub struct Subscription<T> {
    cell: Arc<Cell<T>>,
    shown: Snapshot<T>,
    waiter: Arc<Waiter>,
}

impl<T> Subscription<T> {
    pub(super) fn new(cell: Arc<Cell<T>>) -> Self {
        Self {
            shown: Snapshot::newest(&cell),
            cell,
            waiter: Arc::default(),
        }
    }

    /// Blocks until there is a version newer than the one returned last, and returns the transition to
    /// it.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to the map or value open: that would
    /// deadlock. If it would have to wait on a target without threads, such as
    /// `wasm32-unknown-unknown`: no commit could come.
    ///
    /// # Errors
    /// [`Ended`] if the subscription has ended.
    #[track_caller]
    pub fn recv(&mut self) -> Result<Transition<T>, Ended> {
        self.wait(Limit::Never).map_err(|_| Ended)
    }

    /// Blocks until there is a version newer than the one returned last, for `at_most` at the longest.
    /// Does not block on a target without threads or without a clock.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to the map or value open: that would
    /// deadlock.
    ///
    /// # Errors
    /// [`NoTransition::Late`] if there was none within that time, [`NoTransition::Ended`] if the
    /// subscription has ended.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::{NoTransition, Published};
    ///
    /// let limit = Published::new(100);
    /// let mut changes = limit.subscribe();
    /// let none = changes.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(none, NoTransition::Late);
    /// ```
    #[track_caller]
    pub fn recv_timeout(&mut self, at_most: Duration) -> Result<Transition<T>, NoTransition> {
        self.wait(Limit::after(at_most))
    }

    /// Returns the transition to a newer version if there is one. Never blocks.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn try_recv(&mut self) -> Result<Transition<T>, NoTransition> {
        self.wait(Limit::Now)
    }

    /// Returns the version that was returned last.
    pub fn shown(&self) -> &Snapshot<T> {
        &self.shown
    }

    /// Returns a handle that closes this subscription from another thread.
    pub fn closer(&self) -> Closer {
        Closer {
            notifier: Arc::clone(&self.cell.notifier),
            waiter: Arc::clone(&self.waiter),
        }
    }

    /// Converts this subscription into a stream, for tasks of any runtime. The thread that commits
    /// calls the waker.
    #[cfg(feature = "stream")]
    pub fn into_stream(self) -> super::stream::Transitions<T> {
        super::stream::Transitions::new(self)
    }

    #[track_caller]
    fn wait(&mut self, limit: Limit) -> Result<Transition<T>, NoTransition> {
        let Self {
            cell,
            shown,
            waiter,
        } = self;
        let answer = || newer(cell, shown, waiter);
        let answered = cell.wait(waiter, wanted(shown), limit, answer);
        self.show(answered)
    }

    /// Converts the result of a wait into that of a `recv`.
    pub(super) fn show(
        &mut self,
        answered: Result<Option<Snapshot<T>>, Unanswered>,
    ) -> Result<Transition<T>, NoTransition> {
        match answered {
            Ok(Some(to)) => {
                let from = std::mem::replace(&mut self.shown, to.clone());
                let step = Snapshot::revision(&to).get() - Snapshot::revision(&from).get();
                Ok(Transition {
                    from,
                    to,
                    missed: step - 1 + u64::from(planted("missed_is_one_more")),
                })
            }
            Ok(None) | Err(Unanswered::Ended) => Err(NoTransition::Ended),
            Err(Unanswered::TimedOut) => Err(NoTransition::Late),
        }
    }

    #[cfg(feature = "stream")]
    pub(super) fn poll(
        &mut self,
        waker: &std::task::Waker,
    ) -> std::task::Poll<Result<Transition<T>, NoTransition>> {
        let Self {
            cell,
            shown,
            waiter,
        } = self;
        let answer = || newer(cell, shown, waiter);
        let polled = cell.notifier.poll(waiter, wanted(shown), waker, answer);
        polled.map(|answered| self.show(answered))
    }

    #[cfg(feature = "stream")]
    pub(super) fn forget_task(&self) {
        let wanted = wanted(&self.shown);
        self.cell.notifier.forget(&self.waiter, wanted);
    }
}

/// Returns the first revision that is newer than `shown`.
fn wanted<T>(shown: &Snapshot<T>) -> Revision {
    Snapshot::revision(shown).next()
}

/// Returns the newest version if it is newer than `shown`; the inner option is `None` if the
/// subscription was closed.
fn newer<T>(cell: &Cell<T>, shown: &Snapshot<T>, waiter: &Waiter) -> Option<Option<Snapshot<T>>> {
    if waiter.is_closed() {
        return Some(None);
    }
    (cell.revision() > Snapshot::revision(shown)).then(|| Some(Snapshot::newest(cell)))
}

impl<T> Iterator for Subscription<T> {
    type Item = Transition<T>;

    fn next(&mut self) -> Option<Transition<T>> {
        self.recv().ok()
    }
}

impl<T> FusedIterator for Subscription<T> {}

impl<T: fmt::Debug> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("shown", &Snapshot::revision(&self.shown).get())
            .field("newest", &self.cell.revision().get())
            .finish()
    }
}

/// A handle that closes a [`Subscription`] from another thread, even while it is blocked.
///
/// # Examples
/// ```
/// let limit = untorn::Published::new(100);
/// let changes = limit.subscribe();
/// let closer = changes.closer();
/// let follower = std::thread::spawn(move || changes.count());
/// closer.close();
/// assert_eq!(follower.join().unwrap(), 0);
/// ```
#[derive(Clone)]
#[must_use = "a closer does nothing unless it closes"]
pub struct Closer {
    notifier: Arc<Notifier>,
    waiter: Arc<Waiter>,
}

impl Closer {
    /// Closes the subscription at once, and wakes the thread or task that waits for it, but no other.
    /// No further transition is returned, not even to a revision that is newer already: call
    /// [`try_recv`](Subscription::try_recv) first for that. Does not wait for writers.
    ///
    /// # Panics
    /// If the waker of the waiting task panics. The subscription is closed all the same.
    pub fn close(&self) {
        self.notifier.close(&self.waiter).resume();
    }
}

impl fmt::Debug for Closer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closer").finish_non_exhaustive()
    }
}

/// The error of a subscription that has ended: the map or value was dropped, or the subscription was
/// closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl Error for Ended {}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the subscription has ended")
    }
}

/// The reason why there is no transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTransition {
    /// There was no newer version in time.
    Late,
    /// The subscription has ended.
    Ended,
}

impl Error for NoTransition {}

impl fmt::Display for NoTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("no newer revision came in time"),
            Self::Ended => Ended.fmt(f),
        }
    }
}
