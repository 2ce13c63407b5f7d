//! Go's map and ours, step by step: "behaves like Go's map" as something that can be run.
//!
//! A sequence of operations is carried out twice, by a Go program on the map of its runtime (`oracle/` beside `src/`)
//! and here on [`gomap::Table`](untorn::gomap::Table) with the hashes that Go made. After each step the two must
//! agree: in what the operation answered, in the header, and in what every bucket holds.
//!
//! | file | what |
//! |---|---|
//! | `operation.rs`, `generate.rs`, `crowd.rs` | sequences, and how they are made up |
//! | `kind.rs` | the kinds of keys and elems |
//! | `golang.rs` | the Go program: built, asked |
//! | `record.rs`, `buckets.rs` | what is compared: the header, the buckets |
//! | `hashes.rs`, `replay.rs` | our side, under Go's hashes |
//! | `shrink.rs`, `listing.rs` | a disagreement, made small and shown |
//! | `totals.rs` | what a run came across |
//!
//! `docs/oracle.md` says what it found and what it cannot see.

mod buckets;
mod crowd;
mod generate;
mod golang;
mod hashes;
mod kind;
mod listing;
mod operation;
mod record;
mod replay;
mod run;
mod shrink;
mod totals;

pub use self::crowd::generate_crowd;
pub use self::generate::{generate, generate_large};
pub use self::golang::{Oracle, Unavailable};
pub use self::kind::Kind;
pub use self::operation::{Operation, Sequence, Slot};
pub use self::record::Record;
pub use self::replay::{Disagreement, replay};
pub use self::run::{check, check_with, run};
pub use self::shrink::shrink;
pub use self::totals::{Event, Totals};
