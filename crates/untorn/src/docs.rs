//! Guides: moving from another map, all limits, cells, and delay injection.
//!
//! The repository has more: the [benchmarks][b], the [design][d] with what was rejected, the
//! [evidence][t], the [examples][e], and [how the crate relates to Go's map][n].

// Each guide is preceded by where its links lead to from here, since of two definitions of a link
// the first one counts; those at its end are for the files of the repository.

#[doc = repository!("benchmarks.md", "docs/benchmarks.md")]
#[doc = "[migrate.md]: crate::docs::migrate"]
#[doc = "[migrate.md#when-not-to-move]: crate::docs::migrate#when-not-to-move"]
#[doc = "[migrate.md#in-async-code]: crate::docs::migrate#in-async-code"]
#[doc = "[migrate.md#interior-mutability-diverges-between-versions]: crate::docs::migrate#interior-mutability-diverges-between-versions"]
#[doc = ""]
#[doc = include_str!("../docs/limits.md")]
pub mod limits {}

#[doc = repository!("benchmarks.md", "docs/benchmarks.md")]
#[doc = repository!("benchmarks.md#reading", "docs/benchmarks.md#reading")]
#[doc = "[limits.md]: crate::docs::limits"]
#[doc = "[limits.md#memory]: crate::docs::limits#memory"]
#[doc = "[overlap-cell.md]: crate::docs::overlap_cell"]
#[doc = repository!("the-note.md", "docs/the-note.md")]
#[doc = "[../crates/untorn/src/poller/builder.rs]: crate::poller::PollerBuilder::jitter"]
#[doc = repository!("../examples/axum/lib.rs", "examples/axum/lib.rs")]
#[doc = ""]
#[doc = include_str!("../docs/migrate.md")]
pub mod migrate {}

#[doc = "[stretching.md]: crate::docs::stretching"]
#[doc = repository!("../DESIGN.md#measured", "DESIGN.md#measured")]
#[doc = "[../README.md#which-type-do-i-want]: crate#which-type-do-i-want"]
#[doc = repository!("thread-sanitizer.md#cells", "docs/thread-sanitizer.md#cells")]
#[doc = ""]
#[doc = include_str!("../docs/overlap-cell.md")]
pub mod overlap_cell {}

#[doc = "[../crates/untorn/src/overlap/stretch.rs]: crate::Stretch::max_delay"]
#[doc = repository!("../crates/untorn/src/overlap/stretch/rate_limit.rs", "crates/untorn/src/overlap/stretch/rate_limit.rs")]
#[doc = ""]
#[doc = include_str!("../docs/stretching.md")]
pub mod stretching {}
