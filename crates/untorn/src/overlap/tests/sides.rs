//! The two sides of an overlap: threads, lines, operations, durations.

use std::ffi::CStr;
use std::panic::Location;
use std::sync::mpsc;

use super::{GET, INSERT};
use crate::OverlapCell;
use crate::overlap::clock;
use crate::overlap::detector::{Describe, Detector, HasSlot};
use crate::overlap::policy::OnOverlap;
use crate::overlap::record::Slot;
use crate::overlap::report::Subject;
use crate::overlap::site::AccessKind;
use crate::thread::this_thread;

struct Tested;

impl Describe for Tested {
    const KIND: &'static CStr = c"Tested";
    const ON_OVERLAP: OnOverlap = OnOverlap::Panic;

    fn subject(&self) -> Subject {
        Subject::Cell("Tested")
    }
}

#[test]
fn a_report_names_threads_lines_and_operations() {
    static CELL: OverlapCell<u8> = OverlapCell::new(1);
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let read = move || {
        let (reading, line) = (CELL.read(), line!());
        entered.send((this_thread(), line)).expect("the test waits");
        may_leave.recv().expect_err("nothing is sent");
        drop(reading);
    };
    let (reader, created_in) = (crate::spawn("reader", read), line!());
    let (number, read_in) = has_entered.recv().expect("it reads");
    let (end, written_in) = (CELL.try_write().map(drop), line!());
    let overlap = end.expect_err("a read is in progress");
    drop(leave);
    reader.join().expect("no panic");

    let (here, other) = (&overlap.here, &overlap.other);
    assert_eq!((&*other.thread, other.thread_number), ("reader", number));
    assert_eq!(other.created_at.map(Location::line), Some(created_in));
    assert_eq!(other.location.map(Location::line), Some(read_in));
    assert_eq!(other.operation, "OverlapCell::read");
    assert_eq!((other.kind, other.duration), (AccessKind::Read, None));
    assert_eq!(here.thread_number, this_thread());
    assert_eq!(here.created_at, None);
    assert_eq!(here.location.map(Location::line), Some(written_in));
    assert_eq!(here.operation, "OverlapCell::try_write");
    assert_eq!(here.kind, AccessKind::Write);
    assert!(here.duration.is_some() && !overlap.is_reentrant());
    assert!(CELL.try_write().is_ok(), "the read has ended");
}

#[test]
fn an_overlap_on_one_thread_is_reentrant() {
    let cell = OverlapCell::named("limits", 1);
    let writing = cell.write();
    let overlap = cell.try_read().map(drop).expect_err("a write is going on");
    drop(writing);
    assert!(overlap.is_reentrant());
    assert_eq!(overlap.other.operation, "OverlapCell::write");
    assert!(overlap.other.duration.is_some() && overlap.here.duration.is_none());
    assert_eq!(overlap.name.as_deref(), Some("limits"));
}

/// A read has a duration only while it is being delayed; a write always has one.
#[test]
fn a_delayed_access_is_reported_as_delayed() {
    let detector = Detector::new(Tested);
    let check = |slot: &Slot, always_has_duration: bool| {
        for delayed in [false, true, false] {
            slot.set_delayed(delayed.then(clock::now));
            let end = detector.try_enter_write(&INSERT).map(drop);
            let other = end.expect_err("an access is in progress").other;
            assert_eq!(other.stretched, delayed);
            assert_eq!(other.duration.is_some(), always_has_duration || delayed);
        }
    };
    let Ok(read) = detector.try_enter_read(&GET) else {
        panic!("no write is in progress");
    };
    check(read.slot(), false);
    drop(read);
    let Ok(write) = detector.try_enter_write(&INSERT) else {
        panic!("no other access is in progress");
    };
    check(write.slot(), true);
}
