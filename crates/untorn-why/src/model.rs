//! The explanation of a dump, as it is rendered and as it is written to JSON.

use serde::Serialize;

use crate::annotate::Part;
use crate::candidates::Candidate;
use crate::causes::Cause;
use crate::dump::Unread;
use crate::frame::Access;
use crate::source_location::SourceLocation;

/// The kind of a dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DumpKind {
    /// A crash of the runtime: `fatal error: concurrent map …`.
    Crash,
    /// A report of the race detector.
    RaceReport,
}

/// A side of the overlap that the dump identifies.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Known {
    /// `None` is the main goroutine of a race report.
    pub goroutine: Option<u64>,
    /// The number of the line at which its stack begins.
    pub line: u64,
    /// The access, if the stack shows it.
    pub access: Option<Access>,
    /// The function that contains the site: the innermost one outside of the standard library.
    pub function: Option<String>,
    /// The site, a line of that function.
    pub place: Option<SourceLocation>,
    /// The program's own call that led there, if the site is in a library.
    pub called_from: Option<CalledFrom>,
}

/// A call of the program's own code.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CalledFrom {
    /// The function that contains the call.
    pub function: String,
    /// The line of the call.
    pub place: Option<SourceLocation>,
}

/// The number of goroutines in one state.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StateCount {
    /// The state, such as `chan receive`.
    pub state: String,
    /// The number of goroutines in it.
    pub goroutines: u64,
}

/// An address that may be the map's.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Address {
    /// The address in hexadecimal digits.
    pub address: String,
    /// `true` if a call of the runtime shows that it is the map; otherwise it may be a value that
    /// holds the map.
    pub is_map: bool,
    /// The goroutines that have it among their arguments.
    pub goroutines: Vec<u64>,
    /// Those of them that have it only with a `?`: its register may have been reused since.
    pub may_be_stale: Vec<u64>,
}

impl Address {
    /// Returns `true` if at least two goroutines certainly have it.
    pub(crate) fn is_shared(&self) -> bool {
        self.goroutines.len() - self.may_be_stale.len() > 1
    }
}

/// The explanation of one dump.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// The kind of the dump.
    pub kind: DumpKind,
    /// The number of its first line in the input.
    pub first_line: u64,
    /// The number of its last line in the input.
    pub last_line: u64,
    /// The fatal message.
    pub message: String,
    /// The conclusion, in one or two sentences.
    pub verdict: String,
    /// The sides that the dump identifies: the detecting goroutine, or both sides of a race report.
    pub known: Vec<Known>,
    /// The candidates for the other side, likeliest first.
    pub writers: Vec<Candidate>,
    /// Addresses that may be the map's.
    pub addresses: Vec<Address>,
    /// Notes on missing information, and on how to get it with the next dump.
    pub notes: Vec<String>,
    /// Facts about dumps of this kind, which explain this one.
    pub background: Vec<String>,
    /// The relevant lines, each with an explanation.
    pub parts: Vec<Part>,
    /// The causes that match, the most certain first.
    pub causes: Vec<Cause>,
    /// Advice that applies to every cause; empty for a report of untorn, which has its own.
    pub change: &'static [&'static str],
    /// The number of goroutines in the dump.
    pub goroutines: u64,
    /// Their states, the most frequent first; none for a race report.
    pub states: Vec<StateCount>,
    /// Lines inside the dump that are not part of it.
    pub unread: Unread,
}
