//! The throughput of two writers at once.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use untorn_lab::compare::{Comparison, Row};
use untorn_lab::markdown::{MarkdownTable, thousands};
use untorn_lab::shared_maps::{SharedMap, Visit, visit_each};

use super::{Keys, fences, spawn, write_for};

const SIZES: [usize; 2] = [1_000, 100_000];

/// The duration of one body.
const TIME: Duration = Duration::from_millis(50);

pub(super) fn print() {
    let mut table = MarkdownTable::with_times(format!(
        "one key written, time for each commit of all writers together{}",
        fences()
    ));
    for n in SIZES {
        let keys = Keys::new(n);
        for (writers, label) in [(1, "1 writer"), (2, "2 writers")] {
            table.column(
                format!("{} keys, {label}", thousands(n)),
                &compare(&keys, writers),
            );
        }
    }
    table.print();
}

fn compare(keys: &Keys, writers: usize) -> Vec<Row> {
    let mut add = Add {
        keys,
        writers,
        comparison: Comparison::new("writers"),
    };
    visit_each(&mut add);
    add.comparison.run()
}

/// Adds a row for each map.
struct Add<'k> {
    keys: &'k Keys,
    writers: usize,
    comparison: Comparison<'k>,
}

impl Visit<u64, u64> for Add<'_> {
    fn visit<M: SharedMap<u64, u64>>(&mut self) {
        let (keys, writers) = (self.keys, self.writers);
        let map = M::of(keys.entries());
        self.comparison.add(M::NAME, move || {
            let begin = &Barrier::new(writers);
            let map = &map;
            let commits = thread::scope(|scope| {
                let write = move || {
                    begin.wait();
                    write_for(map, keys, TIME)
                };
                let threads: Vec<_> = (0..writers).map(|_| spawn(scope, write)).collect();
                let counts = threads.into_iter().map(|thread| thread.join());
                counts.map(|count| count.expect("no writer panics")).sum()
            });
            (commits, TIME)
        });
    }
}
