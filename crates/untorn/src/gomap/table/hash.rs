//! Seeded hashing: `hash0`, the hash function, and the two numbers the table takes from a hash.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

/// Builds hashers that start from a seed which the table chooses, and chooses anew.
///
/// Every Go map hashes with a seed of its own, `hash0`, drawn when the map is made and, since Go 1.16, drawn again
/// when the map becomes empty. [`BuildHasher`] cannot express that, so the table asks this trait instead. Any
/// `BuildHasher` serves through the adapter [`Seeded`].
///
/// Equal seeds must give equal hashes of equal keys, from clones of the value too: a [`GoMap`](crate::GoMap) hashes
/// with a clone of its table's. Where they do not, keys are not found again; nothing worse.
///
/// ```
/// use std::hash::{BuildHasherDefault, DefaultHasher};
/// use untorn::gomap::{Seeded, Table};
///
/// let mut table = Table::with_hasher(Seeded(BuildHasherDefault::<DefaultHasher>::new()));
/// table.insert("1", "265");
/// assert_eq!(table.get("1"), Some(&"265"));
/// ```
pub trait SeededBuildHasher {
    /// The hasher that is built.
    type Hasher: Hasher;

    /// A fresh hasher for one key. Equal seeds must give equal hashes of equal keys.
    fn build_hasher(&self, hash0: u64) -> Self::Hasher;

    /// The hash of one key under the seed `hash0`.
    #[inline]
    fn hash_one<Q: Hash + ?Sized>(&self, key: &Q, hash0: u64) -> u64 {
        let mut hasher = self.build_hasher(hash0);
        key.hash(&mut hasher);
        hasher.finish()
    }
}

/// The default: [foldhash](https://docs.rs/foldhash), quality variant, seeded by `hash0` and by a random
/// number of the process. (A table chooses the bucket by the lowest bits, which the fast variant fills badly: in one process
/// of six it puts keys that count up into a half of the buckets.)
///
/// It resists flooding by keys that were chosen without knowledge of the seeds, not an attacker who can watch
/// hashes or time look-ups; for that use `Seeded(RandomState::new())`, which is `SipHash`.
#[derive(Clone, Copy)]
pub struct FoldHash {
    process: &'static foldhash::SharedSeed,
}

#[cfg(test)]
impl FoldHash {
    /// That of another process.
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
    type Hasher = foldhash::quality::FoldHasher<'static>;

    #[inline(always)]
    fn build_hasher(&self, hash0: u64) -> Self::Hasher {
        foldhash::quality::FoldHasher::with_seed(hash0, self.process)
    }
}

/// Makes a [`SeededBuildHasher`] of any std [`BuildHasher`]: the seed is hashed before the key.
#[derive(Clone, Copy, Debug, Default)]
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

/// A hash together with the seed it was made with, so that a hash made before a reseed is noticed.
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
