//! The processor time of a writer, alone and beside a reader that reads without pause.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use untorn_lab::compare::{Comparison, spread};
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
        let columns = [
            "alone",
            "beside one reader",
            "ratio",
            "gets of that reader, million/s",
        ];
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
struct Rows<'k>(&'k Keys, Vec<(&'static str, [String; 4])>);

impl Visit<u64, u64> for Rows<'_> {
    fn visit<M: SharedMap<u64, u64>>(&mut self) {
        let Self(keys, rows) = self;
        let map = M::of(keys.entries());
        let write = || {
            let start = ThreadTime::now();
            let commits = write_for(&map, keys, TIME);
            (commits, start.elapsed())
        };
        let mut gets = Vec::new();
        let compared = Comparison::new("processor time")
            .timed_candidate("alone", write)
            .timed_candidate("beside one reader", || {
                let (written, rate) = beside_a_reader(&map, keys, write);
                gets.push(rate / 1e6);
                written
            })
            .run();
        let [alone, beside] = compared.as_slice() else {
            unreachable!("two candidates give two rows");
        };
        let cells = [
            times(alone.nanoseconds),
            times(beside.nanoseconds),
            ratio(beside.ratio),
            format!("{:.1}", spread(gets.into_iter())[0]),
        ];
        rows.push((M::NAME, cells));
    }
}

/// Runs `write` while another thread reads keys without pause, each by a pin or lock of its own.
/// Returns its result, and the reader's gets per second.
fn beside_a_reader<M: SharedMap<u64, u64>, R>(
    map: &M,
    keys: &Keys,
    write: impl FnOnce() -> R,
) -> (R, f64) {
    let stop = &AtomicBool::new(false);
    let begin = &Barrier::new(2);
    thread::scope(|scope| {
        let reader = spawn(scope, move || {
            begin.wait();
            let start = Instant::now();
            let mut gets = 0;
            for key in keys.random(0) {
                black_box(map.get(&key));
                gets += 1;
                if stop.load(Relaxed) {
                    break;
                }
            }
            f64::from(gets) / start.elapsed().as_secs_f64()
        });
        begin.wait();
        let written = write();
        stop.store(true, Relaxed);
        (written, reader.join().expect("no reader panics"))
    })
}
