//! What a poller publishes to.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};

use super::deltas::{Delta, NoDeltas};
use super::guard::Refusal;
use crate::{Map, Published, Refreshed, Revision};

/// The reason not to commit an answer.
pub enum Rejection {
    /// The guard refuses it.
    Refused(Refusal),
    /// The poll has passed its deadline, and has been reported.
    Late,
}

/// Checks a commit before it is made, while the writer lock is held, by the number of entries
/// before and the changes.
pub(super) type Check<'c> = &'c mut dyn FnMut(usize, &Refreshed) -> Result<(), Rejection>;

/// The operations of a target.
pub trait Publish<C, D>: Send + Sync + 'static {
    /// Replaces the contents.
    fn replace(&self, contents: C, check: Check<'_>) -> Result<Refreshed, Rejection>;

    /// Applies changes.
    fn apply(&self, deltas: D, check: Check<'_>) -> Result<Refreshed, Rejection>;

    /// Returns the newest revision.
    fn newest(&self) -> Revision;

    /// Frees versions that readers have released.
    fn free_released(&self);
}

/// A value that a [`Poller`](super::Poller) publishes to: a [`Map`], for a source of pairs of a key
/// and a value, or a [`Published<T>`](Published), for a source of a `T`.
///
/// This trait is sealed: only types of this crate implement it. For another target, publish from a
/// [callback](super::PollerBuilder::on_success) or a subscription.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::poller::{DeltaSource, Target};
/// use untorn::{Map, Poller, Published};
///
/// /// Starts a poller with the settings of this program.
/// fn start<S, T>(source: S, target: &Arc<T>) -> std::io::Result<Poller>
/// where
///     S: DeltaSource + Send + 'static,
///     T: Target<S::Contents, S::Deltas>,
/// {
///     Poller::every(Duration::from_secs(10), source).jitter(0.5).start(target)
/// }
///
/// let config = Arc::new(Map::new());
/// let poller = start(|| Ok::<_, String>([("port", 80)]), &config)?;
/// poller.wait_until_fresh(Duration::from_secs(5)).unwrap();
/// assert_eq!(config.get("port"), Some(80));
/// # Ok::<_, std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a poller cannot publish `{C}` to `{Self}`",
    label = "not a target for the contents of the source",
    note = "a source of pairs of a key and a value can be published to an `Arc<Map<K, V>>`, where `K: Eq + Hash \
            + Clone`, `V: Clone + PartialEq`, and all are `Send + Sync + 'static`",
    note = "a source of a `T` can be published to an `Arc<Published<T>>`, where `T: PartialEq + Send + Sync + \
            'static`",
    note = "deltas can be published to a `Map` only, as an iterator of `untorn::poller::Delta<K, V>`"
)]
pub trait Target<C, D>: Publish<C, D> {}

#[diagnostic::do_not_recommend]
impl<T: Publish<C, D>, C, D> Target<C, D> for T {}

/// Changes for a map, or none.
pub trait IntoDeltas<K, V> {
    fn into_deltas(self) -> impl Iterator<Item = Delta<K, V>>;
}

impl<K, V> IntoDeltas<K, V> for NoDeltas {
    fn into_deltas(self) -> impl Iterator<Item = Delta<K, V>> {
        std::iter::from_fn(move || match self {})
    }
}

impl<K, V, I: IntoIterator<Item = Delta<K, V>>> IntoDeltas<K, V> for I {
    fn into_deltas(self) -> impl Iterator<Item = Delta<K, V>> {
        self.into_iter()
    }
}

impl<K, V, H, C, D> Publish<C, D> for Map<K, V, H>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
    H: BuildHasher + Clone + Send + Sync + 'static,
    C: IntoIterator<Item = (K, V)>,
    D: IntoDeltas<K, V>,
{
    fn replace(&self, contents: C, check: Check<'_>) -> Result<Refreshed, Rejection> {
        self.refresh_if(contents, check)
    }

    fn apply(&self, deltas: D, check: Check<'_>) -> Result<Refreshed, Rejection> {
        let deltas: Vec<_> = deltas.into_deltas().collect();
        let fetched = deltas.len();
        let deltas = last_of_each_key(deltas);
        let duplicates = fetched - deltas.len();
        // Foreign values, dropped after the batch, which releases the writer lock.
        let (mut deltas, mut values) = (deltas.into_iter(), Vec::new());
        let mut keys = Vec::new();
        let (mut added, mut changed, mut removed) = (0, 0, 0);
        let mut batch = self.begin_batch();
        let before = batch.len();
        for delta in deltas.by_ref() {
            match delta {
                Delta::Put(key, value) => match batch.get(&key) {
                    Some(old) if *old == value => {
                        keys.push(key);
                        values.push(value);
                    }
                    _ => match batch.insert(key, value) {
                        Some(old) => {
                            changed += 1;
                            values.push(old);
                        }
                        None => added += 1,
                    },
                },
                Delta::Delete(key) => {
                    if let Some(old) = batch.remove(&key) {
                        removed += 1;
                        values.push(old);
                    }
                    keys.push(key);
                }
            }
        }
        let mut refreshed = Refreshed {
            revision: self.revision(),
            added,
            changed,
            removed,
            duplicates,
        };
        check(before, &refreshed)?;
        refreshed.revision = batch.commit();
        Ok(refreshed)
    }

    fn newest(&self) -> Revision {
        self.revision()
    }

    fn free_released(&self) {
        self.reclaim();
    }
}

impl<T: PartialEq + Send + Sync + 'static> Publish<T, NoDeltas> for Published<T> {
    /// Publishes the value if it differs, which counts as one changed key.
    fn replace(&self, value: T, check: Check<'_>) -> Result<Refreshed, Rejection> {
        let mut refreshed = Refreshed {
            revision: self.revision(),
            added: 0,
            changed: 1,
            removed: 0,
            duplicates: 0,
        };
        // A value that is not published is dropped after the writer lock has been released.
        let published = self.try_update(|newest| {
            if *newest == value {
                return Err((value, None));
            }
            match check(1, &refreshed) {
                Ok(()) => Ok(value),
                Err(rejection) => Err((value, Some(rejection))),
            }
        });
        match published {
            Ok(revision) => refreshed.revision = revision,
            Err((_, Some(rejection))) => return Err(rejection),
            Err((_, None)) => (refreshed.revision, refreshed.changed) = (self.revision(), 0),
        }
        Ok(refreshed)
    }

    fn apply(&self, deltas: NoDeltas, _: Check<'_>) -> Result<Refreshed, Rejection> {
        match deltas {}
    }

    fn newest(&self) -> Revision {
        self.revision()
    }

    fn free_released(&self) {
        self.reclaim();
    }
}

/// Keeps the last delta of each key, so that a key that comes and goes counts once.
fn last_of_each_key<K: Eq + Hash, V>(mut deltas: Vec<Delta<K, V>>) -> Vec<Delta<K, V>> {
    let mut seen = HashSet::with_capacity(deltas.len());
    let mut is_last: Vec<_> = deltas
        .iter()
        .rev()
        .map(|delta| seen.insert(delta.key()))
        .collect();
    deltas.retain(|_| is_last.pop().unwrap_or(true));
    deltas
}
