//! Go's table, for one thread. Safe code; its memory is in `../raw/`.
//!
//! | file | in Go | what |
//! |---|---|---|
//! | `mod.rs` | `hmap` | the header, constructors, `get` |
//! | `lookup.rs`, `trace.rs` | `mapaccess1`, `_fast32`, `_fast64`, `_faststr` | look-ups, branch by branch |
//! | `assign.rs`, `delete.rs` | `mapassign`, `mapdelete`, `mapclear` | writes |
//! | `retain.rs` | `maps.DeleteFunc` | removing many entries |
//! | `load_factor.rs`, `grow.rs` | `hashGrow`, `growWork`, `evacuate` | growth |
//! | `cursor.rs`, `cursors.rs`, `arrays.rs` | `mapiterinit`, `mapiternext` | `range`: iterating while the table changes |
//! | `iter.rs` | | iterating over a borrowed table |
//! | `hash.rs`, `key.rs`, `float.rs` | `alg.hash`, `hash0`, `f64hash` | hashing, kinds of keys |
//! | `clone.rs`, `convert.rs` | `mapclone2` | copies and conversions |
//! | `flags.rs`, `stats.rs`, `inspect.rs`, `invariants.rs` | `hmap.flags` | the state of a table, to look at |

mod arrays;
pub(super) mod assign;
mod clone;
mod convert;
pub(super) mod cursor;
mod cursors;
mod delete;
pub(super) mod flags;
pub(super) mod float;
mod grow;
pub(super) mod hash;
pub(super) mod inspect;
mod invariants;
pub(super) mod iter;
pub(super) mod key;
pub(super) mod load_factor;
pub(super) mod lookup;
pub(super) mod retain;
pub(super) mod stats;
pub(super) mod trace;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::ops::Index;
use std::sync::OnceLock;

use self::cursors::CursorSet;
use self::flags::Flags;
use self::hash::{FoldHash, KeyHash, SeededBuildHasher};
use self::key::Key;
use self::load_factor::{Growth, over_load_factor};
use self::stats::Stats;
use crate::gomap::raw::array::BucketArray;
use crate::gomap::raw::slot_mask::SlotMask;
use crate::random::random_u64;

/// Go's classic map (Go 1.13 to 1.23) as a single-threaded table: reads borrow it, writes borrow it mutably.
///
/// BucketArray of eight, load factor 6.5, growth that is carried out two old buckets at a time by the writes that
/// follow, no shrinking. [`GoMap`](crate::GoMap) is this table behind the overlap gate; by itself it is for those
/// who want Go's behaviour without Go's rule.
///
/// As in Go, a value is changed by inserting it anew: nothing hands out `&mut V`; and a loop may change the table that it
/// goes over, see [`walk`](Self::walk). Look-ups and inserts are O(1) on average; a single insert or remove also moves at most two chains of an old
/// bucket array. Iteration order is unspecified and starts at a random place, on purpose.
///
/// # Panics in keys and elems
/// `Hash`, `Eq`, `Clone` and `Drop` may panic at any call: nothing is dropped twice, and the table stays usable.
///
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
pub struct Table<K, V, S = FoldHash> {
    /// Entries in both arrays. Must be what `len` reads, as in Go's header.
    pub(super) count: usize,
    pub(super) flags: Flags,
    /// The seed of every hash of this table.
    pub(super) hash0: u64,
    pub(super) buckets: BucketArray<K, V>,
    /// The array of before the growth, while it is carried out.
    pub(super) oldbuckets: Option<BucketArray<K, V>>,
    /// Every old bucket below this one is evacuated.
    pub(super) nevacuate: usize,
    /// Which entries of the chain being evacuated go to the upper half; kept for its memory.
    pub(super) upper: Vec<SlotMask>,
    /// The walks under way; none before the first.
    pub(super) cursors: OnceLock<Box<CursorSet>>,
    pub(super) hasher: S,
    pub(super) nil: bool,
}

impl<K, V> Table<K, V> {
    /// An empty table. Nothing is allocated before the first write.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(FoldHash::default())
    }

    /// An empty table with room for `hint` entries before it grows: Go's `make(map[K]V, hint)`.
    ///
    /// An absurd hint is ignored, as in Go, not refused: one with which a bucket for each entry would take more than 2^48
    /// bytes.
    #[must_use]
    pub fn with_hint(hint: usize) -> Self {
        Self::with_hint_and_hasher(hint, FoldHash::default())
    }

    /// Go's nil map: reads find it empty, `remove` and `clear` do nothing, `insert` panics.
    ///
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
    /// An empty table that hashes with `hasher` and a random seed.
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::with_hint_and_hasher(0, hasher)
    }

    /// An empty table with room for `hint` entries that hashes with `hasher` and a random seed.
    #[must_use]
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

    /// Number of entries.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no entry.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether this is Go's nil map.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.nil
    }

    /// The hasher.
    pub fn hasher(&self) -> &S {
        &self.hasher
    }

    /// The header of the table: what Go keeps in `hmap`. O(1).
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            count: self.count,
            b: self.buckets.b(),
            flags: self.flags.get(),
            buckets: if self.buckets.is_allocated() {
                self.buckets.count()
            } else {
                0
            },
            oldbuckets: self.oldbuckets.as_ref().map_or(0, BucketArray::count),
            noverflow: self.buckets.noverflow(),
            overflow: self.buckets.overflow_taken()
                + self
                    .oldbuckets
                    .as_ref()
                    .map_or(0, BucketArray::overflow_taken),
            nevacuate: self.nevacuate,
            growth: self.growth(),
        }
    }

    /// What kind of growth is being carried out.
    pub(super) fn growth(&self) -> Option<Growth> {
        self.oldbuckets.as_ref().map(|old| {
            if old.count() == self.buckets.count() {
                Growth::SameSize
            } else {
                Growth::Doubling
            }
        })
    }
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// The hash of `key` under the present seed.
    #[inline(always)]
    pub(super) fn hash_of<Q: Hash + ?Sized>(&self, key: &Q) -> KeyHash {
        KeyHash {
            hash0: self.hash0,
            hash: self.hasher.hash_one(key, self.hash0),
        }
    }

    /// `hash` if it was made with the present seed, else a new one.
    #[inline(always)]
    pub(super) fn hash_or_rehash<Q: Hash + ?Sized>(&self, key: &Q, hash: Option<KeyHash>) -> u64 {
        match hash {
            Some(made) if made.hash0 == self.hash0 => made.hash,
            _ => self.hash_of(key).hash,
        }
    }

    /// The value of `key`: Go's `v, ok := m[k]`. O(1) on average.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.get_key_value(key).map(|(_, elem)| elem)
    }

    /// The stored key that equals `key`, and its value. O(1) on average.
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.lookup(key, None, &mut ())
    }

    /// Whether `key` has a value. O(1) on average.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.get_key_value(key).is_some()
    }

    /// The value of `key`, or the zero value: Go's `m[k]`. Rust's zero value of a type is its [`Default`]. O(1) on
    /// average.
    #[inline]
    pub fn get_or_zero<Q>(&self, key: &Q) -> V
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
        V: Clone + Default,
    {
        self.get(key).cloned().unwrap_or_default()
    }
}

impl<K, V, S, Q> Index<&Q> for Table<K, V, S>
where
    K: Key + Borrow<Q>,
    Q: Key + ?Sized,
    S: SeededBuildHasher,
{
    type Output = V;

    /// # Panics
    /// If `key` has no value. Go's `m[k]`, which does not, is [`get_or_zero`](Table::get_or_zero).
    ///
    /// ```
    /// let limits = untorn::gomap::Table::from([("low", 10), ("high", 20)]);
    /// assert_eq!(limits["low"]..limits["high"], 10..20);
    /// ```
    #[track_caller]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry for this key")
    }
}

impl<K, V, S: Default> Default for Table<K, V, S> {
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
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, elem)| other.get(key).is_some_and(|same| elem == same))
    }
}

impl<K: Key, V: Eq, S: SeededBuildHasher> Eq for Table<K, V, S> {}

impl<K: Key, V, S: SeededBuildHasher> Extend<(K, V)> for Table<K, V, S> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, elem) in entries {
            self.insert(key, elem);
        }
    }
}

impl<K: Key, V, S: SeededBuildHasher + Default> FromIterator<(K, V)> for Table<K, V, S> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut table = Self::default();
        table.extend(entries);
        table
    }
}

impl<K: Key, V, const N: usize> From<[(K, V); N]> for Table<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}
