//! The rule: two accesses in time, at least one of them a write, are an overlap, and end in a report that names both
//! sides.
//!
//! | file | what |
//! |---|---|
//! | `gate.rs` | the protocol: who may be inside, and who is told; loads, stores and fences |
//! | `record.rs` | what each thread writes down about its accesses |
//! | `blocks.rs` | slot blocks: room for more accesses of one thread than its record has slots for |
//! | `identity.rs` | which thread a record belongs to |
//! | `thread.rs` | this thread's record; `spawn`, `spawn_scoped` |
//! | `entrance.rs` | the way in: a gate, and what is said and done about an overlap |
//! | `guarded.rs` | a value behind it, reached by closures: what `GoMap` stands on |
//! | `cell.rs`, `guards.rs` | the same with guards, for any value: `OverlapCell`, `ReadGuard`, `WriteGuard` |
//! | `site.rs`, `report.rs` | the two sides, and the text |
//! | `event.rs`, `serialize.rs` | the same for `tracing` and `serde` |
//! | `policy.rs`, `fatal.rs` | what is done about an overlap; the end of the process |
//! | `ordering_mutants.rs` | the orderings of the protocol by name, so that each can be taken away |
//! | `stretch.rs`, `stretch/turns.rs` | finding the overlaps that luck hides; whose turn it is |
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

mod blocks;
mod gate;
mod identity;
mod ordering_mutants;
mod record;
mod site;

#[cfg(not(untorn_loom))]
mod cell;
#[cfg(not(untorn_loom))]
mod clock;
#[cfg(not(untorn_loom))]
mod entrance;
#[cfg(not(untorn_loom))]
mod event;
#[cfg(not(untorn_loom))]
mod fatal;
#[cfg(not(untorn_loom))]
mod guarded;
#[cfg(not(untorn_loom))]
mod guards;
#[cfg(not(untorn_loom))]
mod policy;
#[cfg(not(untorn_loom))]
mod report;
#[cfg(all(feature = "serde", not(untorn_loom)))]
mod serialize;
#[cfg(not(untorn_loom))]
mod stretch;
#[cfg(not(untorn_loom))]
mod thread;
#[cfg(not(untorn_loom))]
pub(crate) mod tsan;

#[cfg(all(test, untorn_loom))]
mod model;
#[cfg(all(test, untorn_shuttle))]
mod shuttle;

#[cfg(not(untorn_loom))]
pub use self::cell::OverlapCell;
#[cfg(not(untorn_loom))]
pub(crate) use self::entrance::Describe;
#[cfg(not(untorn_loom))]
pub(crate) use self::guarded::Guarded;
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
#[cfg(not(untorn_loom))]
pub use self::thread::{spawn, spawn_scoped};
#[cfg(not(untorn_loom))]
pub(crate) use self::thread::{this_thread, try_spawn};
