//! What the thread of a poller does: fetch, refresh, reclaim, sleep, until it is stopped. Panics in foreign code do not end it.

use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::message;
use super::setup::OnFailure;
use super::source::{Fetched, Source};
use super::state::Shared;
use super::status::Failure;
use crate::{Map, Refreshed};

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
        // After a failure too: an idle map frees what readers have let go of.
        let reclaimed = guarded(|| map.reclaim());
        let came_to = fetched.and_then(|refreshed| reclaimed.map(|_| refreshed));
        if let Err(failure) = &came_to {
            // Foreign too, a subscriber as well. Its panic is told by the hook; there is nobody else.
            _ = guarded(|| event(failure));
            _ = guarded(|| on_failure.as_ref().map(|tell| tell(failure)));
        }
        shared.end(came_to, map.revision());
    }
    // Nobody is left to tell of a panic in these.
    _ = guarded(|| drop(source));
    _ = guarded(|| drop(map));
    _ = guarded(|| drop(on_failure));
    shared.end_for_ever();
}

fn poll<K, V, H, S>(map: &Map<K, V, H>, source: &mut S) -> Result<Refreshed, Failure>
where
    K: Eq + Hash + Clone,
    V: Clone + PartialEq,
    H: BuildHasher + Clone,
    S: Source<Entries: IntoIterator<Item = (K, V)>>,
{
    // The error is told, and dropped, inside too: it is foreign.
    let fetched = guarded(|| {
        let fetched = source.fetch();
        fetched.map_err(|error| message::of_error(&*error.into()))
    })?;
    let fetched = fetched.map_err(|message| Failure {
        message,
        panicked: false,
        ended: Instant::now(),
    })?;
    match fetched {
        Fetched::Unchanged => Ok(Refreshed {
            revision: map.revision(),
            added: 0,
            changed: 0,
            removed: 0,
        }),
        Fetched::Contents(entries) => {
            let refreshed = guarded(|| map.refresh(entries));
            if refreshed.is_err() {
                // If this panics too, the first one is the one to tell of.
                _ = guarded(|| source.reset());
            }
            refreshed
        }
    }
}

/// Calls foreign code. What it leaves behind is the source's own business, or a map's, which bears a panic anywhere.
fn guarded<R>(f: impl FnOnce() -> R) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Failure {
        message: message::of_panic(payload),
        panicked: true,
        ended: Instant::now(),
    })
}

/// Tells `tracing` (feature `tracing`).
#[cfg(feature = "tracing")]
fn event(failure: &Failure) {
    tracing::warn!(
        target: "untorn",
        poller = std::thread::current().name(),
        panicked = failure.panicked,
        error = &*failure.message,
        "a poll failed",
    );
}

/// There is nobody to tell.
#[cfg(not(feature = "tracing"))]
fn event(_: &Failure) {}
