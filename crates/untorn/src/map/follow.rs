//! Subscriptions to the commits of a map, and waits for a revision.

use std::time::Duration;

use super::{Map, View};
use crate::published::{Revision, Subscription, WaitError};

impl<K, V, S> Map<K, V, S> {
    /// Subscribes to the commits made after this call. Each transition is a pair of snapshots: the
    /// one received last (at first, that of the time of this call) and the newest. Never blocks.
    ///
    /// A slow subscriber skips revisions; [`Transition::missed`](crate::Transition::missed) counts
    /// them. It delays neither writers nor other subscribers.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let mut subscription = config.subscribe();
    /// config.insert("1", 266);
    /// config.remove("2");
    /// let step = subscription.recv().unwrap();
    /// assert_eq!((step.to.diff(&step.from).count(), step.missed), (2, 1));
    /// drop(config);
    /// assert!(subscription.recv().is_err(), "a subscription ends with its map");
    /// ```
    #[doc(alias = "watch")]
    #[doc(alias = "on_change")]
    #[doc(alias = "changed")]
    pub fn subscribe(&self) -> Subscription<View<K, V, S>> {
        self.published.subscribe()
    }

    /// Returns the newest revision. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// assert_eq!(config.revision().get(), 0);
    /// config.insert("1", 266);
    /// assert_eq!(config.revision().get(), 1);
    /// ```
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.published.revision()
    }

    /// Blocks until revision `wanted`, or a later one, is the newest, and returns the newest. On a
    /// target without threads or without a clock this does not block: it returns
    /// [`WaitError::Timeout`] at once if the revision is not reached.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to this map open: that would
    /// deadlock.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] if the revision is not reached within `timeout`. With a `timeout` of
    /// zero this does not block.
    ///
    /// # Examples
    /// ```
    /// use std::{thread, time::Duration};
    /// use untorn::{Map, Revision};
    ///
    /// let config = Map::from([("1", 265)]);
    /// thread::scope(|scope| {
    ///     scope.spawn(|| config.insert("1", 266));
    ///     let newest = config.wait_for(Revision::from(1), Duration::from_secs(5));
    ///     assert_eq!(newest.unwrap().get(), 1);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_for(&self, wanted: Revision, timeout: Duration) -> Result<Revision, WaitError> {
        self.published.wait_for(wanted, timeout)
    }
}
