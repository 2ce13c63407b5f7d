//! A prototype of the persistent table of `Map`: not shipped, and for one thread that writes.
//!
//! ```text
//!   Version ─▶ root ─▶ 256 pointers ─▶ segment: header, groups of 15 entries and 16 control bytes
//!                      256 pointers ─▶ segment: …
//! ```
//!
//! | file | what |
//! |---|---|
//! | `place.rs` | which bits of a hash choose what |
//! | `control.rs` | sixteen control bytes at once: SSE2, or two words |
//! | `segment.rs` | entries in groups, in one allocation |
//! | `block.rs`, `directory.rs` | the segment for each prefix of a hash |
//! | `table.rs` | growing, splitting, merging |
//! | `edit.rs`, `reclaim.rs` | what an edit replaced, and when no version can reach it |
//! | `map.rs` | the map and its versions |
//!
//! `docs/table-prototype.md` has the figures and what they decide.

mod block;
mod control;
mod directory;
mod edit;
mod map;
mod place;
mod reclaim;
mod segment;
mod table;
#[cfg(test)]
mod tests;

pub use self::map::{Batch, PrototypeMap, Version};
