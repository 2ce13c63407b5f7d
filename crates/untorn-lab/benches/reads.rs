//! What a get costs, beside a plain map that nobody writes to.
//!
//! *Independent* keys come from a list, so the processor overlaps their misses; with *dependent* keys the next one is
//! known only when the value of the one before has been read, so each miss is waited for.
//!
//! `cargo bench -p untorn-lab --bench reads [-- u64|String 16|… independent|dependent]`

use std::hint::black_box;

use arc_swap::{ArcSwap, Cache};
use dashmap::DashMap;
use hashbrown::HashMap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::contest::{Contest, Row};
use untorn_lab::filter::Filter;
use untorn_lab::keys::{Key, keys};
use untorn_lab::sheet::{Sheet, print_header, thousands};

/// Gets in one body.
const READS: usize = 1 << 18;

const SIZES: [(usize, &str); 5] = [
    (16, "16"),
    (1_000, "1000"),
    (10_000, "10000"),
    (100_000, "100000"),
    (1_000_000, "1000000"),
];

fn main() {
    let filter = Filter::from_args(&[
        &["u64", "String"],
        &SIZES.map(|(_, label)| label),
        &["independent", "dependent"],
    ]);
    print_header();
    sheets::<u64>("u64", &filter);
    sheets::<String>("String", &filter);
}

fn sheets<K: Linked>(kind: &str, filter: &Filter) {
    for (order, dependent) in [("independent", false), ("dependent", true)] {
        let mut sheet = Sheet::new(format!("get, hit, {kind}, {order} keys"));
        for (n, label) in SIZES {
            if filter.takes(&[kind, label, order]) {
                sheet.column(thousands(n), &contest(&Work::<K>::new(n, dependent)));
            }
        }
        sheet.print();
    }
}

/// A key that is found by the value of another.
trait Linked: Key {
    /// The value that leads to the key at `index`.
    fn link(keys: &[Self], index: usize) -> u64;

    /// Asks for the key that `value` leads to.
    fn follow<R>(keys: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R;
}

impl Linked for u64 {
    fn link(keys: &[Self], index: usize) -> u64 {
        keys[index]
    }

    fn follow<R>(_: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R {
        ask(&value)
    }
}

/// A string is not what a `u64` value holds, so it is one more miss away, in every candidate.
impl Linked for String {
    fn link(_: &[Self], index: usize) -> u64 {
        index as u64
    }

    fn follow<R>(keys: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R {
        ask(&keys[value as usize])
    }
}

/// Which keys to get, in which order.
struct Work<K> {
    keys: Vec<K>,
    /// Of each key: what leads to the next. All of them are one round.
    links: Vec<u64>,
    asked: Vec<K>,
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
        let asked = if dependent { 0 } else { READS };
        let asked = (0..asked)
            .map(|_| keys[random.usize(..n)].clone())
            .collect();
        Self {
            keys,
            links,
            asked,
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
            for key in &self.asked {
                black_box(get(key));
            }
        }
        READS as u64
    }
}

fn contest<K: Linked>(work: &Work<K>) -> Vec<Row> {
    let plain: HashMap<K, u64, DefaultHashBuilder> = work.entries().collect();
    let swap = ArcSwap::from_pointee(plain.clone());
    let papaya: papaya::HashMap<K, u64, DefaultHashBuilder> = work.entries().collect();
    let dashmap: DashMap<K, u64, DefaultHashBuilder> = work.entries().collect();
    let map: Map<K, u64> = work.entries().collect();
    let (mut cache, pinned) = (Cache::new(&swap), papaya.pin());
    let (view, mut reader) = (map.pin(), map.reader());
    Contest::new("get")
        .candidate("hashbrown::HashMap", || {
            work.read(|key| plain.get(key).copied())
        })
        .candidate("Map, one view held", || {
            work.read(|key| view.get(key).copied())
        })
        .candidate("Map, a reader asked each time", || {
            work.read(|key| reader.latest().get(key).copied())
        })
        .candidate("Map, a pin for each get", || {
            work.read(|key| map.pin().get(key).copied())
        })
        .candidate("ArcSwap of a HashMap, a Cache asked each time", || {
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
        .run()
}
