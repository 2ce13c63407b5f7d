//! Tests that run this binary again as a child process: how a process ends, what it prints, and what its environment sets.
//!
//! Each module has a test named `child`, which plays what the environment names and is empty without it.

#[path = "../support/mod.rs"]
mod support;

mod exit;
#[cfg(unix)]
mod fork;
mod go;
#[cfg(unix)]
mod obstacles;
mod overlap_cell;
mod stretch;
