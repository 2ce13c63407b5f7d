//! The status of a store.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use untorn::poller::Activity;

use super::progress::Refusal;
use crate::cache::age_of;
use crate::error::ConfigError;
use crate::layer::Remote;

/// The status of a store at one moment, from [`Store::status`](crate::Store::status).
///
/// It serializes, for a status page. An error in it may quote the value that it refuses; mark keys
/// whose values must not be shown as [secret](crate::StoreBuilder::secret).
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use untorn_live::Store;
///
/// let store = Store::builder().text("app.toml", "port = 80").start().unwrap();
/// let status = store.status();
/// assert!(status.is_ready && status.refusals().next().is_none());
/// println!("{status}");
/// # }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The newest revision.
    pub revision: u64,
    /// The number of keys.
    pub keys: usize,
    /// Whether there is a configuration: every layer has answered once.
    pub is_ready: bool,
    /// Whether the store has ended, by [`close`](crate::Store::close) or
    /// [`stop`](crate::Store::stop): the newest revision stays, and its sources are followed no
    /// more.
    pub has_ended: bool,
    /// The layers, in their order.
    pub layers: Vec<LayerStatus>,
    /// The cache; `None` if there is none.
    pub cache: Option<CacheStatus>,
    /// The [secrets](crate::StoreBuilder::secret) that hide no key: perhaps misspelled, so that a
    /// value is not hidden.
    pub unused_secrets: Vec<String>,
    /// The first hundred keys, in their order, that no section reads, with a suggestion; empty if
    /// there are no sections. The names in a table inside an array are not keys, so they are not
    /// checked, as [`deny_unknown`](crate::StoreBuilder::deny_unknown) says.
    pub unknown_keys: Vec<ConfigError>,
    /// The number of all keys that no section reads.
    pub unknown_key_count: usize,
}

/// The status of the cache, in [`Status::cache`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CacheStatus {
    /// The newest revision that was written to it; `None` if this store has written none.
    pub written: Option<u64>,
    /// The time of the contents, while a layer has them from the cache, since its source has not
    /// answered.
    #[serde(serialize_with = "as_optional_unix_time")]
    pub in_use_since: Option<SystemTime>,
    /// Why it could not be written or taken last, that another store has written it too, or that it
    /// was written in the future.
    pub error: Option<ConfigError>,
}

/// The status of a layer, in [`Status::layers`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LayerStatus {
    /// The name.
    pub name: Arc<str>,
    /// Whether it has answered, so that its keys are in the configuration.
    pub has_answered: bool,
    /// The revision of its source that is in force, for which
    /// [`Store::wait_for`](crate::Store::wait_for) waits; `None` if the source has no revisions, has
    /// begun anew and that was refused, or if its contents are those of the cache.
    pub revision: Option<u64>,
    /// Why its last update was refused; `None` if it was taken.
    pub refusal: Option<Refusal>,
    /// Its polls; `None` for a layer that does not change.
    pub polls: Option<Polls>,
    /// Its server; `None` for a layer without one.
    pub remote: Option<Remote>,
}

/// The polls of a layer, in [`LayerStatus::polls`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Polls {
    /// The number of polls that have ended.
    pub ended: u64,
    /// The number of failures since the last success.
    pub failures_in_a_row: u64,
    /// The time since the last success began: an upper bound for the age of the contents.
    #[serde(rename = "age_seconds", serialize_with = "as_seconds")]
    pub age: Option<Duration>,
    /// The time for which a fetch has been running.
    #[serde(rename = "fetching_seconds", serialize_with = "as_seconds")]
    pub fetching: Option<Duration>,
    /// The time until the next poll, unless an event comes first.
    #[serde(rename = "next_seconds", serialize_with = "as_seconds")]
    pub next: Option<Duration>,
}

impl Polls {
    pub(super) fn new(status: &untorn::poller::Status) -> Self {
        let fetching = match status.activity {
            Activity::Fetching { since } | Activity::Abandoned { since } => Some(since.elapsed()),
            _ => None,
        };
        let due = status.activity.due();
        Self {
            ended: status.polls,
            failures_in_a_row: status.failures_in_a_row,
            age: status.age(),
            fetching,
            next: due.map(|due| due.saturating_duration_since(std::time::Instant::now())),
        }
    }
}

impl LayerStatus {
    /// Returns an upper bound for the age of the contents: the time since the last poll that
    /// succeeded began. `None` for a layer that does not change, and before the first success, also
    /// if the layer has its contents from the cache.
    ///
    /// # Examples
    /// See [`Status::age`].
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.polls.as_ref()?.age
    }
}

impl Status {
    /// Returns an upper bound for the age of the configuration: the largest
    /// [age](LayerStatus::age) of its layers and, while it is in use, that of the cache. `None` if
    /// no layer is polled, none has succeeded yet, or a cache is in use that was written in the
    /// future, which is an [error](CacheStatus::error) too: treat it as too old.
    ///
    /// It grows while a source is silent or refused, so a health check can compare it with a limit
    /// above the longest period.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use std::time::Duration;
    /// use untorn_live::Store;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("app.toml");
    /// # std::fs::write(&path, "port = 80").unwrap();
    /// let store = Store::builder().file(&path).start().unwrap();
    /// store.refresh(Duration::from_secs(60)).unwrap();
    /// let status = store.status();
    /// assert!(status.age().unwrap() < Duration::from_secs(60));
    /// assert_eq!(status.layers[0].age(), status.age());
    /// assert_eq!(Store::manual().status().age(), None);
    /// # }
    /// ```
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let cached = self.cache.as_ref().and_then(|cache| cache.in_use_since);
        let cached = match cached {
            Some(written) => Some(age_of(written)?),
            None => None,
        };
        let layers = self.layers.iter().filter_map(LayerStatus::age);
        layers.chain(cached).max()
    }

    /// Iterates over the refusals of all layers.
    ///
    /// # Examples
    /// See [`Status`].
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.layers
            .iter()
            .filter_map(|layer| layer.refusal.as_ref())
    }
}

impl fmt::Display for Status {
    /// Formats a line for the store, and one for each layer that is not in order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready {
            write!(f, "revision {}, {} keys", self.revision, self.keys)?;
        } else {
            f.write_str("no configuration yet")?;
        }
        if self.has_ended {
            f.write_str("; the store has ended")?;
        }
        for layer in &self.layers {
            match &layer.refusal {
                Some(refusal) => {
                    f.write_str("\nrefused: ")?;
                    let text = refusal.error.to_string();
                    // An error may be about a key of another layer.
                    if !text.contains(&*layer.name) {
                        write!(f, "{}: ", layer.name)?;
                    }
                    f.write_str(&text)?;
                }
                None if !layer.has_answered && !self.has_ended => {
                    write!(f, "\nwaiting for {}", layer.name)?;
                }
                None => {}
            }
        }
        if let Some(cache) = &self.cache {
            if let Some(since) = cache.in_use_since {
                match age_of(since) {
                    Some(age) => write!(f, "\nfrom the cache, {age:.0?} old")?,
                    None => f.write_str("\nfrom the cache, of unknown age")?,
                }
            }
            if let Some(error) = &cache.error {
                write!(f, "\n{error}")?;
            }
        }
        for secret in &self.unused_secrets {
            write!(
                f,
                "\nthe secret `{secret}` matches no key, so a value may be shown; check the spelling \
                 of the key"
            )?;
        }
        for unknown in &self.unknown_keys {
            write!(f, "\n{unknown}")?;
        }
        if let more @ 1.. = self
            .unknown_key_count
            .saturating_sub(self.unknown_keys.len())
        {
            write!(f, "\n{more} more keys that no section reads")?;
        }
        Ok(())
    }
}

fn as_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(serializer)
}

/// Serializes a time as seconds since 1970.
pub(super) fn as_unix_time<S: Serializer>(
    time: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64().serialize(serializer)
}

fn as_optional_unix_time<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_unix_time(time, serializer),
        None => serializer.serialize_none(),
    }
}
