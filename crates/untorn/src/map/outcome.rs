//! The results of writes.

use std::error::Error;
use std::fmt;

use crate::Revision;

/// The result of [`Map::try_batch`](super::Map::try_batch).
///
/// # Examples
/// ```
/// let limits = untorn::Map::from([("low", 10)]);
/// let outcome = limits.try_batch(|batch| {
///     let low = *batch.get("low").ok_or("there is no low limit")?;
///     batch.insert("high", 2 * low);
///     Ok::<_, &str>(low)
/// })?;
/// assert_eq!((outcome.value, outcome.revision.get()), (10, 1));
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchOutcome<R> {
    /// The value that the closure returned.
    pub value: R,
    /// The newest revision after the write: that of its own commit if it changed anything.
    pub revision: Revision,
}

/// The error of [`Map::batch_if_unchanged`](super::Map::batch_if_unchanged): its view is not the
/// newest one of that map. Also that of
/// [`Map::batch_if_keys_unchanged`](super::Map::batch_if_keys_unchanged): a key has changed since.
///
/// # Examples
/// ```
/// let limits = untorn::Map::named("limits");
/// let view = limits.snapshot();
/// limits.insert("low", 10);
/// let refused = limits.batch_if_unchanged(&view, |batch| batch.clear()).unwrap_err();
/// assert_eq!((refused.expected.get(), refused.current.get()), (0, 1));
/// assert!(!refused.is_of_another_map());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevisionMismatch {
    /// The revision of the view.
    pub expected: Revision,
    /// The newest revision of the map that was to be written.
    pub current: Revision,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Overtaken,
    KeyChanged,
    AnotherMap(Box<Names>),
}

/// The names of two maps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    of_the_view: Option<Box<str>>,
    of_the_map: Option<Box<str>>,
}

impl RevisionMismatch {
    /// Creates the error for a view that is older than the newest commit.
    pub(super) fn overtaken(expected: Revision, current: Revision) -> Self {
        Self {
            expected,
            current,
            reason: Reason::Overtaken,
        }
    }

    /// Creates the error for a view in which a key has another value than in the newest one.
    pub(super) fn key_changed(expected: Revision, current: Revision) -> Self {
        Self {
            expected,
            current,
            reason: Reason::KeyChanged,
        }
    }

    /// Creates the error for a view of another map.
    pub(super) fn of_another_map(
        expected: Revision,
        of_the_view: Option<Box<str>>,
        current: Revision,
        of_the_map: Option<Box<str>>,
    ) -> Self {
        let names = Names {
            of_the_view,
            of_the_map,
        };
        Self {
            expected,
            current,
            reason: Reason::AnotherMap(Box::new(names)),
        }
    }

    /// Returns whether the view is of another map, such as a fork. Then the two revisions are
    /// unrelated, and retrying with a newer view of that map cannot succeed.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]).with_name("limits");
    /// let fork = limits.fork().with_name("draft");
    /// let refused = limits.batch_if_unchanged(&fork.pin(), |batch| batch.clear()).unwrap_err();
    /// assert!(refused.is_of_another_map());
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "cannot write to map \"limits\", which is at revision 0: the view is of map \"draft\", \
    ///      at revision 0; take a view of the map that is written to"
    /// );
    /// ```
    #[must_use]
    pub fn is_of_another_map(&self) -> bool {
        matches!(self.reason, Reason::AnotherMap(_))
    }
}

impl Error for RevisionMismatch {}

impl fmt::Display for RevisionMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            expected,
            current,
            reason,
        } = self;
        let names = match reason {
            Reason::Overtaken => {
                return write!(
                    f,
                    "cannot write to a map at revision {current}: the view is of revision {expected}; take a new view and retry"
                );
            }
            Reason::KeyChanged => {
                return write!(
                    f,
                    "cannot write to a map at revision {current}: a key has changed since the view, of revision {expected}; take a new view and retry"
                );
            }
            Reason::AnotherMap(names) => names,
        };
        let Names {
            of_the_view,
            of_the_map,
        } = &**names;
        f.write_str("cannot write to ")?;
        name(f, of_the_map.as_deref(), "map")?;
        write!(f, ", which is at revision {current}: the view is of ")?;
        // A fork has the name of the map that it was made from.
        let same = of_the_view.is_some() && of_the_view == of_the_map;
        let what = if same { "another map" } else { "map" };
        name(f, of_the_view.as_deref(), what)?;
        write!(
            f,
            ", at revision {expected}; take a view of the map that is written to"
        )
    }
}

fn name(f: &mut fmt::Formatter<'_>, name: Option<&str>, what: &str) -> fmt::Result {
    match name {
        Some(name) => write!(f, "{what} {name:?}"),
        None => f.write_str("an unnamed map"),
    }
}

/// The numbers of keys that a refresh added, changed and removed.
///
/// # Examples
/// ```
/// let config = untorn::Map::from([("1", 265), ("2", 17)]);
/// let refreshed = config.refresh([("1", 266), ("3", 4)]);
/// assert_eq!((refreshed.added, refreshed.changed, refreshed.removed), (1, 1, 1));
/// assert_eq!(refreshed.revision, config.revision());
/// ```
///
/// [`Map::refresh_transition`](super::Map::refresh_transition) returns the changes themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refreshed {
    /// The newest revision: that of its own commit if it changed anything.
    pub revision: Revision,
    /// The number of keys that were new.
    pub added: usize,
    /// The number of keys whose value changed.
    pub changed: usize,
    /// The number of keys that the source no longer has.
    pub removed: usize,
    /// The number of entries of the source that a later entry with an equal key replaced.
    /// [`Map::refresh_unique`](super::Map::refresh_unique) refuses such a source.
    pub duplicates: usize,
}

impl Refreshed {
    /// Creates the result of a refresh that found no difference, for the
    /// [target](crate::poller::Target) of a poller.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Refreshed, Revision};
    ///
    /// let mut refreshed = Refreshed::unchanged_at(Revision::default());
    /// assert!(refreshed.is_unchanged());
    /// refreshed.added = 1;
    /// assert!(!refreshed.is_unchanged());
    /// ```
    #[must_use]
    pub fn unchanged_at(revision: Revision) -> Self {
        Self {
            revision,
            added: 0,
            changed: 0,
            removed: 0,
            duplicates: 0,
        }
    }

    /// Returns whether nothing differed; then the refresh made no revision.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// assert!(config.refresh([("1", 265)]).is_unchanged());
    /// ```
    #[doc(alias = "is_empty")]
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        (self.added, self.changed, self.removed) == (0, 0, 0)
    }
}

impl fmt::Display for Refreshed {
    /// Formats one line for a log.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let refreshed = config.refresh([("1", 266)]);
    /// assert_eq!(refreshed.to_string(), "revision 1: 0 added, 1 changed, 1 removed");
    /// assert_eq!(config.refresh([("1", 266)]).to_string(), "revision 1, unchanged");
    /// let twice = config.refresh([("1", 0), ("1", 267)]);
    /// assert_eq!(
    ///     twice.to_string(),
    ///     "revision 2: 0 added, 1 changed, 0 removed, 1 duplicate in the source"
    /// );
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revision,
            added,
            changed,
            removed,
            duplicates,
        } = self;
        if self.is_unchanged() {
            write!(f, "revision {revision}, unchanged")?;
        } else {
            write!(
                f,
                "revision {revision}: {added} added, {changed} changed, {removed} removed"
            )?;
        }
        match duplicates {
            0 => Ok(()),
            1 => f.write_str(", 1 duplicate in the source"),
            _ => write!(f, ", {duplicates} duplicates in the source"),
        }
    }
}

/// The error of [`Map::refresh_unique`](super::Map::refresh_unique): keys that the source has more
/// than once.
///
/// Its text has their number; the keys themselves may be secrets.
///
/// # Examples
/// ```
/// let config = untorn::Map::from([("port", 80)]);
/// let refused = config.refresh_unique([("port", 81), ("port", 82)]).unwrap_err();
/// assert_eq!(refused.keys, ["port"]);
/// assert_eq!(
///     refused.to_string(),
///     "cannot refresh a map: 1 key is in the source more than once; remove the duplicates"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicateKeys<K> {
    /// Each of these keys once, in the order in which they came a second time.
    pub keys: Vec<K>,
}

impl<K: fmt::Debug> Error for DuplicateKeys<K> {}

impl<K> fmt::Display for DuplicateKeys<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (keys, are) = match self.keys.len() {
            1 => ("key", "is"),
            _ => ("keys", "are"),
        };
        write!(
            f,
            "cannot refresh a map: {} {keys} {are} in the source more than once; remove the \
             duplicates",
            self.keys.len()
        )
    }
}
