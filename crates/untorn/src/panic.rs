//! Payloads of caught panics.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops the payload of a panic, whose `Drop` may panic too.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    // The second payload is leaked: its `Drop` could panic again, without end.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
