//! The detector of overlapping access, behind `GoMap` and `OverlapCell`.
//!
//! Two accesses overlap if they are in progress at the same time and at least one of them is a
//! write. An overlap ends in a report that names both sides.
//!
//! | file | contents |
//! |---|---|
//! | `gate.rs` | the protocol that detects conflicting accesses: loads, stores and fences |
//! | `record.rs` | a seqlock per access of each thread, and the registry of all records |
//! | `blocks.rs` | slot blocks: slots for accesses beyond those of a record |
//! | `identity.rs` | the thread that owns a record |
//! | `thread.rs` | the record of the current thread, and its slots |
//! | `detector.rs` | the detector of one map or cell: enters and leaves a gate, and applies the overlap policy |
//! | `checked_cell.rs` | a value with a detector, accessed through closures: the base of `GoMap` |
//! | `cell.rs`, `guards.rs` | a value with a detector, accessed through guards: `OverlapCell`, `ReadGuard`, `WriteGuard` |
//! | `site.rs`, `report.rs` | the two sides of an overlap, and the text of the report |
//! | `tracing.rs`, `serde.rs` | a report as an event and as a structure |
//! | `policy.rs`, `fatal.rs` | the overlap policy, the environment; the exit path |
//! | `stretch.rs`, `stretch/rate_limit.rs` | delay injection, and its rate limit |
//! | `tsan.rs` | annotations for ThreadSanitizer |
//!
//! This module does not depend on the maps.

#![cfg_attr(
    untorn_loom,
    allow(
        dead_code,
        unreachable_pub,
        reason = "the models drive the protocol only"
    )
)]

mod blocks;
mod gate;
mod identity;
mod record;
mod site;

#[cfg(not(untorn_loom))]
mod cell;
#[cfg(not(untorn_loom))]
mod checked_cell;
#[cfg(not(untorn_loom))]
mod clock;
#[cfg(not(untorn_loom))]
mod detector;
#[cfg(not(untorn_loom))]
mod fatal;
#[cfg(not(untorn_loom))]
mod guards;
#[cfg(not(untorn_loom))]
mod policy;
#[cfg(not(untorn_loom))]
mod report;
#[cfg(all(feature = "serde", not(untorn_loom)))]
mod serde;
#[cfg(not(untorn_loom))]
mod stretch;
#[cfg(not(untorn_loom))]
mod thread;
#[cfg(not(untorn_loom))]
mod tracing;
#[cfg(not(untorn_loom))]
pub(crate) mod tsan;

#[cfg(all(test, untorn_loom))]
mod model;
#[cfg(all(test, untorn_shuttle))]
mod shuttle;
#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests;

#[cfg(not(untorn_loom))]
pub use self::cell::OverlapCell;
#[cfg(not(untorn_loom))]
pub(crate) use self::checked_cell::CheckedCell;
#[cfg(not(untorn_loom))]
pub(crate) use self::detector::Describe;
#[cfg(not(untorn_loom))]
pub use self::guards::{ReadGuard, WriteGuard};
#[cfg(not(untorn_loom))]
pub use self::policy::OnOverlap;
#[cfg(not(untorn_loom))]
pub use self::report::{Overlap, OverlapKind};
#[cfg(not(untorn_loom))]
pub(crate) use self::report::{State, Subject};
#[cfg(not(untorn_loom))]
pub(crate) use self::site::Operation;
#[cfg(not(untorn_loom))]
pub use self::site::{AccessKind, Name, Site};
#[cfg(not(untorn_loom))]
pub use self::stretch::{InvalidStretch, Stretch};
