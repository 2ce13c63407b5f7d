//! What ThreadSanitizer says of programs that use a `GoMap` or an `OverlapCell`: races that it must find, programs of which
//! it must say nothing, and what it says where it cannot see what std does.
//!
//! Each scenario is run in a process of its own, and what that one printed is judged. A build without ThreadSanitizer can
//! only read the reports that another build printed.

mod cells;
mod controls;
mod judge;
mod overlaps;
mod races;
mod report;
mod scenario;

pub use self::judge::{Verdict, play};
pub use self::report::{Report, Side};
pub use self::scenario::{Expected, Races, Scenario, Unheard, scenarios};
