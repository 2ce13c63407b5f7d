//! The error of waits for a poll.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use super::status::{Activity, Failure};

/// The error of [`Poller::refresh_now`](super::Poller::refresh_now) and
/// [`Poller::wait_until_fresh`](super::Poller::wait_until_fresh).
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use untorn::{Map, Poller};
/// use untorn::poller::RefreshError;
///
/// let config = Arc::new(Map::<String, u32>::new());
/// let read = || Err::<[_; 0], _>("the server is down");
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// poller.stop();
/// assert_eq!(poller.refresh_now(Duration::from_secs(60)), Err(RefreshError::Stopped));
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// The text of a timeout says what the poller is doing instead:
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use untorn::poller::Activity;
/// # use untorn::{Map, Poller};
/// let config = Arc::new(Map::new());
/// let (answer, answers) = std::sync::mpsc::channel();
/// let read = move || answers.recv().map(|port| [("port", port)]); // hangs
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// # while !matches!(poller.status().activity, Activity::Fetching { .. }) {
/// #     std::thread::yield_now();
/// # }
/// let timeout = Duration::from_millis(20);
/// let error = poller.refresh_now(timeout).unwrap_err().to_string();
/// // no fresh contents within 20ms: a fetch has been running for 20.1ms; limit how long the source
/// // may wait, or use a longer timeout
/// assert!(error.starts_with("no fresh contents within 20ms: a fetch has been running for "));
/// # answer.send(80).unwrap();
/// # drop(answer);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshError {
    /// A failure of the requested poll.
    Failed(Failure),
    /// The end of the timeout without fresh contents.
    #[non_exhaustive]
    Timeout {
        /// The timeout of the wait.
        timeout: Duration,
        /// The activity of the poller at that time: a fetch that has been running for long, for
        /// example, or a backoff.
        activity: Activity,
        /// The failure of the last poll, if it failed.
        last_failure: Option<Failure>,
    },
    /// A stopped poller.
    Stopped,
}

impl Error for RefreshError {}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "the poll failed: {failure}"),
            Self::Timeout {
                timeout,
                activity,
                last_failure,
            } => {
                write!(f, "no fresh contents within {timeout:?}: ")?;
                write_activity(f, activity)?;
                f.write_str(next_step(activity))?;
                match last_failure {
                    Some(failure) => write!(f, "; the last poll failed: {failure}"),
                    None => Ok(()),
                }
            }
            Self::Stopped => {
                f.write_str("cannot refresh: the poller has stopped; start another one")
            }
        }
    }
}

/// Returns what helps against a wait that timed out, after a semicolon.
fn next_step(activity: &Activity) -> &'static str {
    match activity {
        Activity::Fetching { .. } | Activity::Abandoned { .. } => {
            "; limit how long the source may wait, or use a longer timeout"
        }
        Activity::Sleeping { due: Some(_) } | Activity::BackingOff { due: Some(_) } => {
            "; use a longer timeout"
        }
        Activity::Sleeping { due: None } | Activity::BackingOff { due: None } => "; call `trigger`",
        Activity::Paused => "; call `resume`",
        Activity::Stopped => "; start another one",
    }
}

/// Writes the reason for a wait.
fn write_activity(f: &mut fmt::Formatter<'_>, activity: &Activity) -> fmt::Result {
    let now = Instant::now();
    match *activity {
        Activity::Fetching { since } => {
            let since = now.saturating_duration_since(since);
            write!(f, "a fetch has been running for {since:.1?}")
        }
        Activity::Abandoned { since } => {
            let since = now.saturating_duration_since(since);
            write!(
                f,
                "a fetch that has passed its deadline has been running for {since:.1?}"
            )
        }
        Activity::Sleeping { due: Some(due) } => {
            let left = due.saturating_duration_since(now);
            write!(f, "the next fetch is due in {left:.1?}")
        }
        Activity::Sleeping { due: None } => f.write_str("no fetch is due"),
        Activity::BackingOff { due: Some(due) } => {
            let left = due.saturating_duration_since(now);
            write!(
                f,
                "the poller backs off, its next fetch is due in {left:.1?}"
            )
        }
        Activity::BackingOff { due: None } => f.write_str("the poller backs off"),
        Activity::Paused => f.write_str("the poller is paused"),
        Activity::Stopped => f.write_str("the poller has stopped"),
    }
}
