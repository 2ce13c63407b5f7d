//! The overlap, as a value and as the text of the report.

use std::error::Error;
use std::fmt;

use arrayvec::ArrayString;

use super::site::{AccessKind, Name, Site};

/// Which two accesses met; its `Display` is Go's message, word for word.
///
/// ```
/// assert_eq!(untorn::OverlapKind::Writes.to_string(), "concurrent map writes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverlapKind {
    /// A read and a write.
    ReadAndWrite,
    /// Two writes.
    Writes,
    /// An iteration and a write.
    IterationAndWrite,
    /// A clone and a write.
    CloneAndWrite,
}

impl OverlapKind {
    /// What the meeting of these two is called. One of them writes.
    pub(super) fn of(one: AccessKind, other: AccessKind) -> Self {
        let harmless = if one == AccessKind::Write { other } else { one };
        match harmless {
            AccessKind::Read => Self::ReadAndWrite,
            AccessKind::Write => Self::Writes,
            AccessKind::Iterate => Self::IterationAndWrite,
            AccessKind::Clone => Self::CloneAndWrite,
        }
    }
}

impl fmt::Display for OverlapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadAndWrite => "concurrent map read and map write",
            Self::Writes => "concurrent map writes",
            Self::IterationAndWrite => "concurrent map iteration and map write",
            Self::CloneAndWrite => "concurrent map clone and map write",
        })
    }
}

/// A few words on the state of what was accessed, such as `2 keys, B=0, flags=hash_writing`.
pub(crate) type State = ArrayString<112>;

/// Two accesses in time, at least one of them a write, with both sides.
///
/// Its `Display` is the report, the last line without its line break. Values and keys are never part of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Overlap {
    /// Which kinds of access met.
    pub kind: OverlapKind,
    /// The side that noticed.
    pub here: Site,
    /// The side that it found inside.
    pub other: Site,
    /// How many more readers were inside.
    pub more: usize,
    /// The name of the map, if it was given one.
    pub map: Option<Name>,
    pub(super) state: State,
}

impl Overlap {
    /// Whether one thread is on both sides: it used the map again from inside an access, by way of a `Hash`, `Eq`,
    /// `Clone`, `Drop` or a closure.
    #[must_use]
    pub fn is_reentrant(&self) -> bool {
        self.here.thread_number == self.other.thread_number
    }
}

impl Error for Overlap {}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fatal error: {}\n", self.kind)?;
        writeln!(f, "{}\n{}", self.here, self.other)?;
        match self.more {
            0 => {}
            1 => writeln!(f, "and 1 more reader")?,
            more => writeln!(f, "and {more} more readers")?,
        }
        f.write_str("map")?;
        if let Some(name) = &self.map {
            write!(f, " {name:?}")?;
        }
        writeln!(f, ": {}\n", self.state)?;
        f.write_str(if self.is_reentrant() {
            "Both sides are one thread: a Hash, Eq, Clone, Drop or closure used the map again from inside.\n\
             Let the outer call return first."
        } else {
            "Share an untorn::Map instead, or put both sites under one lock."
        })
    }
}
