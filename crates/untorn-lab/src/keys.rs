//! The keys of the benchmarks.

use std::hash::Hash;
use std::sync::Arc;

/// A key type whose values are made from numbers.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {
    /// Returns the key for a number; different numbers give different keys.
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
        // Without spare capacity, which a formatted string has and a clone has not.
        path(number).into_boxed_str().into_string()
    }
}

impl Key for Arc<str> {
    fn of(number: u64) -> Self {
        path(number).into()
    }
}

/// Returns `n` different keys in random order, equal on each call, and the generator for further
/// draws.
///
/// # Panics
/// Panics if two keys are equal, which 64 random bits rule out in practice.
#[must_use]
pub fn keys<K: Key>(n: usize) -> (Vec<K>, fastrand::Rng) {
    let mut random = fastrand::Rng::with_seed(7);
    let numbers: Vec<u64> = (0..n).map(|_| random.u64(..)).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert!(sorted.is_sorted_by(|one, two| one < two));
    (numbers.into_iter().map(K::of).collect(), random)
}
