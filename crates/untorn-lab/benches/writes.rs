//! The cost of a write: publishing one key, and a batch of a thousand keys.
//!
//! The keys are present already and chosen at random. papaya and dashmap have no batch: their keys
//! become visible one by one.
//!
//! `cargo bench -p untorn-lab --bench writes [-- u64|String|Arc<str> 1000|… one|batch]`

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use hashbrown::HashMap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::compare::{Comparison, Row};
use untorn_lab::filter::Filter;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, print_header, thousands};

type Plain<K> = HashMap<K, u64, DefaultHashBuilder>;

/// Keys in a batch.
const BATCH: u64 = 1_000;

/// Keys written by one body of a plain, papaya or dashmap map, where a single write is cheap.
const KEYS: u64 = 1 << 17;

/// Single-key commits to a `Map` in one body.
const COMMITS: u64 = 1 << 12;

/// Entries copied in one body where each write copies all of them; a body makes at least one write.
const COPIED: u64 = 1 << 20;

const SIZES: [(usize, &str); 3] = [(1_000, "1000"), (100_000, "100000"), (1_000_000, "1000000")];

fn main() {
    let filter = Filter::from_args(&[
        &["u64", "String", "Arc<str>"],
        &SIZES.map(|(_, label)| label),
        &["one", "batch"],
    ]);
    print_header();
    print_tables::<u64>("u64", &filter);
    print_tables::<String>("String", &filter);
    print_tables::<Arc<str>>("Arc<str>", &filter);
}

fn print_tables<K: Key>(kind: &str, filter: &Filter) {
    let comparisons: [(&str, &str, Write<K>); 2] = [
        ("one", "overwrite, one key published", one_key),
        ("batch", "overwrite, each key of a batch of 1,000", batch),
    ];
    for (mode, title, compare) in comparisons {
        let mut table = MarkdownTable::with_times(format!("{title}, {kind}"));
        for (n, label) in SIZES {
            if filter.selects(&[kind, label, mode]) {
                table.column(thousands(n), &compare(&Entries::new(n)));
            }
        }
        table.print();
    }
}

type Write<K> = fn(&Entries<K>) -> Vec<Row>;

/// The initial contents of the maps.
struct Entries<K> {
    keys: Vec<K>,
    random: RefCell<fastrand::Rng>,
}

impl<K: Key> Entries<K> {
    fn new(n: usize) -> Self {
        let (keys, random) = keys(n);
        Self {
            keys,
            random: random.into(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.keys.iter().cloned().zip(0..)
    }

    fn any(&self) -> K {
        let i = self.random.borrow_mut().usize(..self.keys.len());
        self.keys[i].clone()
    }

    /// Returns the number of batches written to a `Map` in one body: enough to take a millisecond
    /// or more.
    fn batches(&self) -> u64 {
        ((8 * COPIED) / self.keys.len() as u64).clamp(8, 64)
    }

    /// Returns the number of full copies in one body.
    fn copies(&self) -> u64 {
        (COPIED / self.keys.len() as u64).max(1)
    }
}

fn one_key<K: Key>(entries: &Entries<K>) -> Vec<Row> {
    let mut plain: Plain<K> = entries.iter().collect();
    let swap = ArcSwap::from_pointee(plain.clone());
    let papaya: papaya::HashMap<K, u64, DefaultHashBuilder> = entries.iter().collect();
    let dashmap: DashMap<K, u64, DefaultHashBuilder> = entries.iter().collect();
    let map: Map<K, u64> = entries.iter().collect();
    Comparison::new("one key")
        .candidate("hashbrown::HashMap, insert", || {
            for number in 0..KEYS {
                black_box(plain.insert(entries.any(), number));
            }
            KEYS
        })
        .candidate("Map, insert", || {
            for number in 0..COMMITS {
                black_box(map.insert(entries.any(), number));
            }
            COMMITS
        })
        .candidate("ArcSwap of a HashMap, clone and swap", || {
            for number in 0..entries.copies() {
                let mut copy = Plain::clone(&swap.load());
                copy.insert(entries.any(), number);
                swap.store(copy.into());
            }
            entries.copies()
        })
        .candidate("papaya, insert", || {
            for number in 0..KEYS {
                black_box(papaya.pin().insert(entries.any(), number));
            }
            KEYS
        })
        .candidate("dashmap, insert", || {
            for number in 0..KEYS {
                black_box(dashmap.insert(entries.any(), number));
            }
            KEYS
        })
        .run()
}

fn batch<K: Key>(entries: &Entries<K>) -> Vec<Row> {
    let mut plain: Plain<K> = entries.iter().collect();
    let swap = ArcSwap::from_pointee(plain.clone());
    let papaya: papaya::HashMap<K, u64, DefaultHashBuilder> = entries.iter().collect();
    let dashmap: DashMap<K, u64, DefaultHashBuilder> = entries.iter().collect();
    let map: Map<K, u64> = entries.iter().collect();
    Comparison::new("batch")
        .candidate("hashbrown::HashMap, inserts", || {
            for number in 0..KEYS {
                black_box(plain.insert(entries.any(), number));
            }
            KEYS
        })
        .candidate("Map, one batch", || {
            for _ in 0..entries.batches() {
                map.batch(|batch| {
                    for number in 0..BATCH {
                        black_box(batch.insert(entries.any(), number));
                    }
                });
            }
            entries.batches() * BATCH
        })
        .candidate("ArcSwap of a HashMap, clone and swap", || {
            let batches = entries.copies().min(KEYS / BATCH);
            for _ in 0..batches {
                let mut copy = Plain::clone(&swap.load());
                for number in 0..BATCH {
                    black_box(copy.insert(entries.any(), number));
                }
                swap.store(copy.into());
            }
            batches * BATCH
        })
        .candidate("papaya, inserts under one pin, one by one", || {
            let papaya = papaya.pin();
            for number in 0..KEYS {
                black_box(papaya.insert(entries.any(), number));
            }
            KEYS
        })
        .candidate("dashmap, inserts, one by one", || {
            for number in 0..KEYS {
                black_box(dashmap.insert(entries.any(), number));
            }
            KEYS
        })
        .run()
}
