//! Maps that many threads read while others change them.

#[cfg(doctest)]
mod compile_fail;
#[cfg(not(untorn_loom))]
pub mod gomap;
pub mod overlap;
mod planted;
#[cfg(not(untorn_loom))]
mod random;
mod sync;

#[cfg(not(untorn_loom))]
pub use self::gomap::GoMap;
#[cfg(not(untorn_loom))]
pub use self::overlap::{AccessKind, OnOverlap, Overlap, OverlapKind, Site, spawn};
