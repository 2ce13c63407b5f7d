//! Maps that many threads read while others change them.

#[cfg(not(untorn_loom))]
pub mod gomap;
mod planted;
mod sync;
