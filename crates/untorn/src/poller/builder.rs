//! The builder of a poller.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::delays::Delays;
use super::deltas::{DeltaSource, ResumeToken};
use super::foreign::Callbacks;
use super::guard::Guard;
use super::state::{Settings, Shared};
use super::status::Failure;
#[cfg(doc)]
use super::status::{Activity, FailureKind};
use super::target::Target;
use super::{Poller, thread, watchdog};
use crate::clock;
use crate::thread::try_spawn;

/// A builder for [`Poller`], from [`Poller::every`].
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::{Map, Poller};
///
/// let config = Arc::new(Map::new());
/// let poller = Poller::every(Duration::from_secs(10), || Ok::<_, String>([("1", 265)]))
///     .named("config poller")
///     .jitter(0.5)
///     .max_backoff(Duration::from_secs(30))
///     .start(&config)?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a poller builder does nothing until `start` is called"]
pub struct PollerBuilder<S> {
    source: S,
    name: String,
    settings: Settings,
    guard: Guard,
    callbacks: Callbacks,
}

impl<S: DeltaSource> PollerBuilder<S> {
    #[track_caller]
    pub(super) fn new(period: Duration, source: S) -> Self {
        Self {
            source,
            name: "poller".into(),
            settings: Settings {
                delays: Delays::with_period(period),
                deadline: None,
                resume_token: None,
            },
            guard: Guard::default(),
            callbacks: Callbacks::default(),
        }
    }

    /// Sets the name of the thread, which reports and panic messages show. The default is "poller".
    ///
    /// # Panics
    /// If the name has a nul byte.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::new());
    /// let read = || {
    ///     let name = std::thread::current().name().map(String::from);
    ///     Ok::<_, String>([("read by", name)])
    /// };
    /// let poller = Poller::every(Duration::MAX, read).named("config poller").start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// assert_eq!(config.pin()["read by"].as_deref(), Some("config poller"));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "name")]
    #[doc(alias = "with_name")]
    #[doc(alias = "thread_name")]
    #[track_caller]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        assert!(
            !self.name.contains('\0'),
            "cannot name a thread with a nul byte in its name"
        );
        self
    }

    /// Sets the longest delay after failures, before jitter. It may be shorter than the period. The
    /// default is ten periods, at most a minute and at least one period. With the period as the
    /// longest delay, failures do not slow the poller down.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// // Delays after failures: at most 1 s, 2 s, 4 s, 5 s, 5 s, …
    /// let builder =
    ///     Poller::every(Duration::from_secs(10), read).max_backoff(Duration::from_secs(5));
    /// ```
    #[track_caller]
    pub fn max_backoff(mut self, max: Duration) -> Self {
        self.settings.delays.set_max_backoff(max);
        self
    }

    /// Randomizes each period by up to this fraction, from 0 to 1, so that processes that were
    /// started together do not keep polling a server together. The default is 0.1: up to a tenth
    /// shorter or longer.
    ///
    /// With any jitter but 0, the delay after the first success is from half a period to one and a
    /// half, which spreads such processes over the whole period, and a delay after a failure is
    /// anywhere between the [shortest gap](Self::min_gap) and the backoff (*full jitter*). 0 means
    /// that nothing is random. See also [`initial_delay`](Self::initial_delay) and
    /// [`instance`](Self::instance).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// // Each period is from 5 to 15 seconds:
    /// let builder = Poller::every(Duration::from_secs(10), read).jitter(0.5);
    /// ```
    #[track_caller]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.settings.delays.set_jitter(fraction);
        self
    }

    /// Delays the first fetch by a random part of `most`, so that many processes that start
    /// together do not all fetch at that moment. By default the first fetch begins at once. A
    /// [trigger](Poller::trigger) ends the delay.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// let minute = Duration::from_secs(60);
    /// let builder = Poller::every(minute, read).initial_delay(Duration::from_secs(5));
    /// ```
    #[doc(alias = "splay")]
    #[doc(alias = "start_delay")]
    pub fn initial_delay(mut self, most: Duration) -> Self {
        self.settings.delays.set_initial(most);
        self
    }

    /// Derives the [initial delay](Self::initial_delay) and the delay after the first success from
    /// the name of this instance, such as its host name, in place of random numbers. So each
    /// instance keeps its offset from the others when all of them start again.
    ///
    /// Equal names have equal offsets on every machine and in every release. [Jitter](Self::jitter)
    /// applies to all other delays; a jitter of 0 leaves this offset.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// let host = std::env::var("HOSTNAME").unwrap_or_default();
    /// let builder = Poller::every(Duration::from_secs(60), read).instance(&host).jitter(0.0);
    /// ```
    #[doc(alias = "seed")]
    pub fn instance(mut self, name: &str) -> Self {
        self.settings.delays.set_instance(name);
        self
    }

    /// Sets the shortest time between the end of a poll and the beginning of the next one, whatever
    /// requests it: the period, a [trigger](Poller::trigger) or
    /// [`refresh_now`](Poller::refresh_now), also after a failure. So a storm of triggers, or a
    /// source that triggers its own poller, does not make it fetch without a pause. The default is
    /// 100 ms, or the period if that is shorter.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// // At most one fetch a second, even if triggered more often:
    /// let second = Duration::from_secs(1);
    /// let builder = Poller::every(Duration::from_secs(60), read).min_gap(second);
    /// ```
    #[doc(alias = "rate_limit")]
    #[doc(alias = "throttle")]
    pub fn min_gap(mut self, gap: Duration) -> Self {
        self.settings.delays.set_min_gap(gap);
        self
    }

    /// Postpones the poll of a [trigger](Poller::trigger) until this time has passed without a
    /// further trigger (*debouncing*), for events that come in groups, as from a file watcher. The
    /// default is zero. A poll is postponed for ten times `time` at most, and one that is due in
    /// any case serves the triggers too. [`Poller::refresh_now`] and [`Poller::accept_next`] are
    /// not postponed.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(60), read)
    ///     .quiet_time(Duration::from_millis(50))
    ///     .start(&config)?;
    /// for _ in 0..10 {
    ///     poller.trigger(); // by a file watcher: one poll for all of them
    /// }
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// assert!(poller.status().polls <= 2);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "debounce")]
    pub fn quiet_time(mut self, time: Duration) -> Self {
        self.settings.delays.quiet_time = time;
        self
    }

    /// Sets a deadline for each fetch. A fetch that has not ended by then counts as failed: it is
    /// reported by the status and by [`on_failure`](Self::on_failure), and its answer will be
    /// discarded. By default there is none.
    ///
    /// Nothing can interrupt a fetch that hangs, so the source should bound its own waiting, and
    /// the deadline should be longer. Until the fetch has ended the poller is
    /// [`Activity::Abandoned`], no other fetch begins, and [`Poller::refresh_now`] fails at once.
    /// It does not hold up [`Poller::stop`] and drop: they leave its thread behind, which ends with
    /// the fetch, so that a poller leaves at most one thread. (It still holds the source and the
    /// map.) A later answer resets the source and is not published.
    ///
    /// The deadline applies to the fetch and to the iteration of its contents, until their commit
    /// begins. It does not count time during which the machine was suspended, where the clock of
    /// [`Instant`](std::time::Instant) stands still then. The poller has a second thread for this,
    /// of the name of the first, which also calls `on_failure` for such a fetch.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, mpsc};
    /// use std::time::Duration;
    /// use untorn::poller::{Activity, FailureKind};
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::from([("port", 80)]));
    /// let (answer, answers) = mpsc::channel();
    /// let read = move || answers.recv().map(|port| [("port", port)]); // hangs
    /// let (failed, failures) = mpsc::channel();
    /// let poller = Poller::every(Duration::from_secs(10), read)
    ///     .deadline(Duration::from_millis(10))
    ///     .on_failure(move |failure| failed.send(failure.clone()).unwrap())
    ///     .start(&config)?;
    ///
    /// assert_eq!(failures.recv().unwrap().kind, FailureKind::Deadline);
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_err()); // at once
    /// assert!(matches!(poller.status().activity, Activity::Abandoned { .. }));
    /// drop(poller); // does not wait for the fetch
    /// # answer.send(1).unwrap();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "timeout")]
    #[doc(alias = "fetch_timeout")]
    #[track_caller]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        assert!(!deadline.is_zero(), "the deadline must not be zero");
        self.settings.deadline = Some(deadline);
        self
    }

    /// Accepts contents without entries also if the map has entries, which they remove. By default
    /// they are refused: they may come from a file that is being written, or from a server that has
    /// lost its data.
    ///
    /// A refusal is a failure of kind [`FailureKind::Refused`]. [`Poller::accept_next`] lets such
    /// contents pass once.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let jobs = Arc::new(Map::from([(1, "build")]));
    /// let read = || Ok::<[(i32, &str); 0], String>([]); // all jobs are done
    /// let poller = Poller::every(Duration::from_secs(10), read).allow_empty().start(&jobs)?;
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// assert!(jobs.is_empty());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "never_empty")]
    pub fn allow_empty(mut self) -> Self {
        self.guard.allow_empty();
        self
    }

    /// Refuses contents that would remove more than this share of the keys of the map, from 0 to 1,
    /// such as half of a file. The default is 1: no limit, but contents that would remove every key
    /// are refused unless [`allow_empty`](Self::allow_empty) is set. Both rules apply, each by
    /// itself.
    ///
    /// The share is of the keys that the map has when the contents arrive, those of other writers
    /// included; keys that the contents add do not count. A refusal is a failure of kind
    /// [`FailureKind::Refused`]. [`Poller::accept_next`] lets such contents pass once.
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::from([("a", 1), ("b", 2), ("c", 3)]));
    /// let read = || Ok::<_, String>([("a", 1)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).max_removed(0.5).start(&config)?;
    /// let refused = poller.refresh_now(Duration::from_secs(5)).unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "the poll failed: refused contents that would remove 2 of 3 keys: at most 1 may be \
    ///      removed at once; if they are right, call `accept_next`, or build the poller with a \
    ///      larger `max_removed`"
    /// );
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn max_removed(mut self, fraction: f64) -> Self {
        self.guard.set_max_removed(fraction);
        self
    }

    /// Sets the position that the first fetch of a [`DeltaSource`] resumes from: the map already
    /// has the contents of this position, which were stored with
    /// [`Status::resume_token`](super::Status::resume_token) for example. Any other source ignores
    /// it.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
    /// use untorn::{Map, Poller};
    ///
    /// /// Each revision of this server sets one key.
    /// struct Server;
    ///
    /// impl DeltaSource for Server {
    ///     type Contents = Vec<(u64, u64)>;
    ///     type Deltas = Option<Delta<u64, u64>>;
    ///     type Error = String;
    ///
    ///     fn fetch_after(
    ///         &mut self,
    ///         token: Option<&ResumeToken>,
    ///     ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
    ///         let next = token.and_then(ResumeToken::to_u64).map_or(0, |last| last + 1);
    ///         let token = ResumeToken::from(next);
    ///         Ok(FetchedAfter::Deltas { deltas: Some(Delta::Put(next, next)), token })
    ///     }
    /// }
    ///
    /// let stored = Arc::new(Map::from([(7, 7)]));
    /// let poller = Poller::every(Duration::from_secs(10), Server)
    ///     .resume_from(ResumeToken::from(7))
    ///     .start(&stored)?;
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// assert_eq!((stored.get(&7), stored.get(&8)), (Some(7), Some(8)));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "cursor")]
    pub fn resume_from(mut self, token: ResumeToken) -> Self {
        self.settings.resume_token = Some(token);
        self
    }

    /// Sets a callback that runs after each failed poll, to log it for example. Without this, or
    /// the feature `tracing`, nothing is printed: a failure is reported only by [`Poller::status`]
    /// and by the methods that wait.
    ///
    /// The callback runs on the poller's thread, without a lock, before the status reports the
    /// failure and before [`Poller::refresh_now`] returns it. Both wait for the callback, and so
    /// does the next fetch: keep it short. If it panics, the poller continues.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config: Arc<Map<String, u32>> = Arc::new(Map::named("config"));
    /// let read = || Err::<[_; 0], _>("the server is down");
    /// let poller = Poller::every(Duration::from_secs(10), read)
    ///     .on_failure(|failure| eprintln!("config: {failure}"))
    ///     .start(&config)?;
    /// assert!(poller.refresh_now(Duration::from_secs(5)).is_err());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn on_failure(mut self, callback: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        self.callbacks.on_failure = Some(Arc::new(callback));
        self
    }

    /// Starts the thread, which fetches at once, or after an
    /// [initial delay](Self::initial_delay), and then periodically until the poller is stopped
    /// or dropped. Does not wait for the first fetch; [`Poller::wait_until_fresh`] does.
    ///
    /// The poller holds a reference to the map until it has stopped.
    ///
    /// # Errors
    /// If the operating system cannot create a thread. [`io::ErrorKind::Unsupported`] on a target
    /// without threads or without a clock, such as `wasm32-unknown-unknown`.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::from([("1", 17)])); // until the first fetch
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
    /// assert_eq!(config.get("1"), Some(265));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn start<T>(self, target: &Arc<T>) -> io::Result<Poller>
    where
        S: Send + 'static,
        T: Target<S::Contents, S::Deltas>,
    {
        if !clock::EXISTS || !clock::THREADS {
            let refusal =
                "cannot start a poller: this target has no threads or no clock; call Map::refresh";
            return Err(io::Error::new(io::ErrorKind::Unsupported, refusal));
        }
        let Self {
            source,
            name,
            settings,
            guard,
            callbacks,
        } = self;
        let has_deadline = settings.deadline.is_some();
        let token = settings.resume_token.clone();
        let shared = Arc::new(Shared::new(settings, target.newest(), Clock::default()));
        let watchdog = has_deadline.then(|| {
            let (shared, callbacks) = (Arc::clone(&shared), callbacks.clone());
            try_spawn(&*name, move || watchdog::run(&shared, &callbacks))
        });
        let watchdog = watchdog.transpose()?;
        let thread = {
            let (shared, target) = (Arc::clone(&shared), Arc::clone(target));
            try_spawn(name, move || {
                thread::run(&shared, &guard, target, source, token, callbacks);
            })
        };
        if thread.is_err() {
            // Ends the watchdog.
            shared.mark_stopped();
        }
        Ok(Poller::new(shared, thread?, watchdog))
    }
}

impl<S: fmt::Debug> fmt::Debug for PollerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollerBuilder")
            .field("source", &self.source)
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}
