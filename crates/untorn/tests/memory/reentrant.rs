//! A global allocator that uses this crate: its accesses and pins begin inside those of the program
//! that allocate.

#![allow(unsafe_code, reason = "an allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use untorn::OverlapCell;

use crate::child;

/// The allocator of this process. It calls the hook of the current thread, if there is one.
struct Allocator(&'static StatsAlloc<System>);

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(&INSTRUMENTED_SYSTEM);

thread_local! {
    /// `None` also while it runs, so that it may allocate.
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

fn call_hook() {
    if let Some(hook) = HOOK.take() {
        hook();
        HOOK.set(Some(hook));
    }
}

// SAFETY: all methods forward to another allocator.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        call_hook();
        // SAFETY: by the contract of this method.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        call_hook();
        // SAFETY: by the contract of this method.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        call_hook();
        // SAFETY: by the contract of this method.
        unsafe { self.0.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        call_hook();
        // SAFETY: by the contract of this method.
        unsafe { self.0.dealloc(memory, layout) }
    }
}

/// Calls `f`, in which each call of the allocator calls `hook`.
fn hooked<R>(hook: fn(), f: impl FnOnce() -> R) -> R {
    HOOK.set(Some(hook));
    let result = f();
    HOOK.set(None);
    result
}

/// The number of calls that a hook has counted.
static COUNTED: OverlapCell<usize> = OverlapCell::new(0);

/// A hook whose access ends at once.
fn count() {
    *COUNTED.write() += 1;
}

static KEPT: OverlapCell<u8> = OverlapCell::new(0);

/// The variable is copied into memory of the allocator.
#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn first_access_of_a_process_may_be_nested() {
    let mut command = child::command("reentrant::child", "first_access");
    let output = child::output(command.env("UNTORN_STRETCH", "1%"));
    assert!(output.status.success(), "{}", child::stderr(&output));
}

#[test]
fn child() {
    if child::body().is_some() {
        hooked(count, || drop(KEPT.read()));
        assert!(*COUNTED.read() > 0, "the hook was not called");
    }
}
