//! Tests of the allocator: that count allocations, or that use this crate in it. It is one for the
//! whole process, so each has a process of its own.

#[allow(dead_code, reason = "each test binary uses its own part of this")]
#[path = "../support/child.rs"]
mod child;
mod deltas;
mod reentrant;
mod retained;

use stats_alloc::INSTRUMENTED_SYSTEM;

/// Returns the number of bytes that are allocated now.
fn live() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
