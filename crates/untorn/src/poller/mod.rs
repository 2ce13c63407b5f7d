//! A thread that keeps pulling fresh contents into a [`Map`](crate::Map), and keeps the last good ones when that fails.
//!
//! ```text
//!          start
//!            │ at once
//!            ▼
//!      ┌──────────┐   success: for the period      ┌────────────┐
//!      │          │ ─────────────────────────────▶ │  Sleeping  │
//!      │          │ ◀───────────────────────────── │            │
//!      │          │         due, or a poke         └────────────┘
//!      │ Fetching │
//!      │          │   error or panic: for 1 s,     ┌────────────┐
//!      │          │   2 s, 4 s … up to the cap     │            │
//!      │          │ ─────────────────────────────▶ │ BackingOff │
//!      │          │ ◀───────────────────────────── │            │
//!      └──────────┘         due, or a poke         └────────────┘
//!
//!      stop, drop: to Stopped; from Fetching when the fetch has ended, else at once
//! ```

// `source.rs` is where contents come from; `setup.rs` a poller before it starts; `thread.rs` what the thread does: fetch,
// refresh, reclaim; `state.rs` what it shares with the handle: whose turn it is, who waits; `backoff.rs` how long it
// waits, numbers only; `clock.rs` what time it is; `status.rs` and `message.rs` what it tells of itself, and of failures.

mod backoff;
mod clock;
mod message;
mod setup;
mod source;
mod state;
mod status;
mod thread;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

pub use self::setup::Setup;
pub use self::source::{Fetched, Source};
use self::state::Shared;
pub use self::status::{Activity, Failure, NotFresh, Status, Success};
use crate::Revision;

/// A thread that asks a [`Source`] for the contents of a [`Map`](crate::Map) again and again, until it is stopped or
/// dropped.
///
/// Each *poll* asks the source for everything (a *fetch*), takes it over by [`Map::refresh`](crate::Map::refresh), as one
/// commit of what differs, and then frees what readers have let go of ([`Map::reclaim`](crate::Map::reclaim)). Readers
/// go on meanwhile, and never see two refreshes mixed.
///
/// ```
/// use std::io;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::{Map, Poller};
///
/// # fn read_config() -> io::Result<Vec<(&'static str, u32)>> {
/// #     Ok(vec![("1", 265), ("2", 265)])
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Arc::new(Map::named("config"));
/// let poller = Poller::every(Duration::from_secs(10), || read_config())
///     .named("config poller")
///     .start(&config)?;
/// poller.wait_until_fresh(Duration::from_secs(5))?; // the first contents
///
/// let view = config.pin();
/// assert_eq!(view.get("1"), view.get("2")); // of one fetch
/// # Ok(())
/// # }
/// ```
///
/// The map may be a `static`, and then is made at its first use:
///
/// ```
/// # use std::sync::{Arc, LazyLock};
/// # use std::time::Duration;
/// # use untorn::{Map, Poller};
/// static CONFIG: LazyLock<Arc<Map<&str, u32>>> = LazyLock::new(|| Arc::new(Map::named("config")));
///
/// let read = || Ok::<_, String>([("1", 265)]);
/// let poller = Poller::every(Duration::from_secs(10), read).start(&CONFIG)?;
/// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
/// assert_eq!(CONFIG.get("1"), Some(265));
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// What is fetched by a future is a source too: a closure that calls `handle.block_on(fetch())`, with the `Handle` of an async
/// runtime, blocks the poller's thread and no other.
///
/// # Limits
/// - A poller serves a [`Map`](crate::Map). A [`Published`](crate::Published) value wants a thread of your own that calls
///   `publish`.
/// - Stopping waits for the fetch that is going on, and nothing can interrupt one: **a source must bound its own
///   waiting**, by the timeouts of its sockets and the like.
/// - Do not stop or drop a poller while holding what its source waits for, nor inside a batch of its map: both would wait
///   for ever.
/// - The contents of a fetch are taken as they are; no entries at all empty the map. If that must not happen, let the
///   source return an error.
/// - What others write to the map stays until the next fetch that is not [`Fetched::Unchanged`]; it is not told apart.
/// - A value that does not equal itself (a NaN) makes a revision at each poll.
/// - A child process that was forked has a copy of the poller without its thread. There `stop` and drop do nothing; every
///   other method may block for ever. Start pollers after a fork.
/// - Panics are caught where panics unwind; under `panic = "abort"` they end the process. The panic hook runs first.
///
/// # Failures
/// If the source returns an error or panics, or if its entries panic while they are taken over, nothing is published,
/// the map keeps what it has, and the [`status`](Self::status) tells; [`Setup::on_failure`] and, with the feature `tracing`, an
/// event of level `WARN` tell of each. (A panic in the `Drop` of what was replaced is a
/// failure too, but it comes after the commit.) Then the poller backs off: the next fetch is after a second, or the
/// period if that is shorter, and after twice as long with each failure in a row, up to
/// [a cap](Setup::backoff_up_to). One success and it goes by the period again.
///
/// # Time
/// Waits are counted from the end of a poll, by a clock that is never set. So a slow source delays the next fetch, and
/// fetches never queue. Each wait is a bit shorter or longer, [at random](Setup::jitter). While fetches succeed,
/// contents are at most as [old](Status::age) as a wait and two fetches take.
///
/// Time that the machine was suspended counts, on Linux, Android, Windows and Apple's systems: a poll that became due
/// meanwhile begins within ten seconds after the machine has resumed, and [`Status::age`] includes the suspend. (Elsewhere
/// it counts if [`Instant`](std::time::Instant) counts it.) For this a poller with a period of more than ten seconds looks
/// at the clock every ten seconds, which costs some microseconds each time.
///
/// # Stopping
/// [`stop`](Self::stop) and drop wait for the thread to end: at once while it sleeps or backs off, else when the fetch
/// has ended, whose contents are still taken over. From inside the source (or any code that the thread runs) they
/// cannot wait for their own thread: they return at once, and the thread ends after this poll. The source is dropped on
/// the thread.
#[must_use = "a poller stops when it is dropped"]
pub struct Poller {
    shared: Arc<Shared>,
    id: ThreadId,
    /// The process that the thread is in. A forked child has a copy of this poller and no such thread.
    process: u32,
    /// Held by who joins, so that everybody who stops it returns when it has ended.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Poller {
    /// A poller that is to ask `source` with a pause of `period` between two fetches. A closure that returns a `Result`
    /// of key-value pairs is a source. `Duration::MAX` means only when [poked](Self::poke), and after failures.
    ///
    /// # Panics
    /// If the period is zero.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::new());
    /// let mut generation = 0;
    /// let poller = Poller::every(Duration::from_millis(10), move || {
    ///     generation += 1;
    ///     Ok::<_, String>([("1", generation), ("2", generation)])
    /// });
    /// let poller = poller.jitter(0.2).backoff_up_to(Duration::from_secs(1)).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn every<S: Source>(period: Duration, source: S) -> Setup<S> {
        Setup::new(period, source)
    }

    fn new(shared: Arc<Shared>, thread: JoinHandle<()>) -> Self {
        Self {
            shared,
            id: thread.thread().id(),
            process: std::process::id(),
            thread: Mutex::new(Some(thread)),
        }
    }

    /// Asks for a fetch now, also out of a backoff. Does not wait for it.
    ///
    /// If a fetch is going on, another one follows: it may have read what has changed since. Pokes that come before a
    /// fetch begins are one. A fetch that fails is a failure like any other, and the backoff goes on from there. After a
    /// stop nothing happens.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let poller = Poller::every(Duration::MAX, || Ok::<_, String>([("1", 265)])).start(&config)?;
    /// poller.poke(); // on a signal, say
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn poke(&self) {
        self.shared.poke();
    }

    /// Asks for a fetch now and waits for it, for so long at most. Returns the revision that the map then had.
    ///
    /// # Errors
    /// [`NotFresh::Failed`] if it fails, [`NotFresh::TimedOut`], or [`NotFresh::Stopped`].
    ///
    /// # Panics
    /// From inside the source, or any code that the poller's thread runs: it would wait for itself.
    ///
    /// Blocks the thread; in async code by `spawn_blocking`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || std::fs::read_to_string("no such file").map(|text| [("text", text)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let told = poller.refresh_now(Duration::from_secs(5)).unwrap_err();
    /// assert!(told.to_string().starts_with("the poll failed: "));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn refresh_now(&self, at_most: Duration) -> Result<Revision, NotFresh> {
        self.refuse_its_own_thread();
        self.shared.wait_for(self.shared.poke(), false, at_most)
    }

    /// Waits, for so long at most, until a fetch has succeeded that began after the last [poke](Self::poke), or the first
    /// one since the start if there was none. Failures in between are waited out. Returns at once if there was such a
    /// fetch. Returns the revision that the map had after the last success: who reads after that sees it, or a later one.
    ///
    /// # Errors
    /// [`NotFresh::TimedOut`] or [`NotFresh::Stopped`]. With a time of zero it only looks.
    ///
    /// # Panics
    /// From inside the source, or any code that the poller's thread runs: it would wait for itself.
    ///
    /// Blocks the thread; in async code by `spawn_blocking`.
    #[track_caller]
    pub fn wait_until_fresh(&self, at_most: Duration) -> Result<Revision, NotFresh> {
        self.refuse_its_own_thread();
        self.shared.wait_for(self.shared.asked(), true, at_most)
    }

    #[track_caller]
    fn refuse_its_own_thread(&self) {
        assert!(
            std::thread::current().id() != self.id,
            "a wait for a poll on the poller's own thread: it would wait for itself"
        );
    }

    /// How it is doing. Waits for no fetch.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let poller = Poller::every(Duration::from_secs(10), || Ok::<_, String>([("1", 265)])).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// let status = poller.status();
    /// assert_eq!(status.last_success.as_ref().unwrap().refreshed.added, 1);
    /// assert_eq!(status.failures_in_a_row, 0);
    /// assert!(status.age().is_some());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Whether this is a copy in a forked child, where the thread does not exist.
    fn is_forked_copy(&self) -> bool {
        std::process::id() != self.process
    }

    /// Stops the poller and blocks until its thread has ended; drop does the same. See [*Stopping*](Self#stopping).
    pub fn stop(&self) {
        // Before any lock: the thread may have held it at the fork.
        if self.is_forked_copy() {
            return;
        }
        self.shared.stop();
        if std::thread::current().id() == self.id {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // All that could panic was caught.
            _ = thread.join();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        if self.is_forked_copy() {
            // To detach or to join a thread that does not exist is an error.
            let thread = self.thread.get_mut();
            std::mem::forget(thread.unwrap_or_else(PoisonError::into_inner).take());
        } else {
            self.stop();
        }
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Poller").field(&self.status()).finish()
    }
}
