//! Go's map and ours, step by step: an executable form of "behaves like Go's map".
//!
//! A sequence of operations is executed twice: by a Go program on the map of its runtime (`oracle/`
//! beside `src/`), and here on [`gomap::Table`](untorn::gomap::Table) with the hashes computed by
//! Go. After each step the two must agree in the result of the operation, in the header, and in the
//! contents of every bucket.
//!
//! | file | contents |
//! |---|---|
//! | `operation.rs`, `generate.rs`, `colliding_keys.rs` | sequences and their generation |
//! | `kind.rs` | the kinds of keys and elems |
//! | `golang.rs` | the Go program |
//! | `record.rs`, `buckets.rs` | the compared state: the header, the buckets |
//! | `hashes.rs`, `replay.rs` | our side, under Go's hashes |
//! | `shrink.rs`, `diff_report.rs` | a disagreement, shrunk and reported |
//! | `coverage.rs` | the events of a run |
//!
//! `docs/oracle.md` lists the findings and the limits.

mod buckets;
mod colliding_keys;
mod coverage;
mod diff_report;
mod generate;
mod golang;
mod hashes;
mod kind;
mod operation;
mod record;
mod replay;
mod run;
mod shrink;

pub use self::colliding_keys::generate_colliding_keys;
pub use self::coverage::{Coverage, Event};
pub use self::generate::{generate, generate_large};
pub use self::golang::{Oracle, Unavailable};
pub use self::kind::Kind;
pub use self::operation::{Operation, Sequence, Slot};
pub use self::record::Record;
pub use self::replay::{Disagreement, replay};
pub use self::run::{check, check_with, run};
pub use self::shrink::shrink;
