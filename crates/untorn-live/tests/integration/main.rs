//! `untorn-live` with real parts: editors, mounts, threads, hostile files. Reader threads check an
//! invariant of the data all the while, so that one mixed revision fails a test.

#![cfg(unix)]

mod cache;
mod cache_path;
mod deltas;
mod directory;
mod editors;
mod environment;
mod etcd;
mod fuzz;
mod guard;
mod history;
mod http;
mod kubernetes;
mod layers;
mod malformed;
mod mistakes;
mod reached;
mod ready;
mod recovery;
mod secrets;
mod status;
mod support;
mod threads;
mod together;
mod watches;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;
