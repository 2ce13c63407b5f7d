//! Policies: the function of `Call`, and the panic.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{OnOverlap, Overlap, OverlapCell};

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn count(_: &Overlap) {
    CALLS.set(CALLS.get() + 1);
}

/// Writes while this thread reads, on a cell with this policy; returns the message of the panic.
fn overlap(on_overlap: OnOverlap) -> String {
    let cell = OverlapCell::new(1).on_overlap(on_overlap);
    let reading = cell.read();
    let write = AssertUnwindSafe(|| drop(cell.write()));
    let panic = catch_unwind(write).expect_err("a read is in progress");
    drop(reading);
    assert!(cell.try_write().is_ok(), "the attempt has ended");
    *panic.downcast().expect("a report")
}

#[test]
fn the_panic_message_is_the_report() {
    for policy in [OnOverlap::Panic, OnOverlap::Call(|_| ())] {
        let message = overlap(policy);
        assert!(message.starts_with("concurrent read and write\n\nthread "));
        assert!(message.ends_with("Drop that guard first."), "{message}");
    }
}

#[test]
fn the_function_is_called_once_per_overlap() {
    for calls in 1..4 {
        overlap(OnOverlap::Call(count));
        assert_eq!(CALLS.get(), calls);
    }
}

#[test]
fn an_overlap_inside_the_function_only_panics() {
    for calls in 1..3 {
        overlap(OnOverlap::Call(|outer| {
            count(outer);
            overlap(OnOverlap::Call(count));
        }));
        assert_eq!(CALLS.get(), calls, "the inner function was called");
    }
}

#[test]
fn a_function_that_panics_is_called_again() {
    for calls in 1..3 {
        overlap(OnOverlap::Call(|overlap| {
            count(overlap);
            panic!("{overlap}");
        }));
        assert_eq!(CALLS.get(), calls);
    }
}
