//! Writes that become visible together or not at all.

mod read;
mod write;

use std::time::Duration;

use super::draft::Draft;
use super::remains::discard;
use super::table::{Entry, Table};
use super::view::View;
use super::{DefaultHashBuilder, Map};
use crate::Revision;
use crate::mutants::mutant;
use crate::published::{Frees, Snapshot, Transition, Version, Writer};
use crate::sync::Arc;
use crate::versions::Weight;

/// The commits of few writes after which the map looks for unreferenced versions, however small
/// they are.
const COMMITS_BETWEEN_SCANS: usize = 64;

/// The writes of a commit beside which the cost of a scan is small: each copies a segment.
const WRITES_WITH_A_SCAN: usize = 16;

/// The entries of large versions that a commit drops besides twice as many as it may retire.
const MAX_DROPPED_BESIDES: usize = 2_048;

type SharedVersion<K, V, S> = Arc<Version<View<K, V, S>>>;

/// A guard of writes to a [`Map`] that become visible together, or not at all.
///
/// [`Map::begin_batch`] returns one; the closures of [`Map::batch`], [`Map::try_batch`],
/// [`Map::batch_if_unchanged`] and [`Map::batch_if_keys_unchanged`] borrow one. A batch reads its
/// own writes; readers of the map observe none of them before the commit.
/// [`commit`](Self::commit) publishes them as one revision. Dropping the batch publishes nothing,
/// also while a panic unwinds.
///
/// # Blocking
/// A batch holds the writer lock of its map from its beginning to its end. Other writers block
/// until then, readers do not. While the batch is open, a write, [`reclaim`](Map::reclaim),
/// [`retained`](Map::retained), [`stats`](Map::stats) or a wait for a commit of the same map on the
/// same thread panics. On another thread it blocks, so a thread must not wait for another one that
/// writes to the map of its open batch. A batch that is leaked, by [`std::mem::forget`] for
/// example, holds the lock forever. A batch is not `Send`.
///
/// # Memory
/// What a batch replaces and does not return, its own writes included, is dropped after the batch
/// has ended and the writer lock has been released.
///
/// # Examples
/// ```
/// use untorn::Map;
///
/// fn set(limits: &Map<&str, u32>, low: &str, high: &str) -> Result<(), std::num::ParseIntError> {
///     let mut batch = limits.begin_batch();
///     batch.insert("low", low.parse()?);
///     batch.insert("high", high.parse()?); // an error drops the batch: neither is written
///     batch.commit();
///     Ok(())
/// }
///
/// let limits = Map::from([("low", 10), ("high", 20)]);
/// assert!(set(&limits, "30", "forty").is_err());
/// assert_eq!(limits.get("low"), Some(10));
/// assert!(set(&limits, "30", "40").is_ok());
/// assert_eq!(limits.get("low"), Some(30));
/// ```
#[must_use = "a batch that is dropped publishes nothing: call `commit`"]
pub struct Batch<'m, K, V, S = DefaultHashBuilder> {
    // The order of the fields is that of their drops. The cell references the newest version too,
    // so dropping the first field runs no foreign code. The second releases the lock. The rest runs
    // foreign code.
    newest: Option<SharedVersion<K, V, S>>,
    writer: Option<Writer<'m, View<K, V, S>>>,
    /// The hasher of the view that a commit publishes. It is cloned at the beginning, so that a
    /// commit runs no foreign code before it publishes.
    hasher: Option<S>,
    draft: Draft<K, V, S>,
    map: &'m Map<K, V, S>,
    /// The revision of the view that the batch began with.
    revision: Revision,
}

impl<K, V, S: Clone> Map<K, V, S> {
    /// Begins a batch: a guard through which several writes become one commit. Blocks until other
    /// writers have finished.
    ///
    /// This is the form of [`batch`](Self::batch) for code that does not fit into a closure:
    /// [`Batch::commit`] publishes the writes, dropping the batch publishes nothing.
    ///
    /// # Panics
    /// If this thread has a write to this map open.
    ///
    /// # Deadlocks
    /// A thread with an open batch must not wait for a thread, or a task, that writes to the same
    /// map, and two threads that hold a batch each must not begin one of the other's map: begin the
    /// batches of several maps in one order everywhere.
    ///
    /// # Examples
    /// ```
    /// let accounts = untorn::Map::from([("a", 100), ("b", 0)]);
    /// let mut batch = accounts.begin_batch();
    /// batch.update("a", |n| n.map(|n| n - 30));
    /// batch.update("b", |n| n.map(|n| n + 30));
    /// assert_eq!(accounts.get("b"), Some(0), "not before the commit");
    /// let revision = batch.commit();
    /// assert_eq!((accounts.get("b"), revision.get()), (Some(30), 1));
    /// ```
    #[doc(alias = "write")]
    #[doc(alias = "transaction")]
    #[track_caller]
    pub fn begin_batch(&self) -> Batch<'_, K, V, S> {
        let hashers = self.hashers();
        self.batch_of(hashers, self.writer("write to"))
    }

    /// Begins a batch, as [`begin_batch`](Self::begin_batch) does, if no other write of this map is
    /// open and no writer waits for its end; returns `None` otherwise. Does not block.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// let open = map.begin_batch();
    /// assert!(map.try_begin_batch().is_none());
    /// drop(open);
    /// let mut batch = map.try_begin_batch().expect("no write is open");
    /// batch.insert("a", 2);
    /// batch.commit();
    /// ```
    #[doc(alias = "try_write")]
    #[doc(alias = "try_lock")]
    #[must_use = "a batch that is dropped publishes nothing: call `commit`"]
    pub fn try_begin_batch(&self) -> Option<Batch<'_, K, V, S>> {
        let hashers = self.hashers();
        Some(self.batch_of(hashers, self.published.try_writer()?))
    }

    /// Begins a batch, as [`begin_batch`](Self::begin_batch) does, but returns `None` if other
    /// writers have not finished after `timeout`. On a target without threads or without a clock
    /// this does not block. The clock is read only if it has to wait.
    ///
    /// # Panics
    /// If this thread has a write to this map open and `timeout` is not zero: the lock cannot
    /// become free before the timeout.
    ///
    /// # Examples
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// let map = untorn::Map::from([("a", 1)]);
    /// let open = map.begin_batch();
    /// thread::scope(|scope| {
    ///     let late = scope.spawn(|| map.begin_batch_timeout(Duration::from_millis(1)).is_none());
    ///     assert!(late.join().unwrap());
    /// });
    /// drop(open);
    /// assert!(map.begin_batch_timeout(Duration::from_secs(1)).is_some());
    /// ```
    #[doc(alias = "try_lock_for")]
    #[must_use = "a batch that is dropped publishes nothing: call `commit`"]
    #[track_caller]
    pub fn begin_batch_timeout(&self, timeout: Duration) -> Option<Batch<'_, K, V, S>> {
        let hashers = self.hashers();
        let writer = self
            .published
            .writer_timeout(&self.context("write to"), timeout)?;
        Some(self.batch_of(hashers, writer))
    }

    /// Returns the hashers of a batch and of its view. Every view of a map has a clone of the same
    /// hasher. It is cloned before the lock is acquired, since that is foreign code.
    fn hashers(&self) -> [S; 2] {
        let view = self.pin();
        [view.hasher.clone(), view.hasher.clone()]
    }

    fn batch_of<'m>(
        &'m self,
        [for_draft, for_view]: [S; 2],
        writer: Writer<'m, View<K, V, S>>,
    ) -> Batch<'m, K, V, S> {
        let newest = writer.newest();
        Batch {
            revision: newest.value.revision,
            draft: Draft::new(newest.value.table.clone(), for_draft),
            hasher: Some(for_view),
            newest: Some(newest),
            writer: Some(writer),
            map: self,
        }
    }
}

impl<K, V, S> Batch<'_, K, V, S> {
    /// Publishes the writes as one revision and returns it. A batch that wrote nothing makes no
    /// revision: this then returns the newest one.
    ///
    /// The writes are published before the next writer begins and before anything that the batch
    /// replaced is dropped. A panic in such a `Drop` propagates from
    /// this call, but the writes are published.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::new();
    /// let mut batch = map.begin_batch();
    /// batch.insert("a", 1);
    /// assert_eq!(batch.commit().get(), 1);
    /// assert_eq!(map.begin_batch().commit().get(), 1); // nothing was written
    /// ```
    pub fn commit(mut self) -> Revision {
        let published = self.publish(|version| version.value.revision);
        published.unwrap_or(self.revision)
    }

    /// Publishes the writes as one revision, as [`commit`](Self::commit) does, and returns the view
    /// of that revision. A newer one may exist by then; the snapshot is that of this batch.
    ///
    /// A batch that wrote nothing makes no revision: this then returns the newest view. The
    /// snapshot retains its version.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// let mut batch = limits.begin_batch();
    /// batch.insert("high", 20);
    /// let own = batch.commit_snapshot();
    /// limits.clear(); // another thread could have done this
    /// assert_eq!((own.len(), own["high"], own.revision().get()), (2, 20, 1));
    /// ```
    #[must_use = "use `commit` if the view is not needed"]
    pub fn commit_snapshot(mut self) -> Snapshot<View<K, V, S>> {
        let published = self.publish(|version| Snapshot::of(Arc::clone(version)));
        // Explicit: if a `Drop` panics here, the snapshot is dropped too.
        drop(self);
        published.expect("a batch is committed once")
    }

    /// Publishes the writes as one revision, as [`commit`](Self::commit) does, and returns the views
    /// before and after it. [`Transition::changes`] of the result has exactly the changes of this
    /// batch, whatever other writers do.
    ///
    /// Both views are the newest one if the batch wrote nothing. They retain their versions.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Change, Map};
    ///
    /// let limits = Map::from([("low", 10), ("high", 20)]);
    /// let mut batch = limits.begin_batch();
    /// batch.update("low", |n| n.map(|n| n + 1));
    /// let step = batch.commit_transition();
    /// limits.clear(); // another thread could have done this
    /// let changes: Vec<_> = step.changes().collect();
    /// assert_eq!(changes, [Change::Changed { key: &"low", old: &10, new: &11 }]);
    /// ```
    #[must_use = "use `commit` if the changes are not needed"]
    pub fn commit_transition(mut self) -> Transition<View<K, V, S>> {
        let from = self.newest.clone();
        let to = self.publish(Arc::clone);
        // Explicit: if a `Drop` panics here, both versions are dropped too.
        drop(self);
        let (Some(from), Some(to)) = (from, to) else {
            unreachable!("a batch is committed once")
        };
        Transition {
            from: Snapshot::of(from),
            to: Snapshot::of(to),
            missed: 0,
        }
    }

    /// Publishes the writes, and returns what `keep` returns for the version. Returns `None` if the
    /// batch was published before.
    fn publish<R>(&mut self, keep: impl FnOnce(&SharedVersion<K, V, S>) -> R) -> Option<R> {
        let newest = self.newest.take()?;
        if !self.draft.is_changed() {
            return Some(keep(&newest));
        }
        let (writer, hasher) = (self.writer.take()?, self.hasher.take()?);
        let (table, origin) = (self.draft.take_table(), Arc::clone(&newest.value.origin));
        // The entries of the segments that this commit changes, at most. One that fills the map
        // again, after all entries were removed, counts those that it adds.
        let changed = Table::<K, V>::SEGMENT_ENTRIES.saturating_mul(self.draft.writes());
        let changed = changed.min(newest.value.table.len().max(table.len()));
        let cleared = self.draft.cleared();
        let replaced = changed.saturating_add(cleared);
        let replaced = replaced.min(newest.value.table.len());
        // Otherwise the commit would count this reference as a reader's, and retain the version.
        drop(newest);
        let weight = Weight {
            retired: replaced * size_of::<Entry<K, V>>(),
            newest: table.len() * size_of::<Entry<K, V>>(),
            commits: match self.draft.writes().max(cleared) {
                WRITES_WITH_A_SCAN.. => 1,
                _ => COMMITS_BETWEEN_SCANS,
            },
        };
        let make = |revision| View {
            table,
            revision,
            hasher,
            origin,
        };
        let map = self.map;
        let (frees, most) = if map.prompt_reclamation && !mutant("prompt_reclamation_is_late") {
            (Frees::All, usize::MAX)
        } else {
            (Frees::Some, 2 * changed + MAX_DROPPED_BESIDES)
        };
        let tables = match mutant("cleared_table_is_dropped_at_once") {
            true => Vec::new(),
            false => self.draft.take_replaced(),
        };
        let discard = |freed| discard(freed, tables, &map.remains, most);
        Some(writer.publish_with(make, weight, frees, keep, discard))
    }

    /// Returns the writer lock, until the batch has been committed.
    pub(super) fn writer(&self) -> Option<&Writer<'_, View<K, V, S>>> {
        self.writer.as_ref()
    }

    /// Returns the view that the batch began with, until the batch has been committed.
    pub(super) fn began_with(&self) -> Option<&View<K, V, S>> {
        self.newest.as_deref().map(|version| &version.value)
    }

    /// Returns the contents that are being written.
    pub(super) fn draft(&mut self) -> &mut Draft<K, V, S> {
        &mut self.draft
    }

    /// Returns the revision of the map that the batch began with; a commit makes the next one.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// let mut batch = map.begin_batch();
    /// batch.insert("b", 2);
    /// assert_eq!(batch.revision().get(), 0);
    /// assert_eq!(batch.commit().get(), 1);
    /// ```
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

impl<K, V, S> Drop for Batch<'_, K, V, S> {
    fn drop(&mut self) {
        if mutant("dropped_batch_is_published") {
            self.publish(|_| ());
        }
    }
}
