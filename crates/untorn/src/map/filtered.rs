//! Subscriptions to some of the keys of a map.

use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hash};
use std::iter::FusedIterator;
use std::mem::take;
use std::task::{Poll, Waker, ready};
use std::time::Duration;

use super::DefaultHashBuilder;
use super::view::{Change, View};
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

/// A choice of keys of a map: [`OneKey`] or [`KeysWhere`].
pub trait Filter<K, V, S> {
    /// Returns whether one of these keys has another value in `to` than in `from`.
    #[doc(hidden)]
    fn differs(&self, from: &View<K, V, S>, to: &View<K, V, S>) -> bool;
}

/// The filter of a [`KeySubscription`]: one key.
#[derive(Debug)]
pub struct OneKey<K>(pub(super) K);

/// The filter of [`Map::subscribe_where`](super::Map::subscribe_where): the keys for which a closure
/// returns true.
pub struct KeysWhere<P>(pub(super) P);

impl<P> fmt::Debug for KeysWhere<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeysWhere").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> Filter<K, V, S> for OneKey<K> {
    fn differs(&self, from: &View<K, V, S>, to: &View<K, V, S>) -> bool {
        match (from.get(&self.0), to.get(&self.0)) {
            // An entry that both views share is equal to itself, also if its value is NaN.
            (Some(old), Some(new)) => !std::ptr::eq(old, new) && old != new,
            (None, None) => false,
            _ => true,
        }
    }
}

impl<K, V, S, P> Filter<K, V, S> for KeysWhere<P>
where
    K: Eq + Hash,
    V: PartialEq,
    S: BuildHasher,
    P: Fn(&K) -> bool,
{
    fn differs(&self, from: &View<K, V, S>, to: &View<K, V, S>) -> bool {
        to.changes_since(from).any(|change| (self.0)(change.key()))
    }
}

/// A step of a [`FilteredSubscription`], in which a key of its filter has changed.
///
/// It holds two snapshots, so it can be kept, and other keys of the same two revisions can be read.
/// Successive steps are connected: the old values of one are the new values of the one before.
///
/// # Examples
/// ```
/// let config = untorn::Map::from([("port", 80), ("limit", 100)]);
/// let mut ports = config.subscribe_key("port");
/// config.insert("limit", 101); // makes no step
/// config.insert("port", 81);
///
/// let step = ports.recv()?;
/// assert_eq!((step.old(), step.new()), (Some(&80), Some(&81)));
/// assert_eq!(step.to["limit"], 101);
/// # Ok::<_, untorn::RecvError>(())
/// ```
#[non_exhaustive]
pub struct FilteredTransition<K, V, F, S = DefaultHashBuilder> {
    /// The view that the subscription compared before this one. For the keys of the filter it
    /// equals the view of the step before; for others it may be newer.
    pub from: Snapshot<View<K, V, S>>,
    /// The newest view.
    pub to: Snapshot<View<K, V, S>>,
    /// The number of revisions since the step before that were replaced before the subscription
    /// compared them. If it is 0, the keys of the filter had no other values in between.
    pub missed: u64,
    filter: Arc<F>,
}

impl<K: Eq + Hash, V, S: BuildHasher> FilteredTransition<K, V, OneKey<K>, S> {
    /// Returns the key.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("port", 81);
    /// assert_eq!(*ports.recv()?.key(), "port");
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[must_use]
    pub fn key(&self) -> &K {
        &self.filter.0
    }

    /// Returns the value before this step; `None` if the key was absent. O(1) on average: a
    /// look-up.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::new();
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("port", 80);
    /// assert_eq!(ports.recv()?.old(), None);
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[must_use]
    pub fn old(&self) -> Option<&V> {
        self.from.get(self.key())
    }

    /// Returns the value after this step; `None` if the key was removed. O(1) on average: a
    /// look-up.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.remove("port");
    /// assert_eq!(ports.recv()?.new(), None);
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[must_use]
    #[allow(clippy::new_ret_no_self, reason = "a value, not a constructor")]
    pub fn new(&self) -> Option<&V> {
        self.to.get(self.key())
    }
}

impl<K, V, S, P> FilteredTransition<K, V, KeysWhere<P>, S>
where
    K: Eq + Hash,
    V: PartialEq,
    S: BuildHasher,
    P: Fn(&K) -> bool,
{
    /// Returns an iterator over the entries that this step added, changed and removed and whose key
    /// the filter selects, in no particular order. Costs as
    /// [`View::changes_since`](super::View::changes_since).
    ///
    /// # Examples
    /// ```
    /// use untorn::{Change, Map};
    ///
    /// let config = Map::from([("db/port", 80), ("limit", 100)]);
    /// let mut subscription = config.subscribe_where(|key: &&str| key.starts_with("db/"));
    /// config.batch(|batch| {
    ///     batch.insert("db/port", 81);
    ///     batch.insert("limit", 101);
    /// });
    /// let step = subscription.recv()?;
    /// let changes: Vec<_> = step.changes().collect();
    /// assert_eq!(changes, [Change::Changed { key: &"db/port", old: &80, new: &81 }]);
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    pub fn changes(&self) -> impl Iterator<Item = Change<'_, K, V>> {
        let changes = self.to.changes_since(&self.from);
        changes.filter(|change| (self.filter.0)(change.key()))
    }
}

impl<K, V, F, S> Clone for FilteredTransition<K, V, F, S> {
    fn clone(&self) -> Self {
        Self {
            from: self.from.clone(),
            to: self.to.clone(),
            missed: self.missed,
            filter: Arc::clone(&self.filter),
        }
    }
}

impl<K, V, F, S> fmt::Debug for FilteredTransition<K, V, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilteredTransition")
            .field("from", &self.from.revision().get())
            .field("to", &self.to.revision().get())
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

/// Receives the changes of some keys of a [`Map`](super::Map); commits in between are merged.
///
/// [`Map::subscribe_key`](super::Map::subscribe_key) returns one for a key, a [`KeySubscription`],
/// and [`Map::subscribe_where`](super::Map::subscribe_where) one for the keys that a closure
/// selects.
///
/// Each commit wakes the thread or task, which compares the newest view with the one that it
/// compared last, and waits again unless a key of the filter has another value. This costs two
/// look-ups for one key, and for a closure as much as
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
    pub(super) fn new(subscription: Subscription<View<K, V, S>>, filter: F) -> Self {
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
    pub(super) fn subscription(&self) -> &Subscription<View<K, V, S>> {
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
    pub fn into_stream(self) -> super::filtered_stream::FilteredSubscriptionStream<K, V, F, S> {
        super::filtered_stream::FilteredSubscriptionStream::new(self)
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
    pub(super) fn poll_step(
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
    pub(super) fn receive(
        &mut self,
        to: Snapshot<View<K, V, S>>,
    ) -> Option<FilteredTransition<K, V, F, S>> {
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
