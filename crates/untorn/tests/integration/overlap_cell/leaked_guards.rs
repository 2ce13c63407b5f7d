//! Guards that are forgotten: the cell is in use for ever, says by whom, and loses nothing else.

use std::mem::forget;
use std::rc::Rc;
use std::sync::Arc;

use untorn::OverlapCell;

use crate::support::{NOTE, attempt};

#[test]
fn every_later_report_names_the_access_that_was_forgotten() {
    let cell = Arc::new(OverlapCell::named("config", 1).on_overlap(NOTE));
    let forgetter = {
        let cell = Arc::clone(&cell);
        untorn::spawn("forgetter", move || forget(cell.read()))
    };
    let line = line!() - 2;
    forgetter.join().expect("it ends well");
    // Threads that come and go do not get the record that it is written down in.
    for round in 0..20 {
        let cell = Arc::clone(&cell);
        let comer = untorn::spawn(format!("comer {round}"), move || {
            assert!(cell.try_read().is_ok(), "reads may be nested with a read");
            let refused = [cell.try_write().map(drop), attempt(|| drop(cell.write()))];
            refused.map(|refused| refused.expect_err("it is in use for ever"))
        });
        for overlap in comer.join().expect("it ends well") {
            assert_eq!(&*overlap.other.thread, "forgetter");
            assert_eq!(overlap.other.location.expect("it is inside").line(), line);
            assert_eq!(&*overlap.here.thread, format!("comer {round}"));
            assert_eq!(
                (overlap.additional_readers, overlap.is_reentrant()),
                (0, false)
            );
        }
    }
}

#[test]
fn a_forgotten_write_is_in_everybodys_way() {
    let cell = Arc::new(OverlapCell::new(1));
    let forgetter = {
        let cell = Arc::clone(&cell);
        untorn::spawn("forgetter", move || forget(cell.write()))
    };
    forgetter.join().expect("it ends well");
    let mut last = None;
    for _ in 0..20 {
        let told = [
            cell.try_read().map(drop).expect_err("in use"),
            cell.try_write().map(drop).expect_err("in use"),
        ];
        for overlap in told {
            assert_eq!(&*overlap.other.thread, "forgetter");
            assert!(overlap.other.duration.is_some() && overlap.other.duration >= last);
            last = overlap.other.duration;
        }
    }
}

/// More than a record has slots, on a thread that goes on: it takes further records for each access.
#[test]
fn a_thread_that_forgets_more_than_a_record_holds_goes_on() {
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
        let overlap = cell.try_write().map(drop).expect_err("in use for ever");
        assert!(overlap.is_reentrant());
    }
}

/// What lives is counted by the `Rc`.
#[test]
fn what_the_cell_holds_is_dropped_once() {
    let value = Rc::new(());
    let cells = || OverlapCell::new(Rc::clone(&value));

    // By dropping the cell.
    let cell = cells();
    forget(cell.write());
    drop(cell);
    assert_eq!(Rc::strong_count(&value), 1);

    // By taking it out.
    let cell = cells();
    forget((cell.read(), cell.read()));
    let out = cell.into_inner();
    assert_eq!(Rc::strong_count(&value), 2);
    drop(out);

    // By whoever has the cell to itself: it does not ask the gate, and does not open it.
    let mut cell = cells();
    forget(cell.write());
    *cell.get_mut() = Rc::new(());
    assert_eq!(Rc::strong_count(&value), 1);
    assert!(cell.try_read().is_err());

    // Other guards of the cell come and go as before.
    let cell = cells();
    forget(cell.read());
    for _ in 0..10 {
        assert_eq!(Rc::strong_count(&cell.read()), 2);
    }
    drop(cell);
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A cell in the place of one that is gone has a gate of its own.
#[test]
fn a_new_cell_at_the_same_place_is_not_in_use() {
    let mut cells = [OverlapCell::new(1)];
    forget(cells[0].read());
    assert!(cells[0].try_write().is_err());
    cells[0] = OverlapCell::new(2);
    assert!(cells[0].try_write().is_ok());
}
