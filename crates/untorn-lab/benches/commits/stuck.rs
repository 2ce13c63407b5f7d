//! Commits while an old view is held: the cost must not depend on how many there have been.

use std::time::Instant;

use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::compare::{interleave, rounds, spread};
use untorn_lab::markdown::{MarkdownTable, thousands, times};
use untorn_lab::shared_maps::SeenWhole;

use super::{Keys, Swap, fences};

const ENTRIES: usize = 10_000;

/// Each column is the mean of the thousand commits up to this one.
const COLUMNS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

const WINDOW: usize = 1_000;

/// A round takes half a minute, mostly of copies.
const ROUNDS: usize = 5;

/// Nanoseconds per commit in each column.
type Costs = [f64; COLUMNS.len()];

type Run = fn(&Keys) -> Costs;

pub(super) fn print() {
    let keys = Keys::new(ENTRIES);
    let mut runs: Vec<(&str, Run, Vec<Costs>)> = Vec::new();
    add::<Map<u64, u64>>(&mut runs);
    add::<Swap>(&mut runs);
    add::<papaya::HashMap<u64, u64, DefaultHashBuilder>>(&mut runs);
    let rounds = rounds().min(ROUNDS);
    interleave(rounds, &mut runs, |(_, run, costs)| costs.push(run(&keys)));
    let mut table = MarkdownTable::new(format!(
        "one key of {} written, mean of the thousand commits up to this one ({rounds} rounds){}",
        thousands(ENTRIES),
        fences()
    ));
    for (i, commits) in COLUMNS.into_iter().enumerate() {
        let cells = runs.iter().map(|(name, _, costs)| {
            let spread = spread(costs.iter().map(|costs| costs[i]));
            ((*name).into(), times(spread))
        });
        table.cells(thousands(commits), cells);
    }
    table.print();
}

fn add<M: SeenWhole<u64, u64>>(runs: &mut Vec<(&str, Run, Vec<Costs>)>) {
    let alone: Run = |keys| commit(&M::of(keys.entries()), keys);
    let held: Run = |keys| {
        let map = M::of(keys.entries());
        map.hold(|| commit(&map, keys))
    };
    runs.push((M::NAME, alone, Vec::new()));
    runs.push((M::HELD, held, Vec::new()));
}

fn commit<M: SeenWhole<u64, u64>>(map: &M, keys: &Keys) -> Costs {
    let mut entries = keys.random(265).zip(1..);
    let mut write = |commits: usize| {
        let start = Instant::now();
        for (key, value) in entries.by_ref().take(commits) {
            map.insert(key, value);
        }
        start.elapsed().as_nanos() as f64 / commits as f64
    };
    let mut done = 0;
    COLUMNS.map(|column| {
        write(column - WINDOW - done);
        done = column;
        write(WINDOW)
    })
}
