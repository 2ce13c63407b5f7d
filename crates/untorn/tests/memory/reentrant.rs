//! A global allocator that uses this crate: its accesses and pins begin inside those of the program
//! that allocate.

#![allow(unsafe_code, reason = "an allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::mem::{ManuallyDrop, forget, take};
use std::slice;
use std::sync::LazyLock;
use std::thread;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use untorn::{Map, OverlapCell, ReadGuard};

use crate::child::{self, alone};
use crate::live;

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

thread_local! {
    static GUARDS: RefCell<Vec<ReadGuard<'static, u8>>> = const { RefCell::new(Vec::new()) };
}

/// A hook whose access stays open.
fn keep_guard() {
    GUARDS.with_borrow_mut(|guards| guards.push(KEPT.read()));
}

/// A hook that ends accesses which began before the one that allocates.
fn drop_guards() {
    GUARDS.take();
}

/// A hook whose access stays open until its next call.
fn replace_guard() {
    GUARDS.replace(vec![KEPT.read()]);
}

/// More accesses than the slots of a record and of its first three slot blocks; one, under Miri.
const ACCESSES: usize = if cfg!(miri) { 10 } else { 40 };

const HOOKS: [fn(); 4] = [count, keep_guard, drop_guards, replace_guard];

/// The cells of a hook. One guard of each thread is leaked, so the next thread gets a new record.
type Cells = [OverlapCell<u8>; ACCESSES];

/// Returns the number of the first cells that have an access, and checks that no other cell has
/// one. On another thread: an access of this thread would allocate the next slot block.
fn in_use(cells: &'static [OverlapCell<u8>]) -> usize {
    let body = || {
        let in_use = |cell: &OverlapCell<u8>| cell.try_write().is_err();
        let first = cells.iter().take_while(|cell| in_use(cell)).count();
        assert!(!cells[first..].iter().any(in_use), "{first} accesses, more");
        first
    };
    thread::spawn(body).join().expect("no panic")
}

#[test]
fn nested_accesses_have_slots_of_their_own() {
    static CELLS: [Cells; HOOKS.len()] =
        [const { [const { OverlapCell::new(0) }; ACCESSES] }; HOOKS.len()];
    if !alone() {
        return;
    }
    for (hook, cells) in HOOKS.into_iter().zip(&CELLS) {
        let body = move || {
            drop_guards();
            let mut held = Vec::new();
            for cell in cells {
                // For `drop_guards`.
                if held.len() % 5 == 1 {
                    keep_guard();
                }
                held.push(hooked(hook, || cell.read()));
                assert_eq!(in_use(cells), held.len());
                let kept = GUARDS.with_borrow(|guards| !guards.is_empty());
                assert_eq!(in_use(slice::from_ref(&KEPT)), usize::from(kept));
            }
            drop_guards();
            held.truncate(1);
            assert_eq!((in_use(cells), in_use(slice::from_ref(&KEPT))), (1, 0));
            forget(held);
        };
        thread::spawn(body).join().expect("no panic");
    }
    assert!(*COUNTED.read() > 0, "the hook was not called");
}

thread_local! {
    /// Guards that no destructor drops.
    static LATE: RefCell<ManuallyDrop<Vec<ReadGuard<'static, u8>>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
    static READS_LATE: ReadsLate = const { ReadsLate };
}

static READ_LATE: OverlapCell<u8> = OverlapCell::new(0);

/// Enough threads to use all records that other tests have left. Miri runs each for seconds.
const THREADS: usize = if cfg!(miri) { 10 } else { 100 };

/// A cell of threads whose records must not be used again.
static LEAKED: OverlapCell<u8> = OverlapCell::new(0);

struct ReadsLate;

impl Drop for ReadsLate {
    /// Begins an access while those before it end, the last of which releases the record of a
    /// thread that has ended.
    fn drop(&mut self) {
        let drop_late = || LATE.with_borrow_mut(|guards| drop(take(&mut **guards)));
        let read = hooked(drop_late, || READ_LATE.read());
        for _ in 0..THREADS {
            let body = || {
                forget(LEAKED.read());
                let overlap = READ_LATE.try_write().err();
                overlap.expect("a read is in progress").other.thread
            };
            let reader = thread::spawn(body).join().expect("no panic");
            assert_eq!(&*reader, "late", "another thread has the record");
        }
        drop(read);
    }
}

#[test]
fn nested_ends_do_not_release_a_record() {
    if !alone() {
        return;
    }
    let body = || {
        READS_LATE.with(|_| ());
        LATE.with_borrow_mut(|guards| guards.extend([(); 4].map(|()| READ_LATE.read())));
    };
    let thread = thread::Builder::new().name("late".into()).spawn(body);
    thread.expect("a thread").join().expect("no panic");
    assert!(READ_LATE.try_write().is_ok());
}

/// Returns the bytes that some threads leave, each of which needs a new record for its first
/// access.
fn left_by_accesses(hook: fn()) -> usize {
    let before = live();
    for _ in 0..THREADS {
        let body = move || forget(hooked(hook, || LEAKED.read()));
        thread::spawn(body).join().expect("no panic");
    }
    live().saturating_sub(before)
}

#[test]
fn nested_first_accesses_leave_no_records() {
    if !alone() {
        return;
    }
    // Takes the records that ended threads have left.
    left_by_accesses(|| ());
    let plain = left_by_accesses(|| ());
    let nested = left_by_accesses(count);
    assert!(nested < plain * 3 / 2, "{nested} bytes, {plain} without");
}

static MAP: LazyLock<Map<u8, u8>> = LazyLock::new(|| Map::from([(1, 1)]));

/// A hook that pins.
fn pin() {
    assert_eq!(MAP.pin().len(), 1);
}

/// The first pin of a thread allocates a slab when all records have an owner.
#[test]
fn nested_first_pins_leave_no_records() {
    if !alone() {
        return;
    }
    let mut pins = Vec::new();
    for _ in 0..150 {
        pins.push(MAP.pin());
        let before = MAP.stats().records;
        let body = || drop(hooked(pin, || MAP.pin()));
        thread::spawn(body).join().expect("no panic");
        let after = MAP.stats().records;
        assert_eq!(after, before, "with {} pins", pins.len());
    }
}

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
