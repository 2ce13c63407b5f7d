//! Reading single entries: `get` and its relatives. The lookup itself is in `lookup.rs`.

use std::borrow::Borrow;
use std::ops::Index;

use super::Table;
use super::hash::SeededBuildHasher;
use super::key::Key;

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Returns the value of `key`: Go's `v, ok := m[k]`. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", 265)]);
    /// assert_eq!(config.get("1"), Some(&265));
    /// assert_eq!(config.get("2"), None);
    /// ```
    #[inline]
    #[doc(alias = "mapaccess2")]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.get_key_value(key).map(|(_, elem)| elem)
    }

    /// Returns a clone of the value of `key`, or the zero value, which is [`Default`]: Go's `m[k]`.
    /// O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let visits = untorn::gomap::Table::from([("home", 3)]);
    /// assert_eq!(visits.get_or_zero("home"), 3);
    /// assert_eq!(visits.get_or_zero("about"), 0);
    /// ```
    #[inline]
    #[doc(alias = "mapaccess1")]
    #[doc(alias = "get_or_default")]
    pub fn get_or_zero<Q>(&self, key: &Q) -> V
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
        V: Clone + Default,
    {
        self.get(key).cloned().unwrap_or_default()
    }

    /// Returns whether the table holds `key`. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", 265)]);
    /// assert!(config.contains_key("1"));
    /// ```
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.get_key_value(key).is_some()
    }

    /// Returns the stored key that equals `key`, and its value. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1".to_string(), 265)]);
    /// assert_eq!(config.get_key_value("1"), Some((&"1".to_string(), &265)));
    /// ```
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.lookup(key, None, &mut ())
    }
}

impl<K, V, S, Q> Index<&Q> for Table<K, V, S>
where
    K: Key + Borrow<Q>,
    Q: Key + ?Sized,
    S: SeededBuildHasher,
{
    type Output = V;

    /// Returns the value of `key`. Go's `m[k]`, which does not panic, is
    /// [`get_or_zero`](Table::get_or_zero).
    ///
    /// # Panics
    /// Panics if the table does not hold `key`.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::gomap::Table::from([("low", 10), ("high", 20)]);
    /// assert_eq!(limits["low"]..limits["high"], 10..20);
    /// ```
    #[track_caller]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry for this key")
    }
}
