//! `OverlapCell`: who meets whom, what is told of it, and what guards may do.

mod forgotten;
mod guards;
mod many;
mod model;
mod pairs;
mod race;
