//! Panics of foreign code that was called in passing.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops what a panic carried, which may panic again.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    // What comes out of that is not dropped, or there would be no end.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
