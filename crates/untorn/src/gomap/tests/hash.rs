//! The default hash function: the lowest bits choose the bucket, so they must be good whatever the seeds are.

use std::sync::LazyLock;

use foldhash::SharedSeed;

use crate::gomap::{FoldHash, SeededBuildHasher};

/// The largest share that one of four buckets has of 4,096 keys that count up by `step`.
fn fullest_of_four(process: &'static SharedSeed, hash0: u64, step: u64) -> f64 {
    const KEYS: u64 = 4096;
    let hasher = FoldHash::seeded(process);
    let mut buckets = [0; 4];
    for key in (0..KEYS).map(|i| i * step) {
        buckets[(hasher.hash_one(&key, hash0) % 4) as usize] += 1;
    }
    f64::from(*buckets.iter().max().expect("four")) / KEYS as f64
}

/// The seeds of so many processes.
static PROCESSES: LazyLock<Vec<SharedSeed>> =
    LazyLock::new(|| (0..200).map(SharedSeed::from_u64).collect());

#[test]
fn keys_that_count_up_fill_all_buckets_under_any_seed() {
    for process in &*PROCESSES {
        for (hash0, step) in [(0, 1), (1 << 40, 1), (0x9e37_79b9_7f4a_7c15, 1), (7, 16)] {
            // A quarter, and nine times the spread that chance has.
            let fullest = fullest_of_four(process, hash0, step);
            assert!(fullest < 0.31, "{fullest} in one of four buckets");
        }
    }
}
