//! The scenarios.

use super::{cells, controls, overlaps, races};

/// ThreadSanitizer's name of the map under test.
pub(super) const MAP: &str = "GoMap \"config\"";
/// ThreadSanitizer's name of the cell under test.
pub(super) const CELL: &str = "OverlapCell \"config\"";

/// The expected races on a map or a cell.
#[derive(Clone, Debug)]
pub struct Races {
    /// ThreadSanitizer's name of the map or cell.
    pub of: &'static str,
    /// The source file of the lines.
    pub file: &'static str,
    /// For each pair, the permitted lines of one side, and those of the other.
    pub pairs: Vec<[Vec<u32>; 2]>,
    /// Other memory is raced on, too, any number of times.
    pub others: bool,
    /// The gate reports an overlap at the end. In that case several reports may concern the same
    /// pair.
    pub overlap: bool,
}

/// A fault of stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StderrFault {
    /// The pipe is full and is not read.
    Full,
    /// The reader closes the pipe in the middle of the first report.
    Closed,
}

/// The expected output of ThreadSanitizer.
#[derive(Clone, Debug)]
pub enum Expected {
    /// These races, each once, and no others.
    Races(Races),
    /// No reports.
    NoReports,
    /// Any output, since it is not read. But the process terminates.
    End(StderrFault),
    /// Any output; it is shown and not checked.
    Anything,
}

/// A program to run in a process of its own.
#[derive(Clone)]
pub struct Scenario {
    /// The name.
    pub name: &'static str,
    /// The expected result.
    pub expected: Expected,
    /// The body.
    pub run: fn(),
    /// Applies the suppressions of `.ci/tsan-suppressions`.
    pub suppressions: bool,
}

impl Scenario {
    pub(super) fn new(name: &'static str, expected: Expected, run: fn()) -> Self {
        Self {
            name,
            expected,
            run,
            suppressions: false,
        }
    }

    pub(super) fn with_suppressions(self) -> Self {
        Self {
            suppressions: true,
            ..self
        }
    }
}

/// Returns all scenarios: the note's program, then races on maps and on cells, then the controls.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    [
        overlaps::scenarios(),
        races::scenarios(),
        cells::scenarios(),
        controls::scenarios(),
    ]
    .concat()
}
