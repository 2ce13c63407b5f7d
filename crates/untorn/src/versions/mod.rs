//! The publication cell: one word that points to the newest version, versions that threads protect
//! while they read them, and reclamation of those that nothing references.
//!
//! | file | contents |
//! |---|---|
//! | `cell.rs` | a cell: the word and its writers |
//! | `newest.rs` | the publication word, and the protocol of pins and scans |
//! | `slots.rs` | the reader slots of all threads |
//! | `local.rs` | the slots of the current thread |
//! | `fence.rs` | the fences between the two sides |
//! | `protected.rs` | a pinned version |
//! | `part.rs` | a part of a pinned or counted version |
//! | `reclaim.rs` | the retired versions of a cell |
//! | `writer_lock.rs` | the lock of writers, fair within a bound |
//! | `model/`, `shuttle.rs` | the loom models, and schedules of the whole |
//!
//! The model of pins without fences is in `crates/untorn-lab/tests/integration/weak_model/`.
//!
//! A version is any value; this module depends neither on tables nor on revisions.

#![cfg_attr(
    untorn_loom,
    allow(dead_code, reason = "the models drive the protocol only")
)]

mod cell;
mod fence;
#[cfg(not(untorn_loom))]
mod local;
#[cfg(all(test, untorn_loom))]
mod model;
mod newest;
#[cfg(not(untorn_loom))]
mod part;
#[cfg(not(untorn_loom))]
mod protected;
mod reclaim;
#[cfg(all(test, untorn_shuttle))]
mod shuttle;
mod slots;
mod writer_lock;

#[cfg(not(untorn_loom))]
pub(crate) use self::cell::{Versions, VersionsWriter};
#[cfg(not(untorn_loom))]
pub(crate) use self::fence::is_asymmetric;
#[cfg(not(untorn_loom))]
pub(crate) use self::local::REGISTRY;
#[cfg(not(untorn_loom))]
pub(crate) use self::part::{CountedPart, PinnedPart};
#[cfg(not(untorn_loom))]
pub(crate) use self::protected::Protected;
#[cfg(not(untorn_loom))]
pub(crate) use self::reclaim::{Freed, ReclaimStats, Weight};
