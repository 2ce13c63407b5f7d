//! Random numbers for seeds, delays and positions. They are drawn rarely, so std's source suffices.

#[cfg(not(any(untorn_fuzzing, untorn_shuttle)))]
use std::hash::{BuildHasher, Hasher, RandomState};

/// Returns a number that differs from call to call and from process to process.
#[cfg(not(any(untorn_fuzzing, untorn_shuttle)))]
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Numbers that differ from call to call but repeat from run to run, for fuzzers and replayed
/// schedules, which must be deterministic.
#[cfg(any(untorn_fuzzing, untorn_shuttle))]
mod repeatable {
    use std::cell::Cell;

    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }

    /// Restarts the sequence of this thread.
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
        super::mixed(last)
    }
}

#[cfg(any(untorn_fuzzing, untorn_shuttle))]
pub(crate) use self::repeatable::random_u64;
#[cfg(untorn_fuzzing)]
pub use self::repeatable::repeat_random_numbers;
#[cfg(all(test, untorn_shuttle))]
pub(crate) use self::repeatable::repeat_random_numbers;

/// Mixes the bits of a number (the finalizer of SplitMix64): each bit of the result depends on all.
pub(crate) fn mixed(n: u64) -> u64 {
    let mixed = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Returns a number from 0 to 1, excluding 1.
pub(crate) fn random_unit_f64() -> f64 {
    unit_f64(random_u64())
}

/// Converts a number to one from 0 to 1, excluding 1.
pub(crate) fn unit_f64(n: u64) -> f64 {
    // 53 bits: the precision of an `f64`.
    (n >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_fractions_are_below_1_and_vary() {
        let fractions: Vec<_> = (0..1_000).map(|_| random_unit_f64()).collect();
        assert!(fractions.iter().all(|n| (0.0..1.0).contains(n)));
        let low = fractions.iter().filter(|&&n| n < 0.5).count();
        assert!((300..700).contains(&low), "{low} of 1,000 below a half");
    }
}
