//! Subscriptions to the commits of a map, and waits for a revision.

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use super::{Changes, FilteredSubscription, KeySubscription, KeysWhere, Map, OneKey, View};
use crate::published::{Revision, Snapshot, Subscription, Transition, WaitError};

impl<K, V, S> Map<K, V, S> {
    /// Subscribes to the newest state after commits that are made after this call. Never blocks.
    ///
    /// Each item, a [`Transition`], is a pair of snapshots: the one received last (at first, that
    /// of the time of this call) and the newest. Commits in between are merged: a slow subscriber
    /// skips revisions, and [`Transition::missed`] counts them. No call returns every commit. A
    /// subscriber delays neither writers nor other subscribers.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Change, Map};
    ///
    /// let config = Map::from([("port", 80), ("limit", 100)]);
    /// let mut subscription = config.subscribe();
    /// config.insert("port", 81);
    /// config.remove("limit");
    ///
    /// let step = subscription.recv()?; // one step for both commits
    /// assert_eq!(step.missed, 1);
    /// for change in step.changes() {
    ///     match change {
    ///         Change::Added { key, new } => println!("{key} = {new}"),
    ///         Change::Changed { key, old, new } => println!("{key}: {old} -> {new}"),
    ///         Change::Removed { key, old } => println!("no {key}, which was {old}"),
    ///     }
    /// }
    /// drop(config);
    /// assert!(subscription.recv().is_err()); // a subscription ends with its map
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    ///
    /// On a thread of its own, `for step in config.subscribe()` runs until the map is dropped; in
    /// async code use `into_stream` of the [`Subscription`] (feature `stream`).
    #[doc(alias = "listen")]
    #[doc(alias = "observe")]
    #[doc(alias = "watch")]
    #[doc(alias = "on_change")]
    #[doc(alias = "changed")]
    pub fn subscribe(&self) -> Subscription<View<K, V, S>> {
        self.published.subscribe()
    }

    /// Subscribes to the value of one key, for changes that are committed after this call. Never
    /// blocks.
    ///
    /// Each item, a [`KeyTransition`](super::KeyTransition), has the old and the new value; commits
    /// in between are merged. Each commit wakes the subscriber, which makes two lookups and waits
    /// again unless the value differs. The key may be absent. [`FilteredSubscription`] says more.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80), ("limit", 100)]);
    /// let mut ports = config.subscribe_key("port");
    /// config.insert("limit", 101); // makes no step
    /// config.insert("port", 81);
    /// let step = ports.recv()?;
    /// assert_eq!((step.old(), step.new()), (Some(&80), Some(&81)));
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "watch")]
    #[doc(alias = "on_change")]
    pub fn subscribe_key(&self, key: K) -> KeySubscription<K, V, S> {
        FilteredSubscription::new(self.subscribe(), OneKey(key))
    }

    /// Subscribes to the keys for which `filter` returns true, such as those with a prefix, for
    /// changes that are committed after this call. Never blocks.
    ///
    /// Each item, a [`FilteredTransition`](super::FilteredTransition), iterates over the changes of
    /// these keys; commits in between are merged. Each commit wakes the subscriber, which calls
    /// `filter` for the keys that have changed, and waits again if it selects none of them.
    /// `filter` is called without a lock, never by a thread that commits, and must return equal
    /// results for equal keys. [`FilteredSubscription`] says more.
    ///
    /// # Examples
    /// ```
    /// use untorn::Map;
    ///
    /// let config = Map::from([("db/host".to_owned(), 1), ("limit".to_owned(), 2)]);
    /// let mut of_db = config.subscribe_where(|key: &String| key.starts_with("db/"));
    /// config.insert("limit".to_owned(), 3); // makes no step
    /// config.insert("db/port".to_owned(), 4);
    /// let step = of_db.recv()?;
    /// let keys: Vec<_> = step.changes().map(|change| change.key()).collect();
    /// assert_eq!(keys, ["db/port"]);
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "subscribe_prefix")]
    pub fn subscribe_where<P>(&self, filter: P) -> FilteredSubscription<K, V, KeysWhere<P>, S>
    where
        P: Fn(&K) -> bool,
    {
        FilteredSubscription::new(self.subscribe(), KeysWhere(filter))
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
    /// For a commit newer than `view`, wait for `view.revision().next()`. For a certain commit,
    /// wait for the revision that its [`batch`](Self::batch) or [`refresh`](Self::refresh)
    /// returned.
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
    /// use untorn::Map;
    ///
    /// let config = Map::from([("port", 80)]);
    /// let view = config.snapshot();
    /// thread::scope(|scope| {
    ///     scope.spawn(|| config.insert("port", 81));
    ///     let newer = view.revision().next();
    ///     match config.wait_for(newer, Duration::from_secs(5)) {
    ///         Ok(newest) => assert_eq!(newest["port"], 81),
    ///         Err(untorn::WaitError::Timeout) => println!("no commit within 5 s"),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// });
    /// ```
    #[doc(alias = "wait")]
    #[track_caller]
    pub fn wait_for(
        &self,
        wanted: Revision,
        timeout: Duration,
    ) -> Result<Snapshot<View<K, V, S>>, WaitError> {
        self.published.wait_for(wanted, timeout)
    }

    /// Blocks until the contents satisfy `condition`, and returns them. The condition is checked at
    /// once and after commits, and is called without a lock; revisions may be skipped. Each commit
    /// wakes the thread. On a target without threads or without a clock this does not block.
    ///
    /// # Panics
    /// If `condition` panics. If this would have to wait while this thread has a write to this map
    /// open: that would deadlock.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] if the condition is not satisfied within `timeout`, which begins
    /// after the first call of `condition`; a call that is running at its end is not interrupted.
    /// With a `timeout` of zero this does not block.
    ///
    /// # Examples
    /// ```
    /// use std::{thread, time::Duration};
    /// use untorn::Map;
    ///
    /// let services = Map::new();
    /// thread::scope(|scope| {
    ///     scope.spawn(|| services.insert("db", "ready"));
    ///     let ready = |view: &untorn::View<_, _>| view.get("db") == Some(&"ready");
    ///     let view = services.wait_until(ready, Duration::from_secs(60))?;
    ///     assert_eq!(view.len(), 1);
    ///     Ok::<_, untorn::WaitError>(())
    /// })?;
    /// # Ok::<_, untorn::WaitError>(())
    /// ```
    #[track_caller]
    pub fn wait_until(
        &self,
        condition: impl FnMut(&View<K, V, S>) -> bool,
        timeout: Duration,
    ) -> Result<Snapshot<View<K, V, S>>, WaitError> {
        self.published.wait_until(condition, timeout)
    }

    /// Completes when the contents satisfy `condition`, with these contents, as
    /// [`wait_until`](Self::wait_until) does for threads. It needs no runtime: the thread that
    /// commits calls the waker. For a timeout use that of the runtime: a poll calls `condition`
    /// once at most. The future can be dropped at any time.
    ///
    /// # Panics
    /// If `condition` panics.
    ///
    /// # Examples
    /// ```
    /// use std::thread;
    /// use untorn::Map;
    ///
    /// let services = Map::new();
    /// thread::scope(|scope| {
    ///     scope.spawn(|| services.insert("db", "ready"));
    ///     let view = services.wait_until_async(|view| view.contains_key("db"));
    ///     assert_eq!(futures_executor::block_on(view)["db"], "ready");
    /// });
    /// ```
    #[doc(alias = "changed")]
    pub async fn wait_until_async(
        &self,
        condition: impl FnMut(&View<K, V, S>) -> bool,
    ) -> Snapshot<View<K, V, S>> {
        self.published.wait_until_async(condition).await
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> Transition<View<K, V, S>> {
    /// Returns an iterator over the entries that this step added, changed and removed, in no
    /// particular order: those of [`to`](Self::to) that differ from [`from`](Self::from), by
    /// [`View::changes_since`].
    ///
    /// It has all differences even if revisions were missed. An entry that was changed and changed
    /// back in between is not among them.
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
    /// let changes: Vec<_> = step.changes().collect();
    /// assert_eq!(changes, [Change::Changed { key: &"port", old: &80, new: &81 }]);
    /// # Ok::<_, untorn::RecvError>(())
    /// ```
    #[doc(alias = "diff")]
    pub fn changes(&self) -> Changes<'_, K, V, S> {
        self.to.changes_since(&self.from)
    }
}
