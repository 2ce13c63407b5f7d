//! Tests that run this binary again as a child process: how a process ends, what it prints, what
//! its environment sets, and what needs a process of its own, since it counts threads or leaves
//! something behind.
//!
//! Most modules have a test named `child`, which runs the body that the environment names and does
//! nothing without it.

#[path = "../support/mod.rs"]
mod support;

mod exit;
#[cfg(unix)]
mod exit_blocked_stderr;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod fences;
mod forgotten_pins;
#[cfg(unix)]
mod fork;
mod go;
mod overlap_cell;
mod poller;
mod stretch;
