//! Following the commits: from the version seen last to the newest.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::notify::{Notifier, Unanswered, Waiter};
use super::pinned::Snapshot;
use super::revision::Revision;
use crate::clock::Limit;
use crate::mutants::mutant;

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
/// once when a [`SubscriptionHandle`] closes it. Its iterator blocks for each transition, and ends with the
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
#[must_use = "a subscription does nothing unless it is received from"]
pub struct Subscription<T> {
    cell: Arc<Cell<T>>,
    last_received: Snapshot<T>,
    waiter: Arc<Waiter>,
}

impl<T> Subscription<T> {
    pub(super) fn new(cell: Arc<Cell<T>>) -> Self {
        Self {
            last_received: Snapshot::newest(&cell),
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
    /// [`RecvError`] if the subscription is closed.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut changes = limit.subscribe();
    /// limit.publish(200);
    /// let change = changes.recv()?;
    /// assert_eq!((*change.from, *change.to, change.missed), (100, 200, 0));
    /// drop(limit);
    /// assert!(changes.recv().is_err());
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> Result<Transition<T>, RecvError> {
        self.wait(Limit::Never).map_err(|_| RecvError)
    }

    /// Blocks until there is a version newer than the one returned last, for `timeout` at the
    /// longest. Does not block on a target without threads or without a clock.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to the map or value open: that would
    /// deadlock.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`] if there was none within that time,
    /// [`RecvTimeoutError::Closed`] if the subscription is closed.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::{Published, RecvTimeoutError};
    ///
    /// let limit = Published::new(100);
    /// let mut changes = limit.subscribe();
    /// let none = changes.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(none, RecvTimeoutError::Timeout);
    /// ```
    #[track_caller]
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Transition<T>, RecvTimeoutError> {
        self.wait(Limit::after(timeout))
    }

    /// Returns the transition to a newer version if there is one. Never blocks.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if there is none, [`TryRecvError::Closed`] if the subscription is
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Published, TryRecvError};
    ///
    /// let limit = Published::new(100);
    /// let mut changes = limit.subscribe();
    /// assert_eq!(changes.try_recv().unwrap_err(), TryRecvError::Empty);
    /// limit.publish(200);
    /// assert_eq!(*changes.try_recv().unwrap().to, 200);
    /// ```
    pub fn try_recv(&mut self) -> Result<Transition<T>, TryRecvError> {
        self.wait(Limit::Now).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Closed => TryRecvError::Closed,
        })
    }

    /// Returns the version that was received last; at first, the newest one when the subscription
    /// began.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut changes = limit.subscribe();
    /// limit.publish(200);
    /// assert_eq!(**changes.last_received(), 100);
    /// changes.recv().unwrap();
    /// assert_eq!(**changes.last_received(), 200);
    /// ```
    pub fn last_received(&self) -> &Snapshot<T> {
        &self.last_received
    }

    /// Returns a handle that closes this subscription from another thread.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut changes = limit.subscribe();
    /// changes.handle().close();
    /// assert!(changes.recv().is_err());
    /// ```
    pub fn handle(&self) -> SubscriptionHandle {
        SubscriptionHandle {
            notifier: Arc::clone(&self.cell.notifier),
            waiter: Arc::clone(&self.waiter),
        }
    }

    /// Converts this subscription into a stream, for tasks of any runtime. The thread that commits
    /// calls the waker.
    #[cfg(feature = "stream")]
    pub fn into_stream(self) -> super::stream::SubscriptionStream<T> {
        super::stream::SubscriptionStream::new(self)
    }

    #[track_caller]
    fn wait(&mut self, limit: Limit) -> Result<Transition<T>, RecvTimeoutError> {
        let Self {
            cell,
            last_received,
            waiter,
        } = self;
        let answer = || newer(cell, last_received, waiter);
        let answered = cell.wait(waiter, wanted(last_received), limit, answer);
        self.receive(answered)
    }

    /// Converts the result of a wait into that of a `recv`.
    pub(super) fn receive(
        &mut self,
        answered: Result<Option<Snapshot<T>>, Unanswered>,
    ) -> Result<Transition<T>, RecvTimeoutError> {
        match answered {
            Ok(Some(to)) => {
                let from = std::mem::replace(&mut self.last_received, to.clone());
                let step = Snapshot::revision(&to).get() - Snapshot::revision(&from).get();
                Ok(Transition {
                    from,
                    to,
                    missed: step - 1 + u64::from(mutant("missed_is_one_more")),
                })
            }
            Ok(None) | Err(Unanswered::Ended) => Err(RecvTimeoutError::Closed),
            Err(Unanswered::TimedOut) => Err(RecvTimeoutError::Timeout),
        }
    }

    #[cfg(feature = "stream")]
    pub(super) fn poll(
        &mut self,
        waker: &std::task::Waker,
    ) -> std::task::Poll<Result<Transition<T>, RecvTimeoutError>> {
        let Self {
            cell,
            last_received,
            waiter,
        } = self;
        let answer = || newer(cell, last_received, waiter);
        let polled = cell
            .notifier
            .poll(waiter, wanted(last_received), waker, answer);
        polled.map(|answered| self.receive(answered))
    }

    #[cfg(feature = "stream")]
    pub(super) fn forget_task(&self) {
        let wanted = wanted(&self.last_received);
        self.cell.notifier.forget(&self.waiter, wanted);
    }
}

/// Returns the first revision that is newer than `last_received`.
fn wanted<T>(last_received: &Snapshot<T>) -> Revision {
    Snapshot::revision(last_received).next()
}

/// Returns the newest version if it is newer than `last_received`; the inner option is `None` if the
/// subscription was closed.
fn newer<T>(
    cell: &Cell<T>,
    last_received: &Snapshot<T>,
    waiter: &Waiter,
) -> Option<Option<Snapshot<T>>> {
    if waiter.is_closed() {
        return Some(None);
    }
    (cell.revision() > Snapshot::revision(last_received)).then(|| Some(Snapshot::newest(cell)))
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
            .field(
                "last_received",
                &Snapshot::revision(&self.last_received).get(),
            )
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
/// let handle = changes.handle();
/// let follower = std::thread::spawn(move || changes.count());
/// handle.close();
/// assert_eq!(follower.join().unwrap(), 0);
/// ```
#[derive(Clone)]
#[must_use = "a handle does nothing unless it closes"]
pub struct SubscriptionHandle {
    notifier: Arc<Notifier>,
    waiter: Arc<Waiter>,
}

impl SubscriptionHandle {
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

impl fmt::Debug for SubscriptionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionHandle").finish_non_exhaustive()
    }
}
