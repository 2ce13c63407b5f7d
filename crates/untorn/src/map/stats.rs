//! Versions that a map retains, and their memory.

use super::Map;
use super::remains::discard;
use super::table::Counted;
use crate::published::Revision;
use crate::versions::{REGISTRY, is_asymmetric};

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
    /// The number of replaced versions that are retained. One that is being freed in parts, by the
    /// next commits, is not one of them.
    pub retained: usize,
    /// The number of retained versions that a pin, a snapshot, a reader or a subscription
    /// references. The others are freed by the next commits, or by [`Map::reclaim`].
    pub in_use: usize,
    /// The bytes of the retained versions that the newest view does not share. What they share with
    /// each other counts once.
    pub retained_bytes: usize,
    /// The oldest revision that is in use, if a replaced version is: its distance from `revision`
    /// shows for how many commits a pin, a snapshot, a reader or a subscription has been held. If
    /// it never changes, look for one that was leaked or forgotten.
    pub oldest_in_use: Option<Revision>,
    /// The number of retained versions that are known to be unreferenced. Each commit frees some;
    /// if many remain because the map is no longer written to, call [`Map::reclaim`].
    pub queued: usize,
    /// The number of scans for unreferenced versions. A scan interrupts the threads of the process,
    /// so there is one for many commits.
    pub scans: u64,
    /// The number of scans that freed nothing because the system rejected the call that a scan
    /// needs. If it is not 0, a seccomp filter was installed after the first map was
    /// created: permit `membarrier`, or install the filter earlier.
    pub failed_fences: u64,
    /// True if pins execute no locked instruction, since scans call `membarrier`. False on systems
    /// other than Linux, and where that call was rejected when the first map was created.
    pub asymmetric_fences: bool,
    /// The number of threads of the process that have pinned a map or a value and have not ended,
    /// plus those of `abandoned_records` and one for each pin beyond the slots of its thread. A
    /// scan reads the slots of each.
    pub records: usize,
    /// The number of pins that exist in the process, of all maps and values.
    pub slots_in_use: usize,
    /// The number of threads that have ended and left a pin behind, which was leaked or is stored
    /// in a thread-local. Each costs 128 bytes and a part of each scan, for good: drop pins before
    /// their thread ends.
    pub abandoned_records: usize,
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
        let mut writer = self.writer("count the memory of");
        let newest = writer.newest();
        let referenced = writer.referenced();
        let in_use = referenced.len();
        let oldest = referenced
            .iter()
            .map(|version| version.value.revision)
            .min();
        // The versions are referenced below as well.
        drop(referenced);
        let retired = writer.versions();
        let (reclaim, registry) = (writer.stats(), REGISTRY.stats());
        drop(writer);
        let view = &newest.value;
        // Each part once: after a `restore` an old version may share more with the newest one than
        // with the one that followed it.
        let mut counted = Counted::new();
        let bytes = view.table.count_bytes(&mut counted);
        let retained_bytes = retired
            .iter()
            .map(|version| version.value.table.count_bytes(&mut counted))
            .sum();
        MapStats {
            revision: view.revision,
            len: view.len(),
            segments: view.table.segments(),
            bytes,
            commits: view.revision.get(),
            retained: retired.len(),
            in_use,
            retained_bytes,
            oldest_in_use: oldest,
            queued: reclaim.free,
            scans: reclaim.scans,
            failed_fences: reclaim.failed_fences,
            asymmetric_fences: is_asymmetric(),
            records: registry.records,
            slots_in_use: registry.slots,
            abandoned_records: registry.abandoned,
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
        self.writer("count the versions of").retained()
    }

    /// Frees every replaced version that nothing references any more, and returns their number.
    /// Blocks until other writers have finished.
    ///
    /// Commits free replaced versions too, but each a few only, and small ones look for them once
    /// in 64 commits. A map that is no longer written to retains the versions that were replaced
    /// last, until this is called. Inside of a `Drop` that a commit runs, it leaves large versions
    /// to the commits that follow.
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
        let free = self.writer("reclaim versions of").take_unreferenced();
        let count = free.len();
        discard(free, Vec::new(), &self.remains, usize::MAX);
        count
    }
}
