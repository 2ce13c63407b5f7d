//! A step of a subscription to some keys.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::filter::{KeysWhere, OneKey};
use crate::map::{Change, DefaultHashBuilder, View};
use crate::published::Snapshot;
use crate::sync::Arc;

/// A step of a [`FilteredSubscription`](super::FilteredSubscription), in which a key of its filter has changed.
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
    pub(super) filter: Arc<F>,
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
    /// lookup.
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
    /// lookup.
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
    /// [`View::changes_since`](crate::map::View::changes_since).
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
