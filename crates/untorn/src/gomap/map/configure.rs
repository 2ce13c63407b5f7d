//! The name and the settings of a `GoMap`, its less common constructors, and its inspection.

use std::borrow::Borrow;

use super::GoMap;
use crate::gomap::table::Table;
use crate::gomap::table::hash::SeededBuildHasher;
use crate::gomap::table::key::Key;
use crate::gomap::table::stats::TableStats;
use crate::gomap::table::trace::Lookup;
use crate::overlap::{OnOverlap, Stretch};

impl<K, V, S> GoMap<K, V, S> {
    /// Sets the name for reports. The name is cut to 64 bytes.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]).with_name("config");
    /// assert_eq!(config.name(), Some("config"));
    /// ```
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.cell.set_name(name);
        self
    }

    /// Returns the name for reports, cut to 64 bytes.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(untorn::GoMap::<&str, u32>::named("config").name(), Some("config"));
    /// assert_eq!(untorn::GoMap::<&str, u32>::new().name(), None);
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.cell.name()
    }

    /// Sets the action of an access that detects an overlap. Takes precedence over the environment.
    ///
    /// # Examples
    /// ```
    /// use untorn::{GoMap, OnOverlap};
    ///
    /// let map = GoMap::from([(1, 10)]).on_overlap(OnOverlap::Panic);
    /// // A write from inside a read of the same map overlaps with it.
    /// let caught = std::panic::catch_unwind(|| map.get_with(&1, |_| map.insert(2, 20)));
    /// assert!(caught.is_err());
    /// assert_eq!(map.len(), 1);
    /// ```
    #[must_use]
    pub fn on_overlap(mut self, on_overlap: OnOverlap) -> Self {
        self.cell.set_on_overlap(on_overlap);
        self
    }

    /// Delays accesses for a share of the time, so that rare overlaps occur (delay injection).
    ///
    /// Takes precedence over the environment. See [`Stretch`] for its cost.
    ///
    /// # Examples
    /// ```
    /// use untorn::{GoMap, Stretch};
    ///
    /// let config = GoMap::named("config").stretch(Stretch::percent(1.0));
    /// let never = GoMap::named("requests").stretch(Stretch::OFF);
    /// # config.insert(1, 1);
    /// # never.insert(1, 1);
    /// ```
    #[must_use]
    pub fn stretch(mut self, stretch: Stretch) -> Self {
        self.cell.set_stretch(stretch);
        self
    }
}

impl<K, V, S: Clone> GoMap<K, V, S> {
    /// Creates an empty map that hashes with `hasher`. A clone of the hasher must hash as
    /// the original does.
    ///
    /// # Examples
    /// ```
    /// use std::hash::RandomState;
    /// use untorn::GoMap;
    /// use untorn::gomap::Seeded;
    ///
    /// // SipHash, as in std's HashMap.
    /// let config = GoMap::with_hasher(Seeded(RandomState::new())).with_name("config");
    /// config.insert("1", "265");
    /// assert_eq!(config.get("1"), Some("265"));
    /// ```
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::from(Table::with_hasher(hasher))
    }
}

impl<K, V> GoMap<K, V> {
    /// Creates Go's nil map: reads find it empty, `remove` and `clear` do nothing, and `insert`
    /// panics.
    ///
    /// # Examples
    /// ```should_panic
    /// let config = untorn::GoMap::nil();
    /// assert_eq!(config.get("1"), None);
    /// config.insert("1", "265"); // panics: assignment to entry in nil map
    /// ```
    #[must_use]
    pub fn nil() -> Self {
        Self::from(Table::nil())
    }
}

impl<K, V, S> GoMap<K, V, S> {
    /// Returns whether this is Go's nil map. Not an access, because this never changes.
    ///
    /// # Examples
    /// ```
    /// assert!(untorn::GoMap::<&str, u32>::nil().is_nil());
    /// ```
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.cell.description().nil
    }
}

impl<K: Key, V, S: SeededBuildHasher> GoMap<K, V, S> {
    /// Looks up `key` and returns a trace of the branches taken. Counts as a read.
    ///
    /// O(1) on average. Allocates the list of steps.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", "265")]);
    /// println!("{}", config.trace("1")); // mapaccess1_faststr, one bucket, short key, ...
    /// assert_eq!(config.trace("2").full_compares(), 1);
    /// ```
    #[must_use]
    #[track_caller]
    #[doc(alias = "mapaccess1_faststr")]
    pub fn trace<Q>(&self, key: &Q) -> Lookup
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        let hash = self.hash_ahead_for_lookup(key);
        self.read(operation!(Read "trace"), |table| {
            table.trace_hashed(key, hash)
        })
    }
}

impl<K, V, S> GoMap<K, V, S> {
    /// Returns a copy of the header of the table: the fields of Go's `hmap`. Counts as a read.
    /// O(1).
    ///
    /// The statistics of a [`Map`](crate::Map) are in [`MapStats`](crate::MapStats).
    ///
    /// # Examples
    /// ```
    /// let map: untorn::GoMap<_, _> = (0..27).map(|n| (n, n)).collect();
    /// let stats = map.stats();
    /// assert_eq!((stats.count, stats.b), (27, 3)); // the 27th key started to double four buckets
    /// assert_eq!(stats.growth, Some(untorn::gomap::Growth::Doubling));
    /// ```
    #[must_use]
    #[track_caller]
    #[doc(alias = "hmap")]
    pub fn stats(&self) -> TableStats {
        self.read(operation!(Read "stats"), Table::stats)
    }

    /// Returns the table without the detector.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265)]);
    /// let table = config.into_table();
    /// assert_eq!(table["1"], 265);
    /// ```
    #[must_use]
    pub fn into_table(self) -> Table<K, V, S> {
        self.cell.into_inner()
    }
}
