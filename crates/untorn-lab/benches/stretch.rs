//! What stretching costs: the same correct traffic with it off and on. `just finds` has what it finds.
//!
//! `cargo bench -p untorn-lab --bench stretch`

use std::hint::black_box;
use std::sync::Mutex;
use std::thread;

use untorn::{GoMap, Stretch};
use untorn_lab::contest::{Contest, Row};
use untorn_lab::sheet::{Sheet, print_header};

type Map = GoMap<u64, u64>;

/// How many entries there are.
const KEYS: u64 = 1_000;

fn main() {
    print_header();
    let mut sheet = Sheet::with_times("an access, u64, 1,000 keys");
    sheet.column("one thread", &contest(|map| run(map, 1, 1 << 24, access)));
    sheet.column(
        "two threads that read",
        &contest(|map| {
            run(map, 2, 1 << 25, |map, n| {
                black_box(map.get(&(n % KEYS)));
            })
        }),
    );
    let lock = Mutex::new(());
    sheet.column(
        "two threads under a lock",
        &contest(|map| {
            run(map, 2, 1 << 22, |map, n| {
                let _alone = lock.lock().expect("not poisoned");
                access(map, n);
            })
        }),
    );
    sheet.print();
}

/// One write for fifteen reads.
fn access(map: &Map, n: u64) {
    let key = n % KEYS;
    if n.is_multiple_of(16) {
        black_box(map.insert(key, n));
    } else {
        black_box(map.get(&key));
    }
}

/// So many accesses on each of so many threads, the first of which is the one that calls; all of them.
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

fn contest(body: impl Fn(&Map) -> u64) -> Vec<Row> {
    let map = |percent| {
        let map: Map = (0..KEYS).map(|key| (key, key)).collect();
        map.stretch(Stretch::percent(percent))
    };
    let maps = [("off", map(0.0)), ("1%", map(1.0)), ("10%", map(10.0))];
    let mut contest = Contest::new("");
    for (name, map) in &maps {
        contest = contest.candidate(name, || body(map));
    }
    contest.run()
}
