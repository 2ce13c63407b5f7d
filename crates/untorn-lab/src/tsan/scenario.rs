//! The list of what is run.

use super::{cells, controls, overlaps, races};

/// What ThreadSanitizer calls the map that is raced on.
pub(super) const MAP: &str = "GoMap \"config\"";
/// The same of the cell.
pub(super) const CELL: &str = "OverlapCell \"config\"";

/// Races on a map or a cell.
#[derive(Clone, Debug)]
pub struct Races {
    /// What ThreadSanitizer calls it.
    pub of: &'static str,
    /// The file of their lines.
    pub file: &'static str,
    /// For each pair, the lines that one side may have, and those that the other may have.
    pub pairs: Vec<[Vec<u32>; 2]>,
    /// Whether other memory is raced on, too, as often as it may be.
    pub others: bool,
    /// Whether the gate has the last word. Then more than one report may be of the same pair.
    pub overlap: bool,
}

/// What is wrong with stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It is full, and stays so.
    Full,
    /// Whoever reads it goes away in the middle of the first report.
    Closed,
}

/// What ThreadSanitizer should say.
#[derive(Clone, Debug)]
pub enum Expected {
    /// These, each once, and nothing else.
    Races(Races),
    /// Nothing.
    Silence,
    /// Whatever it would: nobody reads it. But the process ends.
    End(Unheard),
    /// Whatever it does: it is shown, and not judged.
    Anything,
}

/// Something to be run in a process of its own.
#[derive(Clone)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What it should lead to.
    pub expected: Expected,
    /// What is done.
    pub run: fn(),
    /// Whether the reports that `.ci/tsan-suppressions` names are left out.
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

/// All of them: the note's program first, then races on maps and on cells, controls, std as it comes.
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
