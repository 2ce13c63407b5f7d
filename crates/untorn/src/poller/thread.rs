//! The loop of a poller's thread: fetch, refresh, reclaim, sleep, until the poller is stopped.
//! Panics in foreign code do not end the thread.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Instant;

use super::foreign::{Callbacks, catch_panic};
use super::guard::{Guard, Refusal};
use super::message;
use super::source::{Fetched, Source};
use super::state::Shared;
use super::status::{Failure, FailureKind};
use crate::{Map, Refreshed};

/// Polls until the poller is stopped, then drops the source, the map and the callbacks.
pub(super) fn run<K, V, H, S>(
    shared: &Shared,
    guard: &Guard,
    map: Arc<Map<K, V, H>>,
    mut source: S,
    callbacks: Callbacks,
) where
    K: Eq + Hash + Clone,
    V: Clone + PartialEq,
    H: BuildHasher + Clone,
    S: Source<Entries: IntoIterator<Item = (K, V)>>,
{
    shared.enter();
    while let Some(begun) = shared.begin() {
        let is_accepted = begun.is_accepted;
        let check = |before, changes: &Refreshed| {
            if !is_accepted {
                guard.check(before, changes).map_err(Rejection::Refused)?;
            }
            shared.claim().then_some(()).ok_or(Rejection::Late)
        };
        let fetched = poll(&map, &mut source, check);
        // After a failure too: it frees versions that readers have released since the last commit.
        let reclaimed = catch_panic(|| map.reclaim());
        if !shared.claim() {
            shared.discard();
            continue;
        }
        let result = fetched.and_then(|refreshed| reclaimed.map(|_| refreshed));
        if let Err(failure) = &result {
            callbacks.report(failure);
        }
        shared.end(result, map.revision());
    }
    // Only the panic hook reports a panic in these drops.
    _ = catch_panic(|| drop(source));
    _ = catch_panic(|| drop(map));
    _ = catch_panic(|| drop(callbacks));
    shared.mark_stopped();
}

/// The reason not to commit contents.
enum Rejection {
    Refused(Refusal),
    /// The poll has passed its deadline, and has been reported.
    Late,
}

/// Fetches the contents and refreshes the map with them.
fn poll<K, V, H, S>(
    map: &Map<K, V, H>,
    source: &mut S,
    check: impl FnOnce(usize, &Refreshed) -> Result<(), Rejection>,
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
            let refreshed = catch_panic(|| map.refresh_if(entries, check));
            let refreshed = refreshed.and_then(|checked| checked.map_err(rejected));
            if refreshed.is_err() {
                // If this panics too, the first failure is the one to report.
                _ = catch_panic(|| source.reset());
            }
            refreshed
        }
    }
}

fn rejected(rejection: Rejection) -> Failure {
    let (message, kind) = match rejection {
        Rejection::Refused(refusal) => (refusal.to_string(), FailureKind::Refused(refusal)),
        Rejection::Late => (String::new(), FailureKind::Deadline),
    };
    Failure {
        message: message.into(),
        kind,
        ended: Instant::now(),
    }
}
