//! Seeded hashing: `hash0`, the hash function, and a hash with its seed.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

use crate::hash::FoldHasher;

/// A hasher factory whose seed is set, and reset, by the table.
///
/// Every Go map hashes with its own seed, `hash0`, drawn at its creation and, since Go 1.16, drawn
/// again when the map becomes empty. [`BuildHasher`] has no such parameter, so the table uses this
/// trait. The adapter [`Seeded`] makes any `BuildHasher` usable.
///
/// Equal seeds must produce equal hashes of equal keys, also from clones of the factory: a
/// [`GoMap`](crate::GoMap) hashes with a clone of its table's. If they do not, lookups miss
/// existing keys, but memory safety is unaffected.
///
/// # Examples
/// ```
/// use std::hash::{BuildHasherDefault, DefaultHasher};
/// use untorn::gomap::{Seeded, Table};
///
/// let mut table = Table::with_hasher(Seeded(BuildHasherDefault::<DefaultHasher>::new()));
/// table.insert("1", "265");
/// assert_eq!(table.get("1"), Some(&"265"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hasher factory that takes a seed",
    label = "not a `gomap::SeededBuildHasher`",
    note = "wrap a `BuildHasher` in `untorn::gomap::Seeded`"
)]
pub trait SeededBuildHasher {
    /// The type of the hashers.
    type Hasher: Hasher;

    /// Returns a new hasher for one key. Equal seeds must produce equal hashes of equal keys.
    ///
    /// # Examples
    /// ```
    /// use std::hash::{BuildHasher, Hasher, RandomState};
    /// use untorn::gomap::SeededBuildHasher;
    ///
    /// #[derive(Clone)]
    /// struct SipHash(RandomState);
    ///
    /// impl SeededBuildHasher for SipHash {
    ///     type Hasher = std::hash::DefaultHasher;
    ///
    ///     fn build_hasher(&self, hash0: u64) -> Self::Hasher {
    ///         let mut hasher = self.0.build_hasher();
    ///         hasher.write_u64(hash0);
    ///         hasher
    ///     }
    /// }
    /// ```
    fn build_hasher(&self, hash0: u64) -> Self::Hasher;

    /// Returns the hash of `key` with the seed `hash0`.
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::{FoldHash, SeededBuildHasher};
    ///
    /// let hasher = FoldHash::default();
    /// assert_eq!(hasher.hash_one("1", 7), hasher.hash_one("1", 7));
    /// ```
    #[inline]
    fn hash_one<Q: Hash + ?Sized>(&self, key: &Q, hash0: u64) -> u64 {
        let mut hasher = self.build_hasher(hash0);
        key.hash(&mut hasher);
        hasher.finish()
    }
}

/// The default hasher factory: [foldhash](https://docs.rs/foldhash), quality variant, seeded by
/// `hash0` and by a random number of the process.
///
/// A table selects the bucket by the lowest bits, which the fast variant distributes badly: in one
/// process of six it puts consecutive keys into half of the buckets.
///
/// It resists flooding by keys that were chosen without knowledge of the seeds. It does not resist
/// an attacker who can observe hashes or measure the time of lookups; for that, use
/// `Seeded(RandomState::new())`, which is `SipHash`.
///
/// # Examples
/// ```
/// use untorn::gomap::{FoldHash, Table};
///
/// let table: Table<&str, u32, FoldHash> = Table::with_hasher(FoldHash::default());
/// assert!(table.is_empty());
/// ```
#[derive(Clone)]
pub struct FoldHash {
    process: &'static foldhash::SharedSeed,
}

#[cfg(test)]
impl FoldHash {
    /// Returns the factory that a process with this seed would have.
    pub(in crate::gomap) fn seeded(process: &'static foldhash::SharedSeed) -> Self {
        Self { process }
    }
}

impl Default for FoldHash {
    fn default() -> Self {
        Self {
            process: foldhash::SharedSeed::global_random(),
        }
    }
}

impl fmt::Debug for FoldHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoldHash")
    }
}

impl SeededBuildHasher for FoldHash {
    type Hasher = FoldHasher;

    #[inline(always)]
    fn build_hasher(&self, hash0: u64) -> FoldHasher {
        FoldHasher(foldhash::quality::FoldHasher::with_seed(
            hash0,
            self.process,
        ))
    }
}

/// An adapter that turns any std [`BuildHasher`] into a [`SeededBuildHasher`] by hashing the seed
/// before the key.
///
/// # Examples
/// ```
/// use std::hash::RandomState;
/// use untorn::gomap::{Seeded, Table};
///
/// let mut table = Table::with_hasher(Seeded(RandomState::new()));
/// table.insert("1", "265");
/// assert_eq!(table.get("1"), Some(&"265"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Seeded<S>(pub S);

impl<S: BuildHasher> SeededBuildHasher for Seeded<S> {
    type Hasher = S::Hasher;

    #[inline]
    fn build_hasher(&self, hash0: u64) -> S::Hasher {
        let mut hasher = self.0.build_hasher();
        hasher.write_u64(hash0);
        hasher
    }
}

/// A hash with its seed, so that a hash from before a reseed is detected.
#[derive(Clone, Copy)]
pub(crate) struct KeyHash {
    pub(crate) hash0: u64,
    pub(crate) hash: u64,
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.hash)
    }
}
