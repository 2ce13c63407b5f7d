//! Free-running threads that check the contents of reports: a side is an operation with its own
//! line, never the line of one access with the name of the next.

use std::collections::BTreeSet;
use std::thread;

use crate::support::silence::silence_reports;
use crate::support::{RECORD, attempt};
use untorn::{AccessKind, GoMap, Overlap, OverlapKind, Site};

type Map = GoMap<u64, u64>;

struct Short {
    name: &'static str,
    kind: AccessKind,
    line: u32,
    run: fn(&Map),
}

macro_rules! short {
    ($name:literal $kind:ident, $run:expr) => {
        Short {
            name: concat!("GoMap::", $name),
            kind: AccessKind::$kind,
            line: line!(),
            run: $run,
        }
    };
}

/// Accesses so short that a thread is mostly between two of them.
#[rustfmt::skip]
const SHORT: &[Short] = &[
    short!("insert" Write, |map| _ = map.insert(1, 1)),
    short!("len" Read, |map| _ = map.len()),
    short!("remove" Write, |map| _ = map.remove(&2)),
    short!("contains_key" Read, |map| _ = map.contains_key(&1)),
    short!("iter_with" Iterate, |map| map.iter_with(|_, _| {})),
];

fn is_whole(site: &Site, thread: &str) -> bool {
    let short = SHORT.iter().find(|short| short.name == site.operation);
    match (short, site.location) {
        (Some(short), Some(at)) => {
            let writes = short.kind == AccessKind::Write;
            &*site.thread == thread
                && (short.line, short.kind) == (at.line(), site.kind)
                && site.duration.is_some() == writes
        }
        // The thread was stopped between two accesses for so long that no record could be read, so
        // the report names none.
        (None, None) => {
            (&*site.thread, site.thread_number) == ("<unknown>", 0) && site.duration.is_none()
        }
        _ => false,
    }
}

fn is_right(overlap: &Overlap, here: &str, other: &str) -> bool {
    let write = AccessKind::Write;
    let writes = (overlap.here.kind == write, overlap.other.kind == write);
    overlap.here.location.is_some()
        && is_whole(&overlap.here, here)
        && is_whole(&overlap.other, other)
        && (writes.0 || writes.1)
        && (writes == (true, true)) == (overlap.kind == OverlapKind::Writes)
}

/// Runs the accesses of thread `me` of two. Returns the wrong reports, and the operations that were
/// named in all.
fn run_accesses(map: &Map, me: usize, rounds: usize) -> (Vec<Overlap>, BTreeSet<&'static str>) {
    silence_reports();
    let names = ["one", "two"];
    let (mut wrong, mut named) = (Vec::new(), BTreeSet::new());
    for round in 0..rounds {
        let short = &SHORT[(round * (me + 1) + round / 64) % SHORT.len()];
        if let Err(overlap) = attempt(|| (short.run)(map)) {
            named.insert(overlap.other.operation);
            if !is_right(&overlap, names[me], names[1 - me]) {
                wrong.push(*overlap);
            }
        }
    }
    (wrong, named)
}

#[test]
fn a_line_belongs_to_its_operation() {
    const ROUNDS: usize = 1_000_000;
    let map = Map::named("busy").on_overlap(RECORD);
    map.insert(1, 1);
    let seen = thread::scope(|s| {
        let threads = [("one", 0), ("two", 1)].map(|(name, me)| {
            let map = &map;
            let thread = thread::Builder::new().name(name.into());
            let thread = thread.spawn_scoped(s, move || run_accesses(map, me, ROUNDS));
            thread.expect("the thread starts")
        });
        threads.map(|thread| thread.join().expect("no panic but reports"))
    });
    for (wrong, named) in seen {
        println!("operations named for the other thread: {named:?}");
        if let Some(first) = wrong.first() {
            panic!("{} reports are wrong, the first is:\n{first}", wrong.len());
        }
    }
}
