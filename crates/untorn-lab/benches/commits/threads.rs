//! A commit while many threads live that read once a second, and after they have ended.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use untorn_lab::compare::{Comparison, Row};
use untorn_lab::figures::Figures;
use untorn_lab::markdown::{MarkdownTable, thousands, times};
use untorn_lab::shared_maps::{SharedMap, Visit, visit_each};

use super::{Keys, fences, spawn, write_for};

/// Ascending: a map may pay for the most threads that ever lived at once.
const THREADS: [usize; 6] = [0, 1, 8, 64, 1_000, 4_000];

const ENTRIES: usize = 1_000;

/// The duration of one body.
const TIME: Duration = Duration::from_millis(10);

const PAUSE: Duration = Duration::from_secs(1);

/// A map of any kind.
trait AnyMap: Sync {
    fn name(&self) -> &'static str;
    fn read(&self, key: u64);
    /// Returns the number of commits.
    fn write(&self, keys: &Keys) -> u64;
}

/// A map of the kind of its type.
struct Of<M>(M);

impl<M: SharedMap<u64, u64>> AnyMap for Of<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn read(&self, key: u64) {
        black_box(self.0.get(&key));
    }

    fn write(&self, keys: &Keys) -> u64 {
        write_for(&self.0, keys, TIME)
    }
}

/// Creates each map.
struct All<'k>(&'k Keys, Vec<Box<dyn AnyMap>>);

impl Visit<u64, u64> for All<'_> {
    fn visit<M: SharedMap<u64, u64>>(&mut self) {
        self.1.push(Box::new(Of(M::of(self.0.entries()))));
    }
}

pub(super) fn print() {
    let keys = Keys::new(ENTRIES);
    let mut all = All(&keys, Vec::new());
    visit_each(&mut all);
    let All(_, maps) = all;
    let mut living = Series::new("living", "threads live and read all maps once a second");
    let mut ended = Series::new("ended", "threads have read all maps at one time and ended");
    for threads in THREADS {
        living.column(threads, &beside_living(threads, &maps, &keys));
        ended.column(threads, &compare(&maps, &keys));
    }
    living.print();
    ended.print();
}

/// Measures while so many threads live, and returns when they have ended.
fn beside_living(threads: usize, maps: &[Box<dyn AnyMap>], keys: &Keys) -> Vec<Row> {
    let stop = &AtomicBool::new(false);
    let ready = &Barrier::new(threads + 1);
    thread::scope(|scope| {
        let living: Vec<_> = (0..threads)
            .map(|number| {
                spawn(scope, move || {
                    // Spread over the pause, so that they do not run all at once.
                    let mut pause = PAUSE * number as u32 / threads as u32;
                    for (round, key) in keys.random(number as u64).enumerate() {
                        for map in maps {
                            map.read(key);
                        }
                        if round == 0 {
                            ready.wait();
                        }
                        thread::park_timeout(pause);
                        pause = PAUSE;
                        if stop.load(Relaxed) {
                            break;
                        }
                    }
                })
            })
            .collect();
        ready.wait();
        let rows = compare(maps, keys);
        stop.store(true, Relaxed);
        for thread in &living {
            thread.thread().unpark();
        }
        // A scope alone does not wait for the destructors of thread-locals.
        for thread in living {
            thread.join().expect("no reader panics");
        }
        rows
    })
}

fn compare(maps: &[Box<dyn AnyMap>], keys: &Keys) -> Vec<Row> {
    let mut comparison = Comparison::new("commits");
    for map in maps {
        comparison = comparison.candidate(map.name(), || map.write(keys));
    }
    comparison.run()
}

/// A table and its figures.
struct Series(MarkdownTable, Figures);

impl Series {
    fn new(name: &str, state: &str) -> Self {
        let title = format!(
            "one key of {} written, so many {state}{}",
            thousands(ENTRIES),
            fences()
        );
        Self(
            MarkdownTable::new(title),
            Figures::new(format!("commits-{name}")),
        )
    }

    fn column(&mut self, threads: usize, rows: &[Row]) {
        let cells = rows
            .iter()
            .map(|row| (row.name.clone(), times(row.nanoseconds)));
        self.0.cells(thousands(threads), cells);
        self.1.column(threads as f64, rows);
    }

    fn print(&self) {
        self.0.print();
        self.1.write().expect("the target folder is writable");
    }
}
