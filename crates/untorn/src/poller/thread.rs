//! The loop of a poller's thread: fetch, refresh, reclaim, sleep, until the poller is stopped.
//! Panics in foreign code do not end the thread.

use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::builder::OnFailure;
use super::message;
use super::source::{Fetched, Source};
use super::state::Shared;
use super::status::Failure;
use crate::{Map, Refreshed};

/// Polls until the poller is stopped, then drops the source, the map and the callback.
pub(super) fn run<K, V, H, S>(
    shared: &Shared,
    map: Arc<Map<K, V, H>>,
    mut source: S,
    on_failure: Option<OnFailure>,
) where
    K: Eq + Hash + Clone,
    V: Clone + PartialEq,
    H: BuildHasher + Clone,
    S: Source<Entries: IntoIterator<Item = (K, V)>>,
{
    while shared.begin() {
        let fetched = poll(&map, &mut source);
        // After a failure too: it frees versions that readers have released since the last commit.
        let reclaimed = catch_panic(|| map.reclaim());
        let result = fetched.and_then(|refreshed| reclaimed.map(|_| refreshed));
        if let Err(failure) = &result {
            // A subscriber of `tracing` and the callback are foreign code. The panic hook reports
            // their panics; the status keeps the first failure.
            _ = catch_panic(|| emit_event(failure));
            _ = catch_panic(|| on_failure.as_ref().map(|callback| callback(failure)));
        }
        shared.end(result, map.revision());
    }
    // Only the panic hook reports a panic in these drops.
    _ = catch_panic(|| drop(source));
    _ = catch_panic(|| drop(map));
    _ = catch_panic(|| drop(on_failure));
    shared.mark_stopped();
}

/// Fetches the contents and refreshes the map with them.
fn poll<K, V, H, S>(map: &Map<K, V, H>, source: &mut S) -> Result<Refreshed, Failure>
where
    K: Eq + Hash + Clone,
    V: Clone + PartialEq,
    H: BuildHasher + Clone,
    S: Source<Entries: IntoIterator<Item = (K, V)>>,
{
    // The error is formatted and dropped inside too, since its `Display` and `Drop` are foreign
    // code.
    let fetched = catch_panic(|| {
        let fetched = source.fetch();
        fetched.map_err(|error| message::of_error(&*error.into()))
    })?;
    let fetched = fetched.map_err(|message| Failure {
        message,
        panicked: false,
        ended: Instant::now(),
    })?;
    match fetched {
        Fetched::Unchanged => Ok(Refreshed::unchanged_at(map.revision())),
        Fetched::Contents(entries) => {
            let refreshed = catch_panic(|| map.refresh(entries));
            if refreshed.is_err() {
                // If this panics too, the first failure is the one to report.
                _ = catch_panic(|| source.reset());
            }
            refreshed
        }
    }
}

/// Calls foreign code and converts its panic into a failure. Unwind safety: the source is
/// responsible for its own state, and a map stays consistent after a panic anywhere.
fn catch_panic<R>(f: impl FnOnce() -> R) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Failure {
        message: message::of_panic(payload),
        panicked: true,
        ended: Instant::now(),
    })
}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_event(failure: &Failure) {
    tracing::warn!(
        target: "untorn",
        poller = std::thread::current().name(),
        panicked = failure.panicked,
        error = &*failure.message,
        "a poll failed",
    );
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_event(_: &Failure) {}
