//! The builder of a poller. Its settings of time are in `timing.rs`.

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
#[cfg(doc)]
use super::status::FailureKind;
use super::status::{Failure, Success};
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
    pub(super) settings: Settings,
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
                max_age: None,
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
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
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
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert!(jobs.is_empty());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "never_empty")]
    pub fn allow_empty(mut self) -> Self {
        self.guard.allow_empty();
        self
    }

    /// Refuses contents that would remove more than this share of the keys of the map, from 0 to
    /// 1, such as half of a file. The default is 1: no limit, but contents that would leave the
    /// map empty are refused unless [`allow_empty`](Self::allow_empty) is set. Both rules apply,
    /// each by itself.
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
    /// let refused = poller.refresh_now(Duration::from_secs(60)).unwrap_err();
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
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
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
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_err());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn on_failure(mut self, callback: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        self.callbacks.on_failure = Some(Arc::new(callback));
        self
    }

    /// Sets a callback that runs after each successful poll, also one that changed nothing.
    ///
    /// The callback runs on the poller's thread, without a lock, after the commit, and before the
    /// status reports the success and before [`Poller::refresh_now`] returns. Both wait for the
    /// callback, and so does the next fetch: keep it short. If it panics, the poller continues. To
    /// follow the contents rather than the polls, [subscribe](crate::Map::subscribe) to the map.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("port", 80)]);
    /// let poller = Poller::every(Duration::from_secs(10), read)
    ///     .on_success(|success| {
    ///         if !success.refreshed.is_unchanged() {
    ///             println!("config: {}", success.refreshed); // revision 1: 1 added, …
    ///         }
    ///     })
    ///     .start(&config)?;
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_ok());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "on_refresh")]
    #[doc(alias = "on_change")]
    pub fn on_success(mut self, callback: impl Fn(&Success) + Send + Sync + 'static) -> Self {
        self.callbacks.on_success = Some(Arc::new(callback));
        self
    }

    /// Starts the thread, which fetches at once, or after an
    /// [initial delay](Self::initial_delay), and then periodically until the poller is stopped
    /// or dropped. Does not wait for the first fetch; [`Poller::wait_until_fresh`] does.
    ///
    /// The target is an `Arc<Map<K, V>>`, for a source of pairs of a key and a value, or an
    /// `Arc<Published<T>>`, for a source of a `T`, or a [`Target`] of your own. The poller holds a
    /// reference to it until it has stopped.
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
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
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
            let refusal = "cannot start a poller: this target has no threads or no clock; \
                 call Map::refresh or Published::publish";
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
        let shared = Arc::new(Shared::new(
            settings,
            target.newest_revision(),
            Clock::default(),
        ));
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
