//! The processor time of a writer, alone and beside a reader that reads without pause.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use cpu_time::ThreadTime;
use untorn_lab::compare::Comparison;
use untorn_lab::markdown::{MarkdownTable, ratio, thousands, times};
use untorn_lab::shared_maps::{SharedMap, Visit, visit_each};

use super::{Keys, fences, spawn, write_for};

const SIZES: [usize; 2] = [1_000, 100_000];

/// The duration of one body.
const TIME: Duration = Duration::from_millis(50);

pub(super) fn print() {
    for n in SIZES {
        let keys = Keys::new(n);
        let mut table = MarkdownTable::new(format!(
            "one key of {} written, processor time of the writer{}",
            thousands(n),
            fences()
        ));
        let mut rows = Rows(&keys, Vec::new());
        visit_each(&mut rows);
        let columns = ["alone", "beside one reader", "ratio"];
        for (i, column) in columns.into_iter().enumerate() {
            let cells = rows
                .1
                .iter()
                .map(|(name, cells)| ((*name).into(), cells[i].clone()));
            table.cells(column, cells);
        }
        table.print();
    }
}

/// The rows of a table: names and cells.
struct Rows<'k>(&'k Keys, Vec<(&'static str, [String; 3])>);

impl Visit<u64, u64> for Rows<'_> {
    fn visit<M: SharedMap<u64, u64>>(&mut self) {
        let Self(keys, rows) = self;
        let map = M::of(keys.entries());
        let write = || {
            let start = ThreadTime::now();
            let commits = write_for(&map, keys, TIME);
            (commits, start.elapsed())
        };
        let compared = Comparison::new("processor time")
            .timed_candidate("alone", write)
            .timed_candidate("beside one reader", || beside_a_reader(&map, keys, write))
            .run();
        let [alone, beside] = compared.as_slice() else {
            unreachable!("two candidates give two rows");
        };
        let cells = [
            times(alone.nanoseconds),
            times(beside.nanoseconds),
            ratio(beside.ratio),
        ];
        rows.push((M::NAME, cells));
    }
}

/// Runs `write` while another thread reads keys without pause, each by a pin or lock of its own.
fn beside_a_reader<M: SharedMap<u64, u64>>(
    map: &M,
    keys: &Keys,
    write: impl FnOnce() -> (u64, Duration),
) -> (u64, Duration) {
    let stop = &AtomicBool::new(false);
    let begin = &Barrier::new(2);
    thread::scope(|scope| {
        spawn(scope, move || {
            for (number, key) in keys.random(0).enumerate() {
                black_box(map.get(&key));
                if number == 0 {
                    begin.wait();
                }
                if stop.load(Relaxed) {
                    break;
                }
            }
        });
        begin.wait();
        let done = write();
        stop.store(true, Relaxed);
        done
    })
}
