//! Maps that many threads read while others change them.
//!
//! One thread keeps pulling fresh configuration into a map, many threads read it. In Go that program dies with
//! `fatal error: concurrent map read and map write`. This crate has that map, with its rule and a report that names
//! both sides; and the cure, a map whose reads never wait and never mix two refreshes.
//!
//! # Which one do I want?
//!
//! | you want | type | what concurrent use gives |
//! |---|---|---|
//! | to be **safe** | [`Map`]; [`Published`] for one value | reads never wait; what is written in one batch and read under one pin is never seen by halves |
//! | to be **told** | [`GoMap`] | an overlap of a write with any other access ends in a report that names both sides |
//! | the same for anything else | [`OverlapCell`] | as a `RefCell` for threads, whose panic names the other borrower too |
//! | to stay **fresh** | [`Poller`] | a [`Map`] refreshed from a source, again and again; the last good state is never lost |
//! | Go's map on one thread | [`gomap::Table`] | nothing: writes need `&mut` |
//!
//! Start with [`Map`], unless one key at a time is all you ever read (then papaya, scc or moka are faster to write to) or
//! the table is replaced as a whole each time (then a [`Published`] `HashMap` will do, refreshed by a thread of your own: a
//! [`Poller`] serves a [`Map`]).
//!
//! | to read a [`Map`] | take | because |
//! |---|---|---|
//! | one key, once | [`Map::get`] | it clones the value, and the next call may see the next revision |
//! | several keys that belong together, now | [`Map::pin`] | a borrow of one revision; stays on this thread |
//! | the same for long, elsewhere, across an `.await` | [`Map::snapshot`] | owned, `Send`; keeps its version |
//! | again and again, in a loop of one thread | [`Map::reader`] | asks by one load whether there is a newer revision |
//! | what has changed | [`Map::subscribe`], [`View::diff`] | two snapshots, and the entries that differ |
//!
//! | to write | take | because |
//! |---|---|---|
//! | one key | [`Map::insert`], [`Map::remove`], [`Map::update`], [`Map::get_or_insert_with`] | one commit |
//! | several that belong together | [`Map::batch`], [`Map::begin_batch`], [`Map::try_batch`], [`Map::batch_if_unchanged`] | one commit, or none |
//! | everything, from a source | [`Map::refresh`] | touches only what differs; no revision if nothing does |
//!
//! ```
//! use untorn::Map;
//!
//! let config = Map::named("config");
//! config.batch(|batch| {
//!     batch.insert("1", 265);
//!     batch.insert("2", 265);
//! });
//! let view = config.pin(); // of one revision
//! assert_eq!(view.get("1"), view.get("2"));
//! ```
//!
//! Safe Rust forbids the data race that Go's check is about; what it does not forbid is that two parts of a program
//! use shared state at a time when only one should. `GoMap` is for being told about that. It never makes anyone wait,
//! so it is no way to share a map that is *meant* to be read while it is written.
//!
//! ```
//! use std::sync::Arc;
//! use untorn::{GoMap, spawn};
//!
//! let config = Arc::new(GoMap::named("config"));
//! let poller = {
//!     let config = Arc::clone(&config);
//!     spawn("poller", move || config.insert("1", "265"))
//! };
//! poller.join().unwrap(); // without this line the two may overlap: then the process ends with a report
//! assert_eq!(config.get("1"), Some("265"));
//! ```
//!
//! The same rule for any other value, by guards as those of a `RefCell`; [a page](pages::overlap_cell) has its uses:
//!
//! ```
//! use untorn::OverlapCell;
//!
//! static LIMITS: OverlapCell<Vec<u32>> = OverlapCell::named("limits", Vec::new());
//! LIMITS.write().push(265);
//! let reading = LIMITS.read();
//! let overlap = LIMITS.try_write().unwrap_err(); // `write` would panic with this as its message
//! assert_eq!(overlap.other.operation, "OverlapCell::read");
//! # drop(reading);
//! ```
//!
//! # Consistency
//!
//! Of [`Map`] and [`Published`]: commits are totally ordered; every view is exactly the state after some commit; a commit
//! that returned before a pin began is in that pin's view, also when the pin is nested in an older one; a batch is all or
//! nothing; a thread never goes backwards. Two separate `get`s may see two revisions.
//!
//! Of [`GoMap`] and [`OverlapCell`]: *every overlap is noticed*: of two accesses to one of them that overlap in time, at least one of them a write, at
//! least one reports. *Nothing else is*: accesses that do not overlap are never reported. *Order*: an access that
//! begins after another has ended sees all that it did, whatever order there was otherwise, so a program that breaks
//! the rule still has no data race. The access that notices does not proceed.
//!
//! What an access is: every call of a method of `GoMap`, from the moment it enters the gate to the moment it leaves
//! it, values being copied in or out included, hashing the key and dropping what was replaced not included.
//! [`GoMap::iter_with`] and [`GoMap::get_with`] last until their closure has returned. Each step of a
//! [`GoMap::walk`] is an access of its own, so between two steps the map may be written to. Of a cell, an access lasts as long
//! as its guard, and an attempt as long as the call.
//!
//! # Limits
//!
//! Of [`Map`] (each with what to do instead on [a page](pages::limits)):
//! - A write clones the neighbours of its key, some three hundred entries, or some forty where they have a `Drop`, and a few
//!   times as many when the table grows by it: keep values cheap to clone.
//! - One writer at a time; a write on a thread that has another write to the same map open panics.
//! - References live as long as their pin, snapshot or reader; each of those keeps one version.
//! - A value with interior mutability is another value in the next version.
//!
//! Of [`GoMap`]:
//! - Only accesses that *do* overlap are reported; a clean run proves nothing. [`Stretch`] keeps sampled accesses open
//!   for a share of the time, so that more of them do ([more](pages::stretching)).
//! - What a value points to, and what is done with a value after it was copied out, is not watched.
//! - The records of threads (some 600 bytes each) are reused but never freed.
//! - The exit of [`OnOverlap::Exit`] is `_exit(2)` on Unix; elsewhere it runs exit handlers.
//!
//! Of [`OverlapCell`] the same, and:
//! - A guard that is forgotten keeps its cell in use for ever; every later report names its thread and line.
//! - A `try_read` or `try_write` is met by others while it lasts, also one that fails.
//! - A panic while a guard is alive leaves the value as it is: there is no poison.
//!
//! # Platforms
//!
//! [A page](pages::limits) says what has been tested where. These targets differ:
//!
//! | target | difference |
//! |---|---|
//! | pointers of 32 bits | pins, snapshots and [`Reader::latest`] of a [`Map`] or a [`Published`] take a read lock for one pointer copy: they may wait while a commit swaps that pointer, and readers write to a shared word |
//! | no 64-bit atomics (32-bit PowerPC) | the counters of a [`GoMap`] and an [`OverlapCell`] take a lock, for some instructions |
//! | `wasm32-unknown-unknown` | no clock and no threads: durations are absent from reports and [`map::Stats`], waits do not block, [`Poller`] does not start and [`spawn`] panics; [`OnOverlap::Exit`] panics and traps |
//! | Miri | durations come from `Instant`, and [`OnOverlap::Exit`] runs exit handlers |
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `serde` | [`Map`], [`View`] and what shows one are written as a map, an [`Overlap`] as a structure; [`Map`], [`Published`] and [`Revision`] are read (for `Arc` keys and values, serde's own feature `rc`) |
//! | `rayon` | `View::par_iter`; a [`Map`] is collected and extended in parallel |
//! | `stream` | `Subscription::into_stream`, for tasks of any runtime |
//! | `tracing` | each overlap that ends in a panic is also an event, with both sides as fields, and each poll that fails a warning |
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `UNTORN_ON_OVERLAP` | `exit` or `panic`: what maps and cells do on an overlap that were not told by [`GoMap::on_overlap`] or [`OverlapCell::on_overlap`] |
//! | `UNTORN_STRETCH` | such as `1%`, up to `90%`: the share of the time for which accesses are kept open, to maps and cells that were not told by [`GoMap::stretch`] or [`OverlapCell::stretch`]; off by default |
//! | `RUST_BACKTRACE` | if set and not `0`, the report is followed by the noticing side's backtrace |
//!
//! Each is read once, when the first map is made or the first cell is used. A value that is not understood is named on stderr and ignored.

#[cfg(not(untorn_loom))]
mod clock;
#[cfg(not(untorn_loom))]
pub mod gomap;
#[cfg(not(untorn_loom))]
pub mod map;
mod overlap;
#[cfg(all(doc, not(doctest)))]
pub mod pages;
#[cfg(not(untorn_loom))]
mod panic;
mod planted;
#[cfg(not(untorn_loom))]
pub mod poller;
#[cfg(not(untorn_loom))]
mod published;
#[cfg(not(untorn_loom))]
mod random;
#[cfg(all(test, untorn_shuttle))]
mod schedules;
#[cfg(all(feature = "serde", not(untorn_loom)))]
mod serde;
mod sync;

#[cfg(not(untorn_loom))]
#[doc(inline)]
pub use self::gomap::GoMap;
#[cfg(not(untorn_loom))]
#[doc(inline)]
pub use self::map::{Batch, Change, Committed, Map, Refreshed, RevisionMismatch, Stats, View};
#[cfg(not(untorn_loom))]
pub use self::overlap::{
    AccessKind, InvalidStretch, Name, OnOverlap, Overlap, OverlapCell, OverlapKind, Reading, Site,
    Stretch, Writing, spawn, spawn_scoped,
};
#[cfg(not(untorn_loom))]
#[doc(inline)]
pub use self::poller::{Fetched, Poller, Source};
#[cfg(all(feature = "stream", not(untorn_loom)))]
pub use self::published::Transitions;
#[cfg(not(untorn_loom))]
pub use self::published::{
    Closer, Ended, NoTransition, Pinned, Published, Reader, Revision, Snapshot, Subscription,
    Timeout, Transition,
};
#[cfg(all(untorn_fuzzing, not(untorn_loom)))]
#[doc(hidden)]
pub use self::random::repeat_random_numbers;

#[cfg(all(doctest, not(untorn_loom)))]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(all(doctest, not(untorn_loom)))]
#[doc = include_str!("../../../README.zh-CN.md")]
struct ReadmeZhCn;
