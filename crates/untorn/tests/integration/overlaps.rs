//! Forced overlaps: one access is kept open, another one comes, and each pair with a write is reported with both
//! sides; nothing else is.

use std::fmt::Write;
use std::sync::Arc;
use std::thread::{Builder, scope};

use crate::support::{Elem, Map, NOTE, OPS, Op, Probe, Valve, attempt, map_of_one, text};
use untorn::{AccessKind, Overlap};

/// Keeps `first` open on one thread and runs `second` on another; what the second noticed.
///
/// A thread made by `untorn::spawn` and one of std's meet, in both roles.
fn meet(first: &'static Op, second: &'static Op, spawned_first: bool) {
    let case = format!("{} then {}", first.name, second.name);
    let valve = Valve::closed(1);
    let map = map_of_one(&valve);
    let start = |op: &'static Op, valve: &Arc<Valve>, spawned: bool| {
        let (map, valve) = (Arc::clone(&map), Arc::clone(valve));
        let body = move || attempt(|| (op.run)(&map, &valve));
        if spawned {
            (untorn::spawn("spawned", body), Some(line!()))
        } else {
            let thread = Builder::new().name("foreign".into()).spawn(body);
            (thread.expect("a thread can be started"), None)
        }
    };
    let (holder, holder_created) = start(first, &valve, spawned_first);
    valve.wait_for(1);
    let (comer, comer_created) = start(second, &Valve::open(), !spawned_first);
    let met = comer.join().expect("the comer ends well");
    valve.release();
    let held = holder.join().expect("the holder ends well");
    assert!(held.is_ok(), "{case}: the first is left alone");

    match text(first.kind, second.kind) {
        None => assert!(met.is_ok(), "{case}: reported, but neither writes"),
        Some(text) => {
            let overlap = met.expect_err(&format!("{case}: not reported"));
            assert_eq!(overlap.message(), text, "{case}");
            check_side(&case, &overlap, true, second, comer_created);
            check_side(&case, &overlap, false, first, holder_created);
            assert_eq!(overlap.additional_readers, 0, "{case}");
            assert_eq!(overlap.name.as_deref(), Some("config"), "{case}");
            assert!(!overlap.is_reentrant(), "{case}");
            let report = overlap.to_string();
            let start = format!("{text}\n\nthread \"");
            assert!(report.starts_with(&start), "{case}: {report}");
        }
    }
    // Nobody is left inside: any other access now would be reported by this write.
    assert!(attempt(|| map.insert(Probe::free(1), Elem::free(1))).is_ok());
    assert_eq!(attempt(|| map.len()).ok(), Some(1), "{case}");
}

fn check_side(case: &str, overlap: &Overlap, here: bool, op: &Op, created: Option<u32>) {
    let site = if here { &overlap.here } else { &overlap.other };
    assert_eq!(site.operation, op.name, "{case}");
    assert_eq!(site.kind, op.kind, "{case}");
    let at = site.location.expect("both sides are still inside");
    if op.name == "GoMap::fmt" {
        // Called by pointer out of std's formatting, which does not hand the line on.
        assert!(at.file().ends_with("gomap/map/mod.rs"), "{case}: {at}");
    } else {
        assert_eq!(at.line(), op.line, "{case}: {at}");
        assert!(at.file().ends_with("mod.rs"), "{case}: {at}");
    }
    let name = created.map_or("foreign", |_| "spawned");
    assert_eq!(&*site.thread, name, "{case}");
    assert_eq!(site.created_at.map(|at| at.line()), created, "{case}");
    let writes = op.kind == AccessKind::Write;
    assert_eq!(site.duration.is_some(), writes, "{case}");
}

#[test]
fn every_pair_of_methods() {
    let mut pairs = 0;
    for first in OPS.iter().filter(|op| op.holds) {
        for second in OPS {
            meet(first, second, pairs % 2 == 0);
            pairs += 1;
        }
    }
    println!("{pairs} pairs");
    assert_eq!(pairs, 13 * 17);
}

/// Go copies the value when its check is over. Here the copy is part of the access.
#[test]
fn a_get_lasts_until_the_value_is_copied() {
    let valve = Valve::closed(1);
    let map = map_of_one(&valve);
    scope(|s| {
        let reader = s.spawn(|| attempt(|| map.get(&Probe::free(1))));
        valve.wait_for(1);
        let overlap = attempt(|| map.remove(&Probe::free(1))).expect_err("inside `Clone`");
        assert_eq!(overlap.other.operation, "GoMap::get");
        valve.release();
        let read = reader.join().expect("the reader ends well");
        assert_eq!(read.expect("it was first").map(|elem| elem.n), Some(10));
    });
}

/// A writer into which an access blocks at its first byte: the only code of the program that runs inside an access
/// to a map without entries.
struct Paper(Arc<Valve>);

impl Write for Paper {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        self.0.pass();
        Ok(())
    }
}

/// Go returns early from a nil or empty map, before its check.
#[test]
fn nil_and_empty_maps_overlap_too() {
    for map in [Map::nil(), Map::new(), Map::with_hint(100)] {
        let map = map.on_overlap(NOTE);
        let valve = Valve::closed(1);
        scope(|s| {
            let reader = s.spawn(|| attempt(|| write!(Paper(Arc::clone(&valve)), "{map:?}")));
            valve.wait_for(1);
            for op in OPS.iter().filter(|op| op.kind == AccessKind::Write) {
                let met = attempt(|| (op.run)(&map, &Valve::open()));
                let overlap = met.expect_err("a write during an iteration");
                let message = overlap.message();
                assert_eq!(message, "concurrent map iteration and map write");
                assert_eq!(overlap.name, None);
            }
            assert_eq!(attempt(|| map.len()).ok(), Some(0));
            assert!(attempt(|| map.get(&Probe::free(1)).is_none()).is_ok());
            valve.release();
            assert!(reader.join().expect("the reader ends well").is_ok());
        });
        assert!(attempt(|| map.clear()).is_ok());
    }
}

/// Whoever comes during a long access is told so, however often.
#[test]
fn each_of_many_attempts_is_reported() {
    let valve = Valve::closed(1);
    let map = map_of_one(&valve);
    scope(|s| {
        let writer = s.spawn(|| attempt(|| map.insert(Probe::new(1, &valve), Elem::free(2))));
        valve.wait_for(1);
        let mut last = None;
        for _ in 0..1000 {
            let overlap = attempt(|| map.len()).expect_err("the writer is inside");
            // Time goes on.
            assert!(overlap.other.duration >= last, "{overlap}");
            last = overlap.other.duration;
        }
        valve.release();
        assert!(writer.join().expect("the writer ends well").is_ok());
    });
    assert_eq!(map.get(&Probe::free(1)).map(|elem| elem.n), Some(2));
}

#[test]
fn other_maps_are_not_concerned() {
    let valve = Valve::closed(2);
    let (read, written, free) = (
        map_of_one(&valve),
        map_of_one(&valve),
        map_of_one(&Valve::open()),
    );
    scope(|s| {
        let reader = s.spawn(|| attempt(|| (OPS[0].run)(&read, &valve)));
        let writer = s.spawn(|| attempt(|| written.remove(&Probe::new(1, &valve)).is_some()));
        valve.wait_for(2);
        for op in OPS {
            let alone = map_of_one(&Valve::open());
            assert!(attempt(|| (op.run)(&alone, &Valve::open())).is_ok());
        }
        // From inside an access to one map every other map may be used, in every way.
        let nested = attempt(|| {
            free.iter_with(|_, _| {
                let inner = map_of_one(&Valve::open());
                inner.get_with(&Probe::free(1), |_| free.len() + read.len());
                inner.insert(Probe::free(2), Elem::free(2));
            });
        });
        assert!(nested.is_ok());
        assert!(attempt(|| written.len()).is_err());
        valve.release();
        assert!(reader.join().expect("the reader ends well").is_ok());
        assert!(writer.join().expect("the writer ends well").is_ok());
    });
}

#[test]
fn a_clone_has_a_gate_of_its_own() {
    let valve = Valve::closed(1);
    let map = map_of_one(&Valve::open());
    scope(|s| {
        s.spawn(|| map.iter_with(|_, _| valve.pass()));
        valve.wait_for(1);
        let clone = map.deep_clone();
        assert_eq!(clone.name(), Some("config"));
        assert!(attempt(|| clone.remove(&Probe::free(1)).is_some()).is_ok());
        assert!(attempt(|| map.clear()).is_err(), "the original is in use");
        valve.release();
    });
}

#[test]
fn columns_tell_two_accesses_on_one_line_apart() {
    let valve = Valve::closed(1);
    let map = map_of_one(&valve);
    scope(|s| {
        s.spawn(|| map.get_with(&Probe::free(1), |_| valve.pass()));
        valve.wait_for(1);
        #[rustfmt::skip]
        let met = [attempt(|| map.clear()), attempt(|| map.clear())];
        let [one, two] = met.map(|met| met.expect_err("a reader is inside").here.location);
        let (one, two) = (one.expect("one's own"), two.expect("one's own"));
        assert!(one.file().ends_with("overlaps.rs"));
        assert_eq!(one.line(), two.line());
        assert!(one.column() < two.column());
        valve.release();
    });
}
