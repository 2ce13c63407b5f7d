//! What a commit came to.

use std::error::Error;
use std::fmt;

use crate::Revision;

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed<R> {
    /// What the closure returned.
    pub value: R,
    /// The newest revision after the commit: its own if it changed anything.
    pub revision: Revision,
}

/// The map was no longer at the revision that a commit was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// The revision that the commit was meant for.
    pub wanted: Revision,
    /// The newest one.
    pub newest: Revision,
}

impl Error for Moved {}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, newest } = self;
        write!(
            f,
            "the map has moved on from revision {wanted} to {newest}; read it again and retry"
        )
    }
}

/// What a refresh changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refreshed {
    /// The newest revision: its own if it changed anything.
    pub revision: Revision,
    /// Keys that were new.
    pub added: usize,
    /// Keys whose value changed.
    pub changed: usize,
    /// Keys that the source no longer has.
    pub removed: usize,
}

impl Refreshed {
    /// Whether nothing was different: then there is no new revision.
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// assert!(config.refresh([("1", 265)]).is_unchanged());
    /// ```
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        (self.added, self.changed, self.removed) == (0, 0, 0)
    }
}

impl fmt::Display for Refreshed {
    /// A line for a log.
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let refreshed = config.refresh([("1", 266)]);
    /// assert_eq!(refreshed.to_string(), "revision 1: 0 added, 1 changed, 1 removed");
    /// assert_eq!(config.refresh([("1", 266)]).to_string(), "revision 1, unchanged");
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revision,
            added,
            changed,
            removed,
        } = self;
        if self.is_unchanged() {
            return write!(f, "revision {revision}, unchanged");
        }
        write!(
            f,
            "revision {revision}: {added} added, {changed} changed, {removed} removed"
        )
    }
}
