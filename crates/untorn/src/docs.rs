//! Guides: moving from another map, all limits, cells, and delay injection.
//!
//! # In the repository
//!
//! Links of the guides to other files of the repository lead to this list.
//!
//! | file | content |
//! |---|---|
//! | `DESIGN.md` | the design, with what was rejected |
//! | `TRUST.md` | the evidence: what was checked, and what not |
//! | `docs/benchmarks.md` | the figures, beside those of other maps |
//! | `docs/the-note.md` | how the crate relates to Go's map and its crash |
//! | `docs/thread-sanitizer.md` | what ThreadSanitizer reports, and what this crate reports |
//! | `crates/untorn/examples` | small programs |
//! | `examples/axum/lib.rs` | a complete service |
//! | `examples/axum/hosts.rs` | values that asynchronous initializers compute |
//! | `crates/untorn/src/overlap/stretch/rate_limit.rs` | the rules of delay injection |

// Each guide is preceded by where its links lead to from here, since of two definitions of a link
// the first one counts; those at its end are for the files of the repository.

#[doc = "[benchmarks.md]: crate::docs#in-the-repository"]
#[doc = "[migrate.md]: crate::docs::migrate"]
#[doc = "[migrate.md#when-not-to-move]: crate::docs::migrate#when-not-to-move"]
#[doc = "[migrate.md#in-async-code]: crate::docs::migrate#in-async-code"]
#[doc = "[migrate.md#interior-mutability-diverges-between-versions]: crate::docs::migrate#interior-mutability-diverges-between-versions"]
#[doc = ""]
#[doc = include_str!("../docs/limits.md")]
pub mod limits {}

#[doc = "[benchmarks.md]: crate::docs#in-the-repository"]
#[doc = "[benchmarks.md#reading]: crate::docs#in-the-repository"]
#[doc = "[limits.md]: crate::docs::limits"]
#[doc = "[limits.md#memory]: crate::docs::limits#memory"]
#[doc = "[overlap-cell.md]: crate::docs::overlap_cell"]
#[doc = "[the-note.md]: crate::docs#in-the-repository"]
#[doc = "[../crates/untorn/src/poller/builder.rs]: crate::poller::PollerBuilder::jitter"]
#[doc = "[../examples/axum/lib.rs]: crate::docs#in-the-repository"]
#[doc = "[../examples/axum/hosts.rs]: crate::docs#in-the-repository"]
#[doc = ""]
#[doc = include_str!("../docs/migrate.md")]
pub mod migrate {}

#[doc = "[stretching.md]: crate::docs::stretching"]
#[doc = "[../DESIGN.md#measured]: crate::docs#in-the-repository"]
#[doc = "[../README.md#which-type-do-i-want]: crate#which-type-do-i-want"]
#[doc = "[thread-sanitizer.md#cells]: crate::docs#in-the-repository"]
#[doc = ""]
#[doc = include_str!("../docs/overlap-cell.md")]
pub mod overlap_cell {}

#[doc = "[../crates/untorn/src/overlap/stretch.rs]: crate::Stretch::max_delay"]
#[doc = "[../crates/untorn/src/overlap/stretch/rate_limit.rs]: crate::docs#in-the-repository"]
#[doc = ""]
#[doc = include_str!("../docs/stretching.md")]
pub mod stretching {}
