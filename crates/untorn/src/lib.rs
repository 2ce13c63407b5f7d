//! Concurrent maps for data that one thread keeps refreshing and many threads read, and a detector
//! of overlapping access.
//!
//! Reads of a [`Map`] never block, and a batch of writes is atomic: readers see all of it or none.
//!
//! ```
//! use untorn::Map;
//!
//! let limits = Map::from([("low", 10), ("high", 20)]);
//! limits.batch(|batch| {
//!     batch.insert("low", 110);
//!     batch.insert("high", 120); // readers see both changes or neither
//! });
//! let view = limits.pin(); // never blocks
//! assert_eq!(view["high"] - view["low"], 10);
//! ```
//!
//! Each commit, of one write or of a batch, makes a *revision*: a state of the whole map, with a
//! number. A *pin* borrows the newest revision; all that is read through one pin is of that one.
//!
//! In Go, a program that reads and writes a map concurrently terminates with
//! `fatal error: concurrent map read and map write`. [`GoMap`] is that map with that rule: an
//! access that overlaps a write is reported, with the thread and the source line of both sides.
//! [`OverlapCell`] applies the rule to any other value.
//!
//! # Which type do I want?
//!
//! | task | type | under concurrent use |
//! |---|---|---|
//! | share a table that is mostly read | [`Map`] | reads never block; batches are atomic, and a view is a snapshot of one revision |
//! | share one value | [`Published`] | reads never block; the value is replaced as a whole |
//! | keep a map or a value fresh | [`Poller`] | a thread refreshes a [`Map`] or a [`Published`] from a closure, a [`Source`] or a [`DeltaSource`](poller::DeltaSource); errors, panics, hung fetches and contents that would empty the map leave the last good contents |
//! | find overlapping access to a map | [`GoMap`] | an access that overlaps a write ends in a report that names both sides |
//! | find it for any other value | [`OverlapCell`] | a `RefCell` for threads, whose panic names the other borrower |
//! | use Go's map on one thread | [`gomap::Table`] | writes need `&mut` |
//!
//! Start with [`Map`]. If you only ever read one key at a time, papaya, scc or moka are faster to
//! write to. If the table is always replaced as a whole, a `Published<HashMap<K, V>>` will do; a
//! [`Poller`] keeps it fresh too.
//!
//! # Calls by task
//!
//! | to read a [`Map`] | call | effect |
//! |---|---|---|
//! | one key, once | [`map.get("low")`](Map::get) | clones the value; the next call may observe the next revision |
//! | several keys that belong together | [`let view = map.pin();`](Map::pin), then `view["low"]`, [`view.get("low")`](View::get) | borrows one revision; stays on this thread |
//! | one value, returned with its pin from a function | [`Pinned::try_map(map.pin(), \|view\| view.get("low"))`](Pinned::try_map) | [`Snapshot::try_map`] returns an owned one, which may cross an `.await` |
//! | all entries | [`for (key, value) in &map.pin()`](View::iter) | of one revision; `iter`, `keys` and `values` are methods of the [`View`]: [`map.pin().keys()`](View::keys) |
//! | one revision for long, elsewhere, or across an `.await` | [`map.snapshot()`](Map::snapshot) | owned and `Send`; retains its version |
//! | the newest revision in a loop | [`let mut reader = map.reader();`](Map::reader), then [`reader.latest()`](Reader::latest) | one load checks whether there is a newer revision |
//! | what changed since `old`, a snapshot | [`for change in map.pin().changes_since(&old)`](View::changes_since) | [`Added { key, new }`](Change::Added), [`Changed { key, old, new }`](Change::Changed), [`Removed { key, old }`](Change::Removed) |
//! | follow changes | [`for step in map.subscribe()`](Map::subscribe), then [`step.changes()`](Transition::changes), `step.from`, `step.to` | blocks for the newest state; skipped revisions are counted by `step.missed` ([ends](Subscription#closing)) |
//! | follow changes in async code | [`subscription.recv_async().await`](Subscription::recv_async); [`subscription.into_stream()`][stream] | returns these steps (as a stream: feature `stream`) |
//! | follow one key | [`for step in map.subscribe_key("low")`](Map::subscribe_key), then [`step.old()`](KeyTransition::old), [`step.new()`](KeyTransition::new) | a step only if its value differs; [`map.subscribe_where(\|key\| key.starts_with("db."))`](Map::subscribe_where) for several |
//! | wait for contents | [`let view = map.wait_until(\|view\| view.len() > 9, timeout)?;`](Map::wait_until), [`map.wait_until_async(\|view\| view.len() > 9).await`](Map::wait_until_async) | returns a snapshot that satisfies the condition; `Err(WaitError::Timeout)` if none does in time. The async form has no timeout and returns the snapshot itself |
//! | wait for a commit newer than `view` | [`let newest = map.wait_for(view.revision().next(), timeout)?;`](Map::wait_for) | returns a snapshot, at once if there has been a commit. For a certain commit, pass the revision that its `batch` returned |
//!
//! | to write a [`Map`] | call | effect |
//! |---|---|---|
//! | one key | [`map.insert("low", 10)`](Map::insert), [`map.remove("low")`](Map::remove) | one commit each |
//! | a value that is computed on demand | [`map.get_or_insert_with("low", \|\| 10)`](Map::get_or_insert_with), [`map.try_get_or_insert_with("low", \|\| "10".parse())?`](Map::try_get_or_insert_with) | one initializer of a key at a time, without the writer lock: other keys and writers do not wait; an error leaves no trace |
//! | one key, under a condition | [`map.remove_if("low", \|n\| *n > 9)`](Map::remove_if), [`map.update_if_present("low", \|n\| Some(n + 1))`](Map::update_if_present) | by a borrowed key |
//! | one key of a `Map<String, u64>`, from its old value | [`map.update("hits".to_owned(), \|n\| Some(n.copied().unwrap_or(0) + 1))`](Map::update) | no other commit in between; `None` removes the key. Returns the new value |
//! | several keys that belong together | [`map.batch(\|b\| { let low = b["low"]; b.insert("low", low + 1); b.insert("high", 20); })`](Map::batch) | one commit; returns its revision. The batch reads its own writes |
//! | several keys, where a write can fail | [`map.try_batch(\|b\| { b.insert("low", text.parse()?); Ok::<_, ParseIntError>(()) })?;`](Map::try_batch) | an error publishes nothing; the result has what the closure returned, `.value`, and the `.revision` |
//! | several keys, without a closure | [`let mut b = map.begin_batch();`](Map::begin_batch) …, then [`b.commit()`](Batch::commit) | dropping `b` publishes nothing |
//! | several keys, if there was no commit since `view` | [`map.batch_if_unchanged(&view, \|b\| { b.insert("low", 10); })`](Map::batch_if_unchanged) | returns a [`RevisionMismatch`] otherwise |
//! | several keys, if these have not changed since `view` | [`map.batch_if_keys_unchanged(&view, ["low"], \|b\| { b.insert("low", 10); })`](Map::batch_if_keys_unchanged) | commits of other keys do not matter |
//! | the contents of an earlier view | [`map.restore(&snapshot)`](Map::restore); [`snapshot.fork()`](View::fork) for another map | at the cost of what differs |
//! | the entries that match a predicate | [`map.retain(\|key, value\| *value > 9)`](Map::retain) | one commit; removes the others |
//! | many entries, from an iterator | [`map.extend(entries)`](Map::extend) | one commit; leaves other keys |
//! | all keys, from a source | [`map.refresh(fresh)`](Map::refresh) | touches only what differs (`V: PartialEq`); returns how many keys were added, changed and removed. [`map.refresh(fresh).is_unchanged()`](Refreshed::is_unchanged): nothing differed, no revision |
//! | the same, with its changes | [`let (refreshed, step) = map.refresh_transition(fresh);`](Map::refresh_transition), then [`step.changes()`](Transition::changes) | exactly those of this refresh; [`batch.commit_transition()`](Batch::commit_transition) for a batch |
//! | all keys, each of them once | [`map.refresh_unique(fresh)?`](Map::refresh_unique) | an error names keys that came twice |
//! | all keys, with values made from the old ones | [`map.refresh_with(keys, \|key, old\| …)`](Map::refresh_with) | `None` leaves an entry as it is |
//!
//! | to share one value | call | effect |
//! |---|---|---|
//! | create it | [`Published::new(Config { port: 1, host })`](Published::new) | in a `static` by a `LazyLock`, or in an `Arc` |
//! | read it, in a handler | [`let config = published.pin();`](Published::pin), then `config.port` | borrows one revision; never blocks; stays on this thread |
//! | keep it, or hold it across an `.await` | [`published.snapshot()`](Published::snapshot) | owned and `Send`; retains its version |
//! | replace it | [`published.publish(new)`](Published::publish) | reads that begin after the call observe it; returns the revision |
//! | replace it, if it differs, or for the old one | [`published.publish_if_changed(new)`](Published::publish_if_changed), [`let old = published.replace(new);`](Published::replace) | an equal value makes no revision |
//! | change a part of it | [`published.update(\|old\| Config { port: 2, ..old.clone() })`](Published::update) | no other commit in between |
//! | follow it | [`for step in published.subscribe()`](Published::subscribe), then `step.to.port` | blocks for the newest value; skipped revisions are counted by `step.missed` |
//!
//! | to keep a [`Map`] or a [`Published`] fresh | call | effect |
//! |---|---|---|
//! | from a closure or a source, periodically | [`Poller::every(period, fetch).start(&arc_map)?`](Poller::every) | `fetch` returns a `Result` of key-value pairs; errors and panics keep the last contents, and the next fetches come after growing delays |
//! | into a type of your own | [`poller::Target`] | which can refuse contents for its own reasons |
//! | from files, mounts and the environment | the crate `untorn-live` | merged, checked and typed; each save is one revision |
//! | log failures | [`.on_failure(\|failure\| eprintln!("{failure}"))`](poller::PollerBuilder::on_failure), before `start` | without it, or the feature `tracing`, nothing is printed |
//! | refuse contents that remove too much | [`.max_removed(0.5)`](poller::PollerBuilder::max_removed), before `start` | empty contents are refused by default ([`.allow_empty()`](poller::PollerBuilder::allow_empty)); [`poller.accept_next()`](Poller::accept_next) lets one answer pass |
//! | detect a source that hangs | [`.deadline(d)`](poller::PollerBuilder::deadline), before `start` | reported while it hangs; `stop` does not wait for it |
//! | wait for the first contents | [`poller.wait_until_fresh(timeout)?`](Poller::wait_until_fresh) | blocks |
//! | check its health | [`poller.is_healthy()`](Poller::is_healthy); [`poller.status()`](Poller::status), with [`.age()`](poller::Status::age) and [`.last_failure`](poller::Status::last_failure) | does not wait for a running fetch |
//! | fetch again when a lease or a `Retry-After` ends | [`Source::next_delay`] | in place of the period; after a failure it is a minimum |
//! | reload now | [`poller.trigger()`](Poller::trigger); [`poller.refresh_now(timeout)`](Poller::refresh_now) to wait for it | also during a backoff; at least 100 ms or a period apart ([`.min_gap(d)`](poller::PollerBuilder::min_gap)) |
//! | control it from elsewhere | [`let handle = poller.handle();`](Poller::handle) | a clone for other threads: `trigger`, `pause`, `resume`, `set_period`, `close` |
//! | stop | [`poller.stop()`](Poller::stop), or drop it | blocks until its thread has ended |
//!
//! A `static` map needs a `LazyLock`, since the hash function is seeded at run time.
//!
//! # Detecting overlapping access
//!
//! Safe Rust forbids the data race that Go's check is about. It does not forbid that two parts of a
//! program use shared state at the same time although only one should. [`GoMap`] and
//! [`OverlapCell`] find that mistake. They are checkers, not locks: no access waits for another
//! access. If reads and writes are supposed to run concurrently, use a [`Map`].
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
//! // Without this line the two accesses may overlap: then the process ends with a report.
//! poller.join().unwrap();
//! assert_eq!(config.get("1"), Some("265"));
//! ```
//!
//! The guards of an [`OverlapCell`] are like those of a `RefCell`; [the guide](docs::overlap_cell)
//! has its uses:
//!
//! ```
//! use untorn::OverlapCell;
//!
//! static LIMITS: OverlapCell<Vec<u32>> = OverlapCell::named("limits", Vec::new());
//! LIMITS.write().push(265);
//! let guard = LIMITS.read();
//! let overlap = LIMITS.try_write().unwrap_err(); // `write` would panic with this as its message
//! println!("{overlap}"); // the report, with both sides
//! drop(guard);
//! ```
//!
//! ## In a test
//!
//! By default an overlap on a [`GoMap`] ends the process, and so the whole test binary, without the
//! results of its tests. For tests set `UNTORN_ON_OVERLAP=panic`, or
//! [`.on_overlap(OnOverlap::Panic)`](GoMap::on_overlap) for one map. The panic's message, a
//! `String`, is the report:
//!
//! ```
//! use std::thread;
//! use untorn::{GoMap, OnOverlap};
//!
//! let map = GoMap::from([("low", 10)]).on_overlap(OnOverlap::Panic);
//! let written = thread::scope(|scope| {
//!     // The read lasts until its closure, which gets a present value, returns; meanwhile another
//!     // thread writes.
//!     map.get_with("low", |_| scope.spawn(|| map.insert("high", 20)).join())
//! });
//! let panic = written.unwrap().unwrap_err();
//! let report = panic.downcast_ref::<String>().unwrap();
//! assert!(report.starts_with("concurrent map read and map write\n"), "{report}");
//! ```
//!
//! [`OverlapCell`]s panic by default. To get the [`Overlap`] instead of its text, use
//! [`try_write`](OverlapCell::try_write) of a cell, or [`OnOverlap::Call`] with a function, which
//! stores what it gets in a static:
//!
//! ```
//! use std::sync::Mutex;
//! use untorn::{GoMap, OnOverlap, Overlap};
//!
//! // A `fn`, not a closure. Tests of one binary share this static.
//! static OVERLAPS: Mutex<Vec<Overlap>> = Mutex::new(Vec::new());
//! fn store(overlap: &Overlap) {
//!     OVERLAPS.lock().unwrap().push(overlap.clone());
//! }
//!
//! let map = GoMap::from([("low", 10)]).on_overlap(OnOverlap::Call(store));
//! let write = || map.get_with("low", |_| map.insert("high", 20)); // a write during a read
//! assert!(std::panic::catch_unwind(write).is_err());
//! let overlaps = OVERLAPS.lock().unwrap();
//! let (here, other) = (&overlaps[0].here, &overlaps[0].other);
//! assert_eq!((here.operation, other.operation), ("GoMap::insert", "GoMap::get_with"));
//! assert_eq!(here.location.unwrap().file(), file!()); // `None` if that access had just ended
//! ```
//!
//! A report names the line at which a thread was created if that was by [`spawn`] or
//! [`spawn_scoped`].
//!
//! # Consistency
//!
//! [`Map`] and [`Published`]: commits are totally ordered, and batches are serializable. Every view
//! is exactly the state after some commit. A commit that returned before a pin began is in that
//! pin's view, even if the thread holds an older pin. Successive pins of one thread never return
//! older revisions. Two separate calls of [`Map::get`] may observe two revisions. A read followed
//! by a write across two calls can lose an update, unless both happen in one batch or by
//! [`Map::batch_if_unchanged`].
//!
//! [`GoMap`] and [`OverlapCell`]:
//! - *No false negative*: if two accesses to one map or cell overlap in time and at least one is a
//!   write, at least one of the two reports it.
//! - *No false positive*: accesses that do not overlap are never reported.
//! - *Order*: a write happens-before each access that begins after it has ended, and a read
//!   happens-before each write that begins after it has ended. So a program that breaks the rule
//!   still has no data race: the access that detects the overlap does not proceed.
//!
//! An access is a call of a method of [`GoMap`]. It includes copying values in or out, but neither
//! hashing the key nor dropping what was replaced.
//! [`GoMap::iter_with`] and [`GoMap::get_with`] last until their closure has returned. Each step of
//! a [`GoMap::cursor`] is an access of its own, so the map may be written to between two steps. An
//! access to a cell lasts as long as its guard, and a failed attempt as long as its call.
//!
//! # Limits
//!
//! [`Map`] (the [list of limits](docs::limits) says what to do instead):
//! - A write clones the neighbors of its key: some 300 entries, or some 40 if they have a `Drop`,
//!   and a few times as many when the table grows. Keep values cheap to clone.
//! - There is one writer at a time. A write panics on a thread that has another write to the same
//!   map open.
//! - References live as long as their pin, snapshot or reader; each of those retains one version.
//!   [`Map::stats`] shows the retained versions, and [`Map::reclaim`] frees those that nothing
//!   references.
//! - Cloning a value with interior mutability splits it: a later change is visible in one version
//!   only. Put such values behind an `Arc`.
//!
//! [`GoMap`]:
//! - Only accesses that *do* overlap are reported: a run without a report proves nothing.
//!   [`Stretch`] injects delays into sampled accesses, so that more of them do
//!   ([guide](docs::stretching)).
//! - What a value points to, and what a program does with a copied value, is not checked.
//! - The records of threads (some 600 bytes each) are reused but never freed.
//! - [`OnOverlap::Exit`] calls `_exit(2)` on Unix; elsewhere it runs exit handlers.
//!
//! [`OverlapCell`], besides those:
//! - A leaked guard keeps its cell in use until the process ends; every later report names the
//!   guard's thread and line.
//! - A `try_read` or `try_write` can itself be reported by a conflicting access while it runs, even
//!   if it fails.
//! - A panic while a guard is alive leaves the value as it is: there is no poisoning.
//!
//! # Platforms
//!
//! The [list of limits](docs::limits) says what has been tested where. These targets differ:
//!
//! | target | difference |
//! |---|---|
//! | no 64-bit atomics (32-bit PowerPC) | the counters of a [`GoMap`] and an [`OverlapCell`] take a lock, for some instructions |
//! | `wasm32-unknown-unknown` | no clock and no threads: durations are absent from reports and [`MapStats`], waits do not block, [`Poller`] does not start and [`spawn`] panics; [`OnOverlap::Exit`] panics and traps |
//! | Miri | durations come from `Instant`, and [`OnOverlap::Exit`] runs exit handlers |
//!
//! # Features
//!
//! None is on by default; `cargo add untorn --features serde,stream` enables two.
//!
//! | feature | adds |
//! |---|---|
//! | `serde` | [`Map`], [`View`], [`Published`], [`Pinned`], [`Snapshot`], their mapped forms, [`Revision`] and [`Overlap`] serialize; [`Map`], [`Published`] and [`Revision`] deserialize (for `Arc` keys and values, enable serde's own feature `rc`) |
//! | `rayon` | `View::par_iter`; a [`Map`] is collected and extended in parallel |
//! | `stream` | [`Subscription::into_stream`][stream] and [`FilteredSubscription`]'s, for tasks of any runtime |
//! | `tracing` | an event for each overlap that ends in a panic, with both sides as fields, and a warning for each poll that fails |
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `UNTORN_ON_OVERLAP` | `exit` or `panic`: the policy of maps and cells that do not set one by [`GoMap::on_overlap`] or [`OverlapCell::on_overlap`] |
//! | `UNTORN_STRETCH` | such as `1%`, up to `90%`: the share of the time for which accesses are delayed, for maps and cells that do not set one by [`GoMap::stretch`] or [`OverlapCell::stretch`]; off by default |
//! | `RUST_BACKTRACE` | if set and not `0`, a backtrace of the reporting side follows the report |
//!
//! Each is read once, when the first [`GoMap`] is created or the first cell is used. A value that
//! cannot be parsed is reported on stderr and ignored.
#![cfg_attr(
    feature = "stream",
    doc = "",
    doc = "[stream]: Subscription::into_stream"
)]
#![cfg_attr(not(feature = "stream"), doc = "", doc = "[stream]: Subscription")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The pages show features, each marked by a `doc(cfg)`, but not the project's own cfgs.
#![cfg_attr(docsrs, doc(auto_cfg = false))]

mod clock;
#[cfg(all(doc, not(doctest)))]
pub mod docs;
#[cfg(not(untorn_loom))]
pub mod gomap;
#[cfg(not(untorn_loom))]
mod halves;
#[cfg(not(untorn_loom))]
mod hash;
#[cfg(all(test, untorn_loom))]
mod loom_models;
#[cfg(not(untorn_loom))]
pub mod map;
#[doc(hidden)]
pub mod mutants;
mod ordering_mutants;
mod overlap;
#[cfg(not(untorn_loom))]
mod panic;
#[cfg(not(untorn_loom))]
pub mod poller;
mod printable;
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
mod thread;
#[cfg(any(test, not(untorn_loom)))]
mod versions;

/// Compares a key of another type with the keys of a [`Map`]: see [its keys](Map#keys).
///
/// This is the trait of the crate `equivalent`, which hashbrown and indexmap use too.
#[cfg(not(untorn_loom))]
#[doc(no_inline)]
pub use equivalent::Equivalent;

#[cfg(not(untorn_loom))]
#[doc(inline)]
pub use self::gomap::GoMap;
#[cfg(not(untorn_loom))]
#[doc(inline)]
pub use self::map::{
    Batch, BatchOutcome, Change, DuplicateKeys, FilteredSubscription, FilteredTransition,
    KeySubscription, KeyTransition, Map, MapStats, Refreshed, RevisionMismatch, View,
};
#[cfg(not(untorn_loom))]
pub use self::overlap::{
    AccessKind, InvalidStretch, Name, OnOverlap, Overlap, OverlapCell, OverlapKind, ReadGuard,
    Site, Stretch, WriteGuard,
};
#[cfg(not(untorn_loom))]
#[doc(inline)]
pub use self::poller::{Fetched, Poller, Source};
#[cfg(all(feature = "stream", not(untorn_loom)))]
pub use self::published::SubscriptionStream;
#[cfg(not(untorn_loom))]
pub use self::published::{
    MappedPinned, MappedSnapshot, Pinned, Published, Reader, RecvError, RecvTimeoutError, Revision,
    Snapshot, Subscription, SubscriptionHandle, Transition, TryRecvError, WaitError,
};
#[cfg(all(untorn_fuzzing, not(untorn_loom)))]
#[doc(hidden)]
pub use self::random::repeat_random_numbers;
#[cfg(not(untorn_loom))]
pub use self::thread::{spawn, spawn_scoped};
