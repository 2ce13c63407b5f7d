//! Random numbers for seeds and random places: rare, so std's own source will do.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that differs from call to call and from process to process.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number from 0 to 1, 1 not included.
pub(crate) fn random_share() -> f64 {
    // As many bits as an `f64` has.
    (random_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_from_0_to_1_and_differ() {
        let shares: Vec<_> = (0..1_000).map(|_| random_share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        let low = shares.iter().filter(|&&share| share < 0.5).count();
        assert!((300..700).contains(&low), "{low} of 1,000 below a half");
    }
}
