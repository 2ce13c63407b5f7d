//! [`Poller`]: a thread that refreshes a [`Map`](crate::Map) or a [`Published`](crate::Published)
//! periodically, and leaves the last good contents when a fetch fails.
//!
//! ```text
//!          start
//!            │ at once
//!            ▼
//!      ┌──────────┐   success: for the period      ┌────────────┐
//!      │          │ ─────────────────────────────▶ │  Sleeping  │
//!      │          │ ◀───────────────────────────── │            │
//!      │          │       due, or a trigger        └────────────┘
//!      │ Fetching │
//!      │          │   failure: for at most 1 s,    ┌────────────┐
//!      │          │   2 s, 4 s … up to the cap     │            │
//!      │          │ ─────────────────────────────▶ │ BackingOff │
//!      │          │ ◀───────────────────────────── │            │
//!      └──────────┘       due, or a trigger        └────────────┘
//!
//!      stop, drop: to Stopped; from Fetching when the fetch has ended, else at once
//!      a deadline: from Fetching to Abandoned, and from there to BackingOff when the fetch ends
//! ```

// This file has the poller, `control.rs` more of its methods, `handle.rs` the handle; `builder.rs`
// and `timing.rs` the builder. A poll: `thread.rs` has the loop, `source.rs` and `deltas.rs` the
// traits of sources, `target.rs` the operations of a map, `guard.rs` the rules for contents that
// are refused, `foreign.rs` the calls of foreign code, `watchdog.rs` the thread that watches the
// deadline of a fetch. Between polls: `state.rs` has the state that all share, `schedule.rs` the
// time of the next poll, `delays.rs` the delays (numbers only), `clock.rs` the clock. `wait.rs` and
// `error.rs` have the waits for a poll, `status.rs` and `message.rs` the status and the texts of
// failures.

mod builder;
mod clock;
mod control;
mod delays;
mod deltas;
mod error;
mod foreign;
mod guard;
mod handle;
mod message;
mod schedule;
mod source;
mod state;
mod status;
mod target;
mod thread;
mod timing;
mod wait;
mod watchdog;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use self::builder::PollerBuilder;
pub use self::deltas::{Delta, DeltaSource, FetchedAfter, NoDeltas, ResumeToken};
pub use self::error::RefreshError;
pub use self::guard::Refusal;
pub use self::handle::PollerHandle;
pub use self::source::{Fetched, Source};
use self::state::Shared;
pub use self::status::{Activity, Failure, FailureKind, Status, Success};
pub use self::target::{CommitCheck, Rejection, Target};
use crate::Revision;

/// A thread that keeps a [`Map`](crate::Map) or a [`Published`](crate::Published) fresh: it fetches
/// the contents from a [`Source`] periodically, until it is stopped or dropped.
///
/// Each *poll* fetches everything from the source, commits the differences as
/// [`Map::refresh`](crate::Map::refresh) does, and then frees versions that readers have released
/// ([`Map::reclaim`](crate::Map::reclaim)). Readers are not blocked, and every view is of one
/// refresh. A [`DeltaSource`] returns only the changes since the last fetch, which are committed at
/// the cost of the changes.
///
/// # Examples
/// The map may be a `static`, which is created at its first use:
///
/// ```
/// use std::sync::{Arc, LazyLock};
/// use std::time::Duration;
/// use untorn::{Map, Poller};
///
/// type Config = Map<&'static str, u32>;
///
/// static CONFIG: LazyLock<Arc<Config>> =
///     LazyLock::new(|| Arc::new(Map::named("config")));
///
/// let read = || Ok::<_, String>([("port", 80)]);
/// let poller =
///     Poller::every(Duration::from_secs(10), read).start(&CONFIG)?;
/// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
/// assert_eq!(CONFIG.get("port"), Some(80));
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// A failed fetch leaves the map as it is:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use std::{fs, io};
/// use untorn::{Map, Poller};
///
/// /// Reads lines such as `port = 80`.
/// fn read_config() -> io::Result<Vec<(String, String)>> {
///     let text = fs::read_to_string("no such file.conf")?;
///     let pairs = text.lines().filter_map(|line| line.split_once(" = "));
///     Ok(pairs.map(|(key, value)| (key.into(), value.into())).collect())
/// }
///
/// # fn main() -> io::Result<()> {
/// let config: Arc<Map<String, String>> = Arc::new(Map::named("config"));
/// let poller = Poller::every(Duration::from_secs(10), read_config)
///     .on_failure(|failure| eprintln!("config: {failure}")) // otherwise nothing is printed
///     .start(&config)?;
///
/// // The file does not exist:
/// assert!(poller.wait_until_fresh(Duration::from_millis(10)).is_err());
/// assert!(config.is_empty()); // a failure leaves the map as it is
/// # _ = poller.refresh_now(Duration::from_secs(60));
/// let status = poller.status();
/// assert!(status.failures_in_a_row > 0 && status.last_failure.is_some());
/// # Ok(())
/// # }
/// ```
///
/// One value, such as a typed configuration, is refreshed in a [`Published`](crate::Published). A
/// value that equals the newest one makes no revision, hence the `PartialEq`:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::{Poller, Published};
///
/// #[derive(PartialEq)]
/// struct Limits {
///     low: u32,
///     high: u32,
/// }
///
/// fn parse(text: &str) -> Result<Limits, String> {
///     let (low, high) = text.split_once("..").ok_or("no range")?;
///     let number = |text: &str| text.parse().map_err(|_| format!("no number: {text}"));
///     Ok(Limits { low: number(low)?, high: number(high)? })
/// }
///
/// let limits = Arc::new(Published::new(Limits { low: 0, high: 0 })); // the default
/// let read = || parse("10..20"); // a file, for example
/// let poller = Poller::every(Duration::from_secs(10), read).start(&limits)?;
/// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
/// let pin = limits.pin();
/// assert_eq!((pin.low, pin.high), (10, 20));
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// A future can be a source: a closure that calls `handle.block_on(fetch())`, with the `Handle` of
/// an async runtime, blocks the poller's thread and no other.
///
/// # Failures
/// If the source returns an error or panics, or if its entries panic during the refresh, nothing is
/// published and the map keeps its contents. (A panic in the `Drop` of a replaced key or value is a
/// failure too, but it comes after the commit.) The failure is reported by
/// [`status`](Self::status), by [`PollerBuilder::on_failure`] and, with the feature `tracing`, by
/// an event of level `WARN`. Without the latter two nothing is printed.
///
/// Contents that would empty the map are refused, which is a failure too: an answer without entries
/// is more often a mistake of the server, or a file that is being written, than the truth.
/// [`PollerBuilder::max_removed`] refuses those that would remove too large a share of the keys,
/// [`PollerBuilder::allow_empty`] accepts empty ones, and [`accept_next`](Self::accept_next) lets
/// one answer pass. The source is [reset](Source::reset), so that it returns refused contents
/// again.
///
/// Then the poller backs off: the next fetch begins within a second, or within the period if that
/// is shorter, and within twice as long with each further failure, up to [a
/// cap](PollerBuilder::max_backoff). The delay is a random part of that time, so that clients of a
/// server that is down do not retry together ([`jitter`](PollerBuilder::jitter)). A success ends
/// the backoff.
///
/// # Limits
/// - Stopping waits for a running fetch, and nothing can interrupt one: **a source must bound its
///   own waiting**, by socket timeouts for example. A [`deadline`](PollerBuilder::deadline) reports
///   a fetch that hangs, and limits the wait.
/// - Do not stop or drop a poller while holding a lock or another resource that its source waits
///   for, nor inside a batch of its map: both would block forever.
/// - Entries that other threads write to the map stay until the next fetch that is not
///   [`Fetched::Unchanged`]; the poller does not distinguish them from its own.
/// - A value that does not equal itself (a NaN) makes a revision at each poll.
/// - A forked child process has a copy of the poller without its thread. There `stop` and drop do
///   nothing, and every other method, also of a [`PollerHandle`], may block forever. Start pollers
///   after a fork.
/// - Panics are caught where panics unwind; under `panic = "abort"` they end the process. The panic
///   hook runs first.
///
/// # Time
/// A delay begins at the end of a poll and is measured by a monotonic clock. So a slow source
/// delays the next fetch, and fetches never queue. Each delay has [jitter](PollerBuilder::jitter).
/// The first fetch begins at once, the second one at a random phase of the period: half a period to
/// one and a half after the first success. So processes that were started together spread from the
/// second fetch on, and [`initial_delay`](PollerBuilder::initial_delay) spreads the first too.
/// Polls, also triggered ones, are at least [a gap](PollerBuilder::min_gap) apart. A source that
/// knows when the next fetch is due [says so](Source::next_delay). While fetches
/// succeed, the [age](Status::age) of the contents is at most one delay plus the duration of two
/// polls.
///
/// Time that the machine was suspended counts, on Linux, Android, Windows and Apple's systems: a
/// poll that became due meanwhile begins within ten seconds after the machine has resumed, and
/// [`Status::age`] includes the suspend. (Elsewhere it counts if [`Instant`](std::time::Instant)
/// counts it.) For this a poller with a period of more than ten seconds checks the clock every ten
/// seconds, which costs some microseconds each time.
///
/// # Stopping
/// [`stop`](Self::stop) and drop block until the thread has ended. It ends at once while it sleeps
/// or backs off, otherwise when the running fetch has ended, whose contents are still committed, or
/// when it has passed its [deadline](PollerBuilder::deadline): then its thread is left behind.
/// Called from the source, or from other code that the thread runs, they cannot wait for their own
/// thread: they return at once, and the thread ends after this poll. The source is dropped on the
/// thread. [`PollerHandle::close`] stops the poller without waiting.
#[must_use = "a poller stops when it is dropped"]
pub struct Poller {
    handle: PollerHandle,
    /// The process that the threads are in. A forked child has a copy of this poller and no such
    /// threads.
    process: u32,
    /// Locked while joining, so that each call of `stop` returns after the threads have ended.
    threads: Mutex<Option<Threads>>,
}

/// The threads of a poller.
struct Threads {
    poller: JoinHandle<()>,
    watchdog: Option<JoinHandle<()>>,
}

impl Poller {
    /// Returns a builder for a poller that pauses for `period` between two fetches from `source`. A
    /// closure that returns a `Result` of key-value pairs is a source, which always returns all
    /// contents. With `Duration::MAX` the poller fetches at the start, after failures, and when it
    /// is [triggered](Self::trigger).
    ///
    /// After a failure the next fetch begins within a second, or within the period if that is
    /// shorter; with each further failure this time doubles, up to
    /// [`max_backoff`](PollerBuilder::max_backoff), by default ten periods.
    ///
    /// The error may be any type that converts into a `Box<dyn Error + Send + Sync>`: `io::Error`,
    /// `String`, `&str`, that box itself, and every `Error` that is `Send`, `Sync` and `'static`. A
    /// `Box<dyn Error>` without `+ Send + Sync` does not convert.
    ///
    /// # Panics
    /// If the period is zero.
    ///
    /// # Examples
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
    /// let poller = poller.jitter(0.2).max_backoff(Duration::from_secs(1)).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "interval")]
    #[doc(alias = "ticker")]
    #[track_caller]
    pub fn every<S: DeltaSource>(period: Duration, source: S) -> PollerBuilder<S> {
        PollerBuilder::new(period, source)
    }

    fn new(shared: Arc<Shared>, poller: JoinHandle<()>, watchdog: Option<JoinHandle<()>>) -> Self {
        Self {
            handle: PollerHandle::new(shared),
            process: std::process::id(),
            threads: Mutex::new(Some(Threads { poller, watchdog })),
        }
    }

    /// Requests a fetch now, also during a backoff. Does not block on a fetch. It takes a lock, so
    /// do not call it inside a signal handler. [`refresh_now`](Self::refresh_now) waits for the
    /// result.
    ///
    /// The fetch begins after the [shortest gap](PollerBuilder::min_gap) since the last poll, and
    /// after a [quiet time](PollerBuilder::quiet_time) if one is set. If a fetch is running,
    /// another one follows, since the running one may have read older contents. Requests that come
    /// before a fetch begins are merged. If the fetch fails, the backoff continues from there.
    /// After a stop this does nothing.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let poller = Poller::every(Duration::MAX, || Ok::<_, String>([("1", 265)])).start(&config)?;
    /// poller.trigger(); // for example from the thread that receives SIGHUP
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert_eq!(config.get("1"), Some(265));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "refresh")]
    #[doc(alias = "reload")]
    #[doc(alias = "wake")]
    pub fn trigger(&self) {
        self.handle.trigger();
    }

    /// Requests a fetch now, as [`trigger`](Self::trigger) does, and lets its contents pass
    /// whatever they remove: for contents that [were refused](Refusal) and are right.
    ///
    /// This applies to one poll: the next one that begins after this call. If that poll fails, a
    /// further call is needed. A [`refresh_now`](Self::refresh_now) after this call waits for that
    /// poll, or for one after it. After a stop this does nothing.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let timeout = Duration::from_secs(60);
    /// let jobs = Arc::new(Map::from([(1, "build")]));
    /// let read = || Ok::<[(i32, &str); 0], String>([]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&jobs)?;
    /// assert!(poller.refresh_now(timeout).is_err());
    /// assert_eq!(jobs.len(), 1);
    ///
    /// poller.accept_next(); // for example on the request of an operator
    /// poller.wait_until_fresh(timeout).unwrap();
    /// assert!(jobs.is_empty());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "force")]
    pub fn accept_next(&self) {
        self.handle.accept_next();
    }

    /// Requests a poll now, blocks until it has ended or `timeout` has passed, and returns the
    /// revision of the map after it. In async code, call this by `spawn_blocking`.
    ///
    /// The poll begins after the [shortest gap](PollerBuilder::min_gap) since the last one, but is
    /// not postponed by a [quiet time](PollerBuilder::quiet_time).
    ///
    /// # Panics
    /// If called from the source or other code that the poller's thread runs: that would deadlock.
    ///
    /// # Errors
    /// [`RefreshError::Failed`] if the poll fails, or cannot begin since an earlier fetch has
    /// passed its [deadline](PollerBuilder::deadline) and has not ended, [`RefreshError::Timeout`]
    /// if it has not ended within `timeout`, [`RefreshError::Stopped`] if the poller has stopped.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || std::fs::read_to_string("no such file").map(|text| [("text", text)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let error = poller.refresh_now(Duration::from_secs(60)).unwrap_err();
    /// assert!(error.to_string().starts_with("the poll failed: "));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn refresh_now(&self, timeout: Duration) -> Result<Revision, RefreshError> {
        self.handle.refresh_now(timeout)
    }

    /// Blocks until the last requested poll, or a later one, has succeeded, or until `timeout` has
    /// passed. Starting the poller and each [trigger](Self::trigger) request one. A failure does
    /// not end the wait. This does not check the age of the contents: once that poll has succeeded,
    /// it returns at once; see [`Status::age`].
    ///
    /// Returns the revision of the map after the last success; reads after that observe this
    /// revision or a later one. In async code, call this by `spawn_blocking`.
    ///
    /// # Panics
    /// If called from the source or other code that the poller's thread runs: that would deadlock.
    ///
    /// # Errors
    /// [`RefreshError::Timeout`] if no such poll has succeeded within `timeout`,
    /// [`RefreshError::Stopped`] if the poller has stopped. With a `timeout` of zero this does not
    /// block.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert_eq!(config.get("1"), Some(265));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait_until_fresh(&self, timeout: Duration) -> Result<Revision, RefreshError> {
        self.handle.wait_until_fresh(timeout)
    }

    /// Returns the status of the poller. Does not wait for a running fetch.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// let status = poller.status();
    /// assert_eq!(status.last_success.as_ref().unwrap().refreshed.added, 1);
    /// assert_eq!(status.failures_in_a_row, 0);
    /// assert!(status.age().is_some());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "health")]
    #[doc(alias = "try_recv")]
    #[must_use]
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// Returns whether this is a copy in a forked child, where the thread does not exist.
    fn is_forked_copy(&self) -> bool {
        std::process::id() != self.process
    }

    /// Stops the poller, and blocks until its threads have ended, as dropping it does. See
    /// [*Stopping*](Self#stopping).
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.stop();
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_err());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "shutdown")]
    pub fn stop(&self) {
        // Checked before any lock is acquired: the thread may have held it at the fork.
        if self.is_forked_copy() {
            return;
        }
        self.handle.close();
        if self.handle.is_own_thread() {
            return;
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Threads { poller, watchdog }) = threads.take() {
            // The threads catch all panics. One that hangs in its source is left behind.
            if self.handle.wait_until_over() {
                _ = poller.join();
            }
            if let Some(watchdog) = watchdog {
                _ = watchdog.join();
            }
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        if self.is_forked_copy() {
            // Detaching or joining a thread that does not exist is an error.
            let threads = self.threads.get_mut();
            std::mem::forget(threads.unwrap_or_else(PoisonError::into_inner).take());
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
