//! Each way to start an access while each kind of access is held open, on the same thread and on
//! another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use untorn::{AccessKind, OnOverlap, Overlap, OverlapCell, OverlapKind, ReadGuard, WriteGuard};

use crate::support::{Latch, RECORD, attempt, take_recorded};

type Cell = OverlapCell<String>;

/// A guard of any kind.
trait Held {}
impl Held for ReadGuard<'_, String> {}
impl Held for WriteGuard<'_, String> {}

/// An access that is held open.
struct First {
    name: &'static str,
    kind: AccessKind,
    line: u32,
    hold: for<'c> fn(&'c Cell) -> Box<dyn Held + 'c>,
}

/// An access that starts meanwhile. `run` returns the conflict that it finds without the policy.
struct Second {
    name: &'static str,
    kind: AccessKind,
    line: u32,
    run: fn(&Cell) -> Result<(), Box<Overlap>>,
}

macro_rules! first {
    ($name:literal $kind:ident, $hold:expr) => {
        First {
            name: $name,
            kind: AccessKind::$kind,
            line: line!(),
            hold: $hold,
        }
    };
}

macro_rules! second {
    ($name:literal $kind:ident, $run:expr) => {
        Second {
            name: $name,
            kind: AccessKind::$kind,
            line: line!(),
            run: $run,
        }
    };
}

/// One line each: `line` is that of the call.
#[rustfmt::skip]
const FIRST: [First; 4] = [
    first!("OverlapCell::read" Read, |cell| Box::new(cell.read())),
    first!("OverlapCell::try_read" Read, |cell| Box::new(cell.try_read().expect("first"))),
    first!("OverlapCell::write" Write, |cell| Box::new(cell.write())),
    first!("OverlapCell::try_write" Write, |cell| Box::new(cell.try_write().expect("first"))),
];

#[rustfmt::skip]
const ACTING: [Second; 6] = [
    second!("OverlapCell::read" Read, |cell| { drop(cell.read()); Ok(()) }),
    second!("OverlapCell::write" Write, |cell| { drop(cell.write()); Ok(()) }),
    second!("OverlapCell::replace" Write, |cell| { cell.replace("new".into()); Ok(()) }),
    second!("OverlapCell::take" Write, |cell| { cell.take(); Ok(()) }),
    second!("OverlapCell::clone" Clone, |cell| { drop(cell.clone()); Ok(()) }),
    second!("OverlapCell::eq" Read, |cell| { let _ = *cell == Cell::default(); Ok(()) }),
];

#[rustfmt::skip]
const TRYING: [Second; 2] = [
    second!("OverlapCell::try_read" Read, |cell| cell.try_read().map(drop)),
    second!("OverlapCell::try_write" Write, |cell| cell.try_write().map(drop)),
];

/// Runs `second` while `first` is held open, and returns the result of `second`.
fn force_overlap<R: Send>(
    cell: &Cell,
    first: &First,
    same_thread: bool,
    second: impl FnOnce() -> R + Send,
) -> R {
    if same_thread {
        let _held = (first.hold)(cell);
        return second();
    }
    let latch = Latch::closed(1);
    std::thread::scope(|s| {
        let hold = || {
            let _held = (first.hold)(cell);
            latch.pass();
        };
        let holder = untorn::spawn_scoped(s, "holder", hold);
        latch.wait_for(1);
        let met = untorn::spawn_scoped(s, "second", second).join();
        latch.release();
        holder.join().expect("the first access is not reported");
        met.expect("the second access does not panic")
    })
}

/// Checks the report of the second access.
fn check(case: &str, overlap: &Overlap, first: &First, second: &Second, same_thread: bool) {
    let (kind, message) = match (first.kind, second.kind) {
        (AccessKind::Write, AccessKind::Write) => (OverlapKind::Writes, "concurrent writes"),
        (_, AccessKind::Clone) => (OverlapKind::CloneAndWrite, "concurrent clone and write"),
        _ => (OverlapKind::ReadAndWrite, "concurrent read and write"),
    };
    assert_eq!((overlap.kind, overlap.message()), (kind, message), "{case}");
    assert_eq!(overlap.name.as_deref(), Some("config"), "{case}");
    assert_eq!(overlap.additional_readers, 0, "{case}");
    assert_eq!(overlap.is_reentrant(), same_thread, "{case}");
    let sides = [
        (
            &overlap.here,
            second.name,
            second.kind,
            second.line,
            "second",
        ),
        (&overlap.other, first.name, first.kind, first.line, "holder"),
    ];
    for (site, name, kind, line, thread) in sides {
        assert_eq!((site.operation, site.kind), (name, kind), "{case}");
        let at = site.location.expect("both accesses are open");
        assert!(at.file().ends_with("pairs.rs"), "{case}: {at}");
        assert_eq!(at.line(), line, "{case}");
        assert_eq!(site.duration.is_some(), kind == AccessKind::Write, "{case}");
        if !same_thread {
            assert_eq!(&*site.thread, thread, "{case}");
            assert!(site.created_at.is_some(), "{case}");
        }
    }
}

/// Calls `f` for every case: the first, the second, whether they run on one thread, and whether
/// they conflict.
fn for_each_case(
    seconds: &'static [Second],
    mut f: impl FnMut(&str, &'static First, &'static Second, bool, bool),
) {
    let mut cases = 0;
    for first in &FIRST {
        for second in seconds {
            for same_thread in [true, false] {
                let case = format!(
                    "{} then {}, same thread: {same_thread}",
                    first.name, second.name
                );
                let clash = [first.kind, second.kind].contains(&AccessKind::Write);
                f(&case, first, second, same_thread, clash);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 4 * 2 * seconds.len());
}

#[test]
fn conflict_is_reported_with_both_sides() {
    for_each_case(&ACTING, |case, first, second, same_thread, clash| {
        let cell = Cell::named("config", "old".into()).on_overlap(RECORD);
        let met = force_overlap(&cell, first, same_thread, || {
            attempt(|| (second.run)(&cell).expect("the access itself returns no overlap"))
        });
        match met {
            Ok(()) => assert!(!clash, "{case}: not reported"),
            Err(overlap) => {
                assert!(clash, "{case}: reported");
                check(case, &overlap, first, second, same_thread);
            }
        }
        if clash {
            assert_eq!(
                cell.into_inner(),
                "old",
                "{case}: the access changed the value"
            );
        } else {
            assert!(cell.try_write().is_ok(), "{case}: an access is still open");
        }
    });
}

#[test]
fn default_policy_panics_with_the_report() {
    for_each_case(&ACTING, |case, first, second, same_thread, clash| {
        let cell = Cell::named("config", "old".into());
        let met = force_overlap(&cell, first, same_thread, || {
            catch_unwind(AssertUnwindSafe(|| (second.run)(&cell)))
        });
        assert_eq!(met.is_err(), clash, "{case}");
        if let Err(panic) = met {
            let message = panic
                .downcast_ref::<String>()
                .expect("the message is a formatted string");
            assert!(message.starts_with("concurrent "), "{message}");
            for name in [first.name, second.name] {
                assert!(message.contains(&format!("]: {name}")), "{message}");
            }
        }
        assert!(cell.try_write().is_ok(), "{case}: an access is still open");
    });
}

#[test]
fn try_methods_return_the_overlap_under_any_policy() {
    // If any of these applied the policy, the list would not be empty, or the process would exit.
    for policy in [RECORD, OnOverlap::Panic, OnOverlap::Exit] {
        for_each_case(&TRYING, |case, first, second, same_thread, clash| {
            let cell = Cell::named("config", "old".into()).on_overlap(policy);
            let (met, recorded) = force_overlap(&cell, first, same_thread, || {
                ((second.run)(&cell), take_recorded().len())
            });
            assert_eq!(recorded, 0, "{case}");
            match met {
                Ok(()) => assert!(!clash, "{case}: not returned"),
                Err(overlap) => {
                    assert!(clash, "{case}: returned");
                    check(case, &overlap, first, second, same_thread);
                }
            }
            assert!(cell.try_write().is_ok(), "{case}: an access is still open");
        });
    }
}

#[test]
fn writer_report_counts_readers() {
    for readers in [1, 2, 3, 7, 31] {
        let cell = Arc::new(Cell::named("config", String::new()).on_overlap(RECORD));
        let latch = Latch::closed(readers);
        let threads: Vec<_> = (0..readers)
            .map(|_| {
                let (cell, latch) = (Arc::clone(&cell), Arc::clone(&latch));
                untorn::spawn("reader", move || {
                    let _reading = cell.read();
                    latch.pass();
                })
            })
            .collect();
        latch.wait_for(readers);
        let results = [cell.try_write().map(drop), attempt(|| drop(cell.write()))];
        for overlap in results.map(|result| result.expect_err("readers are inside")) {
            assert_eq!(overlap.additional_readers, readers - 1);
            assert_eq!(&*overlap.other.thread, "reader");
        }
        latch.release();
        for thread in threads {
            thread.join().expect("reads are not reported");
        }
        assert!(cell.try_write().is_ok(), "an access is still open");
    }
}

#[test]
fn other_cells_are_unaffected() {
    let cells: [Cell; 3] = Default::default();
    let writing: Vec<_> = cells.iter().map(Cell::write).collect();
    let others: [Cell; 3] = Default::default();
    for cell in &others {
        assert!(cell.try_write().is_ok());
        let _reading = cell.read();
        assert!(cells.iter().all(|cell| cell.try_read().is_err()));
    }
    drop(writing);
    assert!(cells.iter().all(|cell| cell.try_write().is_ok()));
}
