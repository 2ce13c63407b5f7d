//! Leaked guards: the cell stays in use, reports name the leaked access, and nothing else is lost.

use std::mem::forget;
use std::rc::Rc;
use std::sync::Arc;

use untorn::OverlapCell;

use crate::support::{RECORD, attempt};

#[test]
fn later_reports_name_the_leaked_access() {
    let cell = Arc::new(OverlapCell::named("config", 1).on_overlap(RECORD));
    let leaker = {
        let cell = Arc::clone(&cell);
        untorn::spawn("leaker", move || forget(cell.read()))
    };
    let line = line!() - 2;
    leaker.join().expect("no panic");
    // Later threads do not reuse the record of the leaked guard.
    for round in 0..20 {
        let cell = Arc::clone(&cell);
        let other_thread = untorn::spawn(format!("other {round}"), move || {
            assert!(cell.try_read().is_ok(), "reads may be nested with a read");
            let refused = [cell.try_write().map(drop), attempt(|| drop(cell.write()))];
            refused.map(|refused| refused.expect_err("the leaked access never ends"))
        });
        for overlap in other_thread.join().expect("no panic") {
            assert_eq!(&*overlap.other.thread, "leaker");
            assert_eq!(
                overlap.other.location.expect("the access is open").line(),
                line
            );
            assert_eq!(&*overlap.here.thread, format!("other {round}"));
            assert_eq!(
                (overlap.additional_readers, overlap.is_reentrant()),
                (0, false)
            );
        }
    }
}

#[test]
fn leaked_write_conflicts_with_every_access() {
    let cell = Arc::new(OverlapCell::new(1));
    let leaker = {
        let cell = Arc::clone(&cell);
        untorn::spawn("leaker", move || forget(cell.write()))
    };
    leaker.join().expect("no panic");
    let mut last = None;
    for _ in 0..20 {
        let overlaps = [
            cell.try_read()
                .map(drop)
                .expect_err("the leaked access never ends"),
            cell.try_write()
                .map(drop)
                .expect_err("the leaked access never ends"),
        ];
        for overlap in overlaps {
            assert_eq!(&*overlap.other.thread, "leaker");
            assert!(overlap.other.duration.is_some() && overlap.other.duration >= last);
            last = overlap.other.duration;
        }
    }
}

/// Leaks more guards than a record has slots; the thread takes further records for each later
/// access.
#[test]
fn thread_may_leak_more_guards_than_a_record_holds() {
    let cells: Vec<_> = (0..9).map(OverlapCell::new).collect();
    for cell in &cells {
        forget(cell.read());
    }
    let other = OverlapCell::new(0);
    for round in 1..=100 {
        *other.write() += 1;
        let (one, two) = (other.read(), other.read());
        assert_eq!((*one, *two), (round, round));
        let overlap = other.try_write().map(drop).expect_err("we read");
        assert_eq!(
            (overlap.additional_readers, overlap.is_reentrant()),
            (1, true)
        );
    }
    for cell in &cells {
        let overlap = cell
            .try_write()
            .map(drop)
            .expect_err("the leaked access never ends");
        assert!(overlap.is_reentrant());
    }
}

/// The `Rc` counts the live values.
#[test]
fn value_of_a_cell_is_dropped_once() {
    let value = Rc::new(());
    let cells = || OverlapCell::new(Rc::clone(&value));

    // By dropping the cell.
    let cell = cells();
    forget(cell.write());
    drop(cell);
    assert_eq!(Rc::strong_count(&value), 1);

    // By taking the value out.
    let cell = cells();
    forget((cell.read(), cell.read()));
    let out = cell.into_inner();
    assert_eq!(Rc::strong_count(&value), 2);
    drop(out);

    // By `get_mut`, which needs no check and does not end the leaked access.
    let mut cell = cells();
    forget(cell.write());
    *cell.get_mut() = Rc::new(());
    assert_eq!(Rc::strong_count(&value), 1);
    assert!(cell.try_read().is_err());

    // Later guards of the cell work as before.
    let cell = cells();
    forget(cell.read());
    for _ in 0..10 {
        assert_eq!(Rc::strong_count(&cell.read()), 2);
    }
    drop(cell);
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A cell that replaces another one in memory has its own gate.
#[test]
fn new_cell_at_the_same_address_is_not_in_use() {
    let mut cells = [OverlapCell::new(1)];
    forget(cells[0].read());
    assert!(cells[0].try_write().is_err());
    cells[0] = OverlapCell::new(2);
    assert!(cells[0].try_write().is_ok());
}
