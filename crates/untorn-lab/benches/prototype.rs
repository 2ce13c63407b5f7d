//! The prototype of the persistent table, beside a plain map and today's `Map`.
//!
//! Reads by a held view, hits only, of keys from a list (*independent*) and of keys that the last
//! value leads to (*dependent*); a commit of one key that is present, and a batch of 1,000 of them;
//! the bytes in use for each entry, without the text of strings. Sizes that say *full* are 0.99 of
//! the entries for which the plain map doubles.
//!
//! `cargo bench -p untorn-lab --bench prototype`, then `-- u64|String`, a size, and one of
//! `reads|one|batch|memory|doubling` to select.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cpu_time::ThreadTime;
use hashbrown::HashMap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::compare::{Comparison, Row};
use untorn_lab::filter::Filter;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, print_header, thousands};
use untorn_lab::prototype::PrototypeMap;

type Plain<K> = HashMap<K, u64, DefaultHashBuilder>;
type Prototype<K> = PrototypeMap<K, u64, DefaultHashBuilder>;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, and the bytes in use. Counted without locked instructions, which would
/// slow the candidates that allocate: right as long as one thread runs.
struct Counting;

fn count(more: usize, less: usize) {
    let before = ALLOCATED.load(Ordering::Relaxed);
    ALLOCATED.store(
        before.wrapping_add(more).wrapping_sub(less),
        Ordering::Relaxed,
    );
}

fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

// SAFETY: each call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) };
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Returns a body for a comparison, which measures processor time: on a shared machine, other
/// processes run meanwhile.
fn timed(mut body: impl FnMut() -> u64) -> impl FnMut() -> (u64, Duration) {
    move || {
        let start = ThreadTime::now();
        let operations = body();
        (operations, start.elapsed())
    }
}

/// Gets in one body.
const READS: usize = 1 << 18;

/// Keys in a batch.
const BATCH: u64 = 1_000;

/// Keys written to the plain map in one body.
const WRITES: u64 = 1 << 16;

/// Commits of one key in one body.
const COMMITS: u64 = 1 << 11;

const SIZES: [(usize, &str); 10] = [
    (16, "16"),
    (400, "400"),
    (1_000, "1000"),
    (10_000, "10000"),
    (56_770, "full-57k"),
    (100_000, "100000"),
    (908_328, "full-908k"),
    (1_000_000, "1000000"),
    (7_266_631, "full-7M"),
    (10_000_000, "10000000"),
];

const PARTS: [&str; 5] = ["reads", "one", "batch", "memory", "doubling"];

fn main() {
    let filter = Filter::from_args(&[&["u64", "String"], &SIZES.map(|(_, label)| label), &PARTS]);
    print_header();
    print_tables::<u64>("u64", &filter, Prototype::of_copies);
    print_tables::<String>("String", &filter, Prototype::of_clones);
}

fn print_tables<K: Linked>(
    kind: &str,
    filter: &Filter,
    new: fn(DefaultHashBuilder) -> Prototype<K>,
) {
    let titles = [
        ("reads", "get, hit, independent keys"),
        ("reads", "get, hit, dependent keys"),
        ("one", "commit of one key"),
        ("batch", "each key of a batch of 1,000"),
        ("memory", "bytes per entry"),
    ];
    let mut tables = titles.map(|(part, title)| {
        let title = format!("{title}, {kind}");
        (part, MarkdownTable::with_times(title))
    });
    for (n, label) in SIZES {
        let wanted = titles.map(|(part, _)| filter.selects(&[kind, label, part]));
        if !wanted.contains(&true) {
            continue;
        }
        let keys = Keys::<K>::new(n);
        // Each has a hash seed of its own, and with few keys the seed decides which collide.
        let instances = ((1 << 14) / n).clamp(1, 32);
        let mut all: Vec<_> = (0..instances).map(|_| Maps::new(&keys, new)).collect();
        for (i, (part, table)) in tables.iter_mut().enumerate() {
            if !filter.selects(&[kind, label, part]) {
                continue;
            }
            match i {
                0 | 1 => table.column(thousands(n), &reads(&keys, &all, i == 1)),
                2 => table.column(thousands(n), &one_key(&keys, &mut all[0])),
                3 => table.column(thousands(n), &batch(&keys, &mut all[0])),
                _ => table.cells(thousands(n), all[0].bytes_per_entry(n)),
            }
        }
    }
    for (_, table) in tables {
        table.print();
    }
    if filter.selects(&[kind, "doubling"]) {
        doubling(kind, new);
    }
}

/// Prints the mean bytes of sixteen sizes within one doubling.
fn doubling<K: Linked>(kind: &str, new: fn(DefaultHashBuilder) -> Prototype<K>) {
    let sizes = (0..16).map(|i| (100_000.0 * (f64::from(i) / 16.0).exp2()) as usize);
    let each = sizes.map(|n| {
        let bytes = Maps::new(&Keys::<K>::new(n), new).bytes;
        bytes.map(|bytes| bytes as f64 / n as f64)
    });
    let each: Vec<[f64; 3]> = each.collect();
    let mean = |i: usize| each.iter().map(|bytes| bytes[i]).sum::<f64>() / each.len() as f64;
    let cells = NAMES.into_iter().zip(0..).map(|(name, i)| {
        let cell = format!("{:.1}; {:.2}", mean(i), mean(i) / mean(0));
        (name.to_string(), cell)
    });
    let mut table = MarkdownTable::new(format!("bytes per entry, {kind}"));
    table.cells("mean of 16 sizes from 100,000 to 200,000", cells);
    table.print();
}

/// A key whose successor is found through a value.
trait Linked: Key {
    /// Returns the value that leads to the key at `index`.
    fn link(keys: &[Self], index: usize) -> u64;

    /// Calls `ask` with the key that `value` leads to.
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

/// A `u64` value cannot hold a string, so a string costs every candidate one more cache miss.
impl Linked for String {
    fn link(_: &[Self], index: usize) -> u64 {
        index as u64
    }

    fn follow<R>(keys: &[Self], value: u64, ask: impl FnOnce(&Self) -> R) -> R {
        ask(&keys[value as usize])
    }
}

struct Keys<K> {
    keys: Vec<K>,
    /// For each key, the value that leads to the next; together they form one cycle.
    links: Vec<u64>,
    lookups: Vec<K>,
    random: RefCell<fastrand::Rng>,
}

impl<K: Linked> Keys<K> {
    fn new(n: usize) -> Self {
        let (keys, mut random) = keys::<K>(n);
        let mut round: Vec<usize> = (0..n).collect();
        random.shuffle(&mut round);
        let mut links = vec![0; n];
        for (i, &from) in round.iter().enumerate() {
            links[from] = K::link(&keys, round[(i + 1) % n]);
        }
        let lookups = (0..READS).map(|_| keys[random.usize(..n)].clone());
        Self {
            lookups: lookups.collect(),
            keys,
            links,
            random: random.into(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = (K, u64)> {
        self.keys.iter().cloned().zip(self.links.iter().copied())
    }

    fn read(&self, dependent: bool, times: usize, mut get: impl FnMut(&K) -> Option<u64>) {
        if dependent {
            let mut value = K::link(&self.keys, 0);
            for _ in 0..times {
                value = K::follow(&self.keys, value, &mut get).expect("every key is there");
            }
            black_box(value);
        } else {
            for key in &self.lookups[..times] {
                black_box(get(key));
            }
        }
    }

    fn any(&self) -> K {
        let i = self.random.borrow_mut().usize(..self.keys.len());
        self.keys[i].clone()
    }

    /// Returns the number of batches in one body.
    fn batches(&self) -> u64 {
        ((1 << 23) / self.keys.len() as u64).clamp(8, 64)
    }
}

struct Maps<K> {
    plain: Plain<K>,
    map: Map<K, u64>,
    prototype: Prototype<K>,
    bytes: [usize; 3],
}

impl<K: Linked> Maps<K> {
    /// Builds all maps from equal entries. The keys are cloned before the bytes are counted.
    fn new(keys: &Keys<K>, new: fn(DefaultHashBuilder) -> Prototype<K>) -> Self {
        let (plain, plain_bytes) = counted(keys, |entries| {
            let mut plain = Plain::default();
            for (key, value) in entries {
                plain.insert(key, value);
            }
            plain
        });
        let (map, map_bytes) = counted(keys, |entries| {
            let map = Map::new();
            map.batch(|batch| {
                for (key, value) in entries {
                    batch.insert(key, value);
                }
            });
            map.reclaim();
            map
        });
        let (prototype, prototype_bytes) = counted(keys, |entries| {
            let mut prototype = new(DefaultHashBuilder::default());
            prototype.batch(|batch| {
                for (key, value) in entries {
                    batch.insert(key, value);
                }
            });
            prototype.reclaim();
            prototype
        });
        Self {
            plain,
            map,
            prototype,
            bytes: [plain_bytes, map_bytes, prototype_bytes],
        }
    }

    fn bytes_per_entry(&self, n: usize) -> Vec<(String, String)> {
        let cells = NAMES.into_iter().zip(self.bytes);
        let cells = cells.map(|(name, bytes)| {
            let (each, ratio) = (bytes as f64 / n as f64, bytes as f64 / self.bytes[0] as f64);
            (name.to_string(), format!("{each:.1}; {ratio:.2}"))
        });
        cells.collect()
    }
}

const NAMES: [&str; 3] = ["hashbrown::HashMap", "Map", "prototype"];

/// Returns a map and the bytes that building it left allocated.
fn counted<K: Linked, M>(
    keys: &Keys<K>,
    build: impl FnOnce(&mut dyn Iterator<Item = (K, u64)>) -> M,
) -> (M, usize) {
    let mut entries: Vec<_> = keys.entries().collect();
    let before = allocated();
    let map = build(&mut entries.drain(..));
    (map, allocated() - before)
}

fn reads<K: Linked>(keys: &Keys<K>, all: &[Maps<K>], dependent: bool) -> Vec<Row> {
    let views: Vec<_> = all.iter().map(|maps| maps.map.pin()).collect();
    let versions: Vec<_> = all.iter().map(|maps| maps.prototype.snapshot()).collect();
    let each = READS / all.len();
    Comparison::new("get")
        .timed_candidate(
            NAMES[0],
            timed(|| {
                for maps in all {
                    keys.read(dependent, each, |key| maps.plain.get(key).copied());
                }
                READS as u64
            }),
        )
        .timed_candidate(
            NAMES[1],
            timed(|| {
                for view in &views {
                    keys.read(dependent, each, |key| view.get(key).copied());
                }
                READS as u64
            }),
        )
        .timed_candidate(
            NAMES[2],
            timed(|| {
                for version in &versions {
                    keys.read(dependent, each, |key| version.get(key).copied());
                }
                READS as u64
            }),
        )
        .run()
}

fn one_key<K: Linked>(keys: &Keys<K>, maps: &mut Maps<K>) -> Vec<Row> {
    let Maps {
        plain,
        map,
        prototype,
        ..
    } = maps;
    Comparison::new("one key")
        .timed_candidate(
            NAMES[0],
            timed(|| {
                for number in 0..WRITES {
                    black_box(plain.insert(keys.any(), number));
                }
                WRITES
            }),
        )
        .timed_candidate(
            NAMES[1],
            timed(|| {
                for number in 0..COMMITS {
                    black_box(map.insert(keys.any(), number));
                }
                COMMITS
            }),
        )
        .timed_candidate(
            NAMES[2],
            timed(|| {
                for number in 0..COMMITS {
                    black_box(prototype.insert(keys.any(), number));
                }
                COMMITS
            }),
        )
        .run()
}

fn batch<K: Linked>(keys: &Keys<K>, maps: &mut Maps<K>) -> Vec<Row> {
    let Maps {
        plain,
        map,
        prototype,
        ..
    } = maps;
    Comparison::new("batch")
        .timed_candidate(
            NAMES[0],
            timed(|| {
                for number in 0..WRITES {
                    black_box(plain.insert(keys.any(), number));
                }
                WRITES
            }),
        )
        .timed_candidate(
            NAMES[1],
            timed(|| {
                for _ in 0..keys.batches() {
                    map.batch(|batch| {
                        for number in 0..BATCH {
                            black_box(batch.insert(keys.any(), number));
                        }
                    });
                }
                keys.batches() * BATCH
            }),
        )
        .timed_candidate(
            NAMES[2],
            timed(|| {
                for _ in 0..keys.batches() {
                    prototype.batch(|batch| {
                        for number in 0..BATCH {
                            black_box(batch.insert(keys.any(), number));
                        }
                    });
                }
                keys.batches() * BATCH
            }),
        )
        .run()
}
