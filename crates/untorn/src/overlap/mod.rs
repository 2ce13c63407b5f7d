//! The rule: two accesses in time, at least one of them a write, are an overlap, and end in a report that names both
//! sides.
//!
//! | file | what |
//! |---|---|
//! | `gate.rs` | the protocol: who may be inside, and who is told; loads and stores, nothing else |
//! | `record.rs` | what each thread writes down about its accesses |
//! | `thread.rs` | this thread's record; `spawn`, `spawn_scoped` |
//! | `cell.rs` | a value behind a gate |
//! | `site.rs`, `report.rs` | the two sides, and the text |
//! | `policy.rs`, `fatal.rs` | what is done about an overlap; the end of the process |
//! | `stretch.rs` | finding the overlaps that luck hides |
//! | `tsan.rs` | what ThreadSanitizer is told, if it is there |
//!
//! Nothing in here knows of maps.

#![cfg_attr(
    untorn_loom,
    allow(
        dead_code,
        unreachable_pub,
        reason = "the model drives the protocol, not what is around it"
    )
)]

mod gate;
mod record;
mod site;

#[cfg(not(untorn_loom))]
pub(crate) mod cell;
#[cfg(not(untorn_loom))]
mod clock;
#[cfg(not(untorn_loom))]
mod fatal;
#[cfg(not(untorn_loom))]
mod policy;
#[cfg(not(untorn_loom))]
mod report;
#[cfg(not(untorn_loom))]
mod stretch;
#[cfg(not(untorn_loom))]
mod thread;
#[cfg(not(untorn_loom))]
pub(crate) mod tsan;

#[cfg(all(test, untorn_loom))]
mod model;

#[cfg(not(untorn_loom))]
pub use self::policy::OnOverlap;
#[cfg(not(untorn_loom))]
pub(crate) use self::report::State;
#[cfg(not(untorn_loom))]
pub use self::report::{Overlap, OverlapKind};
#[cfg(not(untorn_loom))]
pub(crate) use self::site::Operation;
#[cfg(not(untorn_loom))]
pub use self::site::{AccessKind, Name, Site};
#[cfg(not(untorn_loom))]
pub use self::thread::{spawn, spawn_scoped};
#[cfg(not(untorn_loom))]
pub(crate) use self::thread::{this_thread, try_spawn};
