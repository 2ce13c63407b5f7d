//! Writers beside an initializer that takes 100 ms.
//!
//! One thread looks up an absent key, whose initializer sleeps. Another writes present keys at
//! random and without pause, and counts its writes while the initializer runs. Beside each map is
//! the count for as long a time without an initializer.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::compare::{interleave, rounds, spread};
use untorn_lab::keys::keys;
use untorn_lab::markdown::{MarkdownTable, ratio, thousands, times};

const ENTRIES: usize = 10_000;

/// What an initializer takes.
const SLOW: Duration = Duration::from_millis(100);

/// A map with a method that initializes a key.
trait Initialize: Send + Sync + 'static {
    const NAME: &'static str;

    fn of(entries: impl Iterator<Item = (u64, u64)>) -> Self;

    fn insert(&self, key: u64, value: u64);

    /// Returns the value of a key, after computing it if there is none.
    fn initialize(&self, key: u64, f: impl FnOnce() -> u64) -> u64;
}

struct Ours(Map<u64, u64>);

impl Initialize for Ours {
    const NAME: &'static str = "Map, get_or_insert_with";

    fn of(entries: impl Iterator<Item = (u64, u64)>) -> Self {
        Self(entries.collect())
    }

    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    fn initialize(&self, key: u64, f: impl FnOnce() -> u64) -> u64 {
        self.0.get_or_insert_with(key, f)
    }
}

/// The initializer runs while the writer lock is held.
struct Locked(Map<u64, u64>);

impl Initialize for Locked {
    const NAME: &'static str = "Map, update";

    fn of(entries: impl Iterator<Item = (u64, u64)>) -> Self {
        Self(entries.collect())
    }

    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    fn initialize(&self, key: u64, f: impl FnOnce() -> u64) -> u64 {
        let value = self
            .0
            .update(key, |old| Some(old.copied().unwrap_or_else(f)));
        value.expect("the update returned a value")
    }
}

impl Initialize for DashMap<u64, u64, DefaultHashBuilder> {
    const NAME: &'static str = "dashmap, entry().or_insert_with()";

    fn of(entries: impl Iterator<Item = (u64, u64)>) -> Self {
        entries.collect()
    }

    fn insert(&self, key: u64, value: u64) {
        DashMap::insert(self, key, value);
    }

    fn initialize(&self, key: u64, f: impl FnOnce() -> u64) -> u64 {
        *self.entry(key).or_insert_with(f)
    }
}

/// The writes in [`SLOW`], and the nanoseconds of the slowest of them.
struct Writes {
    count: f64,
    slowest: f64,
}

/// Without an initializer, and beside one.
type Sides = [Writes; 2];

type Row = (&'static str, fn(&[u64]) -> Sides, Vec<Sides>);

pub(super) fn print() {
    let (keys, _) = keys::<u64>(ENTRIES + 1);
    let mut rows: [Row; 3] = [
        row::<Ours>(),
        row::<Locked>(),
        row::<DashMap<u64, u64, DefaultHashBuilder>>(),
    ];
    interleave(rounds(), &mut rows, |(_, measure, measured)| {
        measured.push(measure(&keys));
    });
    let mut table = MarkdownTable::new(format!(
        "writes of one of {} keys in {} ms",
        thousands(ENTRIES),
        SLOW.as_millis()
    ));
    type Cell = fn(&[Sides]) -> String;
    let columns: [(&str, Cell); 4] = [
        ("without an initializer", |sides| count(sides, 0)),
        ("beside an initializer", |sides| count(sides, 1)),
        ("ratio", |sides| {
            let [without, beside] = [0, 1].map(|side| sides.iter().map(move |of| of[side].count));
            ratio(spread(
                beside
                    .zip(without)
                    .map(|(beside, without)| beside / without),
            ))
        }),
        ("slowest write beside it", |sides| {
            times(spread(sides.iter().map(|[_, beside]| beside.slowest)))
        }),
    ];
    for (name, cell) in columns {
        let cells = rows.iter();
        table.cells(
            name,
            cells.map(|(name, _, sides)| ((*name).to_owned(), cell(sides))),
        );
    }
    table.print();
}

fn row<M: Initialize>() -> Row {
    (M::NAME, measure::<M>, Vec::new())
}

fn count(sides: &[Sides], side: usize) -> String {
    let counts = sides.iter().map(|of| of[side].count);
    let [median, low, high] = spread(counts).map(|count| thousands(count as usize));
    format!("{median} ({low} to {high})")
}

fn measure<M: Initialize>(keys: &[u64]) -> Sides {
    let (absent, present) = keys.split_first().expect("there are keys");
    let map = Arc::new(M::of(present.iter().copied().zip(0..)));
    let without = beside(&map, present, || thread::sleep(SLOW));
    let with = beside(&map, present, || {
        map.initialize(*absent, || {
            thread::sleep(SLOW);
            265
        });
    });
    [without, with]
}

/// Writes while `work` runs, which takes [`SLOW`]; writes that end after it are not counted, but
/// may be the slowest.
fn beside<M: Initialize>(map: &Arc<M>, keys: &[u64], work: impl FnOnce()) -> Writes {
    let (start, is_over) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut random = fastrand::Rng::with_seed(7);
            let (mut count, mut slowest) = (0_u64, Duration::ZERO);
            start.wait();
            while !is_over.load(Relaxed) {
                let key = keys[random.usize(..keys.len())];
                let began = Instant::now();
                map.insert(key, count);
                slowest = slowest.max(began.elapsed());
                count += u64::from(!is_over.load(Relaxed));
            }
            Writes {
                count: count as f64,
                slowest: slowest.as_nanos() as f64,
            }
        });
        start.wait();
        work();
        is_over.store(true, Relaxed);
        writer.join().expect("no writer panics")
    })
}
