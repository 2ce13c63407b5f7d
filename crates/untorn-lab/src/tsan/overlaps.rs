//! Programs whose threads also overlap: the complete report of ThreadSanitizer comes first, then
//! the report of the gate, which ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use untorn::{GoMap, spawn};

use super::races::Config;
use super::scenario::{Expected, MAP, Races, Scenario, StderrFault};

/// The lines of `examples/note/main.rs` that write and that read.
const NOTE: [[u32; 2]; 2] = [[20, 21], [31, 32]];

/// A line number, and the access made on that line.
type Line = (u32, fn(&Config));

const READ: Line = (line!(), |map| _ = map.get_with(&1, |_| hold()));
const WRITE: Line = (line!(), |map| _ = map.insert(1, 2));

static INSIDE: AtomicBool = AtomicBool::new(false);

fn hold() {
    INSIDE.store(true, Ordering::Relaxed);
    thread::sleep(Duration::from_secs(60));
}

/// A write while a read is held open.
fn held_open() {
    let map: &Config = Box::leak(Box::new(GoMap::named("config")));
    map.insert(1, 1);
    let reader = spawn("reader", || READ.1(map));
    let writer = spawn("writer", || {
        while !INSIDE.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        WRITE.1(map);
    });
    writer.join().expect("the process ends first");
    reader.join().expect("the process ends first");
}

/// A race whose report blocks on stderr, and an overlap of two other threads. These are ordered, so
/// that the gate can end the process.
fn stuck_report() {
    let raced: &Config = Box::leak(Box::new(GoMap::named("config")));
    let map: &Config = Box::leak(Box::new(GoMap::new()));
    let go: &AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    map.insert(1, 1);
    let holder = spawn("holder", move || {
        map.get_with(&1, |_| {
            go.store(true, Ordering::Release);
            hold();
        })
    });
    // No thread can be started while the report blocks.
    let race = move |key| {
        // With a delay between the two, so that they do not overlap.
        thread::sleep(Duration::from_millis(500 + 100 * key));
        raced.insert(key, key);
    };
    let others = [
        spawn("stuck", move || race(1)),
        spawn("stuck", move || race(2)),
        spawn("writer", move || {
            thread::sleep(Duration::from_secs(2));
            while !go.load(Ordering::Acquire) {
                thread::yield_now();
            }
            map.insert(1, 2);
        }),
    ];
    for other in others {
        other.join().expect("the process ends first");
    }
    holder.join().expect("the process ends first");
}

fn expected(file: &'static str, lines: [Vec<u32>; 2]) -> Expected {
    Expected::Races(Races {
        of: MAP,
        file,
        pairs: vec![lines],
        others: false,
        overlap: true,
    })
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "the note's program",
            expected("examples/note/main.rs", NOTE.map(|lines| lines.to_vec())),
            || untorn_note::note(1, 1),
        ),
        Scenario::new(
            "a write while a read is held open",
            expected(file!(), [vec![READ.0], vec![WRITE.0]]),
            held_open,
        ),
        Scenario::new(
            "a report that blocks on stderr",
            Expected::End(StderrFault::Full),
            stuck_report,
        ),
        Scenario::new(
            "a report whose reader is closed",
            Expected::End(StderrFault::Closed),
            held_open,
        ),
    ]
}
