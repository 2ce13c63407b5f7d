//! The distribution of keys over segments, for integers in steps of a power of two and many seeds
//! of the hash function.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::SharedSeed;
use foldhash::{fast, quality};

use super::{Table, fill};

const KEYS: u64 = 10_000;

/// Seeds for which some step has a segment of more than four times the mean if bits of the hash
/// itself choose the segment: the worst ones among those tried, counting from 0.
const BAD_SEEDS: [u64; 4] = [2254, 2004, 1273, 2546];

/// Returns an empty table with as many segments as one of `entries` entries.
fn grown<K, V>(entries: u64) -> Table<K, V> {
    let mut table = Table::new();
    table.set_segments(entries as usize / fill::<K, V>());
    table
}

/// Returns the entries of the fullest segment as a multiple of the mean, for keys in steps of
/// `1 << step`.
fn fullest<K, V>(table: &Table<K, V>, hasher: &impl BuildHasher, step: u32) -> f64 {
    let mut entries = vec![0_u32; table.segments()];
    for key in 0..KEYS {
        entries[table.place(hasher.hash_one(key << step))] += 1;
    }
    let most = entries.into_iter().max().expect("there is a segment");
    f64::from(most) * table.segments() as f64 / KEYS as f64
}

#[derive(Default)]
struct Worst {
    ratio: f64,
    seed: u64,
    step: u32,
    /// Seeds with a segment of more than four times the mean.
    seeds: Vec<u64>,
}

impl Worst {
    fn note(&mut self, ratio: f64, seed: u64, step: u32) {
        if ratio > self.ratio {
            (self.ratio, self.seed, self.step) = (ratio, seed, step);
        }
        if ratio > 4.0 && self.seeds.last() != Some(&seed) {
            self.seeds.push(seed);
        }
    }

    fn print(&self, what: &str) {
        let (ratio, seed, step) = (self.ratio, self.seed, self.step);
        println!("{what}: at most {ratio:.2} times the mean (seed {seed}, step 2^{step})");
        if !self.seeds.is_empty() {
            println!("  more than 4 times with seeds {:?}", self.seeds);
        }
    }
}

/// Returns the number of seeds to try, from 0 on; `just spread` tries more.
fn seeds() -> u64 {
    let wanted = std::env::var("UNTORN_SPREAD_SEEDS");
    wanted.map_or(60, |seeds| seeds.parse().expect("a number of seeds"))
}

#[test]
#[cfg_attr(miri, ignore = "ninety million hashes, no memory")]
fn no_segment_has_four_times_the_mean() {
    let small: Table<u64, u64> = grown(KEYS);
    let dropping: Table<u64, Box<u64>> = grown(KEYS);
    let mut worst: [Worst; 3] = Default::default();
    // In a static, since the hashers borrow them for `'static`.
    static SHARED: LazyLock<Vec<(u64, SharedSeed)>> = LazyLock::new(|| {
        let seeds = (0..seeds()).chain(BAD_SEEDS);
        seeds
            .map(|seed| (seed, SharedSeed::from_u64(seed)))
            .collect()
    });
    for (seed, shared) in SHARED.iter() {
        let seed = *seed;
        let fast = fast::SeedableRandomState::with_seed(seed, shared);
        let quality = quality::SeedableRandomState::with_seed(seed, shared);
        for step in 0..=48 {
            worst[0].note(fullest(&small, &fast, step), seed, step);
            worst[1].note(fullest(&dropping, &fast, step), seed, step);
            worst[2].note(fullest(&dropping, &quality, step), seed, step);
        }
    }
    let [small, dropping, quality] = worst;
    small.print("fast variant, large segments");
    dropping.print("fast variant, small segments");
    quality.print("quality variant, small segments, to compare");
    for worst in [small, dropping] {
        assert_eq!(worst.seeds, [0; 0], "{:.2} times the mean", worst.ratio);
    }
}

/// Covers a hasher that returns small numbers as they are, and a type whose lowest bits never vary.
#[test]
#[cfg_attr(miri, ignore = "half a million hashes, no memory")]
fn hashes_that_vary_in_few_bits_are_spread() {
    let table: Table<u64, Box<u64>> = grown(KEYS);
    for shift in 0..=50 {
        let mut entries = vec![0_u32; table.segments()];
        for hash in 0..KEYS {
            entries[table.place(hash << shift)] += 1;
        }
        let most = entries.into_iter().max().expect("there is a segment");
        let ratio = f64::from(most) * table.segments() as f64 / KEYS as f64;
        assert!(ratio <= 4.0, "{ratio:.2} for hashes shifted by {shift}");
    }
}
