//! The record and the number of the current thread, and threads whose creation site is in reports.

#[cfg(all(test, not(untorn_shuttle)))]
mod tests;

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use super::identity::ThreadIdentity;
use super::record::{Record, Registry, Slot};
use super::site::Name;
use super::tsan;
use crate::mutants::mutant;
use crate::sync::{Counter, Ordering, current_thread, thread_local};

/// The records of all threads of the process.
#[cfg(not(untorn_shuttle))]
pub(crate) static REGISTRY: Registry = Registry::new();

#[cfg(untorn_shuttle)]
shuttle::lazy_static! {
    /// The records of all threads of one execution.
    pub(crate) static ref REGISTRY: Registry = Registry::new();
}

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static INFO: Cell<Option<ThreadInfo>> = const { Cell::new(None) };
    static RELEASE_ON_EXIT: ReleaseOnExit = const { ReleaseOnExit(Cell::new(None)) };
}

/// The number and the creation site of a thread.
#[derive(Clone, Copy)]
struct ThreadInfo {
    number: u64,
    created_at: Option<&'static Location<'static>>,
}

impl ThreadInfo {
    /// Creates the info of a thread that the caller creates.
    #[track_caller]
    fn here() -> Self {
        // The creator is numbered first, so that the main thread is 1.
        thread_info();
        Self {
            number: next_number(),
            created_at: Some(Location::caller()),
        }
    }
}

fn next_number() -> u64 {
    static NEXT: Counter = Counter::new(1);
    // Relaxed: the numbers only have to be unique.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns the info of the current thread. A thread that was not created by `spawn` is numbered at
/// its first call.
fn thread_info() -> ThreadInfo {
    INFO.with(Cell::get).unwrap_or_else(|| {
        let info = ThreadInfo {
            number: next_number(),
            created_at: None,
        };
        INFO.with(|own| own.set(Some(info)));
        info
    })
}

/// Returns the number of the current thread, which is never 0.
pub(crate) fn this_thread() -> u64 {
    thread_info().number
}

fn current_identity() -> ThreadIdentity {
    let ThreadInfo { number, created_at } = thread_info();
    let thread = current_thread();
    ThreadIdentity {
        number,
        name: Name::new(thread.name().unwrap_or("<unnamed>")),
        created_at,
    }
}

/// Releases the record when the thread ends.
struct ReleaseOnExit(Cell<Option<&'static Record>>);

impl Drop for ReleaseOnExit {
    fn drop(&mut self) {
        if let Some(record) = self.0.take() {
            let _hidden = tsan::hide();
            if REGISTRY.release(record) {
                clear_record();
            } else if !mutant("records_are_not_retired") {
                record.retire();
            }
        }
    }
}

/// Clears the thread-local after the record was released. No user code has run on this thread since
/// the release.
fn clear_record() {
    // Shuttle may have destroyed this thread-local already.
    let _ = RECORD.try_with(Cell::take);
}

/// A slot of the current thread for one access, free until the access is published. Not `Send`.
pub(crate) struct Claim {
    pub(crate) slot: &'static Slot,
    _not_send: PhantomData<*const ()>,
}

impl Claim {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        match RECORD.with(Cell::get) {
            Some(record) if record.slots[0].is_free() => Self {
                slot: &record.slots[0],
                _not_send: PhantomData,
            },
            _ => Self::slow(),
        }
    }

    /// Claims a slot for the thread's first access, for an access inside another, or while the
    /// thread-locals are being destroyed.
    #[cold]
    fn slow() -> Self {
        let record = RECORD.with(Cell::get).unwrap_or_else(acquire_record);
        Self {
            slot: record.claim(),
            _not_send: PhantomData,
        }
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        if self.slot.needs_cleanup() {
            clean_up(self.slot);
        }
    }
}

#[cold]
fn clean_up(slot: &'static Slot) {
    let _hidden = tsan::hide();
    if REGISTRY.clean_up(slot) {
        clear_record();
    }
}

/// Acquires a record for the current thread.
fn acquire_record() -> &'static Record {
    let record = REGISTRY.acquire(&current_identity());
    RECORD.with(|own| own.set(Some(record)));
    // While the thread-locals are being destroyed, the last access that ends releases the record.
    if RELEASE_ON_EXIT
        .try_with(|release| release.0.set(Some(record)))
        .is_err()
    {
        record.retire();
    }
    record
}

/// Starts a named thread whose creation site appears in reports; otherwise like
/// `std::thread::spawn`.
///
/// Threads are numbered from 1, in the order in which they are created by `spawn` or first use this
/// crate; a creator is numbered before the thread that it creates. Reports show name and number.
///
/// # Panics
/// If the operating system cannot create a thread, as `std::thread::spawn` does, and if `name` has
/// a nul byte. Always on a target without threads, such as `wasm32-unknown-unknown`.
///
/// # Examples
/// ```
/// let poller = untorn::spawn("poller", || 7);
/// assert_eq!(poller.join().unwrap(), 7);
/// ```
#[track_caller]
pub fn spawn<F, T>(name: impl Into<String>, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    try_spawn(name, f).expect("failed to spawn a thread")
}

/// Starts a thread like [`spawn`], but returns an error if the thread cannot be created.
///
/// # Errors
/// If the operating system cannot create a thread.
#[track_caller]
pub(crate) fn try_spawn<F, T>(name: impl Into<String>, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let info = ThreadInfo::here();
    Builder::new().name(name.into()).spawn(move || {
        INFO.with(|own| own.set(Some(info)));
        f()
    })
}

/// Starts a named scoped thread, which may borrow what outlives the scope, and whose creation site
/// appears in reports.
///
/// # Panics
/// As [`spawn`].
///
/// # Examples
/// ```
/// use untorn::{GoMap, spawn_scoped};
///
/// let config = GoMap::from([("1", "265")]);
/// let read = std::thread::scope(|scope| {
///     let reader = spawn_scoped(scope, "reader", || config.get("1"));
///     reader.join().unwrap()
/// });
/// assert_eq!(read, Some("265"));
/// ```
#[track_caller]
pub fn spawn_scoped<'scope, F, T>(
    scope: &'scope Scope<'scope, '_>,
    name: impl Into<String>,
    f: F,
) -> ScopedJoinHandle<'scope, T>
where
    F: FnOnce() -> T + Send + 'scope,
    T: Send + 'scope,
{
    let info = ThreadInfo::here();
    let started = Builder::new()
        .name(name.into())
        .spawn_scoped(scope, move || {
            INFO.with(|own| own.set(Some(info)));
            f()
        });
    started.expect("failed to spawn a thread")
}
