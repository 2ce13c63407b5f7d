//! The keys that the benchmarks use.

use std::hash::Hash;
use std::sync::Arc;

/// A kind of key, made from numbers.
pub trait Key: Hash + Eq + Clone + Send + Sync {
    /// The key of a number; different numbers, different keys.
    fn of(number: u64) -> Self;
}

impl Key for u64 {
    fn of(number: u64) -> Self {
        number
    }
}

fn path(number: u64) -> String {
    format!("service/region/{number:016x}")
}

impl Key for String {
    fn of(number: u64) -> Self {
        // Without the spare room of a formatted one, as clones are.
        path(number).into_boxed_str().into_string()
    }
}

impl Key for Arc<str> {
    fn of(number: u64) -> Self {
        path(number).into()
    }
}

/// `n` different keys in random order, the same each time; and the generator, to go on with.
///
/// # Panics
/// If two of them are alike, which 64 random bits are not.
#[must_use]
pub fn keys<K: Key>(n: usize) -> (Vec<K>, fastrand::Rng) {
    let mut random = fastrand::Rng::with_seed(7);
    let numbers: Vec<u64> = (0..n).map(|_| random.u64(..)).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert!(sorted.is_sorted_by(|one, two| one < two));
    (numbers.into_iter().map(K::of).collect(), random)
}
