//! `Map` against a plain hashbrown that nobody writes to, and what a commit costs.
//!
//! `cargo bench -p untorn-lab --bench map`

use std::hash::Hash;
use std::hint::black_box;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use hashbrown::HashMap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::contest::Contest;

type Plain<K> = HashMap<K, u64, DefaultHashBuilder>;

const READS: usize = 1 << 18;
const COMMITS: usize = 1 << 10;

fn main() {
    for n in [16, 1_000, 100_000, 1_000_000] {
        reads("u64", n, |number| number);
        reads("String", n, |number| {
            format!("service/region/{number:016x}")
        });
    }
    for n in [1_000, 100_000, 1_000_000] {
        commits("u64", n, |number| number);
        commits("Arc<str>", n, |number| {
            Arc::<str>::from(format!("service/region/{number:016x}"))
        });
        commits("String", n, |number| {
            format!("service/region/{number:016x}")
        });
    }
}

fn keys<K>(n: usize, key: impl Fn(u64) -> K) -> (Vec<K>, fastrand::Rng) {
    let mut random = fastrand::Rng::with_seed(7);
    ((0..n).map(|_| key(random.u64(..))).collect(), random)
}

fn reads<K: Hash + Eq + Clone + Send + Sync>(kind: &str, n: usize, key: impl Fn(u64) -> K) {
    let (keys, mut random) = keys(n, key);
    let asked: Vec<K> = (0..READS)
        .map(|_| keys[random.usize(..n)].clone())
        .collect();
    let entries = || keys.iter().cloned().zip(0..);
    let plain: Plain<K> = entries().collect();
    let map: Map<K, u64> = entries().collect();
    let swap = ArcSwap::from_pointee(plain.clone());
    let (view, mut reader, mut cache) = (map.pin(), map.reader(), Cache::new(&swap));
    Contest::new(format!("get, hit, {kind}, {n} keys"))
        .candidate("hashbrown::HashMap", || {
            for key in &asked {
                black_box(plain.get(key));
            }
            asked.len() as u64
        })
        .candidate("arc_swap::Cache of a HashMap", || {
            for key in &asked {
                black_box(cache.load().get(key));
            }
            asked.len() as u64
        })
        .candidate("Map, one view held", || {
            for key in &asked {
                black_box(view.get(key));
            }
            asked.len() as u64
        })
        .candidate("Map, a reader asked each time", || {
            for key in &asked {
                black_box(reader.latest().get(key));
            }
            asked.len() as u64
        })
        .candidate("Map, a pin for each get", || {
            for key in &asked {
                black_box(map.pin().get(key));
            }
            asked.len() as u64
        })
        .print();
}

fn commits<K: Hash + Eq + Clone + Send + Sync>(kind: &str, n: usize, key: impl Fn(u64) -> K) {
    let (keys, random) = keys(n, key);
    let mut plain: Plain<K> = keys.iter().cloned().zip(0..).collect();
    let map: Map<K, u64> = keys.iter().cloned().zip(0..).collect();
    let random = std::cell::RefCell::new(random);
    let any = || keys[random.borrow_mut().usize(..n)].clone();
    Contest::new(format!("overwrite, {kind}, {n} keys"))
        .candidate("hashbrown::HashMap", || {
            for number in 0..COMMITS {
                black_box(plain.insert(any(), number as u64));
            }
            COMMITS as u64
        })
        .candidate("Map, a commit for each", || {
            for number in 0..COMMITS {
                black_box(map.insert(any(), number as u64));
            }
            COMMITS as u64
        })
        .candidate("Map, one batch", || {
            map.batch(|batch| {
                for number in 0..COMMITS {
                    black_box(batch.insert(any(), number as u64));
                }
            });
            COMMITS as u64
        })
        .print();
}
