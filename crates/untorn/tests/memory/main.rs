//! Tests of the allocator: that count allocations, or that use this crate in it. It is one for the
//! whole process, so they have their own process and run one at a time.

#[allow(dead_code, reason = "each test binary uses its own part of this")]
#[path = "../support/child.rs"]
mod child;
mod deltas;
mod reentrant;
mod retained;

use std::sync::{Mutex, MutexGuard, PoisonError};

use stats_alloc::INSTRUMENTED_SYSTEM;

static TURN: Mutex<()> = Mutex::new(());

/// Blocks the other tests until the guard is dropped.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the number of bytes that are allocated now.
fn live() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
