//! The number of a thread, and threads whose creation site is in reports.

use std::cell::Cell;
use std::io;
use std::panic::Location;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use crate::sync::{Counter, Ordering, thread_local};

thread_local! {
    static INFO: Cell<Option<ThreadInfo>> = const { Cell::new(None) };
}

/// The number and the creation site of a thread.
#[derive(Clone, Copy)]
pub(crate) struct ThreadInfo {
    pub(crate) number: u64,
    pub(crate) created_at: Option<&'static Location<'static>>,
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
pub(crate) fn thread_info() -> ThreadInfo {
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
