//! Subscriptions to some of the keys of a map.

mod filter;
#[cfg(feature = "stream")]
mod stream;
mod transition;

use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::mem::take;
use std::task::{Poll, Waker, ready};
use std::time::Duration;

pub use self::filter::{Filter, KeysWhere, OneKey};
#[cfg(feature = "stream")]
pub use self::stream::FilteredSubscriptionStream;
pub use self::transition::FilteredTransition;
use super::{DefaultHashBuilder, View};
use crate::clock::Limit;
use crate::mutants::mutant;
use crate::published::{
    RecvError, RecvTimeoutError, Snapshot, Subscription, SubscriptionHandle, TryRecvError,
};
use crate::sync::Arc;

/// A [`FilteredSubscription`] to one key, from [`Map::subscribe_key`](super::Map::subscribe_key).
///
/// # Examples
/// ```
/// use untorn::Map;
/// use untorn::map::KeySubscription;
///
/// struct Gauge {
///     limit: KeySubscription<&'static str, u32>,
/// }
///
/// let config = Map::from([("limit", 100)]);
/// let mut gauge = Gauge { limit: config.subscribe_key("limit") };
/// config.insert("limit", 200);
/// assert_eq!(gauge.limit.recv()?.new(), Some(&200));
/// # Ok::<_, untorn::RecvError>(())
/// ```
pub type KeySubscription<K, V, S = DefaultHashBuilder> = FilteredSubscription<K, V, OneKey<K>, S>;

/// A step of a [`KeySubscription`], with [`old`](FilteredTransition::old) and
/// [`new`](FilteredTransition::new).
pub type KeyTransition<K, V, S = DefaultHashBuilder> = FilteredTransition<K, V, OneKey<K>, S>;

/// Receives the changes of some keys of a [`Map`](super::Map); commits in between are merged.
///
/// [`Map::subscribe_key`](super::Map::subscribe_key) returns one for a key, a [`KeySubscription`],
/// and [`Map::subscribe_where`](super::Map::subscribe_where) one for the keys that a closure
/// selects.
///
/// Each commit wakes the thread or task, which compares the newest view with the one that it
/// compared last, and waits again unless a key of the filter has another value. This costs two
/// lookups for one key, and for a closure as much as
/// [`View::changes_since`](super::View::changes_since). `PartialEq`, `Hash` and the closure run on
/// the receiving thread, without a lock; if one of them panics, nothing is received, and the next
/// call compares again.
///
/// No change is lost, however many revisions are skipped: the last step has the newest value. A
/// value that was changed and changed back before the subscription compared is not reported;
/// [`missed`](FilteredTransition::missed) counts the revisions in which this could be. A value that
/// does not equal itself, such as a NaN, is reported if an entry near to it has changed.
///
/// Otherwise it is as a [`Subscription`]: it is closed by its map or by its
/// [`handle`](Self::handle), and retains the version that it compared last.
///
/// # Panics
/// The iterator panics where [`recv`](Self::recv) does.
///
/// # Examples
/// ```
/// use std::thread;
/// use untorn::Map;
///
/// let config = Map::from([("limit", 100), ("port", 80)]);
/// let limits = config.subscribe_key("limit");
/// let follower = thread::spawn(move || limits.filter_map(|step| step.new().copied()).last());
/// config.insert("port", 81); // makes no step
/// config.insert("limit", 200);
/// config.insert("limit", 300);
/// drop(config); // ends the iterator, after the last version
/// assert_eq!(follower.join().unwrap(), Some(300));
/// ```
#[must_use = "a subscription does nothing unless `recv` or its iterator is called"]
pub struct FilteredSubscription<K, V, F, S = DefaultHashBuilder> {
    subscription: Subscription<View<K, V, S>>,
    filter: Arc<F>,
    /// The revisions since the last step that were not compared.
    missed: u64,
}

impl<K, V, F, S> FilteredSubscription<K, V, F, S> {
    pub(in crate::map) fn new(subscription: Subscription<View<K, V, S>>, filter: F) -> Self {
        Self {
            subscription,
            filter: Arc::new(filter),
            missed: 0,
        }
    }

    /// Returns a handle that closes this subscription from another thread.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let mut ports = config.subscribe_key("port");
    /// ports.handle().close();
    /// assert!(ports.recv().is_err());
    /// ```
    #[doc(alias = "cancel")]
    #[doc(alias = "unsubscribe")]
    pub fn handle(&self) -> SubscriptionHandle {
        self.subscription.handle()
    }

    #[cfg(feature = "stream")]
    fn subscription(&self) -> &Subscription<View<K, V, S>> {
        &self.subscription
    }
}

impl<K, V, S, F: Filter<K, V, S>> FilteredSubscription<K, V, F, S> {
    /// Blocks until a key of the filter has another value than in the view that was compared last,
    /// and returns that step.
    ///
    /// # Panics
    /// As [`Subscription::recv`].
    ///
    /// # Errors
    /// [`RecvError`] if the subscription is closed.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("port", 81);
    /// config.insert("limit", 100);
    /// assert_eq!(ports.recv()?.new(), Some(&81));
    /// drop(config);
    /// assert!(ports.recv().is_err());
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "wait")]
    #[doc(alias = "changed")]
    #[track_caller]
    pub fn recv(&mut self) -> Result<FilteredTransition<K, V, F, S>, RecvError> {
        self.recv_until(Limit::Never).map_err(|_| RecvError)
    }

    /// Blocks as [`recv`](Self::recv), for `timeout` at the longest. On a target without threads or
    /// without a clock this does not block.
    ///
    /// # Panics
    /// As [`Subscription::recv_timeout`].
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`] if no key of the filter has changed within that time,
    /// [`RecvTimeoutError::Closed`] if the subscription is closed.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::RecvTimeoutError;
    ///
    /// let config = untorn::Map::from([("port", 80), ("limit", 100)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("limit", 101);
    /// let none = ports.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(none, RecvTimeoutError::Timeout);
    /// ```
    #[doc(alias = "wait_timeout")]
    #[track_caller]
    pub fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<FilteredTransition<K, V, F, S>, RecvTimeoutError> {
        self.recv_until(Limit::after(timeout))
    }

    /// Compares the newest view, and returns a step if a key of the filter has changed. Never
    /// blocks.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if none has changed, [`TryRecvError::Closed`] if the subscription is
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use untorn::TryRecvError;
    ///
    /// let config = untorn::Map::from([("port", 80), ("limit", 100)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("limit", 101);
    /// assert_eq!(ports.try_recv().unwrap_err(), TryRecvError::Empty);
    /// config.insert("port", 81);
    /// assert_eq!(ports.try_recv().unwrap().new(), Some(&81));
    /// ```
    pub fn try_recv(&mut self) -> Result<FilteredTransition<K, V, F, S>, TryRecvError> {
        self.recv_until(Limit::Now).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Closed => TryRecvError::Closed,
        })
    }

    /// Completes when a key of the filter has changed, with that step. It needs no runtime: the
    /// thread that commits calls the waker. The future can be dropped at any time; no change is
    /// lost.
    ///
    /// # Errors
    /// [`RecvError`] if the subscription is closed.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("port", 81);
    /// let step = futures_executor::block_on(ports.recv_async())?;
    /// assert_eq!(step.new(), Some(&81));
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "changed")]
    pub async fn recv_async(&mut self) -> Result<FilteredTransition<K, V, F, S>, RecvError> {
        let registered = Registered(self);
        poll_fn(|context| registered.0.poll_step(context.waker())).await
    }

    /// Converts this subscription into a stream, for tasks of any runtime.
    ///
    /// # Examples
    /// ```
    /// use futures_util::StreamExt; // for `next`
    ///
    /// let config = untorn::Map::from([("port", 80)]);
    /// let mut ports = config.subscribe_key("port").into_stream();
    /// config.insert("port", 81);
    /// drop(config); // ends the stream, after the last version
    /// futures_executor::block_on(async {
    ///     while let Some(step) = ports.next().await {
    ///         assert_eq!(step.new(), Some(&81));
    ///     }
    /// });
    /// ```
    #[cfg(feature = "stream")]
    #[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
    pub fn into_stream(self) -> FilteredSubscriptionStream<K, V, F, S> {
        FilteredSubscriptionStream::new(self)
    }

    #[track_caller]
    fn recv_until(
        &mut self,
        limit: Limit,
    ) -> Result<FilteredTransition<K, V, F, S>, RecvTimeoutError> {
        loop {
            let to = self.subscription.wait_newer(limit)?;
            if let Some(step) = self.receive(to) {
                return Ok(step);
            }
            // Checked here too, since a wait succeeds after its limit if there has been a commit.
            if limit.has_passed() {
                let newer = self.subscription.wait_newer(Limit::Now);
                return Err(newer.err().unwrap_or(RecvTimeoutError::Timeout));
            }
        }
    }

    /// Returns the next step, or registers `waker`. Compares one version at most: if there is a
    /// newer one by then, the task is woken again, so that a poll ends however fast commits follow
    /// each other.
    fn poll_step(
        &mut self,
        waker: &Waker,
    ) -> Poll<Result<FilteredTransition<K, V, F, S>, RecvError>> {
        let Ok(to) = ready!(self.subscription.poll_newer(waker)) else {
            return Poll::Ready(Err(RecvError));
        };
        if let Some(step) = self.receive(to) {
            return Poll::Ready(Ok(step));
        }
        ready!(self.subscription.poll_newer(waker)).map_err(|_| RecvError)?;
        waker.wake_by_ref();
        Poll::Pending
    }

    /// Receives a version; returns a step if a key of the filter has changed in it.
    fn receive(&mut self, to: Snapshot<View<K, V, S>>) -> Option<FilteredTransition<K, V, F, S>> {
        // Foreign code, which may panic: before the version counts as received.
        let differs = self.filter.differs(self.subscription.last_received(), &to)
            && !(mutant("filter_skips_a_change") && to.revision().get().is_multiple_of(4));
        let step = self.subscription.receive(to);
        if mutant("filter_forgets_what_it_missed") {
            self.missed = 0;
        }
        self.missed = self.missed.saturating_add(step.missed);
        differs.then(|| FilteredTransition {
            from: step.from,
            to: step.to,
            missed: take(&mut self.missed),
            filter: Arc::clone(&self.filter),
        })
    }
}

/// Removes the task of a `recv_async` that has ended or been dropped from the list of waiters.
struct Registered<'s, K, V, F, S>(&'s mut FilteredSubscription<K, V, F, S>);

impl<K, V, F, S> Drop for Registered<'_, K, V, F, S> {
    fn drop(&mut self) {
        self.0.subscription.unregister_task();
    }
}

impl<K, V, S, F: Filter<K, V, S>> Iterator for FilteredSubscription<K, V, F, S> {
    type Item = FilteredTransition<K, V, F, S>;

    /// Blocks until a key of the filter has changed, and returns that step; `None` if the
    /// subscription is closed.
    ///
    /// # Panics
    /// As [`recv`](FilteredSubscription::recv).
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let ports = config.subscribe_key("port");
    /// config.insert("port", 81);
    /// drop(config);
    /// let values: Vec<_> = ports.map(|step| step.new().copied()).collect();
    /// assert_eq!(values, [Some(81)]);
    /// ```
    fn next(&mut self) -> Option<Self::Item> {
        self.recv().ok()
    }
}

impl<K, V, S, F: Filter<K, V, S>> FusedIterator for FilteredSubscription<K, V, F, S> {}

impl<K, V, F, S> fmt::Debug for FilteredSubscription<K, V, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compared = self.subscription.last_received().revision();
        f.debug_struct("FilteredSubscription")
            .field("last_compared", &compared.get())
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}
