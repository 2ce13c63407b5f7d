//! What a poller publishes to.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::deltas::{Delta, NoDeltas};
use super::guard::Refusal;
use crate::{Map, Published, Refreshed, Revision};

/// The reason why a [`Target`] does not commit the answer of a source.
///
/// From an error of the target, by [`new`](Self::new), or from [`CommitCheck::permit`].
///
/// # Examples
/// ```
/// use untorn::poller::Rejection;
///
/// let rejection = Rejection::new("the port is 0; choose one from 1 to 65535");
/// assert_eq!(rejection.to_string(), "the port is 0; choose one from 1 to 65535");
/// ```
#[derive(Debug)]
pub struct Rejection(Reason);

#[derive(Debug)]
pub(super) enum Reason {
    /// The guard refuses it.
    Refused(Refusal),
    /// The poll has passed its deadline, and has been reported.
    Late,
    /// The target refuses it.
    Error(Box<dyn Error + Send + Sync>),
}

impl Rejection {
    /// Creates a rejection for an error of the target. The poll becomes a failure of kind
    /// [`FailureKind::Error`](super::FailureKind::Error) with the text of the error and of its
    /// causes.
    ///
    /// # Examples
    /// ```
    /// use untorn::poller::Rejection;
    ///
    /// let error = "x".parse::<u16>().unwrap_err();
    /// assert_eq!(Rejection::new(error).to_string(), "invalid digit found in string");
    /// ```
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Reason::Error(error.into()))
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self(Reason::Refused(refusal))
    }

    pub(super) fn late() -> Self {
        Self(Reason::Late)
    }

    pub(super) fn into_reason(self) -> Reason {
        self.0
    }

    /// Returns the refusal, if the guard of the poller refuses the answer.
    ///
    /// # Examples
    /// ```
    /// use untorn::poller::Rejection;
    ///
    /// assert!(Rejection::new("no port").refusal().is_none());
    /// ```
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.0 {
            Reason::Refused(refusal) => Some(refusal),
            Reason::Late | Reason::Error(_) => None,
        }
    }
}

impl fmt::Display for Rejection {
    /// Formats the reason in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Refused(refusal) => refusal.fmt(f),
            Reason::Late => f.write_str("the fetch has passed its deadline"),
            Reason::Error(error) => error.fmt(f),
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Reason::Error(error) => error.source(),
            Reason::Refused(_) | Reason::Late => None,
        }
    }
}

/// The last step before a [`Target`] commits an answer: the poller's guard, and its deadline.
///
/// # Examples
/// See [`Target`].
pub struct CommitCheck<'c>(pub(super) &'c mut CheckFn<'c>);

/// Checks the number of entries before a commit, and its changes.
type CheckFn<'c> = dyn FnMut(usize, &Refreshed) -> Result<(), Rejection> + 'c;

impl CommitCheck<'_> {
    /// Permits the commit, or returns the reason against it: the guard refuses to remove so many of
    /// `entries` entries, or the poll has passed its deadline. After `Ok` the deadline no longer
    /// applies, and the target must commit.
    ///
    /// Does not block. May be called while a lock is held.
    ///
    /// # Errors
    /// If the answer must not be committed. Return the error from the target.
    ///
    /// # Examples
    /// See [`Target`].
    pub fn permit(self, entries: usize, changes: &Refreshed) -> Result<(), Rejection> {
        (self.0)(entries, changes)
    }
}

impl fmt::Debug for CommitCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitCheck").finish_non_exhaustive()
    }
}

/// A value that a [`Poller`](super::Poller) publishes to: a [`Map`], for a source of pairs of a key
/// and a value, a [`Published<T>`](Published), for a source of a `T`, or a type of your own.
///
/// The poller calls a target on its own thread, one call at a time. A panic is a failure of the
/// poll, so an implementation must stay usable after its own panics.
///
/// # Examples
/// A function for either target:
///
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
/// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
/// assert_eq!(config.get("port"), Some(80));
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// A target that checks a value before it publishes it:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::poller::{CommitCheck, NoDeltas, Rejection, Target};
/// use untorn::{Poller, Published, Refreshed, Revision};
///
/// struct Port(Published<u16>);
///
/// impl Target<u16, NoDeltas> for Port {
///     fn replace(&self, port: u16, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
///         if port == 0 {
///             return Err(Rejection::new("the port is 0; choose one from 1 to 65535"));
///         }
///         let mut refreshed = Refreshed::unchanged_at(self.0.revision());
///         if port != *self.0.pin() {
///             refreshed.changed = 1;
///             check.permit(1, &refreshed)?;
///             refreshed.revision = self.0.publish(port);
///         }
///         Ok(refreshed)
///     }
///
///     fn apply(&self, deltas: NoDeltas, _: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
///         match deltas {}
///     }
///
///     fn newest_revision(&self) -> Revision {
///         self.0.revision()
///     }
/// }
///
/// let port = Arc::new(Port(Published::new(80)));
/// let poller = Poller::every(Duration::from_secs(10), || Ok::<_, String>(0)).start(&port)?;
/// let refused = poller.refresh_now(Duration::from_secs(60)).unwrap_err();
/// assert!(refused.to_string().contains("the port is 0"));
/// assert_eq!(*port.0.pin(), 80);
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
pub trait Target<C, D>: Send + Sync + 'static {
    /// Replaces the contents by those of a source, as one commit, and returns what changed.
    ///
    /// # Errors
    /// If nothing was committed: the [check](CommitCheck::permit) did not permit it, or the target
    /// refuses the contents. The source is [reset](super::Source::reset).
    fn replace(&self, contents: C, check: CommitCheck<'_>) -> Result<Refreshed, Rejection>;

    /// Applies changes, as one commit, and returns what changed.
    ///
    /// # Errors
    /// If nothing was committed, as in [`replace`](Self::replace).
    fn apply(&self, deltas: D, check: CommitCheck<'_>) -> Result<Refreshed, Rejection>;

    /// Returns the newest revision, for the [status](super::Status::revision).
    fn newest_revision(&self) -> Revision;

    /// Frees versions that readers have released. Called after each poll. Does nothing by default.
    fn free_released(&self) {}
}

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

impl<K, V, H, C, D> Target<C, D> for Map<K, V, H>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
    H: BuildHasher + Clone + Send + Sync + 'static,
    C: IntoIterator<Item = (K, V)>,
    D: IntoDeltas<K, V>,
{
    fn replace(&self, contents: C, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        self.refresh_if(contents, |before, changes| check.permit(before, changes))
    }

    fn apply(&self, deltas: D, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        let deltas: Vec<_> = deltas.into_deltas().collect();
        let fetched = deltas.len();
        let deltas = last_of_each_key(deltas);
        let duplicates = fetched - deltas.len();
        // Foreign values, dropped after the batch, which releases the writer lock. A delta stays in
        // its place until its value enters the batch, since `Hash` and `Eq` may panic.
        let mut deltas: Vec<_> = deltas.into_iter().map(Some).collect();
        let mut replaced = Vec::new();
        let (mut added, mut changed, mut removed) = (0, 0, 0);
        let mut batch = self.begin_batch();
        let before = batch.len();
        for delta in &mut deltas {
            match delta {
                Some(Delta::Put(key, value)) if batch.get(key) == Some(value) => {}
                Some(Delta::Delete(key)) => {
                    if let Some(old) = batch.remove(key) {
                        removed += 1;
                        replaced.push(old);
                    }
                }
                entering => {
                    if let Some(Delta::Put(key, value)) = entering.take() {
                        match batch.insert(key, value) {
                            Some(old) => {
                                changed += 1;
                                replaced.push(old);
                            }
                            None => added += 1,
                        }
                    }
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
        check.permit(before, &refreshed)?;
        refreshed.revision = batch.commit();
        Ok(refreshed)
    }

    fn newest_revision(&self) -> Revision {
        self.revision()
    }

    fn free_released(&self) {
        self.reclaim();
    }
}

impl<T: PartialEq + Send + Sync + 'static> Target<T, NoDeltas> for Published<T> {
    /// Publishes the value if it differs, which counts as one changed key.
    fn replace(&self, value: T, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        let mut refreshed = Refreshed {
            revision: self.revision(),
            added: 0,
            changed: 1,
            removed: 0,
            duplicates: 0,
        };
        // Outside of the closure, so that a value that is not published, also since `==` panics, is
        // dropped after the writer lock has been released.
        let mut entering = Some(value);
        let published = self.try_update(|newest| {
            if entering.as_ref() == Some(newest) {
                return Err(None);
            }
            check.permit(1, &refreshed)?;
            entering.take().ok_or(None)
        });
        match published {
            Ok(revision) => refreshed.revision = revision,
            Err(Some(rejection)) => return Err(rejection),
            Err(None) => (refreshed.revision, refreshed.changed) = (self.revision(), 0),
        }
        Ok(refreshed)
    }

    fn apply(&self, deltas: NoDeltas, _: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        match deltas {}
    }

    fn newest_revision(&self) -> Revision {
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
