//! Tests of the public interface that share one process.
//!
//! Tests that start child processes or count threads are in `process` (except those of `tracing`,
//! which run alone), and tests that count allocations in `memory`. No test here sets an environment
//! variable or another value of the whole process. The one panic hook, in `silence`, acts only on
//! threads that call it. `tidy` checks that each file of these folders is compiled.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/watchdog.rs"]
mod watchdog;

mod api_parity;
mod auto_traits;
mod batch;
mod cell_stress;
mod counted;
mod features;
mod formatting;
mod front_page;
mod go;
mod implements;
mod many_threads;
mod map;
mod mapped;
mod overlap_cell;
mod overlaps;
mod panics;
mod pins;
mod pins_at_the_end;
mod poller;
mod published;
mod reentrancy;
mod send_sync;
mod subscription;
mod tidy;
mod waits;
