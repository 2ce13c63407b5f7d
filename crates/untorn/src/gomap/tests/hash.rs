//! The default hash function: the lowest bits select the bucket, so they must be well distributed
//! for all seeds.

use std::sync::LazyLock;

use foldhash::SharedSeed;

use crate::gomap::{FoldHash, SeededBuildHasher};

/// Returns the largest share of one of four buckets, for 4,096 keys at distances of `step`.
fn fullest_of_four(process: &'static SharedSeed, hash0: u64, step: u64) -> f64 {
    const KEYS: u64 = 4096;
    let hasher = FoldHash::seeded(process);
    let mut buckets = [0; 4];
    for key in (0..KEYS).map(|i| i * step) {
        buckets[(hasher.hash_one(&key, hash0) % 4) as usize] += 1;
    }
    f64::from(*buckets.iter().max().expect("four")) / KEYS as f64
}

/// The seeds of 200 processes.
static PROCESSES: LazyLock<Vec<SharedSeed>> =
    LazyLock::new(|| (0..200).map(SharedSeed::from_u64).collect());

#[test]
#[cfg_attr(miri, ignore = "three million hashes, no memory")]
fn keys_that_count_up_fill_all_buckets_under_any_seed() {
    for process in &*PROCESSES {
        for (hash0, step) in [(0, 1), (1 << 40, 1), (0x9e37_79b9_7f4a_7c15, 1), (7, 16)] {
            // A quarter plus nine standard deviations of random hashes.
            let fullest = fullest_of_four(process, hash0, step);
            assert!(fullest < 0.31, "{fullest} in one of four buckets");
        }
    }
}
