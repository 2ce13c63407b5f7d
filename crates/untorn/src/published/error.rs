//! The errors of waits and of subscriptions.

use std::error::Error;
use std::fmt;

/// The error of a wait, such as [`Map::wait_for`](crate::Map::wait_for) and
/// [`Published::wait_until`](crate::Published::wait_until).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use untorn::{Published, WaitError};
///
/// let limit = Published::new(100);
/// let next = limit.revision().next();
/// match limit.wait_for(next, Duration::from_millis(1)) {
///     Ok(newest) => println!("the limit is now {}", *newest),
///     Err(WaitError::Timeout) => println!("no commit within a millisecond"),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// The timeout has passed.
    Timeout,
    /// The end of the map or value during the wait. Not returned at present: each wait borrows its
    /// map or value.
    Closed,
}

impl Error for WaitError {}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str(
                "the wait timed out before a matching commit; retry, or use a longer timeout",
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
            Self::Timeout => f.write_str("timed out waiting for the next change"),
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
