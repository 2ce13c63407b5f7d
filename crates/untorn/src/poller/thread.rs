//! What the thread of a poller does: fetch, refresh, reclaim, sleep, until it is stopped. It dies of nothing.

use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::message;
use super::source::{Fetched, Source};
use super::state::{Cause, Shared};
use crate::{Map, Refreshed};

pub(super) fn run<K, V, H, S>(shared: &Shared, map: Arc<Map<K, V, H>>, mut source: S)
where
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
        shared.end(came_to, map.revision());
    }
    // Nobody is left to tell of a panic in these.
    _ = guarded(|| drop(source));
    _ = guarded(|| drop(map));
    shared.end_for_ever();
}

fn poll<K, V, H, S>(map: &Map<K, V, H>, source: &mut S) -> Result<Refreshed, Cause>
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
    let fetched = fetched.map_err(|message| Cause {
        message,
        panicked: false,
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
                _ = guarded(|| source.lost());
            }
            refreshed
        }
    }
}

/// Calls foreign code. What it leaves behind is the source's own business, or a map's, which bears a panic anywhere.
fn guarded<R>(f: impl FnOnce() -> R) -> Result<R, Cause> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Cause {
        message: message::of_panic(payload),
        panicked: true,
    })
}
