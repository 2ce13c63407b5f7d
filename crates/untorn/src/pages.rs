//! The pages of the repository that belong to the library; they are in the documentation only.
//!
//! Figures are in `docs/benchmarks.md` and `DESIGN.md` of the repository, and so are the pages on Go, on how the library was
//! checked, and the examples.

// Of two definitions of a link the first one counts. So each page is preceded by where its links lead to from here: what
// follows at its end is where they lead to in the repository. The files in `pages/` are links to those in `docs/`, which a
// package takes as files.

#[doc = "[benchmarks.md]: crate::pages"]
#[doc = "[migrate.md]: crate::pages::migrate"]
#[doc = "[migrate.md#when-not-to-move]: crate::pages::migrate#when-not-to-move"]
#[doc = "[migrate.md#in-async-code]: crate::pages::migrate#in-async-code"]
#[doc = "[migrate.md#a-value-that-changes-inside-is-not-the-same-value-in-the-next-version]: crate::pages::migrate#a-value-that-changes-inside-is-not-the-same-value-in-the-next-version"]
#[doc = ""]
#[doc = include_str!("../pages/limits.md")]
pub mod limits {}

#[doc = "[benchmarks.md]: crate::pages"]
#[doc = "[benchmarks.md#reading]: crate::pages"]
#[doc = "[limits.md]: crate::pages::limits"]
#[doc = "[limits.md#memory]: crate::pages::limits#memory"]
#[doc = "[overlap-cell.md]: crate::pages::overlap_cell"]
#[doc = "[the-note.md]: crate::pages"]
#[doc = "[../crates/untorn/src/poller/setup.rs]: crate::poller::Setup::jitter"]
#[doc = "[../examples/axum/lib.rs]: crate::pages"]
#[doc = ""]
#[doc = include_str!("../pages/migrate.md")]
pub mod migrate {}

#[doc = "[stretching.md]: crate::pages::stretching"]
#[doc = "[../DESIGN.md#measured]: crate::pages"]
#[doc = "[../README.md#which-type-do-i-want]: crate"]
#[doc = "[thread-sanitizer.md#cells]: crate::pages"]
#[doc = ""]
#[doc = include_str!("../pages/overlap-cell.md")]
pub mod overlap_cell {}

#[doc = "[../crates/untorn/src/overlap/stretch.rs]: crate::Stretch::at_most"]
#[doc = "[../crates/untorn/src/overlap/stretch/turns.rs]: crate::pages"]
#[doc = ""]
#[doc = include_str!("../pages/stretching.md")]
pub mod stretching {}
