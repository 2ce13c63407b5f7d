//! What a poller tells of itself.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::Moment;
use crate::{Refreshed, Revision};

/// How a poller is doing: one consistent moment of it.
///
/// Times are [`Instant`]s: they do not jump when a clock is set. On some systems they stand still while the machine is
/// suspended; [`age`](Self::age) does not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub activity: Activity,
    /// The map's newest revision when the last poll had ended; before the first, when the poller was started.
    pub revision: Revision,
    /// How many polls have ended, well or not.
    pub polls: u64,
    /// How many of the last ones failed, without one that did not.
    pub failures_in_a_row: u64,
    /// The last poll that succeeded.
    pub last_success: Option<Success>,
    /// The last one that failed; it stays when later ones succeed.
    pub last_error: Option<Failure>,
}

impl Status {
    /// The age of the contents at most, now: the time since the last fetch that succeeded *began*, with the time that the
    /// machine was suspended (on Linux, Android, Windows and Apple's systems). `None` if no fetch has succeeded.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.last_success
            .as_ref()
            .map(|success| success.age.elapsed())
    }
}

impl fmt::Display for Status {
    /// A line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.activity {
            Activity::Fetching { .. } => "fetching",
            Activity::Sleeping { .. } => "sleeping",
            Activity::BackingOff { .. } => "backing off",
            Activity::Stopped => "stopped",
        };
        let (revision, polls) = (self.revision, self.polls);
        let plural = if polls == 1 { "" } else { "s" };
        write!(f, "{doing}, revision {revision}, {polls} poll{plural}")?;
        match self.age() {
            Some(age) => write!(f, ", contents at most {age:.0?} old")?,
            None => f.write_str(", no contents yet")?,
        }
        match (self.failures_in_a_row, &self.last_error) {
            (1.., Some(error)) => {
                write!(f, ", {} failed in a row: {error}", self.failures_in_a_row)
            }
            _ => Ok(()),
        }
    }
}

/// What a poller is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It asks the source, or takes in what that brought.
    Fetching {
        /// Since when.
        since: Instant,
    },
    /// It waits for the next fetch.
    Sleeping {
        /// When that is, unless a poke comes first; `None` is too far in the future for a clock. It is corrected
        /// within ten seconds after the machine has resumed from a suspend.
        due: Option<Instant>,
    },
    /// It waits after a failure.
    BackingOff {
        /// When the next fetch is, unless a poke comes first; `None` is too far in the future to be told.
        due: Option<Instant>,
    },
    /// Its thread has ended, or is about to and calls nothing any more.
    Stopped,
}

impl Activity {
    /// When the next fetch is due, if it waits for one.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        match *self {
            Self::Sleeping { due } | Self::BackingOff { due } => due,
            Self::Fetching { .. } | Self::Stopped => None,
        }
    }
}

/// A poll that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Success {
    /// When the fetch began.
    pub began: Instant,
    /// When its contents were in the map.
    pub ended: Instant,
    /// What it changed: nothing if the source was unchanged.
    pub refreshed: Refreshed,
    /// `began`, by a clock that counts suspends too.
    pub(super) age: Moment,
}

/// A poll that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The text of the error and of its [sources](Error::source), or of the panic, in one line.
    ///
    /// Shared by all clones of a status. It has at most 8 KiB of foreign text and 32 causes; a mark at its end says
    /// what was left out, such as `… (300 bytes and further causes left out)`.
    pub message: Arc<str>,
    /// Whether something panicked; else the source returned an error.
    pub panicked: bool,
    /// When it ended.
    pub ended: Instant,
}

impl Error for Failure {}

impl fmt::Display for Failure {
    /// The message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Fresh contents were waited for and did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotFresh {
    /// The poll that was asked for failed.
    Failed(Failure),
    /// They did not come in time.
    TimedOut {
        /// The time.
        after: Duration,
        /// How the last poll failed, if it did.
        last_error: Option<Failure>,
    },
    /// The poller has stopped.
    Stopped,
}

impl Error for NotFresh {}

impl fmt::Display for NotFresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "the poll failed: {failure}"),
            Self::TimedOut { after, last_error } => {
                write!(f, "no fresh contents within {after:?}")?;
                match last_error {
                    Some(failure) => write!(f, "; the last poll failed: {failure}"),
                    None => Ok(()),
                }
            }
            Self::Stopped => f.write_str("the poller has stopped"),
        }
    }
}
