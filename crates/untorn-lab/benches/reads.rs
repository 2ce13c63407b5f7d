//! The cost of a `get`, compared with a plain map that is not written to.
//!
//! *Independent* keys come from a list, so the processor overlaps their cache misses. With
//! *dependent* keys the next key is available only when the previous value has been read, so the
//! latency of each miss counts.
//!
//! `cargo bench -p untorn-lab --bench reads [-- u64|String 16|… independent|dependent]`
//!
//! Ten million strings take 12 GB, so they must be named: `-- String 10000000`.

use std::hint::black_box;
use std::sync::RwLock;

use arc_swap::{ArcSwap, Cache};
use dashmap::DashMap;
use hashbrown::HashMap;
use scc::Guard;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::compare::{Comparison, Row};
use untorn_lab::figures::Figures;
use untorn_lab::filter::Filter;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, print_header, thousands};

/// Gets in one body.
const READS: usize = 1 << 18;

const SIZES: [(usize, &str); 6] = [
    (16, "16"),
    (1_000, "1000"),
    (10_000, "10000"),
    (100_000, "100000"),
    (1_000_000, "1000000"),
    (10_000_000, "10000000"),
];

fn main() {
    let filter = Filter::from_args(&[
        &["u64", "String"],
        &SIZES.map(|(_, label)| label),
        &["independent", "dependent"],
    ]);
    print_header();
    print_tables::<u64>("u64", &filter);
    print_tables::<String>("String", &filter);
}

fn print_tables<K: Linked>(kind: &str, filter: &Filter) {
    for (order, dependent) in [("independent", false), ("dependent", true)] {
        let mut table = MarkdownTable::new(format!("get, hit, {kind}, {order} keys"));
        let mut figures = Figures::new(format!("get-{kind}-{order}"));
        for (n, label) in SIZES {
            let is_large = n > K::MOST && !filter.names(label);
            if filter.selects(&[kind, label, order]) && !is_large {
                let rows = compare(&Work::<K>::new(n, dependent));
                table.column(thousands(n), &rows);
                figures.column(n as f64, &rows);
            }
        }
        table.print();
        figures.write().expect("the target folder is writable");
    }
}

/// A key whose successor is found through a value.
trait Linked: Key {
    /// The largest size that is measured without being named.
    const MOST: usize;

    /// Returns the value that leads to the key at `index`.
    fn link(keys: &[Self], index: usize) -> u64;

    /// Calls `ask` with the key that `value` leads to.
    fn follow<R>(keys: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R;
}

impl Linked for u64 {
    const MOST: usize = usize::MAX;

    fn link(keys: &[Self], index: usize) -> u64 {
        keys[index]
    }

    fn follow<R>(_: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R {
        ask(&value)
    }
}

/// A `u64` value cannot hold a string, so a string costs every candidate one more cache miss.
impl Linked for String {
    const MOST: usize = 1_000_000;

    fn link(_: &[Self], index: usize) -> u64 {
        index as u64
    }

    fn follow<R>(keys: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R {
        ask(&keys[value as usize])
    }
}

/// The keys to get, in order.
struct Work<K> {
    keys: Vec<K>,
    /// For each key, the value that leads to the next; together they form one cycle.
    links: Vec<u64>,
    lookups: Vec<K>,
    dependent: bool,
}

impl<K: Linked> Work<K> {
    fn new(n: usize, dependent: bool) -> Self {
        let (keys, mut random) = keys::<K>(n);
        let mut round: Vec<usize> = (0..n).collect();
        random.shuffle(&mut round);
        let mut links = vec![0; n];
        for (i, &from) in round.iter().enumerate() {
            links[from] = K::link(&keys, round[(i + 1) % n]);
        }
        let lookups = if dependent { 0 } else { READS };
        let lookups = (0..lookups)
            .map(|_| keys[random.usize(..n)].clone())
            .collect();
        Self {
            keys,
            links,
            lookups,
            dependent,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (K, u64)> {
        self.keys.iter().cloned().zip(self.links.iter().copied())
    }

    fn read(&self, mut get: impl FnMut(&K) -> Option<u64>) -> u64 {
        if self.dependent {
            let mut value = K::link(&self.keys, 0);
            for _ in 0..READS {
                value = K::follow(&self.keys, value, &mut get).expect("every key is there");
            }
            black_box(value);
        } else {
            for key in &self.lookups {
                black_box(get(key));
            }
        }
        READS as u64
    }
}

fn compare<K: Linked>(work: &Work<K>) -> Vec<Row> {
    let plain: HashMap<K, u64, DefaultHashBuilder> = work.entries().collect();
    let swap = ArcSwap::from_pointee(plain.clone());
    let papaya: papaya::HashMap<K, u64, DefaultHashBuilder> = work.entries().collect();
    let dashmap: DashMap<K, u64, DefaultHashBuilder> = work.entries().collect();
    let map: Map<K, u64> = work.entries().collect();
    let std_lock = RwLock::new(plain.clone());
    let lock = parking_lot::RwLock::new(plain.clone());
    let scc: scc::HashMap<K, u64, DefaultHashBuilder> = scc::HashMap::default();
    let index: scc::HashIndex<K, u64, DefaultHashBuilder> = scc::HashIndex::default();
    for (key, value) in work.entries() {
        scc.upsert_sync(key.clone(), value);
        index.entry_sync(key).or_insert(value);
    }
    let (mut cache, pinned, guard) = (Cache::new(&swap), papaya.pin(), Guard::new());
    let (view, mut reader) = (map.pin(), map.reader());
    Comparison::new("get")
        .candidate("hashbrown::HashMap", || {
            work.read(|key| plain.get(key).copied())
        })
        .candidate("Map, one view held", || {
            work.read(|key| view.get(key).copied())
        })
        .candidate("Map, a Reader, latest for each get", || {
            work.read(|key| reader.latest().get(key).copied())
        })
        .candidate("Map, a pin for each get", || {
            work.read(|key| map.pin().get(key).copied())
        })
        .candidate("ArcSwap of a HashMap, a Cache, load for each get", || {
            work.read(|key| cache.load().get(key).copied())
        })
        .candidate("ArcSwap of a HashMap, a load for each get", || {
            work.read(|key| swap.load().get(key).copied())
        })
        .candidate("papaya, one pin held", || {
            work.read(|key| pinned.get(key).copied())
        })
        .candidate("papaya, a pin for each get", || {
            work.read(|key| papaya.pin().get(key).copied())
        })
        .candidate("dashmap", || {
            work.read(|key| dashmap.get(key).map(|value| *value))
        })
        .candidate("scc::HashMap, read_sync", || {
            work.read(|key| scc.read_sync(key, |_, value| *value))
        })
        .candidate("scc::HashIndex, one guard held, peek", || {
            work.read(|key| index.peek(key, &guard).copied())
        })
        .candidate("scc::HashIndex, a guard for each peek", || {
            work.read(|key| index.peek(key, &Guard::new()).copied())
        })
        .candidate("std RwLock of a HashMap, a read lock for each get", || {
            work.read(|key| std_lock.read().expect("not poisoned").get(key).copied())
        })
        .candidate(
            "parking_lot RwLock of a HashMap, a read lock for each get",
            || work.read(|key| lock.read().get(key).copied()),
        )
        .run()
}
