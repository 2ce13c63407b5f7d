//! Tests that run this binary again as a child process: how a process ends, what it prints, and
//! what its environment sets.
//!
//! Each module has a test named `child`, which runs the body that the environment names and does
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
#[cfg(unix)]
mod fork;
mod go;
mod overlap_cell;
mod stretch;
