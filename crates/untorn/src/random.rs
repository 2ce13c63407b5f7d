//! Random numbers for seeds and random places: rare, so std's own source will do.

#[cfg(not(any(untorn_fuzzing, untorn_shuttle)))]
use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that differs from call to call and from process to process.
#[cfg(not(any(untorn_fuzzing, untorn_shuttle)))]
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// For fuzzers and schedules that are replayed, which must see the same twice: numbers that differ from call to call.
#[cfg(any(untorn_fuzzing, untorn_shuttle))]
mod repeatable {
    use std::cell::Cell;

    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }

    /// Lets the numbers of this thread begin anew.
    #[cfg_attr(
        untorn_shuttle,
        allow(unreachable_pub, dead_code, reason = "public for fuzzers")
    )]
    pub fn repeat_random_numbers() {
        LAST.set(0);
    }

    pub(crate) fn random_u64() -> u64 {
        let last = LAST.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        LAST.set(last);
        let mixed = (last ^ (last >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(any(untorn_fuzzing, untorn_shuttle))]
pub(crate) use self::repeatable::random_u64;
#[cfg(untorn_fuzzing)]
pub use self::repeatable::repeat_random_numbers;
#[cfg(all(test, untorn_shuttle))]
pub(crate) use self::repeatable::repeat_random_numbers;

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
