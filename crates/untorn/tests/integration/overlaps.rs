//! Forced overlaps: one access is held open, another one starts. Each pair with a write is reported
//! with both sides; no other pair is.

use std::fmt::Write;
use std::sync::Arc;
use std::thread::{Builder, scope};

use crate::support::{
    BlockingKey, BlockingValue, Latch, Map, OPS, Op, RECORD, attempt, map_of_one, text,
};
use untorn::{AccessKind, Overlap};

/// Holds `first` open on one thread, runs `second` on another, and checks what the second reports.
///
/// One thread is started by `untorn::spawn` and one by std, in both roles.
fn force_overlap(first: &'static Op, second: &'static Op, spawned_first: bool) {
    let case = format!("{} then {}", first.name, second.name);
    let latch = Latch::closed(1);
    let map = map_of_one(&latch);
    let start = |op: &'static Op, latch: &Arc<Latch>, spawned: bool| {
        let (map, latch) = (Arc::clone(&map), Arc::clone(latch));
        let body = move || attempt(|| (op.run)(&map, &latch));
        if spawned {
            (untorn::spawn("spawned", body), Some(line!()))
        } else {
            let thread = Builder::new().name("std".into()).spawn(body);
            (thread.expect("the thread starts"), None)
        }
    };
    let (holder, holder_created) = start(first, &latch, spawned_first);
    latch.wait_for(1);
    let (other, other_created) = start(second, &Latch::open(), !spawned_first);
    let met = other.join().expect("the other ends well");
    latch.release();
    let held = holder.join().expect("the first access does not panic");
    assert!(held.is_ok(), "{case}: the first is left alone");

    match text(first.kind, second.kind) {
        None => assert!(met.is_ok(), "{case}: reported, but neither writes"),
        Some(text) => {
            let overlap = met.expect_err(&format!("{case}: not reported"));
            assert_eq!(overlap.message(), text, "{case}");
            check_side(&case, &overlap, true, second, other_created);
            check_side(&case, &overlap, false, first, holder_created);
            assert_eq!(overlap.additional_readers, 0, "{case}");
            assert_eq!(overlap.name.as_deref(), Some("config"), "{case}");
            assert!(!overlap.is_reentrant(), "{case}");
            let report = overlap.to_string();
            let start = format!("{text}\n\nthread \"");
            assert!(report.starts_with(&start), "{case}: {report}");
        }
    }
    // No access is left open: this write would report any.
    assert!(attempt(|| map.insert(BlockingKey::free(1), BlockingValue::free(1))).is_ok());
    assert_eq!(attempt(|| map.len()).ok(), Some(1), "{case}");
}

fn check_side(case: &str, overlap: &Overlap, here: bool, op: &Op, created: Option<u32>) {
    let site = if here { &overlap.here } else { &overlap.other };
    assert_eq!(site.operation, op.name, "{case}");
    assert_eq!(site.kind, op.kind, "{case}");
    let at = site.location.expect("both accesses are open");
    if op.name == "GoMap::fmt" {
        // Called through a pointer by std's formatting, which does not pass the caller's line.
        assert!(at.file().ends_with("gomap/map/mod.rs"), "{case}: {at}");
    } else {
        assert_eq!(at.line(), op.line, "{case}: {at}");
        assert!(at.file().ends_with("mod.rs"), "{case}: {at}");
    }
    let name = created.map_or("std", |_| "spawned");
    assert_eq!(&*site.thread, name, "{case}");
    assert_eq!(site.created_at.map(|at| at.line()), created, "{case}");
    let writes = op.kind == AccessKind::Write;
    assert_eq!(site.duration.is_some(), writes, "{case}");
}

#[test]
fn every_pair_of_methods() {
    let mut pairs = 0;
    for first in OPS.iter().filter(|op| op.can_block) {
        for second in OPS {
            force_overlap(first, second, pairs % 2 == 0);
            pairs += 1;
        }
    }
    println!("{pairs} pairs");
    assert_eq!(pairs, 13 * 17);
}

/// Go copies the value after its check. Here the copy is part of the access.
#[test]
fn a_get_lasts_until_the_value_is_copied() {
    let latch = Latch::closed(1);
    let map = map_of_one(&latch);
    scope(|s| {
        let reader = s.spawn(|| attempt(|| map.get(&BlockingKey::free(1))));
        latch.wait_for(1);
        let overlap = attempt(|| map.remove(&BlockingKey::free(1))).expect_err("inside `Clone`");
        assert_eq!(overlap.other.operation, "GoMap::get");
        latch.release();
        let read = reader.join().expect("the reader does not panic");
        assert_eq!(
            read.expect("the first access is not reported")
                .map(|elem| elem.n),
            Some(10)
        );
    });
}

/// A writer that blocks an access at its first byte. An access to a map without entries runs no
/// other user code.
struct BlockingWriter(Arc<Latch>);

impl Write for BlockingWriter {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        self.0.pass();
        Ok(())
    }
}

/// Go returns early from a nil or empty map, before its check.
#[test]
fn nil_and_empty_maps_overlap_too() {
    for map in [Map::nil(), Map::new(), Map::with_hint(100)] {
        let map = map.on_overlap(RECORD);
        let latch = Latch::closed(1);
        scope(|s| {
            let reader =
                s.spawn(|| attempt(|| write!(BlockingWriter(Arc::clone(&latch)), "{map:?}")));
            latch.wait_for(1);
            for op in OPS.iter().filter(|op| op.kind == AccessKind::Write) {
                let met = attempt(|| (op.run)(&map, &Latch::open()));
                let overlap = met.expect_err("a write during an iteration");
                let message = overlap.message();
                assert_eq!(message, "concurrent map iteration and map write");
                assert_eq!(overlap.name, None);
            }
            assert_eq!(attempt(|| map.len()).ok(), Some(0));
            assert!(attempt(|| map.get(&BlockingKey::free(1)).is_none()).is_ok());
            latch.release();
            assert!(reader.join().expect("the reader does not panic").is_ok());
        });
        assert!(attempt(|| map.clear()).is_ok());
    }
}

/// Every attempt during a long access is reported.
#[test]
fn each_of_many_attempts_is_reported() {
    let latch = Latch::closed(1);
    let map = map_of_one(&latch);
    scope(|s| {
        let writer =
            s.spawn(|| attempt(|| map.insert(BlockingKey::new(1, &latch), BlockingValue::free(2))));
        latch.wait_for(1);
        let mut last = None;
        for _ in 0..1000 {
            let overlap = attempt(|| map.len()).expect_err("the writer is inside");
            // The duration increases.
            assert!(overlap.other.duration >= last, "{overlap}");
            last = overlap.other.duration;
        }
        latch.release();
        assert!(writer.join().expect("the writer does not panic").is_ok());
    });
    assert_eq!(map.get(&BlockingKey::free(1)).map(|elem| elem.n), Some(2));
}

#[test]
fn other_maps_are_unaffected() {
    let latch = Latch::closed(2);
    let (read, written, free) = (
        map_of_one(&latch),
        map_of_one(&latch),
        map_of_one(&Latch::open()),
    );
    scope(|s| {
        let reader = s.spawn(|| attempt(|| (OPS[0].run)(&read, &latch)));
        let writer = s.spawn(|| attempt(|| written.remove(&BlockingKey::new(1, &latch)).is_some()));
        latch.wait_for(2);
        for op in OPS {
            let alone = map_of_one(&Latch::open());
            assert!(attempt(|| (op.run)(&alone, &Latch::open())).is_ok());
        }
        // Inside an access to one map every other map may be used, in every way.
        let nested = attempt(|| {
            free.iter_with(|_, _| {
                let inner = map_of_one(&Latch::open());
                inner.get_with(&BlockingKey::free(1), |_| free.len() + read.len());
                inner.insert(BlockingKey::free(2), BlockingValue::free(2));
            });
        });
        assert!(nested.is_ok());
        assert!(attempt(|| written.len()).is_err());
        latch.release();
        assert!(reader.join().expect("the reader does not panic").is_ok());
        assert!(writer.join().expect("the writer does not panic").is_ok());
    });
}

#[test]
fn clone_has_its_own_gate() {
    let latch = Latch::closed(1);
    let map = map_of_one(&Latch::open());
    scope(|s| {
        s.spawn(|| map.iter_with(|_, _| latch.pass()));
        latch.wait_for(1);
        let clone = map.deep_clone();
        assert_eq!(clone.name(), Some("config"));
        assert!(attempt(|| clone.remove(&BlockingKey::free(1)).is_some()).is_ok());
        assert!(attempt(|| map.clear()).is_err(), "the original is in use");
        latch.release();
    });
}

#[test]
fn columns_distinguish_accesses_on_one_line() {
    let latch = Latch::closed(1);
    let map = map_of_one(&latch);
    scope(|s| {
        s.spawn(|| map.get_with(&BlockingKey::free(1), |_| latch.pass()));
        latch.wait_for(1);
        #[rustfmt::skip]
        let met = [attempt(|| map.clear()), attempt(|| map.clear())];
        let [one, two] = met.map(|met| met.expect_err("a reader is inside").here.location);
        let (one, two) = (
            one.expect("the own side has a location"),
            two.expect("the own side has a location"),
        );
        assert!(one.file().ends_with("overlaps.rs"));
        assert_eq!(one.line(), two.line());
        assert!(one.column() < two.column());
        latch.release();
    });
}
