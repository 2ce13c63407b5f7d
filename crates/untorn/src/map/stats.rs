//! What a map keeps, in numbers.

use std::sync::Arc;
use std::time::Duration;

use super::Map;
use crate::published::{Retired, Revision};

/// What a map keeps, in numbers: made by [`Map::stats`]. (What Go keeps in the header of its map is
/// [`gomap::Stats`](crate::gomap::Stats).)
///
/// Bytes are those of the tables; what keys and values point to is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The newest revision.
    pub revision: Revision,
    /// Entries of the newest view.
    pub len: usize,
    /// Hash tables that they are in: a commit copies the ones that it writes to.
    pub segments: usize,
    /// Bytes of the newest view.
    pub bytes: usize,
    /// Commits that this map has published.
    pub commits: u64,
    /// Replaced versions that are kept.
    pub retained: usize,
    /// How many of those a pin, a snapshot, a reader or a subscription shows. The others are freed by the next commits, or
    /// by [`Map::reclaim`].
    pub seen: usize,
    /// Bytes of the replaced versions that are kept, less what they share with each other and with the newest view.
    pub retained_bytes: usize,
    /// How long ago the oldest version that is still shown was replaced: its pin, snapshot or idle reader is older than
    /// that. `None` if there is none, or if the target has no clock (`wasm32-unknown-unknown`).
    pub oldest_pin: Option<Duration>,
}

impl<K, V, S> Map<K, V, S> {
    /// What the map keeps. Waits for writers; costs a visit of each segment of the newest view, and of those that the
    /// replaced versions do not share with it. While it counts, it holds what it counts: a commit, `reclaim` or `stats` at the
    /// same time takes that for seen.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let before = config.snapshot();
    /// config.insert("1", 266);
    /// let stats = config.stats();
    /// assert_eq!((stats.commits, stats.retained, stats.seen), (1, 1, 1));
    /// assert!(stats.retained_bytes > 0);
    /// drop(before);
    /// assert_eq!(config.stats().seen, 0);
    /// config.reclaim();
    /// assert_eq!(config.stats().retained, 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn stats(&self) -> Stats {
        let writer = self.writer("count the memory of");
        let newest = writer.newest();
        let seen = || writer.retired().filter(|retired| retired.is_seen());
        let (count, since) = (seen().count(), seen().filter_map(Retired::since).min());
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
        Stats {
            revision: view.revision,
            len: view.len(),
            segments: view.table.segments(),
            bytes: view.table.bytes(),
            commits: view.revision.get(),
            retained: retired.len(),
            seen: count,
            retained_bytes,
            oldest_pin: since.map(|since| since.elapsed()),
        }
    }
}
