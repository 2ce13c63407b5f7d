//! The errors of waits and of subscriptions.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::revision::Revision;

/// The error of a wait for a revision, from [`Map::wait_for`](crate::Map::wait_for) and
/// [`Published::wait_for`](crate::Published::wait_for).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use untorn::{Published, Revision, WaitError};
///
/// let limit = Published::new(100);
/// let error = limit.wait_for(Revision::from(1), Duration::ZERO).unwrap_err();
/// assert!(matches!(error, WaitError::Timeout { newest: Revision::FIRST, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// The end of the timeout, with the revision not reached.
    #[non_exhaustive]
    Timeout {
        /// The revision that was waited for.
        wanted: Revision,
        /// The newest revision at the end of the wait.
        newest: Revision,
        /// The timeout of the wait.
        timeout: Duration,
    },
    /// The end of the map or value during the wait. Not returned at present: each wait borrows its
    /// map or value.
    Closed,
}

impl Error for WaitError {}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout {
                wanted,
                newest,
                timeout,
            } => write!(
                f,
                "revision {wanted} did not come within {timeout:?}; the newest is {newest}"
            ),
            Self::Closed => f.write_str("the map or value was dropped"),
        }
    }
}

/// The error of [`Subscription::recv`](super::Subscription::recv): the subscription is closed.
///
/// # Examples
/// ```
/// use untorn::{Published, RecvError};
///
/// let limit = Published::new(100);
/// let mut changes = limit.subscribe();
/// changes.handle().close();
/// assert_eq!(changes.recv().unwrap_err(), RecvError);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

impl Error for RecvError {}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the subscription is closed")
    }
}

/// The error of [`Subscription::recv_timeout`](super::Subscription::recv_timeout).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use untorn::{Published, RecvTimeoutError};
///
/// let limit = Published::new(100);
/// let mut changes = limit.subscribe();
/// let error = changes.recv_timeout(Duration::ZERO).unwrap_err();
/// assert_eq!(error, RecvTimeoutError::Timeout);
/// drop(limit);
/// let error = changes.recv_timeout(Duration::ZERO).unwrap_err();
/// assert_eq!(error, RecvTimeoutError::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The end of the timeout without a newer revision.
    Timeout,
    /// A closed subscription: nothing more can be received.
    Closed,
}

impl Error for RecvTimeoutError {}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no newer revision came in time"),
            Self::Closed => RecvError.fmt(f),
        }
    }
}

/// The error of [`Subscription::try_recv`](super::Subscription::try_recv).
///
/// # Examples
/// ```
/// use untorn::{Published, TryRecvError};
///
/// let limit = Published::new(100);
/// let mut changes = limit.subscribe();
/// assert_eq!(changes.try_recv().unwrap_err(), TryRecvError::Empty);
/// drop(limit);
/// assert_eq!(changes.try_recv().unwrap_err(), TryRecvError::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing to receive: no newer revision exists yet.
    Empty,
    /// A closed subscription: nothing more can be received.
    Closed,
}

impl Error for TryRecvError {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no newer revision"),
            Self::Closed => RecvError.fmt(f),
        }
    }
}
