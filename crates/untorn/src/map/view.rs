//! The read API that a pin, a snapshot and a reader share.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Index;
use std::sync::Arc;

use equivalent::Equivalent;

use super::iter::{Changes, Iter, Keys, Values};
use super::origin::Origin;
use super::table::{Entry, Table};
use super::{DefaultHashBuilder, Map};
use crate::Revision;

/// The immutable contents of a [`Map`](super::Map) at one revision: a snapshot.
///
/// A [`Pinned`](crate::Pinned) and a [`Snapshot`](crate::Snapshot) of a map dereference to a view,
/// and [`Reader::latest`](crate::Reader::latest) returns one. Everything read through one view is
/// of one revision.
///
/// # Examples
/// ```
/// use untorn::Map;
///
/// let config = Map::from([("1", "265"), ("2", "17")]);
/// let view = config.pin();
/// assert_eq!((view["1"], view["2"]), ("265", "17")); // of one revision
/// assert_eq!(view.len(), 2);
/// ```
// The table is first, so that its address is that of the version.
#[repr(C)]
pub struct View<K, V, S = DefaultHashBuilder> {
    pub(super) table: Table<K, V>,
    pub(super) revision: Revision,
    pub(super) hasher: S,
    pub(super) origin: Arc<Origin>,
}

impl<K: Eq + Hash, V, S: BuildHasher> View<K, V, S> {
    #[inline]
    fn entry<Q>(&self, key: &Q) -> Option<&Entry<K, V>>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.table.get(hash, |stored| key.equivalent(stored))
    }

    /// Returns the value of `key`. O(1) on average; never blocks.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!(limits.pin().get("low"), Some(&10));
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the stored key that equals `key`, and its value. O(1) on average; never blocks.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!(limits.pin().get_key_value("low"), Some((&"low", &10)));
    /// ```
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.entry(key).map(|entry| (&entry.key, &entry.value))
    }

    /// Returns whether `key` has a value. O(1) on average; never blocks.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert!(limits.pin().contains_key("low") && !limits.pin().contains_key("high"));
    /// ```
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.entry(key).is_some()
    }
}

impl<K, V, S> View<K, V, S> {
    /// Returns an iterator over the entries, in no particular order. O(entries + segments) for all
    /// of them.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// let view = limits.pin();
    /// assert_eq!(view.iter().map(|(_, limit)| limit).sum::<i32>(), 30);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.table.iter())
    }

    /// Returns an iterator over the keys, in the order of [`iter`](Self::iter).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!(limits.pin().keys().collect::<Vec<_>>(), [&"low"]);
    /// ```
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys(self.iter())
    }

    /// Returns an iterator over the values, in the order of [`iter`](Self::iter).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!(limits.pin().values().collect::<Vec<_>>(), [&10]);
    /// ```
    pub fn values(&self) -> Values<'_, K, V> {
        Values(self.iter())
    }

    /// Returns the number of entries. O(1).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// assert_eq!(limits.pin().len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether there is no entry. O(1).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// let before = limits.pin();
    /// limits.clear();
    /// assert!(!before.is_empty() && limits.pin().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the revision: the number of the commit that made these contents.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// let before = limits.pin();
    /// limits.insert("low", 11);
    /// assert_eq!((before.revision().get(), limits.pin().revision().get()), (0, 1));
    /// ```
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the hasher of the map.
    ///
    /// # Examples
    /// ```
    /// use std::hash::BuildHasher;
    ///
    /// let limits = untorn::Map::from([("low", 10)]);
    /// let hash = limits.pin().hasher().hash_one("low");
    /// assert_eq!(hash, limits.pin().hasher().hash_one("low")); // one seed for each map
    /// ```
    #[must_use]
    pub fn hasher(&self) -> &S {
        &self.hasher
    }

    /// Returns whether both are views of one map.
    pub(super) fn is_of_the_map_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.origin, &other.origin)
    }
}

impl<K, V, S: Clone> View<K, V, S> {
    /// Returns a map that begins with these contents, at revision 0 and with the name of the map
    /// that this is a view of. O(1): both share everything until one of them changes it.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// let before = limits.snapshot();
    /// limits.clear();
    /// let trial = before.fork();
    /// trial.insert("high", 20);
    /// assert_eq!((before.len(), trial.len(), limits.len()), (1, 2, 0));
    /// ```
    #[doc(alias = "from_snapshot")]
    #[doc(alias = "to_map")]
    #[must_use]
    pub fn fork(&self) -> Map<K, V, S> {
        Map::with_origin(self.table.clone(), self.hasher.clone(), self.origin.fork())
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> View<K, V, S> {
    /// Returns whether this view and an older one of the same map have the same value of `key`, or
    /// none.
    pub(super) fn is_unchanged_since<Q>(&self, older: &Self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.table.shares(&older.table, hash) || self.get(key) == older.get(key)
    }

    /// Returns an iterator over the differences from an older view, in no particular order: the
    /// entries that were added, changed and removed from `older` to this view. With both exchanged,
    /// added and removed entries are exchanged too.
    ///
    /// Two views of one map, or of its forks, share structure: then the cost is that of what
    /// differs, and one pointer comparison for each shared segment. Unrelated views are compared
    /// entry by entry. The iterator is lazy. A value that does not equal itself, such as a NaN, is
    /// reported as changed if a neighbor has changed, and an entry whose key does not equal itself
    /// as added and as removed.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Change, Map};
    ///
    /// let config = Map::from([("1", 265), ("2", 17)]);
    /// let before = config.snapshot();
    /// config.insert("1", 266);
    /// let view = config.pin();
    /// let changes: Vec<_> = view.changes_since(&before).collect();
    /// assert_eq!(changes, [Change::Changed { key: &"1", old: &265, new: &266 }]);
    /// ```
    ///
    /// Another thread may commit between the snapshot, the write and the pin: then these are its
    /// changes too. [`Batch::commit_transition`](super::Batch::commit_transition) and
    /// [`Map::refresh_transition`](super::Map::refresh_transition) return the views around one
    /// commit, so its changes only:
    ///
    /// ```
    /// use untorn::{Change, Map};
    ///
    /// let config = Map::from([("1", 265), ("2", 17)]);
    /// let (refreshed, step) = config.refresh_transition([("1", 266), ("2", 17)]);
    /// assert_eq!(refreshed.changed, 1);
    /// let changes: Vec<_> = step.to.changes_since(&step.from).collect(); // or `step.changes()`
    /// assert_eq!(changes, [Change::Changed { key: &"1", old: &265, new: &266 }]);
    /// ```
    #[doc(alias = "difference")]
    #[doc(alias = "compare")]
    #[doc(alias = "diff")]
    #[doc(alias = "since")]
    pub fn changes_since<'v>(&'v self, older: &'v Self) -> Changes<'v, K, V, S> {
        Changes {
            newer: self,
            older,
            only_newer: self.table.unshared(&older.table),
            only_older: older.table.unshared(&self.table),
        }
    }
}

/// A difference of one entry between two views, from [`View::changes_since`].
///
/// # Examples
/// ```
/// use untorn::{Change, Map};
///
/// let config = Map::from([("1", 265)]);
/// let before = config.snapshot();
/// config.insert("2", 17);
/// for change in config.pin().changes_since(&before) {
///     match change {
///         Change::Added { key, new } => assert_eq!((*key, *new), ("2", 17)),
///         Change::Changed { .. } | Change::Removed { .. } => unreachable!(),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'v, K, V> {
    /// Only the newer view has the key.
    Added {
        /// The key.
        key: &'v K,
        /// Its value.
        new: &'v V,
    },
    /// Both have the key, with different values.
    Changed {
        /// The key.
        key: &'v K,
        /// Its value in the older view.
        old: &'v V,
        /// Its value in the newer view.
        new: &'v V,
    },
    /// Only the older view has the key.
    Removed {
        /// The key.
        key: &'v K,
        /// Its value.
        old: &'v V,
    },
}

impl<'v, K, V> Change<'v, K, V> {
    /// Returns the key that was added, changed or removed.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let before = config.snapshot();
    /// config.batch(|batch| {
    ///     batch.remove("1");
    ///     batch.insert("2", 17);
    /// });
    /// let view = config.pin();
    /// let mut keys: Vec<_> = view.changes_since(&before).map(|change| *change.key()).collect();
    /// keys.sort_unstable();
    /// assert_eq!(keys, ["1", "2"]);
    /// ```
    #[must_use]
    pub fn key(&self) -> &'v K {
        match self {
            Self::Added { key, .. } | Self::Changed { key, .. } | Self::Removed { key, .. } => key,
        }
    }
}

impl<K, V, Q, S> Index<&Q> for View<K, V, S>
where
    K: Eq + Hash,
    Q: Equivalent<K> + Hash + ?Sized,
    S: BuildHasher,
{
    type Output = V;

    /// Returns the value of `key`. O(1) on average; never blocks.
    ///
    /// # Panics
    /// If `key` is absent.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!(limits.pin()["low"], 10);
    /// ```
    #[track_caller]
    fn index(&self, key: &Q) -> &V {
        match self.get(key) {
            Some(value) => value,
            None => self.origin.panic_without_entry(),
        }
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> PartialEq for View<K, V, S> {
    /// Returns whether both have equal entries, at whatever revisions. O(entries), unless the
    /// numbers of entries differ.
    fn eq(&self, other: &Self) -> bool {
        let same = |(key, value): (&K, &V)| other.get(key).is_some_and(|other| value == other);
        self.len() == other.len() && self.iter().all(same)
    }
}

impl<K: Eq + Hash, V: Eq, S: BuildHasher> Eq for View<K, V, S> {}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for View<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'v, K, V, S> IntoIterator for &'v View<K, V, S> {
    type Item = (&'v K, &'v V);
    type IntoIter = Iter<'v, K, V>;

    fn into_iter(self) -> Iter<'v, K, V> {
        self.iter()
    }
}
