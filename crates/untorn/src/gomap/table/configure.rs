//! Less common constructors of a table: a hasher, and Go's nil map.

use std::sync::OnceLock;

use super::Table;
use super::flags::Flags;
use super::load_factor::over_load_factor;
use crate::gomap::raw::array::BucketArray;
use crate::random::random_u64;

impl<K, V> Table<K, V> {
    /// Creates Go's nil map: reads find it empty, `remove` and `clear` do nothing, and `insert`
    /// panics.
    ///
    /// # Examples
    /// ```should_panic
    /// untorn::gomap::Table::nil().insert("1", "265"); // assignment to entry in nil map
    /// ```
    #[must_use]
    pub fn nil() -> Self {
        let mut table = Self::new();
        table.nil = true;
        table
    }
}

impl<K, V, S> Table<K, V, S> {
    /// Returns whether this is Go's nil map.
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::Table;
    ///
    /// assert!(Table::<&str, u32>::nil().is_nil());
    /// assert!(!Table::<&str, u32>::new().is_nil());
    /// ```
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.nil
    }

    /// Creates an empty table that hashes with `hasher` and a random seed.
    ///
    /// # Examples
    /// ```
    /// use std::hash::RandomState;
    /// use untorn::gomap::{Seeded, Table};
    ///
    /// let mut config = Table::with_hasher(Seeded(RandomState::new())); // SipHash
    /// config.insert("1", 265);
    /// assert_eq!(config["1"], 265);
    /// ```
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::with_hint_and_hasher(0, hasher)
    }

    /// Creates an empty table that holds `hint` entries before it grows, and hashes with `hasher`
    /// and a random seed.
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::{FoldHash, Table};
    ///
    /// let table = Table::<u64, u64>::with_hint_and_hasher(100, FoldHash::default());
    /// assert_eq!(table.stats().buckets, 16);
    /// ```
    #[must_use]
    #[doc(alias = "with_capacity_and_hasher")]
    pub fn with_hint_and_hasher(hint: usize, hasher: S) -> Self {
        let hint = if BucketArray::<K, V>::exceeds_max_alloc(hint) {
            0
        } else {
            hint
        };
        let mut b = 0;
        while over_load_factor(hint, b) {
            b += 1;
        }
        let buckets = if b == 0 {
            BucketArray::unallocated(0)
        } else {
            BucketArray::allocated(b)
        };
        Self {
            count: 0,
            flags: Flags::default(),
            hash0: random_u64(),
            buckets,
            oldbuckets: None,
            nevacuate: 0,
            upper: Vec::new(),
            cursors: OnceLock::new(),
            hasher,
            nil: false,
        }
    }

    /// Returns the hasher.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::<&str, u32>::new();
    /// assert_eq!(format!("{:?}", table.hasher()), "FoldHash");
    /// ```
    pub fn hasher(&self) -> &S {
        &self.hasher
    }
}
