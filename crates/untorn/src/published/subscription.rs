//! Subscriptions: from the version received last to the newest.

use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::cell::VersionedCell;
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::notify::{Notifier, Unresolved, Waiter};
use super::pinned::Snapshot;
use super::revision::Revision;
use crate::clock::Limit;
use crate::mutants::mutant;
use crate::sync::Arc;

/// A step from the version that a [`Subscription`] returned last to the newest one.
///
/// It may span several commits, which are merged into one step; `missed` counts the revisions that
/// were skipped. Both ends are snapshots, so they can be kept and compared at any time. For a map,
/// [`changes`](Self::changes) has the entries that differ.
///
/// # Examples
/// ```
/// use untorn::{Change, Map};
///
/// let config = Map::from([("port", 80)]);
/// let mut subscription = config.subscribe();
/// config.insert("port", 81);
///
/// let step = subscription.recv()?;
/// assert_eq!((step.from["port"], step.to["port"], step.missed), (80, 81, 0));
/// for change in step.changes() {
///     match change {
///         Change::Added { key, new } => println!("{key} = {new}"),
///         Change::Changed { key, old, new } => println!("{key}: {old} -> {new}"),
///         Change::Removed { key, old } => println!("no {key}, which was {old}"),
///     }
/// }
/// # Ok::<_, untorn::RecvError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Transition<T> {
    /// The version that was returned last; before the first one, the newest when the subscription
    /// began.
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

/// Receives the newest version of a [`Map`](crate::Map) or a [`Published`](crate::Published) after
/// commits; commits in between are merged.
///
/// A late receiver gets one [`Transition`] to the newest version, with the number of revisions that
/// it skipped. No call returns every commit. There is no queue and no callback, so a slow or idle
/// subscription delays no other thread; it retains the version that it returned last.
///
/// The iterator blocks the thread for each transition. In async code use `into_stream` (feature
/// `stream`).
///
/// # Closing
/// A subscription is *closed* when its map or value has been dropped and it has returned the last
/// version, or at once by a [`SubscriptionHandle`]. Then its iterator ends. So a thread that
/// iterates must not hold the `Arc` of the map that it follows: close the subscription by its
/// [`handle`](Self::handle), or bound each wait by [`recv_timeout`](Self::recv_timeout).
///
/// # Panics
/// The iterator panics where [`recv`](Self::recv) does: if it would have to wait while this thread
/// has a write to the map or value open, or on a target without threads.
///
/// # Examples
/// ```
/// use std::thread;
/// use untorn::Map;
///
/// let config = Map::from([("limit", 100)]);
/// let subscription = config.subscribe();
/// let follower = thread::spawn(move || {
///     let mut newest = 0;
///     for step in subscription {
///         newest = step.to["limit"]; // the newest, not that of every commit
///     }
///     newest
/// });
/// config.insert("limit", 200);
/// config.insert("limit", 300);
/// drop(config); // ends the iterator, after the last version
/// assert_eq!(follower.join().unwrap(), 300);
/// ```
#[must_use = "a subscription does nothing unless `recv` or its iterator is called"]
pub struct Subscription<T> {
    cell: Arc<VersionedCell<T>>,
    last_received: Snapshot<T>,
    waiter: Arc<Waiter>,
}

impl<T> Subscription<T> {
    pub(super) fn new(cell: Arc<VersionedCell<T>>) -> Self {
        Self {
            last_received: Snapshot::newest(&cell),
            cell,
            waiter: Arc::default(),
        }
    }

    /// Blocks until there is a version newer than the one returned last, and returns the transition
    /// to it.
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
    /// let mut subscription = limit.subscribe();
    /// limit.publish(200);
    /// let step = subscription.recv()?;
    /// assert_eq!((*step.from, *step.to, step.missed), (100, 200, 0));
    /// drop(limit);
    /// assert!(subscription.recv().is_err());
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "wait")]
    #[doc(alias = "changed")]
    #[track_caller]
    pub fn recv(&mut self) -> Result<Transition<T>, RecvError> {
        self.recv_until(Limit::Never).map_err(|_| RecvError)
    }

    /// Blocks until there is a version newer than the one returned last, for `timeout` at the
    /// longest. On a target without threads or without a clock this does not block: it returns
    /// [`RecvTimeoutError::Timeout`] at once if there is none.
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
    /// let mut subscription = limit.subscribe();
    /// let none = subscription.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(none, RecvTimeoutError::Timeout);
    /// ```
    #[doc(alias = "wait_timeout")]
    #[track_caller]
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Transition<T>, RecvTimeoutError> {
        self.recv_until(Limit::after(timeout))
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
    /// let mut subscription = limit.subscribe();
    /// assert_eq!(subscription.try_recv().unwrap_err(), TryRecvError::Empty);
    /// limit.publish(200);
    /// assert_eq!(*subscription.try_recv().unwrap().to, 200);
    /// ```
    pub fn try_recv(&mut self) -> Result<Transition<T>, TryRecvError> {
        self.recv_until(Limit::Now).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Closed => TryRecvError::Closed,
        })
    }

    /// Completes when there is a version newer than the one returned last, with the transition to
    /// it. It needs no runtime: the thread that commits calls the waker. The future can be dropped
    /// at any time; no transition is lost.
    ///
    /// # Errors
    /// [`RecvError`] if the subscription is closed.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut subscription = limit.subscribe();
    /// limit.publish(200);
    /// let step = futures_executor::block_on(subscription.recv_async())?;
    /// assert_eq!((*step.from, *step.to), (100, 200));
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "changed")]
    pub async fn recv_async(&mut self) -> Result<Transition<T>, RecvError> {
        let to = self.newer_async().await?;
        Ok(self.receive(to))
    }

    /// Returns the version that was received last; before the first one, the newest when the
    /// subscription began.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut subscription = limit.subscribe();
    /// limit.publish(200);
    /// assert_eq!(**subscription.last_received(), 100);
    /// subscription.recv().unwrap();
    /// assert_eq!(**subscription.last_received(), 200);
    /// ```
    pub fn last_received(&self) -> &Snapshot<T> {
        &self.last_received
    }

    /// Returns a handle that closes this subscription from another thread.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut subscription = limit.subscribe();
    /// subscription.handle().close();
    /// assert!(subscription.recv().is_err());
    /// ```
    #[doc(alias = "cancel")]
    #[doc(alias = "unsubscribe")]
    pub fn handle(&self) -> SubscriptionHandle {
        SubscriptionHandle {
            notifier: Arc::clone(&self.cell.notifier),
            waiter: Arc::clone(&self.waiter),
        }
    }

    /// Converts this subscription into a stream, for tasks of any runtime. The thread that commits
    /// calls the waker.
    ///
    /// # Examples
    /// ```
    /// use futures_util::StreamExt; // for `next`; tokio-stream has one too
    /// use untorn::{Published, Subscription};
    ///
    /// async fn follow(subscription: Subscription<u32>) -> u32 {
    ///     let mut newest = 0;
    ///     let mut stream = subscription.into_stream();
    ///     while let Some(step) = stream.next().await {
    ///         newest = *step.to;
    ///     }
    ///     newest
    /// }
    ///
    /// let limit = Published::new(100);
    /// let task = follow(limit.subscribe());
    /// limit.publish(200);
    /// drop(limit); // ends the stream, after the last version
    /// assert_eq!(futures_executor::block_on(task), 200);
    /// ```
    #[cfg(feature = "stream")]
    #[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
    pub fn into_stream(self) -> super::stream::SubscriptionStream<T> {
        super::stream::SubscriptionStream::new(self)
    }

    #[track_caller]
    fn recv_until(&mut self, limit: Limit) -> Result<Transition<T>, RecvTimeoutError> {
        let to = self.wait_newer(limit)?;
        Ok(self.receive(to))
    }

    /// Waits for a version newer than the one received last, and does not receive it.
    #[track_caller]
    pub(crate) fn wait_newer(&self, limit: Limit) -> Result<Snapshot<T>, RecvTimeoutError> {
        let Self {
            cell,
            last_received,
            waiter,
        } = self;
        let condition = || newer(cell, last_received, waiter);
        result(cell.wait(waiter, wanted(last_received), limit, condition))
    }

    /// Completes when there is a version newer than the one received last, and does not receive it.
    fn newer_async(&self) -> Newer<'_, T> {
        Newer(self)
    }

    /// Receives a version that is newer than the one received last.
    pub(crate) fn receive(&mut self, to: Snapshot<T>) -> Transition<T> {
        let from = std::mem::replace(&mut self.last_received, to.clone());
        let step = Snapshot::revision(&to).get() - Snapshot::revision(&from).get();
        Transition {
            from,
            to,
            missed: step - 1 + u64::from(mutant("missed_is_one_more")),
        }
    }

    #[cfg(feature = "stream")]
    pub(super) fn poll(&mut self, waker: &Waker) -> Poll<Result<Transition<T>, RecvTimeoutError>> {
        let newer = self.poll_newer(waker);
        newer.map(|newer| newer.map(|to| self.receive(to)))
    }

    /// Returns a version newer than the one received last, without receiving it, or registers
    /// `waker`.
    pub(crate) fn poll_newer(&self, waker: &Waker) -> Poll<Result<Snapshot<T>, RecvTimeoutError>> {
        let Self {
            cell,
            last_received,
            waiter,
        } = self;
        let condition = || newer(cell, last_received, waiter);
        let polled = cell
            .notifier
            .poll(waiter, wanted(last_received), waker, condition);
        polled.map(result)
    }

    pub(crate) fn unregister_task(&self) {
        let wanted = wanted(&self.last_received);
        self.cell.notifier.unregister(&self.waiter, wanted);
    }
}

/// The future of [`Subscription::newer_async`].
struct Newer<'s, T>(&'s Subscription<T>);

impl<T> Future for Newer<'_, T> {
    type Output = Result<Snapshot<T>, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.0.poll_newer(context.waker());
        polled.map(|newer| newer.map_err(|_| RecvError))
    }
}

impl<T> Drop for Newer<'_, T> {
    fn drop(&mut self) {
        self.0.unregister_task();
    }
}

/// Converts the result of a wait into that of a `recv`.
fn result<T>(
    waited: Result<Option<Snapshot<T>>, Unresolved>,
) -> Result<Snapshot<T>, RecvTimeoutError> {
    match waited {
        Ok(Some(newer)) => Ok(newer),
        Ok(None) | Err(Unresolved::Ended) => Err(RecvTimeoutError::Closed),
        Err(Unresolved::TimedOut) => Err(RecvTimeoutError::Timeout),
    }
}

/// Returns the first revision that is newer than `last_received`.
fn wanted<T>(last_received: &Snapshot<T>) -> Revision {
    Snapshot::revision(last_received).next()
}

/// Returns the newest version if it is newer than `last_received`; the inner option is `None` if
/// the subscription was closed.
fn newer<T>(
    cell: &VersionedCell<T>,
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

    /// Blocks until there is a newer version, and returns the transition to it; `None` if the
    /// subscription is closed.
    ///
    /// # Panics
    /// As [`recv`](Subscription::recv).
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let subscription = limit.subscribe();
    /// limit.publish(200);
    /// drop(limit);
    /// let values: Vec<_> = subscription.map(|step| *step.to).collect();
    /// assert_eq!(values, [200]);
    /// ```
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
/// let subscription = limit.subscribe();
/// let handle = subscription.handle();
/// let follower = std::thread::spawn(move || subscription.count());
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
    /// Closes the subscription at once, and wakes the thread or task that waits for it, but no
    /// other. A newer version that has not been received is discarded; to get it, call
    /// [`try_recv`](Subscription::try_recv) before closing. Does not wait for writers.
    ///
    /// # Panics
    /// If the waker of the waiting task panics. The subscription is closed nevertheless.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut subscription = limit.subscribe();
    /// limit.publish(200);
    /// subscription.handle().close();
    /// assert!(subscription.recv().is_err());
    /// ```
    pub fn close(&self) {
        self.notifier.close(&self.waiter).resume();
    }
}

impl fmt::Debug for SubscriptionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionHandle").finish_non_exhaustive()
    }
}
