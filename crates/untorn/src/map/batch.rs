//! Writes that become visible together or not at all.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Index;
use std::time::Duration;

use super::draft::Draft;
use super::iter::Iter;
use super::remains::discard;
use super::table::{Entry, Table};
use super::view::View;
use super::{DefaultHashBuilder, Map};
use crate::Revision;
use crate::mutants::mutant;
use crate::published::{Version, Writer};
use crate::sync::Arc;
use crate::versions::Weight;

/// The commits of few writes after which the map looks for unreferenced versions, however small
/// they are.
const COMMITS_BETWEEN_SCANS: usize = 64;

/// The writes of a commit beside which the cost of a scan is small: each copies a segment.
const WRITES_WITH_A_SCAN: usize = 16;

/// The entries of large versions that a commit drops besides twice as many as it may retire.
const MAX_DROPPED_BESIDES: usize = 2_048;

/// A guard of writes to a [`Map`] that become visible together, or not at all.
///
/// [`Map::begin_batch`] returns one; the closures of [`Map::batch`], [`Map::try_batch`] and
/// [`Map::batch_if_unchanged`] borrow one. A batch reads its own writes; readers of the map observe
/// none of them before the commit. [`commit`](Self::commit) publishes them as one revision.
/// Dropping the batch publishes nothing, also while a panic unwinds.
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
    newest: Option<Arc<Version<View<K, V, S>>>>,
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
    /// If this thread has a write to this map open and `timeout` is not zero: it would pass in
    /// vain.
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
        self.publish()
    }

    fn publish(&mut self) -> Revision {
        if !self.draft.is_changed() {
            return self.revision;
        }
        let (Some(newest), Some(writer), Some(hasher)) =
            (self.newest.take(), self.writer.take(), self.hasher.take())
        else {
            return self.revision;
        };
        let (table, origin) = (self.draft.take_table(), Arc::clone(&newest.value.origin));
        // The entries of the segments that this commit replaces, at most.
        let replaced = Table::<K, V>::SEGMENT_ENTRIES.saturating_mul(self.draft.writes());
        let replaced = replaced.min(newest.value.table.len());
        // Otherwise the commit would count this reference as a reader's, and retain the version.
        drop(newest);
        let weight = Weight {
            retired: replaced * size_of::<Entry<K, V>>(),
            newest: table.len() * size_of::<Entry<K, V>>(),
            commits: match self.draft.writes() {
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
        let most = 2 * replaced + MAX_DROPPED_BESIDES;
        let map = self.map;
        let revision =
            writer.publish_with(make, weight, |freed| discard(freed, &map.remains, most));
        if map.prompt_reclamation {
            map.reclaim();
        }
        revision
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

    /// Returns an iterator over the entries, with this batch's writes, in no particular order.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.insert("b", 2);
    ///     let sum = batch.iter().map(|(_, n)| n).sum();
    ///     batch.insert("sum", sum);
    /// });
    /// assert_eq!(map.get("sum"), Some(3));
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.draft.table().iter())
    }

    /// Returns the number of entries, with this batch's writes. O(1).
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// let mut batch = map.begin_batch();
    /// batch.insert("b", 2);
    /// assert_eq!((batch.len(), map.len()), (2, 1)); // the batch is not committed
    /// # drop(batch);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.draft.table().len()
    }

    /// Returns whether there is no entry, with this batch's writes. O(1).
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.remove("a");
    ///     assert!(batch.is_empty());
    /// });
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all entries. O(1): the contents are dropped when the batch ends.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1), ("b", 2)]);
    /// map.batch(|batch| {
    ///     batch.clear();
    ///     batch.insert("c", 3);
    /// });
    /// assert_eq!(map.pin().keys().collect::<Vec<_>>(), [&"c"]);
    /// ```
    pub fn clear(&mut self) {
        self.draft.clear();
    }
}

impl<K, V, S> Drop for Batch<'_, K, V, S> {
    fn drop(&mut self) {
        if mutant("dropped_batch_is_published") {
            self.publish();
        }
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Batch<'_, K, V, S> {
    /// Returns the value of `key`, with this batch's writes. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.insert("b", 2);
    ///     assert_eq!((batch.get("a"), batch.get("b")), (Some(&1), Some(&2)));
    /// });
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// Returns the stored key that equals `key`, and its value, with this batch's writes. O(1) on
    /// average.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| assert_eq!(batch.get_key_value("a"), Some((&"a", &1))));
    /// ```
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.draft.get(key);
        entry.map(|entry| (&entry.key, &entry.value))
    }

    /// Returns whether `key` has a value, with this batch's writes. O(1) on average.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     batch.remove("a");
    ///     assert!(!batch.contains_key("a"));
    /// });
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(key).is_some()
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Batch<'_, K, V, S> {
    /// Inserts a value for `key` and returns the value that it replaces. If the key is present, the
    /// stored key is kept and `key` is dropped with the batch. O(1) on average, but the first write
    /// to a segment copies it.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     assert_eq!(batch.insert("a", 2), Some(1));
    ///     assert_eq!(batch.insert("b", 3), None);
    /// });
    /// assert_eq!((map.get("a"), map.get("b")), (Some(2), Some(3)));
    /// ```
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.draft.insert(key, value)
    }

    /// Removes `key` and returns its value. O(1) on average, but the first write to a segment
    /// copies it. Copies nothing if `key` is absent.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1)]);
    /// map.batch(|batch| {
    ///     assert_eq!(batch.remove("a"), Some(1));
    ///     assert_eq!(batch.remove("a"), None);
    /// });
    /// assert!(map.is_empty());
    /// ```
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.draft.remove(key)
    }

    /// Replaces the value of `key` with the result of `f`, which gets the current value or `None`;
    /// if it returns `None`, the key is removed. O(1) on average, but the first write to a segment
    /// copies it.
    ///
    /// # Examples
    /// ```
    /// let stock = untorn::Map::from([("apples", 3), ("pears", 1)]);
    /// stock.batch(|batch| {
    ///     for fruit in ["apples", "pears"] {
    ///         batch.update(fruit, |n| n.map(|n| n - 1).filter(|n| *n > 0));
    ///     }
    /// });
    /// assert_eq!((stock.get("apples"), stock.get("pears")), (Some(2), None));
    /// ```
    #[doc(alias = "entry")]
    pub fn update(&mut self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) {
        self.draft.update(key, f);
    }

    /// Keeps the entries for which `keep` returns true, and removes the others. `keep` is called
    /// for all entries before the first one is removed. Only segments that lose an entry are
    /// copied. Entries are removed by position, so one whose key does not equal itself can be
    /// removed too. O(entries).
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::from([("a", 1), ("b", 2), ("c", 3)]);
    /// map.batch(|batch| {
    ///     batch.retain(|_, n| *n != 2);
    ///     assert_eq!(batch.len(), 2);
    /// });
    /// ```
    pub fn retain(&mut self, keep: impl FnMut(&K, &V) -> bool) {
        self.draft.retain(keep);
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Extend<(K, V)> for Batch<'_, K, V, S> {
    /// Inserts all entries. They are drained while the writer lock is held.
    ///
    /// # Panics
    /// If the iterator panics, or `Hash`, `Eq` or `Clone` of a key or value: the entries before
    /// that stay in the batch. If the iterator writes to the map of this batch: that would
    /// deadlock.
    ///
    /// # Examples
    /// ```
    /// let map = untorn::Map::new();
    /// map.batch(|batch| batch.extend([("a", 1), ("b", 2)]));
    /// assert_eq!((map.len(), map.revision().get()), (2, 1));
    /// ```
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.draft.extend(entries);
    }
}

impl<K, V, Q, S> Index<&Q> for Batch<'_, K, V, S>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ?Sized,
    S: BuildHasher,
{
    type Output = V;

    /// Returns the value of `key`, with this batch's writes. O(1) on average.
    ///
    /// # Panics
    /// If `key` is absent.
    ///
    /// # Examples
    /// ```
    /// let accounts = untorn::Map::from([("a", 10), ("b", 0)]);
    /// accounts.batch(|batch| {
    ///     let (from, to) = (batch["a"], batch["b"]);
    ///     batch.insert("a", from - 3);
    ///     batch.insert("b", to + 3);
    /// });
    /// assert_eq!(accounts.pin()["b"], 3);
    /// ```
    #[track_caller]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry for this key")
    }
}

impl<'b, K, V, S> IntoIterator for &'b Batch<'_, K, V, S> {
    type Item = (&'b K, &'b V);
    type IntoIter = Iter<'b, K, V>;

    fn into_iter(self) -> Iter<'b, K, V> {
        self.iter()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for Batch<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}
