//! Accesses to single entries: `insert`, `get`, `remove` and their relatives.

use std::borrow::Borrow;

use super::GoMap;
use crate::gomap::table::assign::Replaced;
use crate::gomap::table::hash::{KeyHash, SeededBuildHasher};
use crate::gomap::table::key::Key;
use crate::gomap::table::lookup::hashes_first;
use crate::overlap::{Operation, tsan};

impl<K: Key, V, S: SeededBuildHasher> GoMap<K, V, S> {
    /// Sets the value of `key` and returns the previous value: Go's `m[k] = v`.
    ///
    /// O(1) on average. The value is stored inside the access (Go stores it after its check).
    /// Whatever is replaced is dropped or returned after the access.
    ///
    /// # Panics
    /// If the map is [`nil`](Self::nil), with Go's message `assignment to entry in nil map`. If
    /// `Hash` or `Eq` panics, nothing is inserted.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::named("config");
    /// assert_eq!(config.insert("1", 265), None);
    /// assert_eq!(config.insert("1", 17), Some(265));
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "store")]
    #[doc(alias = "mapassign")]
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        if self.is_nil() {
            // Counted as an access: it may overlap with a `clear` of another thread.
            self.write(operation!(Write "insert"), |_| ());
            panic!("assignment to entry in nil map");
        }
        let hash = self.hash_ahead(&key);
        let replaced = self.write(operation!(Write "insert"), |table| {
            table.assign(key, value, Some(hash))
        });
        replaced.map(Replaced::into_elem)
    }

    /// Returns a clone of the value of `key`, made inside the access: Go's `v, ok := m[k]`. O(1) on
    /// average.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]);
    /// assert_eq!(config.get("1"), Some(265));
    /// assert_eq!(config.get("2"), None);
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "load")]
    #[doc(alias = "mapaccess2")]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
        V: Clone,
    {
        self.lookup_with(operation!(Read "get"), key, |elem| elem.cloned())
    }

    /// Returns a clone of the value of `key`, or the zero value, which is [`Default`]: Go's `m[k]`.
    /// O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let visits = untorn::GoMap::from([("home", 3)]);
    /// assert_eq!(visits.get_or_zero("about"), 0);
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "mapaccess1")]
    #[doc(alias = "get_or_default")]
    pub fn get_or_zero<Q>(&self, key: &Q) -> V
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
        V: Clone + Default,
    {
        self.lookup_with(operation!(Read "get_or_zero"), key, |elem| elem.cloned())
            .unwrap_or_default()
    }

    /// Removes `key` and returns its value: Go's `delete(m, k)`. O(1) on average.
    ///
    /// On a nil map this does nothing. The stored key is dropped after the access.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]);
    /// assert_eq!(config.remove("1"), Some(265));
    /// assert_eq!(config.remove("1"), None);
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "delete")]
    #[doc(alias = "mapdelete")]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        // Like Go, this does not hash for an empty map.
        let (count, ..) = self.cell.description().load();
        let hash = (count > 0).then(|| self.hash_ahead(key));
        let removed = self.write(operation!(Write "remove"), |table| table.delete(key, hash));
        removed.map(Replaced::into_elem)
    }

    /// Returns whether the map holds `key`. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]);
    /// assert!(config.contains_key("1"));
    /// ```
    #[inline]
    #[track_caller]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.lookup_with(operation!(Read "contains_key"), key, |elem| elem.is_some())
    }

    /// Calls `f` with the value of `key` and returns its result, or `None` if the map does not hold
    /// `key`.
    ///
    /// O(1) on average, plus `f`. The access lasts until `f` returns, so `f` must not write to this
    /// map.
    ///
    /// # Examples
    /// ```
    /// let names = untorn::GoMap::from([(1, "config".to_string())]);
    /// assert_eq!(names.get_with(&1, String::len), Some(6));
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "read")]
    pub fn get_with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.lookup_with(operation!(Read "get_with"), key, |elem| {
            let _shown = tsan::show();
            elem.map(f)
        })
    }

    #[inline(always)]
    #[track_caller]
    fn lookup_with<Q, R>(
        &self,
        operation: &'static Operation,
        key: &Q,
        f: impl FnOnce(Option<&V>) -> R,
    ) -> R
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        let hash = self.hash_ahead_for_lookup(key);
        self.read(operation, |table| {
            f(table.lookup(key, hash, &mut ()).map(|(_, elem)| elem))
        })
    }

    /// Returns the hash of a key, computed before the access.
    ///
    /// Go too hashes before it sets `hashWriting`, so that a panic in `Hash` does not leave the
    /// flag set.
    #[inline(always)]
    pub(super) fn hash_ahead<Q: Key + ?Sized>(&self, key: &Q) -> KeyHash {
        // The access compares this seed with the current one.
        let hash0 = self.cell.description().hash0();
        KeyHash {
            hash0,
            hash: self.hasher.hash_one(key, hash0),
        }
    }

    /// Returns the hash of a key for a lookup, or `None` if the lookup does not need it.
    #[inline(always)]
    pub(super) fn hash_ahead_for_lookup<Q: Key + ?Sized>(&self, key: &Q) -> Option<KeyHash> {
        let (count, b, _) = self.cell.description().load();
        (count > 0 && hashes_first::<Q, V>(b)).then(|| self.hash_ahead(key))
    }
}
