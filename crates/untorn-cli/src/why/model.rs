//! The explanation of a dump, as it is rendered and as it is written to JSON.

use serde::Serialize;

use super::annotate::Part;
use super::candidates::Candidate;
use super::causes::Cause;
use super::dump::Unread;
use super::frame::Access;
use super::source_location::SourceLocation;

/// The kind of a dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DumpKind {
    Crash,
    RaceReport,
}

/// A side of the overlap that the dump identifies.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Known {
    /// `None` is the main goroutine of a race report.
    pub(crate) goroutine: Option<u64>,
    pub(crate) line: u64,
    pub(crate) access: Option<Access>,
    pub(crate) function: Option<String>,
    pub(crate) place: Option<SourceLocation>,
}

/// An address that may be the map's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Address {
    pub(crate) address: String,
    /// `true` if a call of the runtime shows that it is the map; otherwise it may be a value that
    /// holds the map.
    pub(crate) is_map: bool,
    /// The goroutines that have it among their arguments.
    pub(crate) goroutines: Vec<u64>,
    /// Those of them that have it only with a `?`: its register may have been reused since.
    pub(crate) may_be_stale: Vec<u64>,
}

impl Address {
    /// Returns `true` if at least two goroutines certainly have it.
    pub(crate) fn is_shared(&self) -> bool {
        self.goroutines.len() - self.may_be_stale.len() > 1
    }
}

/// The explanation of one dump.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explained {
    pub(crate) kind: DumpKind,
    pub(crate) first_line: u64,
    pub(crate) last_line: u64,
    pub(crate) message: String,
    /// The conclusion, in one or two sentences.
    pub(crate) verdict: String,
    /// The sides that the dump identifies: the detecting goroutine, or both sides of a race report.
    pub(crate) known: Vec<Known>,
    /// The candidates for the other side, likeliest first.
    pub(crate) writers: Vec<Candidate>,
    pub(crate) addresses: Vec<Address>,
    /// Notes on missing information, and on how to get it with the next dump.
    pub(crate) notes: Vec<String>,
    pub(crate) parts: Vec<Part>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) change: &'static [&'static str],
    pub(crate) goroutines: u64,
    pub(crate) unread: Unread,
}
