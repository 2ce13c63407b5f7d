//! Races on an `OverlapCell` that ThreadSanitizer must find, and cases that exist only because
//! guards remain in scope while their thread does something else.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use untorn::{OnOverlap, OverlapCell, ReadGuard, WriteGuard, spawn};

use super::races::{run_unordered, touch};
use super::scenario::{CELL, Expected, Races, Scenario};

/// A cell without a value, so that only the accesses can race.
type Cell = OverlapCell<()>;

/// A line number, and the access made on that line: rustfmt must not break it.
type Access = (u32, fn(&Cell));

const READ: Access = (line!(), |cell| drop(cell.read()));
const READS: [Access; 6] = [
    READ,
    (line!(), |cell| drop(cell.try_read())),
    (line!(), |cell| _ = format!("{cell:?}")),
    (line!(), |cell| drop(ReadGuard::map(cell.read(), |it| it))),
    (line!(), |cell| _ = ReadGuard::filter_map(cell.read(), all)),
    (line!(), |cell| _ = ReadGuard::filter_map(cell.read(), none)),
];

const WRITE: Access = (line!(), |cell| drop(cell.write()));
const WRITES: [Access; 6] = [
    WRITE,
    (line!(), |cell| drop(cell.try_write())),
    (line!(), |cell| cell.replace(())),
    (line!(), |cell| cell.take()),
    (line!(), |cell| drop(WriteGuard::map(cell.write(), |it| it))),
    (line!(), |cell| _ = WriteGuard::filter_map(cell.write(), no)),
];

fn all(unit: &()) -> Option<&()> {
    Some(unit)
}

fn none(_: &()) -> Option<&()> {
    None
}

fn no(_: &mut ()) -> Option<&mut ()> {
    None
}

/// A clone of a guard is a read of its own; the original guard was created on another line.
fn clone(cell: &Cell) {
    let first = cell.read();
    drop(ReadGuard::clone(&first));
}
const CLONE: Access = (line!() - 2, clone);

fn cell() -> &'static Cell {
    // Leaked, so that the free is not part of the scenario.
    Box::leak(Box::new(OverlapCell::named("config", ())))
}

/// Makes the accesses `first` and then, without a happens-before edge, those of `second`.
fn race(cell: &'static Cell, first: &[Access], second: &[Access]) {
    let (first, second) = (first.to_vec(), second.to_vec());
    run_unordered(
        move || first.iter().for_each(|(_, run)| run(cell)),
        move || second.iter().for_each(|(_, run)| run(cell)),
    );
}

/// Races each access of `first` with each of `second`, on a cell of its own.
fn each(first: &[Access], second: &[Access]) {
    for &first in first {
        for &second in second {
            race(cell(), &[first], &[second]);
        }
    }
}

fn each_expected(first: &[Access], second: &[Access]) -> Expected {
    let pairs = first
        .iter()
        .flat_map(|first| second.iter().map(move |second| [first.0, second.0]));
    expected(pairs)
}

/// Expects one report for each of these pairs of lines, on the cell.
fn expected(pairs: impl IntoIterator<Item = [u32; 2]>) -> Expected {
    Expected::Races(Races {
        of: CELL,
        file: file!(),
        pairs: pairs
            .into_iter()
            .map(|pair| pair.map(|line| vec![line]))
            .collect(),
        others: false,
        overlap: false,
    })
}

/// Expects races on other memory, too.
fn with_others(pairs: impl IntoIterator<Item = [u32; 2]>) -> Expected {
    let mut expected = expected(pairs);
    if let Expected::Races(races) = &mut expected {
        races.others = true;
    }
    expected
}

static CONFIG: Cell = OverlapCell::named("config", ());

/// The value of a cell is observed like any other memory.
const SET: (u32, fn(&OverlapCell<u64>)) = (line!(), |cell| *cell.write() = 1);
const LOOK: (u32, fn(&OverlapCell<u64>)) = (line!(), |cell| assert!(*cell.read() < 2));

fn value() {
    let cell = Box::leak(Box::new(OverlapCell::named("config", 0)));
    let cell: &'static _ = cell;
    run_unordered(|| SET.1(cell), || LOOK.1(cell));
}

/// Two cells of one name, each used by one thread, and optionally a third that both use.
fn own_cells(shared: bool) {
    let (one, other, config) = (cell(), cell(), cell());
    run_unordered(
        move || {
            if shared {
                READ.1(config);
            }
            OWN.1(one);
        },
        move || {
            OWN.1(other);
            if shared {
                WRITE.1(config);
            }
        },
    );
}

const OWN: Access = (line!(), |cell| drop(cell.write()));

/// Releases another thread while a guard still exists; its access happens to begin after the drop.
/// In another run the two accesses would have overlapped.
fn read_too_long(cell: &Cell, go: &AtomicBool) {
    let reading = cell.read();
    go.store(true, Ordering::Release);
    drop(reading);
}
const READ_END: u32 = line!() - 2;

fn write_too_long(cell: &Cell, go: &AtomicBool) {
    let part = WriteGuard::map(cell.write(), |unit| unit);
    go.store(true, Ordering::Release);
    drop(part);
}
const WRITE_END: u32 = line!() - 2;

fn too_late(first: fn(&Cell, &AtomicBool), second: fn(&Cell)) {
    let (cell, go): (_, &AtomicBool) = (cell(), Box::leak(Box::new(AtomicBool::new(false))));
    run_unordered(
        move || first(cell, go),
        move || {
            while !go.load(Ordering::Acquire) {
                thread::yield_now();
            }
            second(cell);
        },
    );
}

/// Memory accessed under guards is observed: nested, mapped, dropped in the order of creation.
fn touch_under_guards() {
    let config = cell();
    let under_guards = move || {
        let own = Cell::default();
        let reading = config.read();
        let writing = own.write();
        let part = ReadGuard::map(reading, |unit| {
            let nested = config.read();
            let _clone = ReadGuard::clone(&nested);
            unit
        });
        drop(WriteGuard::map(writing, |unit| {
            touch();
            unit
        }));
        drop(part);
    };
    run_unordered(under_guards, under_guards);
}

/// Memory accessed after a leaked guard is observed, too.
fn touch_after_a_forgotten_guard() {
    let config = cell();
    let after = move || {
        mem::forget(config.read());
        touch();
    };
    run_unordered(after, after);
}

/// The first use of a cell initializes process-wide state, which must not order the threads.
fn touch_before_the_first() {
    static ONE: Cell = OverlapCell::new(());
    static OTHER: Cell = OverlapCell::new(());
    run_unordered(
        || {
            touch();
            READ.1(&ONE);
        },
        || {
            READ.1(&OTHER);
            touch();
        },
    );
}

static HELD: AtomicBool = AtomicBool::new(false);

fn hold(cell: &Cell) {
    let reading = cell.read();
    HELD.store(true, Ordering::Relaxed);
    while HELD.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
    }
    drop(reading);
}
const HOLD: Access = (line!() - 7, hold);

/// Holds a read open until the other access has ended.
fn held(cell: &'static Cell, other: fn(&Cell)) {
    let reader = spawn("reader", || HOLD.1(cell));
    let writer = spawn("writer", move || {
        while !HELD.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        other(cell);
        HELD.store(false, Ordering::Relaxed);
    });
    writer.join().expect("it ends");
    reader.join().expect("it ends");
}

const TRY: Access = (line!(), |cell| assert!(cell.try_write().is_err()));

fn overlap() {
    let exits = OverlapCell::named("config", ()).on_overlap(OnOverlap::Exit);
    held(Box::leak(Box::new(exits)), WRITE.1);
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut overlaps = expected([[HOLD.0, WRITE.0]]);
    if let Expected::Races(races) = &mut overlaps {
        races.overlap = true;
    }
    vec![
        Scenario::new(
            "a cell: read, write",
            each_expected(&READS, &WRITES),
            || {
                each(&READS, &WRITES);
            },
        ),
        Scenario::new(
            "a cell: write, read",
            each_expected(&WRITES, &READS),
            || {
                each(&WRITES, &READS);
            },
        ),
        Scenario::new("a cell: writes", each_expected(&WRITES, &WRITES), || {
            each(&WRITES, &WRITES);
        }),
        Scenario::new(
            "a cell: clone of a guard, write",
            expected([[CLONE.0, WRITE.0]]),
            || race(cell(), &[CLONE], &[WRITE]),
        ),
        Scenario::new("a cell in a static", expected([[READ.0, WRITE.0]]), || {
            race(&CONFIG, &[READ], &[WRITE]);
        }),
        Scenario::new("a cell: its value", with_others([[SET.0, LOOK.0]]), value),
        Scenario::new(
            "a cell, and unshared cells",
            expected([[READ.0, WRITE.0]]),
            || own_cells(true),
        ),
        Scenario::new("unshared cells only", Expected::NoReports, || {
            own_cells(false);
        }),
        Scenario::new(
            "a cell: a read that ends too late",
            expected([[READ_END, WRITE.0]]),
            || too_late(read_too_long, WRITE.1),
        ),
        Scenario::new(
            "a cell: a mapped write that ends too late",
            expected([[WRITE_END, READ.0]]),
            || too_late(write_too_long, READ.1),
        ),
        Scenario::new(
            "memory written under guards",
            with_others([]),
            touch_under_guards,
        ),
        Scenario::new(
            "memory written after a leaked guard",
            with_others([]),
            touch_after_a_forgotten_guard,
        ),
        Scenario::new(
            "memory written before the first cell is used",
            with_others([]),
            touch_before_the_first,
        ),
        Scenario::new(
            "a cell: try_write while a read is held open",
            expected([[HOLD.0, TRY.0]]),
            || held(cell(), TRY.1),
        ),
        Scenario::new("a cell: write while a read is held open", overlaps, overlap),
    ]
}
