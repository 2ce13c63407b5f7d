//! Bytes per entry.
//!
//! A table that doubles has twice as many bytes per entry just after it has grown as just before,
//! so the sizes are spread over one doubling. Keys are created before the count begins and are
//! moved in: for a string only the inline bytes count.

use dashmap::DashMap;
use hashbrown::HashMap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, thousands};

use super::ALLOCATED;

/// The smallest size.
const FEWEST: usize = 100_000;

/// Sizes within one doubling.
const SIZES: u32 = 16;

/// Returns the bytes that `build` allocates and retains, without the keys, which exist before.
fn bytes<K: Key, M>(n: usize, build: impl FnOnce(&mut dyn Iterator<Item = (K, u64)>) -> M) -> f64 {
    let (mut keys, _) = keys::<K>(n);
    let before = ALLOCATED.current_usage();
    let map = build(&mut keys.drain(..).zip(0..));
    let after = ALLOCATED.current_usage();
    drop(map);
    after as f64 - before as f64
}

/// Builds a map of the given size and returns its bytes.
type Build = fn(usize) -> f64;

pub(super) fn print<K: Key>(kind: &str) {
    let candidates: [(&str, Build); 5] = [
        ("hashbrown::HashMap", |n| {
            bytes::<K, _>(n, |entries| {
                let mut map = HashMap::with_hasher(DefaultHashBuilder::default());
                for (key, value) in entries {
                    map.insert(key, value);
                }
                map
            })
        }),
        ("Map, one batch", |n| {
            bytes::<K, _>(n, |entries| {
                let map: Map<K, u64> = Map::new();
                map.batch(|batch| {
                    for (key, value) in entries {
                        batch.insert(key, value);
                    }
                });
                map.reclaim();
                map
            })
        }),
        ("Map, a commit for each key", |n| {
            bytes::<K, _>(n, |entries| {
                let map: Map<K, u64> = Map::new();
                for (key, value) in entries {
                    map.insert(key, value);
                }
                map.reclaim();
                map
            })
        }),
        ("papaya", |n| {
            bytes::<K, _>(n, |entries| {
                let map = papaya::HashMap::with_hasher(DefaultHashBuilder::default());
                for (key, value) in entries {
                    map.pin().insert(key, value);
                }
                map
            })
        }),
        ("dashmap", |n| {
            bytes::<K, _>(n, |entries| {
                let map = DashMap::with_hasher(DefaultHashBuilder::default());
                for (key, value) in entries {
                    map.insert(key, value);
                }
                map
            })
        }),
    ];
    let sizes: Vec<usize> = (0..SIZES)
        .map(|i| (FEWEST as f64 * (f64::from(i) / f64::from(SIZES)).exp2()) as usize)
        .collect();
    let measured: Vec<(&str, [f64; 3])> = candidates
        .into_iter()
        .map(|(name, build)| {
            let each: Vec<f64> = sizes.iter().map(|&n| build(n) / n as f64).collect();
            let mean = each.iter().sum::<f64>() / each.len() as f64;
            let least = each.iter().copied().fold(f64::INFINITY, f64::min);
            let most = each.iter().copied().fold(0.0, f64::max);
            (name, [mean, least, most])
        })
        .collect();
    let (_, [plain, ..]) = measured[0];
    let mut table = MarkdownTable::new(format!(
        "bytes per entry, {kind} to u64, {} sizes from {} to {}",
        sizes.len(),
        thousands(FEWEST),
        thousands(2 * FEWEST)
    ));
    let cell = |figures: fn([f64; 3], f64) -> String| {
        let cells = measured.iter();
        let cells = cells.map(move |(name, all)| (name.to_string(), figures(*all, plain)));
        cells.collect::<Vec<_>>()
    };
    table.cells("mean", cell(|[mean, ..], _| format!("{mean:.1}")));
    table.cells("least", cell(|[_, least, _], _| format!("{least:.1}")));
    table.cells("most", cell(|[.., most], _| format!("{most:.1}")));
    table.cells(
        "ratio of means",
        cell(|[mean, ..], plain| format!("{:.2}", mean / plain)),
    );
    table.print();
}
