//! `OverlapCell`: conflicting accesses, their reports, and the uses of guards.

mod guards;
mod leaked_guards;
mod many;
mod model;
mod pairs;
mod race;
