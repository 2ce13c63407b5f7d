//! Lookup: Go's `mapaccess1` and its fast variants, branch by branch.
//!
//! `get` and `trace` run this code. It reports each decision to a [`Tracer`], which is `()` for
//! `get` and compiles to nothing.

use std::borrow::Borrow;

use super::Table;
use super::hash::{KeyHash, SeededBuildHasher};
use super::key::{Key, KeyKind};
use super::load_factor::Growth;
use super::trace::{Lookup, Step};
use crate::gomap::raw::bucket::BucketRef;
use crate::gomap::raw::layout::{BUCKET_CNT, MAX_INLINE_SIZE};
use crate::gomap::raw::tophash::tophash;
use crate::gomap::raw::tophash::{EMPTY_REST, is_empty};
use crate::mutants::mutant;

/// The length below which a key is compared with every slot of a one-bucket table. Longer keys are
/// first filtered by their ends.
const SHORT_KEY: usize = 32;

/// A receiver of the steps of a lookup.
pub(in crate::gomap) trait Tracer {
    /// Records one step.
    fn step(&mut self, step: Step);
}

impl Tracer for () {
    #[inline(always)]
    fn step(&mut self, _step: Step) {}
}

impl Tracer for Vec<Step> {
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}

/// The result of the scan of a one-bucket table for a string.
enum Scan<T> {
    Found(T),
    Missing,
    /// Two long keys are candidates, so the lookup has to hash.
    DoHash,
}

/// Returns the lookup function that Go's compiler would select: a fast one only for elems that are
/// stored in place.
const fn kind_of<Q: Key + ?Sized, V>() -> KeyKind {
    if size_of::<V>() > MAX_INLINE_SIZE {
        KeyKind::Generic
    } else {
        Q::KIND
    }
}

/// Returns whether a lookup in a table of 2^b buckets starts by hashing. The one-bucket paths do
/// not.
pub(in crate::gomap) const fn hashes_first<Q: Key + ?Sized, V>(b: u8) -> bool {
    b > 0 || matches!(kind_of::<Q, V>(), KeyKind::Generic)
}

impl<K: Key, V, S: SeededBuildHasher> Table<K, V, S> {
    /// Looks up `key` and returns the branches taken, in the order of Go's source.
    ///
    /// O(1) on average. Allocates the list of steps.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", "265"), ("2", "17")]);
    /// let lookup = config.trace("2");
    /// assert!(lookup.found());
    /// assert_eq!(lookup.hash_calls(), 0); // one bucket and a short string: no hash
    /// println!("{lookup}");
    /// ```
    #[must_use]
    #[doc(alias = "mapaccess1_faststr")]
    pub fn trace<Q>(&self, key: &Q) -> Lookup
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.trace_hashed(key, None)
    }

    /// Traces like [`trace`](Self::trace), given a hash computed earlier.
    pub(crate) fn trace_hashed<Q>(&self, key: &Q, hash: Option<KeyHash>) -> Lookup
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        let mut steps = Vec::new();
        let found = self.lookup(key, hash, &mut steps).is_some();
        Lookup::new(kind_of::<Q, V>(), found, steps)
    }

    /// Looks up `key`, and reports the branches taken to `trace`. `hash` may come from an earlier
    /// seed.
    #[inline(always)]
    pub(in crate::gomap) fn lookup<Q>(
        &self,
        key: &Q,
        hash: Option<KeyHash>,
        trace: &mut impl Tracer,
    ) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        if self.count == 0 {
            trace.step(if self.nil { Step::Nil } else { Step::Empty });
            return None;
        }
        trace.step(Step::NotWriting);
        if self.buckets.mask() == 0 {
            // A table with B = 0 is never growing: the ninth key doubles at once, and one bucket
            // has no overflow.
            let bucket = self.buckets.bucket(0);
            match kind_of::<Q, V>() {
                KeyKind::FastStr => match one_bucket_str(bucket, key, trace) {
                    Scan::Found(entry) => return Some(entry),
                    Scan::Missing => return None,
                    Scan::DoHash => {}
                },
                KeyKind::Fast32 | KeyKind::Fast64 => return one_bucket_word(bucket, key, trace),
                KeyKind::Generic => {}
            }
        }
        self.lookup_hashed(key, hash, trace)
    }

    /// Looks up `key` by its hash: the part of Go's source after `dohash`.
    #[inline(always)]
    fn lookup_hashed<Q>(
        &self,
        key: &Q,
        hash: Option<KeyHash>,
        trace: &mut impl Tracer,
    ) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        let hash = self.hash_or_rehash(key, hash);
        let (low_bits, top) = (hash as usize, tophash(hash));
        let mut bucket = self.buckets.bucket(low_bits);
        trace.step(Step::Hashed {
            hash,
            top,
            bucket: low_bits & self.buckets.mask(),
            b: self.buckets.b(),
        });
        if let Some(old) = &self.oldbuckets {
            // The mask of the old array is one bit shorter, except in a same-size growth.
            let old_bucket = old.bucket(low_bits);
            let evacuated = old_bucket.evacuated();
            trace.step(Step::OldBucket {
                bucket: low_bits & old.mask(),
                same_size: self.growth() == Some(Growth::SameSize),
                evacuated,
            });
            if !evacuated {
                bucket = old_bucket;
            }
        }
        bucket.prefetch_rest();
        loop {
            for full in bucket.matches(top) {
                let equal = keys_equal(full.key().borrow(), key);
                trace.step(Step::Compared {
                    slot: full.index(),
                    equal,
                });
                if equal {
                    return Some((full.key(), full.elem()));
                }
            }
            match bucket.overflow() {
                Some(next) if !bucket.ends_chain() => {
                    trace.step(Step::Overflow);
                    bucket = next;
                }
                _ => return None,
            }
        }
    }
}

/// Returns whether the keys are equal. Strings with one address and length are equal without a
/// comparison of bytes, as in Go.
#[inline(always)]
fn keys_equal<Q: Key + ?Sized>(stored: &Q, key: &Q) -> bool {
    if !matches!(Q::KIND, KeyKind::FastStr) {
        return stored == key;
    }
    let (stored_bytes, key_bytes) = (stored.key_bytes(), key.key_bytes());
    stored_bytes.len() == key_bytes.len()
        && (stored_bytes.as_ptr() == key_bytes.as_ptr() || stored_bytes == key_bytes)
}

/// Looks up a key of four or eight bytes in one bucket: compares every full slot and hashes
/// nothing.
#[inline(always)]
fn one_bucket_word<'t, K, V, Q>(
    bucket: BucketRef<'t, K, V>,
    key: &Q,
    trace: &mut impl Tracer,
) -> Option<(&'t K, &'t V)>
where
    K: Borrow<Q>,
    Q: Key + ?Sized,
{
    trace.step(Step::OneBucketWord);
    for slot in 0..BUCKET_CNT {
        let Some(full) = bucket.full(slot) else {
            trace.step(Step::EmptySlot {
                slot,
                rest: bucket.tophash(slot) == EMPTY_REST,
            });
            if bucket.tophash(slot) == EMPTY_REST {
                break;
            }
            continue;
        };
        let equal = full.key().borrow() == key;
        trace.step(Step::Compared { slot, equal });
        if equal {
            return Some((full.key(), full.elem()));
        }
    }
    None
}

/// Looks up a string in one bucket: the two scans of `mapaccess1_faststr`.
#[inline(always)]
fn one_bucket_str<'t, K, V, Q>(
    bucket: BucketRef<'t, K, V>,
    key: &Q,
    trace: &mut impl Tracer,
) -> Scan<(&'t K, &'t V)>
where
    K: Borrow<Q>,
    Q: Key + ?Sized,
{
    let key = key.key_bytes();
    let short = key.len() < SHORT_KEY;
    trace.step(Step::OneBucketStr {
        len: key.len(),
        short,
    });
    let mut keymaybe = None;
    for slot in 0..BUCKET_CNT {
        if is_empty(bucket.tophash(slot)) {
            let rest = bucket.tophash(slot) == EMPTY_REST;
            trace.step(Step::EmptySlot { slot, rest });
            if rest {
                break;
            }
            continue;
        }
        let Some(full) = bucket.full(slot) else {
            continue;
        };
        let stored = full.key().borrow().key_bytes();
        if stored.len() != key.len() {
            trace.step(Step::LengthDiffers { slot });
            continue;
        }
        if std::ptr::eq(stored.as_ptr(), key.as_ptr()) {
            trace.step(Step::SamePointer { slot });
            return Scan::Found((full.key(), full.elem()));
        }
        if short {
            let equal = stored == key;
            trace.step(Step::BytesCompared { slot, equal });
            if equal {
                return Scan::Found((full.key(), full.elem()));
            }
            continue;
        }
        // In this scan a long key is compared at most once.
        if stored.first_chunk::<4>() != key.first_chunk::<4>() {
            trace.step(Step::FirstFourDiffer { slot });
            continue;
        }
        if stored.last_chunk::<4>() != key.last_chunk::<4>() {
            trace.step(Step::LastFourDiffer { slot });
            continue;
        }
        if keymaybe.is_some() {
            trace.step(Step::SecondCandidate { slot });
            if mutant("second_candidate_is_a_miss") {
                return Scan::Missing;
            }
            return Scan::DoHash;
        }
        trace.step(Step::KeyMaybe { slot });
        keymaybe = Some(full);
    }
    if let Some(full) = keymaybe {
        let equal = full.key().borrow().key_bytes() == key;
        trace.step(Step::KeyMaybeCompared {
            slot: full.index(),
            equal,
        });
        if equal {
            return Scan::Found((full.key(), full.elem()));
        }
    }
    Scan::Missing
}
