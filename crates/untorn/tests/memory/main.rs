//! Tests of the allocator: that count allocations, or that use this crate in it. It is one for the
//! whole process, so each has a process of its own.

#[allow(dead_code, reason = "each test binary uses its own part of this")]
#[path = "../support/child.rs"]
mod child;
mod deltas;
mod reentrant;
mod retained;

use std::thread;

use stats_alloc::INSTRUMENTED_SYSTEM;

/// Returns `true` if no other test runs in this process. Otherwise runs the calling test, whose
/// thread has its name, in a process of its own, and returns `false`.
#[must_use]
fn alone() -> bool {
    // Miri starts no process, and runs one test at a time.
    if cfg!(miri) || child::body().is_some() {
        return true;
    }
    let thread = thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let output = child::output(&mut child::command(test, "alone"));
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && text.contains("test result: ok. 1 passed");
    assert!(passed, "{text}{}", child::stderr(&output));
    false
}

/// Returns the number of bytes that are allocated now.
fn live() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
