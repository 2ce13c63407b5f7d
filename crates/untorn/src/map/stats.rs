//! Versions that a map retains, and their memory.

use std::sync::Arc;
use std::time::Duration;

use super::Map;
use crate::published::{Retired, Revision};

/// The versions of a map and the memory that they take, from [`Map::stats`]. (The header of Go's
/// table is a [`TableStats`](crate::gomap::TableStats).)
///
/// Bytes are those of the tables. Memory that keys and values point to is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapStats {
    /// The newest revision.
    pub revision: Revision,
    /// The number of entries in the newest view.
    pub len: usize,
    /// The number of segments, the hash tables that hold the entries of the newest view. A commit
    /// copies those that it writes to.
    pub segments: usize,
    /// The bytes of the newest view.
    pub bytes: usize,
    /// The number of commits; equals `revision`.
    pub commits: u64,
    /// The number of replaced versions that are retained.
    pub retained: usize,
    /// The number of retained versions that a pin, a snapshot, a reader or a subscription
    /// references. The others are freed by the next commits, or by [`Map::reclaim`].
    pub in_use: usize,
    /// The bytes of the retained versions, without what they share with each other and with the
    /// newest view.
    pub retained_bytes: usize,
    /// The time since the oldest version that is still referenced was replaced. The oldest pin,
    /// snapshot, reader or subscription (or the one that it was cloned from) is at least this old.
    /// `None` if none is in use, or if the target has no clock (`wasm32-unknown-unknown`).
    pub oldest_in_use_age: Option<Duration>,
}

impl<K, V, S> Map<K, V, S> {
    /// Returns which versions are retained and how much memory they take. Blocks until other
    /// writers have finished. O(segments): those of the newest view, plus those of retained
    /// versions that they do not share with it.
    ///
    /// While it counts, it references the retained versions: for a concurrent commit, `reclaim` or
    /// `stats` they are in use.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let before = config.snapshot();
    /// config.insert("1", 266);
    /// let stats = config.stats();
    /// assert_eq!((stats.commits, stats.retained, stats.in_use), (1, 1, 1));
    /// assert!(stats.retained_bytes > 0);
    /// drop(before);
    /// assert_eq!(config.stats().in_use, 0);
    /// config.reclaim();
    /// assert_eq!(config.stats().retained, 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn stats(&self) -> MapStats {
        let writer = self.writer("count the memory of");
        let newest = writer.newest();
        let in_use = || writer.retired().filter(|retired| retired.is_referenced());
        let (count, since) = (in_use().count(), in_use().filter_map(Retired::since).min());
        let mut retired: Vec<_> = writer
            .retired()
            .map(|retired| Arc::clone(&retired.version))
            .collect();
        drop(writer);
        retired.sort_unstable_by_key(|version| version.value.revision);
        let tables = retired.iter().map(|version| &version.value.table);
        let later = tables.clone().skip(1).chain([&newest.value.table]);
        let retained_bytes = tables
            .zip(later)
            .map(|(table, later)| table.unshared_bytes(later))
            .sum();
        let view = &newest.value;
        MapStats {
            revision: view.revision,
            len: view.len(),
            segments: view.table.segments(),
            bytes: view.table.bytes(),
            commits: view.revision.get(),
            retained: retired.len(),
            in_use: count,
            retained_bytes,
            oldest_in_use_age: since.map(|since| since.elapsed()),
        }
    }

    /// Returns how many replaced versions are retained; [`stats`](Self::stats) returns more. Blocks
    /// until other writers have finished.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let before = config.snapshot();
    /// config.insert("1", 266);
    /// assert_eq!(config.retained(), 1);
    /// # drop(before);
    /// ```
    #[doc(alias = "versions")]
    #[must_use]
    #[track_caller]
    pub fn retained(&self) -> usize {
        self.writer("count the versions of").retired().len()
    }

    /// Frees every replaced version that nothing references any more, and returns their number.
    /// Blocks until other writers have finished.
    ///
    /// Commits free replaced versions too, two at most each. A map that is no longer written to
    /// retains the versions that were replaced last, until this is called.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock. If a `Drop` of a key or a
    /// value panics.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// config.insert("1", 266);
    /// config.reclaim();
    /// assert_eq!(config.retained(), 0);
    /// ```
    #[doc(alias = "gc")]
    #[doc(alias = "collect")]
    #[doc(alias = "shrink_to_fit")]
    #[track_caller]
    pub fn reclaim(&self) -> usize {
        self.writer("reclaim versions of").reclaim()
    }
}
