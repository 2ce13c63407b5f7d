//! The status of a poller, and its errors.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::Moment;
use super::deltas::ResumeToken;
use super::guard::Refusal;
use crate::{Refreshed, Revision};

/// The status of a [`Poller`](super::Poller) at one moment, from
/// [`Poller::status`](super::Poller::status).
///
/// Times are [`Instant`]s: they do not jump when a clock is set. On some systems they do not
/// advance while the machine is suspended; [`age`](Self::age) does.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::{Map, Poller};
///
/// let config = Arc::new(Map::<String, u32>::new());
/// let read = || Err::<[_; 0], _>("the server is down");
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// assert!(poller.refresh_now(Duration::from_secs(60)).is_err());
///
/// let status = poller.status();
/// assert!(status.failures_in_a_row > 0 && status.last_success.is_none());
/// assert_eq!(&*status.last_failure.unwrap().message, "the server is down");
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The current activity.
    pub activity: Activity,
    /// The newest revision of the map at the end of the last poll, or at the start of the poller.
    pub revision: Revision,
    /// The number of polls that have ended, failed ones included.
    pub polls: u64,
    /// The number of failed polls since the last success: 0 after a success.
    #[doc(alias = "consecutive_failures")]
    pub failures_in_a_row: u64,
    /// The number of fetches that have passed their [deadline](super::PollerBuilder::deadline).
    #[doc(alias = "timeouts")]
    pub abandoned: u64,
    /// The last successful poll.
    pub last_success: Option<Success>,
    /// The last failed poll. A later success does not clear it.
    #[doc(alias = "last_error")]
    pub last_failure: Option<Failure>,
    /// The position of the contents, if the source is a [`DeltaSource`](super::DeltaSource): the
    /// next poll resumes from it.
    pub resume_token: Option<ResumeToken>,
    /// The largest age of the contents of a healthy poller.
    pub(super) max_age: Duration,
    pub(super) is_stopping: bool,
}

impl Status {
    /// Returns an upper bound for the age of the contents (their staleness): the time since the
    /// last successful fetch *began*, including time that the machine was suspended (on Linux,
    /// Android, Windows and Apple's systems). `None` if no fetch has succeeded.
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
    /// let is_fresh = poller.status().age().is_some_and(|age| age < Duration::from_secs(60));
    /// assert!(is_fresh);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "staleness")]
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.last_success
            .as_ref()
            .map(|success| success.age.elapsed())
    }
}

impl Status {
    /// Returns whether the poller is healthy: it has not been stopped, a poll has succeeded, and
    /// the [age](Self::age) of the contents is at most
    /// [`PollerBuilder::max_age`](super::PollerBuilder::max_age), by default three times the period
    /// or, if the source wants one, that [delay](super::Source::next_delay), and at least ten
    /// seconds.
    ///
    /// So a few failures, a pause or a fetch that hangs make a poller unhealthy only when its
    /// contents become too old. With a period of `Duration::MAX` and no `max_age` they never do;
    /// then check [`failures_in_a_row`](Self::failures_in_a_row) too.
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
    /// assert!(poller.status().is_healthy());
    /// poller.stop();
    /// assert!(!poller.status().is_healthy());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let is_fresh = self.age().is_some_and(|age| age <= self.max_age);
        is_fresh && !self.is_stopping && self.activity != Activity::Stopped
    }
}

impl fmt::Display for Status {
    /// Formats one line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.activity {
            Activity::Fetching { since } => write!(f, "fetching for {:.0?}", since.elapsed())?,
            Activity::Abandoned { since } => {
                let since = since.elapsed();
                write!(f, "hanging in a fetch for {since:.0?}")?;
            }
            Activity::Sleeping { .. } => f.write_str("sleeping")?,
            Activity::BackingOff { .. } => f.write_str("backing off")?,
            Activity::Paused => f.write_str("paused")?,
            Activity::Stopped => f.write_str("stopped")?,
        }
        let (revision, polls) = (self.revision, self.polls);
        let plural = if polls == 1 { "" } else { "s" };
        write!(f, ", revision {revision}, {polls} poll{plural}")?;
        match self.age() {
            Some(age) => write!(f, ", contents at most {age:.0?} old")?,
            None => f.write_str(", no contents yet")?,
        }
        match (self.failures_in_a_row, &self.last_failure) {
            (1.., Some(error)) => {
                write!(f, ", {} failed in a row: {error}", self.failures_in_a_row)
            }
            _ => Ok(()),
        }
    }
}

/// The activity of a poller, in its [`Status`].
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// use untorn::poller::Activity;
/// use untorn::{Map, Poller};
///
/// let config = Arc::new(Map::new());
/// let read = || Ok::<_, String>([("1", 265)]);
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// poller.stop();
/// assert_eq!(poller.status().activity, Activity::Stopped);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// A fetch from the source, or the refresh of the map.
    Fetching {
        /// The beginning of the fetch.
        since: Instant,
    },
    /// A fetch that has passed its [deadline](super::PollerBuilder::deadline) and is still running.
    /// Its answer will be discarded, and no other fetch begins before it has ended. It does not
    /// hold up a stop, so after a stop the poller stays here until the fetch ends.
    Abandoned {
        /// The beginning of the fetch.
        since: Instant,
    },
    /// A pause until the next fetch.
    Sleeping {
        /// The time of the next fetch, unless a trigger comes first; `None` if that is beyond the
        /// range of the clock. It takes into account time that the machine was suspended.
        due: Option<Instant>,
    },
    /// A pause after a failure.
    BackingOff {
        /// The time of the next fetch, unless a trigger comes first; `None` if that is beyond the
        /// range of the clock.
        due: Option<Instant>,
    },
    /// A pause by [`Poller::pause`](super::Poller::pause): nothing is fetched until it is resumed.
    Paused,
    /// The end: the thread runs no more code of the source.
    Stopped,
}

impl Activity {
    /// Returns the time of the next fetch, if the poller waits for one.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// use std::time::{Duration, Instant};
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// let due = poller.status().activity.due();
    /// assert!(due.is_some_and(|due| due < Instant::now() + Duration::from_secs(20)));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        match *self {
            Self::Sleeping { due } | Self::BackingOff { due } => due,
            Self::Fetching { .. } | Self::Abandoned { .. } | Self::Paused | Self::Stopped => None,
        }
    }
}

/// A successful poll, from [`Status::last_success`] or
/// [`PollerBuilder::on_success`](super::PollerBuilder::on_success).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Success {
    /// The beginning of the fetch.
    pub began: Instant,
    /// The end of the poll, when the contents were in the map.
    pub ended: Instant,
    /// The changes to the map: none if the source was unchanged. For a
    /// [`Published`](crate::Published), a new value counts as one changed key.
    pub refreshed: Refreshed,
    /// `began`, by a clock that also counts suspends.
    pub(super) age: Moment,
}

impl Success {
    pub(super) fn new(began: Moment, ended: Instant, refreshed: Refreshed) -> Self {
        Self {
            began: began.instant,
            ended,
            refreshed,
            age: began,
        }
    }
}

/// A failed poll, from [`Status::last_failure`], a [`RefreshError`](super::RefreshError) or
/// [`PollerBuilder::on_failure`](super::PollerBuilder::on_failure).
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use untorn::{Map, Poller};
/// use untorn::poller::{FailureKind, RefreshError};
///
/// let config = Arc::new(Map::<String, u32>::new());
/// let read = || Err::<[_; 0], _>("the server is down");
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// match poller.refresh_now(Duration::from_secs(60)) {
///     Err(RefreshError::Failed(failure)) => {
///         assert_eq!(failure.to_string(), "the server is down");
///         assert_eq!(failure.kind, FailureKind::Error);
///     }
///     other => unreachable!("{other:?}"),
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The text of the error and of its [sources](Error::source), or of the panic, in one line.
    ///
    /// All clones of a status share it. It has at most 8 KiB of the error's text and 32 causes. A
    /// mark at its end says what was left out, such as `… (300 bytes and further causes left out)`.
    pub message: Arc<str>,
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The end of the poll.
    pub ended: Instant,
}

impl Error for Failure {}

impl fmt::Display for Failure {
    /// Formats the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The kind of a [`Failure`].
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use untorn::{Map, Poller};
/// use untorn::poller::FailureKind;
///
/// let config = Arc::new(Map::from([("low", 10), ("high", 20)]));
/// let read = || Ok::<[(&str, i32); 0], String>([]);
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// assert!(poller.refresh_now(Duration::from_secs(60)).is_err());
/// let failure = poller.status().last_failure.unwrap();
/// assert!(matches!(failure.kind, FailureKind::Refused(_)));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// An error of the source, or of the [target](super::Target).
    Error,
    /// A panic of the source, of its contents, or in the `Drop` of what they replaced.
    Panic,
    /// Contents that the guard refused, since they would empty the map or remove too much of it.
    Refused(Refusal),
    /// A fetch that has passed its [deadline](super::PollerBuilder::deadline).
    Deadline,
}

impl FailureKind {
    /// The value of the field `kind` of a `tracing` event.
    #[cfg(feature = "tracing")]
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Refused(_) => "refused",
            Self::Deadline => "deadline",
        }
    }
}
