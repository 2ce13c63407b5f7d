//! Go's table, for one thread. Safe code; its memory is in `../raw/`.
//!
//! | file | in Go | content |
//! |---|---|---|
//! | `mod.rs`, `size.rs` | `hmap` | the header, hashing of keys |
//! | `construct.rs`, `configure.rs` | `makemap` | constructors |
//! | `get.rs`, `lookup.rs`, `trace.rs` | `mapaccess1`, `_fast32`, `_fast64`, `_faststr` | lookups, branch by branch |
//! | `assign.rs`, `delete.rs` | `mapassign`, `mapdelete`, `mapclear` | writes |
//! | `retain.rs` | `maps.DeleteFunc` | removal of many entries |
//! | `load_factor.rs`, `grow.rs` | `hashGrow`, `growWork`, `evacuate` | growth |
//! | `cursor.rs`, `cursors.rs`, `arrays.rs` | `mapiterinit`, `mapiternext` | `range`: iteration while the table changes |
//! | `iter.rs` | | iteration over a borrowed table |
//! | `hash.rs`, `key.rs`, `float.rs` | `alg.hash`, `hash0`, `f64hash` | hashing, kinds of keys |
//! | `clone.rs`, `convert.rs` | `mapclone2` | copies and conversions |
//! | `flags.rs`, `stats.rs`, `inspect.rs`, `invariants.rs` | `hmap.flags` | the state of a table, for inspection |

// rustdoc lists the methods of `Table` in the order of these modules: the common ones come first.
mod construct;

pub(super) mod assign;

mod get;

mod delete;

mod size;

pub(super) mod iter;

pub(super) mod cursor;

pub(super) mod retain;

mod configure;

// The other modules, in alphabetical order.
mod arrays;
mod clone;
mod convert;
mod cursors;
pub(super) mod flags;
pub(super) mod float;
mod grow;
pub(super) mod hash;
pub(super) mod key;
pub(super) mod load_factor;
pub(super) mod lookup;
pub(super) mod stats;
pub(super) mod trace;

// For inspection, so last in the list.
pub(super) mod inspect;

mod invariants;

use std::fmt;
use std::hash::Hash;
use std::sync::OnceLock;

use self::cursors::CursorSet;
use self::flags::Flags;
use self::hash::{FoldHash, KeyHash, SeededBuildHasher};
use self::key::Key;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::slot_mask::SlotMask;

/// Go's classic map (Go 1.13 to 1.23) as a single-threaded table: reads borrow it, writes borrow it
/// mutably.
///
/// Use it to study or reproduce the behavior of Go's map on one thread, such as when it grows, how
/// it lays out its entries, and what a loop sees that changes the map. For anything else,
/// [`HashMap`](std::collections::HashMap) is faster. [`GoMap`](crate::GoMap) is this table behind
/// the overlap detector.
///
/// # Examples
/// ```
/// use untorn::gomap::Table;
///
/// let mut config = Table::new();
/// config.insert("1", "265".to_string());
/// config.insert("2", "17".to_string());
/// assert_eq!(config.get("1").map(String::as_str), Some("265"));
/// assert_eq!(config.get_or_zero("3"), ""); // Go's `m[k]`: the zero value
/// assert_eq!(config.stats().b, 0); // one bucket
/// ```
///
/// # No method returns `&mut V`
/// As in Go, a value is changed by inserting a new one.
///
/// # Iteration
/// The order is unspecified and starts at a random position, on purpose. A loop may change the
/// table during its own iteration, see [`cursor`](Self::cursor).
///
/// # Growth
/// Entries are in buckets of eight. The table grows above a load factor of 6.5: later writes move
/// two old buckets each. It does not shrink. Lookups and insertions are O(1) on average; a single
/// insertion or removal also moves at most two chains of an old bucket array.
///
/// # Panics
/// `Hash`, `Eq`, `Clone` and `Drop` of keys and values may panic at any call. Nothing is dropped
/// twice, and the table stays usable.
#[doc(alias = "hmap")]
#[doc(alias = "HashMap")]
pub struct Table<K, V, S = FoldHash> {
    /// The number of entries in both arrays. `len` returns this field, as in Go's header.
    pub(super) count: usize,
    pub(super) flags: Flags,
    /// The seed of every hash of this table.
    pub(super) hash0: u64,
    pub(super) buckets: BucketArray<K, V>,
    /// The array from before the growth, while the growth lasts.
    pub(super) oldbuckets: Option<BucketArray<K, V>>,
    /// The number up to which all old buckets are evacuated.
    pub(super) nevacuate: usize,
    /// The slots of the chain being evacuated that move to the upper half. A field to reuse its
    /// memory.
    pub(super) upper: Vec<SlotMask>,
    /// The active cursors. Unset before the first one.
    pub(super) cursors: OnceLock<Box<CursorSet>>,
    pub(super) hasher: S,
    pub(super) nil: bool,
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Returns the hash of `key` with the current seed.
    #[inline(always)]
    pub(super) fn hash_of<Q: Hash + ?Sized>(&self, key: &Q) -> KeyHash {
        KeyHash {
            hash0: self.hash0,
            hash: self.hasher.hash_one(key, self.hash0),
        }
    }

    /// Returns `hash` if its seed is the current one, and otherwise hashes `key` again.
    #[inline(always)]
    pub(super) fn hash_or_rehash<Q: Hash + ?Sized>(&self, key: &Q, hash: Option<KeyHash>) -> u64 {
        match hash {
            Some(made) if made.hash0 == self.hash0 => made.hash,
            _ => self.hash_of(key).hash,
        }
    }
}

impl<K, V, S: Default> Default for Table<K, V, S> {
    /// Creates an empty table with the default hasher.
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for Table<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Key, V: PartialEq, S: SeededBuildHasher> PartialEq for Table<K, V, S> {
    /// Returns whether the tables have equal entries. Seeds and numbers of buckets may differ.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, elem)| other.get(key).is_some_and(|same| elem == same))
    }
}

impl<K: Key, V: Eq, S: SeededBuildHasher> Eq for Table<K, V, S> {}

impl<K: Key, V, S: SeededBuildHasher> Extend<(K, V)> for Table<K, V, S> {
    /// Inserts the entries one by one.
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, elem) in entries {
            self.insert(key, elem);
        }
    }
}

impl<K: Key, V, S: SeededBuildHasher + Default> FromIterator<(K, V)> for Table<K, V, S> {
    /// Creates a table of these entries. The last value of equal keys is stored.
    ///
    /// # Examples
    /// ```
    /// let squares: untorn::gomap::Table<_, _> = (0..10).map(|n| (n, n * n)).collect();
    /// assert_eq!(squares[&9], 81);
    /// ```
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut table = Self::default();
        table.extend(entries);
        table
    }
}

impl<K: Key, V, const N: usize> From<[(K, V); N]> for Table<K, V> {
    /// Creates a table of these entries. The last value of equal keys is stored.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", 265), ("2", 17)]);
    /// assert_eq!(config.len(), 2);
    /// ```
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}
