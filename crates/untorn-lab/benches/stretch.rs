//! The cost of stretching (delay injection): equal race-free traffic with stretching off and on.
//! `just finds` measures its benefit.
//!
//! `cargo bench -p untorn-lab --bench stretch`

use std::hint::black_box;
use std::sync::Mutex;
use std::thread;

use untorn::{GoMap, Stretch};
use untorn_lab::compare::{Comparison, Row};
use untorn_lab::markdown::{MarkdownTable, print_header};

type Map = GoMap<u64, u64>;

/// The number of entries.
const KEYS: u64 = 1_000;

fn main() {
    print_header();
    let mut table = MarkdownTable::with_times("an access, u64, 1,000 keys");
    table.column("one thread", &compare(|map| run(map, 1, 1 << 24, access)));
    table.column(
        "two threads that read",
        &compare(|map| {
            run(map, 2, 1 << 25, |map, n| {
                black_box(map.get(&(n % KEYS)));
            })
        }),
    );
    let lock = Mutex::new(());
    table.column(
        "two threads under a lock",
        &compare(|map| {
            run(map, 2, 1 << 22, |map, n| {
                let _alone = lock.lock().expect("not poisoned");
                access(map, n);
            })
        }),
    );
    table.print();
}

/// One write for every fifteen reads.
fn access(map: &Map, n: u64) {
    let key = n % KEYS;
    if n.is_multiple_of(16) {
        black_box(map.insert(key, n));
    } else {
        black_box(map.get(&key));
    }
}

/// Runs `accesses` on each of `threads` threads, the calling thread included; returns the total.
fn run(map: &Map, threads: u64, accesses: u64, access: impl Fn(&Map, u64) + Sync) -> u64 {
    let work = || (0..accesses).for_each(|n| access(map, n));
    thread::scope(|s| {
        for _ in 1..threads {
            s.spawn(work);
        }
        work();
    });
    threads * accesses
}

fn compare(body: impl Fn(&Map) -> u64) -> Vec<Row> {
    let map = |percent| {
        let map: Map = (0..KEYS).map(|key| (key, key)).collect();
        map.stretch(Stretch::percent(percent))
    };
    let maps = [("off", map(0.0)), ("1%", map(1.0)), ("10%", map(10.0))];
    let mut comparison = Comparison::new("");
    for (name, map) in &maps {
        comparison = comparison.candidate(name, || body(map));
    }
    comparison.run()
}
