//! Reading a map: one key at a time, or a view of one revision.

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::{Map, View};
use crate::published::{Pinned, Reader, Snapshot};

impl<K: Eq + Hash, V, S: BuildHasher> Map<K, V, S> {
    /// Returns a clone of the value of `key` in the newest revision. O(1) on average; never blocks.
    ///
    /// Two calls may see two revisions: read keys that belong together under one
    /// [`pin`](Self::pin), which is also cheaper.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 265)]);
    /// // Two calls: of two revisions, if another thread commits in between.
    /// assert_eq!((config.get("1"), config.get("3")), (Some(265), None));
    /// // One pin: always of one revision.
    /// let view = config.pin();
    /// assert_eq!((view.get("1"), view.get("2")), (Some(&265), Some(&265)));
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        V: Clone,
    {
        self.pin().get(key).cloned()
    }

    /// Returns whether `key` has a value in the newest revision. O(1) on average; never blocks.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// assert!(config.contains_key("1") && !config.contains_key("2"));
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.pin().contains_key(key)
    }
}

impl<K, V, S> Map<K, V, S> {
    /// Returns the number of entries in the newest revision. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(untorn::Map::from([("1", 265), ("2", 17)]).len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.pin().len()
    }

    /// Returns whether the newest revision has no entry. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// config.clear();
    /// assert!(config.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Borrows the newest view: all reads through it observe one revision. O(1); never blocks.
    ///
    /// A pin stays on its thread and retains its version, so it is for one request or one step of a
    /// loop. A [`snapshot`](Self::snapshot) may be kept and sent.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let view = config.pin();
    /// config.clear();
    /// assert_eq!((view["1"], view["2"]), (265, 17)); // the pinned revision
    /// assert!(config.pin().is_empty());
    /// ```
    #[doc(alias = "load")]
    #[doc(alias = "read")]
    #[doc(alias = "borrow")]
    #[doc(alias = "iter")]
    #[doc(alias = "keys")]
    #[doc(alias = "values")]
    pub fn pin(&self) -> Pinned<'_, View<K, V, S>> {
        self.published.pin()
    }

    /// Returns an owned view of the newest revision, which may be kept, cloned and sent to other
    /// threads. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let before = config.snapshot();
    /// config.insert("1", 266);
    /// let reader = std::thread::spawn(move || before["1"]);
    /// assert_eq!(reader.join().unwrap(), 265);
    /// ```
    #[doc(alias = "load_full")]
    #[must_use = "a snapshot retains its version only while it is alive"]
    pub fn snapshot(&self) -> Snapshot<View<K, V, S>> {
        self.published.snapshot()
    }

    /// Returns a handle that reads the newest view repeatedly at the least cost. Between two reads
    /// it retains the version that it returned last.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let mut reader = config.reader();
    /// assert_eq!(reader.latest()["1"], 265);
    /// config.insert("1", 266);
    /// assert_eq!(reader.latest()["1"], 266);
    /// ```
    #[must_use]
    pub fn reader(&self) -> Reader<View<K, V, S>> {
        self.published.reader()
    }
}
