//! The tests of the public interface that share one process.
//!
//! Tests that start child processes are in `process`, tests that count allocations in `memory`, and tests that count the
//! threads of their process in `threads`. No test here sets an environment variable, a panic hook or another value of the
//! whole process; `tidy` checks that each file of these folders is compiled.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/watchdog.rs"]
mod watchdog;

mod batch;
mod features;
mod go;
mod many_threads;
mod map;
mod overlap_cell;
mod overlaps;
mod panics;
mod poller;
mod published;
mod quiet;
mod race;
mod reentrancy;
mod same_body;
mod send_sync;
mod sites;
mod subscription;
mod tidy;
mod words;
