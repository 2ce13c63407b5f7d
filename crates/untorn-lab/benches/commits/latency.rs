//! Percentiles of a reader's gets beside a writer at full speed, and of that writer's commits.
//!
//! Each operation is timed by itself, so each figure includes a reading of the clock, whose own
//! percentiles are the first row. A thread that loses its processor shows in the highest
//! percentiles of every row.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use untorn_lab::compare::{interleave, rounds, spread};
use untorn_lab::markdown::{MarkdownTable, thousands, time, times};
use untorn_lab::shared_maps::{SharedMap, Visit, visit_each};

use super::{Keys, fences, spawn};

const ENTRIES: usize = 100_000;

/// The duration of one run.
const TIME: Duration = Duration::from_millis(250);

/// The names of the columns.
const COLUMNS: [&str; 4] = ["p50", "p99", "p99.9", "slowest of a run"];

/// Nanoseconds for each column.
type Percentiles = [f64; COLUMNS.len()];

/// The percentiles of gets, and those of commits.
type Sides = [Percentiles; 2];

/// The name of a row, the function that measures it once, and what it measured.
type Row = (&'static str, fn(&Keys) -> Sides, Vec<Sides>);

struct Rows(Vec<Row>);

impl Visit<u64, u64> for Rows {
    fn visit<M: SharedMap<u64, u64>>(&mut self) {
        self.0.push((M::NAME, measure::<M>, Vec::new()));
    }
}

/// No map: what the clock costs.
struct Nothing;

impl SharedMap<u64, u64> for Nothing {
    const NAME: &'static str = "nothing but the clock";

    fn of(_: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self
    }

    fn get(&self, _: &u64) -> Option<u64> {
        None
    }

    fn insert(&self, _: u64, _: u64) {}

    fn refresh(&self, _: Vec<(u64, u64)>) {}
}

pub(super) fn print() {
    let keys = Keys::new(ENTRIES);
    let mut rows = Rows(Vec::new());
    rows.visit::<Nothing>();
    visit_each(&mut rows);
    let Rows(mut rows) = rows;
    interleave(rounds(), &mut rows, |(_, measure, measured)| {
        measured.push(measure(&keys));
    });
    let titles = [
        "get beside a writer at full speed",
        "commit of one key beside a reader at full speed",
    ];
    for (side, title) in titles.into_iter().enumerate() {
        let title = format!("{title}, {} keys{}", thousands(ENTRIES), fences());
        let mut table = MarkdownTable::new(title);
        let mut column = |name, cell: &dyn Fn(&[Sides]) -> String| {
            let cells = rows.iter();
            table.cells(
                name,
                cells.map(|(name, _, sides)| ((*name).to_string(), cell(sides))),
            );
        };
        for (i, name) in COLUMNS.into_iter().enumerate() {
            column(name, &|rounds| {
                times(spread(rounds.iter().map(|sides| sides[side][i])))
            });
        }
        column("slowest of all", &|rounds| {
            let slowest = rounds.iter().map(|sides| sides[side][COLUMNS.len() - 1]);
            time(slowest.fold(0.0, f64::max))
        });
        table.print();
    }
}

fn measure<M: SharedMap<u64, u64>>(keys: &Keys) -> Sides {
    let map = &M::of(keys.entries());
    let stop = &AtomicBool::new(false);
    let begin = &Barrier::new(2);
    thread::scope(|scope| {
        let reader = spawn(scope, move || {
            begin.wait();
            percentiles(keys.random(0), |key, _| {
                black_box(map.get(&key));
                !stop.load(Relaxed)
            })
        });
        begin.wait();
        let end = Instant::now() + TIME;
        let commits = percentiles(keys.random(265), |key, start| {
            map.insert(key, 265);
            start < end
        });
        stop.store(true, Relaxed);
        [reader.join().expect("no reader panics"), commits]
    })
}

/// Times an operation on each key until it returns false; it gets the time at which it starts.
fn percentiles(
    keys: impl Iterator<Item = u64>,
    mut operation: impl FnMut(u64, Instant) -> bool,
) -> Percentiles {
    // Two digits: an error of at most one percent.
    let mut times = Histogram::<u64>::new(2).expect("two digits are permitted");
    for key in keys {
        let start = Instant::now();
        let goes_on = operation(key, start);
        times += start.elapsed().as_nanos() as u64;
        if !goes_on {
            break;
        }
    }
    let at = |quantile| times.value_at_quantile(quantile) as f64;
    [at(0.5), at(0.99), at(0.999), times.max() as f64]
}
