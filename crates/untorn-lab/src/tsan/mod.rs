//! ThreadSanitizer on programs that use a `GoMap` or an `OverlapCell`: races that it must report,
//! programs that it must not report, and its results for synchronization inside std, which it
//! cannot observe.
//!
//! Each scenario runs in a process of its own, whose output is checked. A build without
//! ThreadSanitizer can only parse reports that another build printed.

mod cells;
mod controls;
mod overlaps;
mod races;
mod report;
mod scenario;
mod verdict;

pub use self::report::{Report, Side};
pub use self::scenario::{Expected, Races, Scenario, StderrFault, scenarios};
pub use self::verdict::{Verdict, play};
