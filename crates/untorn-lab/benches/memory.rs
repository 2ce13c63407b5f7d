//! Bytes per entry, measured by counting allocations; no times.
//!
//! A table that doubles has twice as many bytes per entry just after it has grown as just before,
//! so the sizes are spread over one doubling. Keys are created before the count begins and are
//! moved in: for a string only the inline bytes count.
//!
//! `cargo bench -p untorn-lab --bench memory [-- u64|String entries|retained]`

use dashmap::DashMap;
use hashbrown::HashMap;
use peak_alloc::PeakAlloc;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::filter::Filter;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, thousands};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The smallest size.
const FEWEST: usize = 100_000;

/// Sizes within one doubling.
const SIZES: u32 = 16;

fn main() {
    let filter = Filter::from_args(&[&["u64", "String"], &["entries", "retained"]]);
    print_tables::<u64>("u64", &filter);
    print_tables::<String>("String", &filter);
}

fn print_tables<K: Key>(kind: &str, filter: &Filter) {
    if filter.selects(&[kind, "entries"]) {
        entries::<K>(kind);
    }
    if filter.selects(&[kind, "retained"]) {
        retained::<K>(kind);
    }
}

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

fn entries<K: Key>(kind: &str) {
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

/// Prints the bytes retained while an old snapshot is held and writes continue.
fn retained<K: Key>(kind: &str) {
    let mut table = MarkdownTable::new(format!(
        "Map of {} entries, {kind} to u64, one old snapshot held",
        thousands(FEWEST)
    ));
    for commits in [1_000, 10_000, 100_000] {
        let (keys, mut random) = keys::<K>(FEWEST);
        let map: Map<K, u64> = keys.iter().cloned().zip(0..).collect();
        let alone = ALLOCATED.current_usage();
        let snapshot = map.snapshot();
        for number in 0..commits {
            let key = keys[random.usize(..FEWEST)].clone();
            map.insert(key, number);
        }
        map.reclaim();
        let (held, kept) = (ALLOCATED.current_usage(), map.retained());
        drop(snapshot);
        map.reclaim();
        let released = ALLOCATED.current_usage();
        let more = |usage: usize| {
            let more = (usage as f64 - alone as f64) / FEWEST as f64;
            format!("{more:+.1} bytes per entry")
        };
        table.cells(
            format!("after {} commits", thousands(commits as usize)),
            [
                ("versions retained", kept.to_string()),
                ("while it is held", more(held)),
                ("after drop and reclaim", more(released)),
            ]
            .map(|(name, cell)| (name.to_string(), cell)),
        );
    }
    table.print();
}
