//! The loop of a poller's thread: fetch, refresh, reclaim, sleep, until the poller is stopped.
//! Panics in foreign code do not end the thread.

use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::builder::OnFailure;
use super::guard::{Guard, Refusal};
use super::message;
use super::source::{Fetched, Source};
use super::state::{Begun, Shared};
use super::status::{Failure, FailureKind};
use crate::{Map, Refreshed};

/// Polls until the poller is stopped, then drops the source, the map and the callback.
pub(super) fn run<K, V, H, S>(
    shared: &Shared,
    guard: &Guard,
    map: Arc<Map<K, V, H>>,
    mut source: S,
    on_failure: Option<OnFailure>,
) where
    K: Eq + Hash + Clone,
    V: Clone + PartialEq,
    H: BuildHasher + Clone,
    S: Source<Entries: IntoIterator<Item = (K, V)>>,
{
    while let Some(begun) = shared.begin() {
        let fetched = poll(&map, &mut source, guard, &begun);
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
fn poll<K, V, H, S>(
    map: &Map<K, V, H>,
    source: &mut S,
    guard: &Guard,
    begun: &Begun,
) -> Result<Refreshed, Failure>
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
        kind: FailureKind::Error,
        ended: Instant::now(),
    })?;
    match fetched {
        Fetched::Unchanged => Ok(Refreshed {
            revision: map.revision(),
            added: 0,
            changed: 0,
            removed: 0,
            duplicates: 0,
        }),
        Fetched::Contents(entries) => {
            let check = |before, changes: &Refreshed| match begun.is_accepted {
                true => Ok(()),
                false => guard.check(before, changes),
            };
            let refreshed = catch_panic(|| map.refresh_if(entries, check));
            let refreshed = refreshed.and_then(|checked| checked.map_err(refused));
            if refreshed.is_err() {
                // If this panics too, the first failure is the one to report.
                _ = catch_panic(|| source.reset());
            }
            refreshed
        }
    }
}

fn refused(refusal: Refusal) -> Failure {
    Failure {
        message: refusal.to_string().into(),
        kind: FailureKind::Refused(refusal),
        ended: Instant::now(),
    }
}

/// Calls foreign code and converts its panic into a failure. Unwind safety: the source is
/// responsible for its own state, and a map stays consistent after a panic anywhere.
fn catch_panic<R>(f: impl FnOnce() -> R) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Failure {
        message: message::of_panic(payload),
        kind: FailureKind::Panic,
        ended: Instant::now(),
    })
}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_event(failure: &Failure) {
    tracing::warn!(
        target: "untorn",
        poller = std::thread::current().name(),
        kind = failure.kind.name(),
        error = &*failure.message,
        "a poll failed",
    );
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_event(_: &Failure) {}
