//! The writes of a map: each is one commit.

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::batch::Batch;
use super::outcome::BatchOutcome;
use super::{Map, View};
use crate::Revision;
use crate::published::Snapshot;

// In each function, foreign values are parameters or are declared before the batch, so they are
// dropped after it. Thus the batch releases the writer lock first, even while a panic unwinds.

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher + Clone> Map<K, V, S> {
    /// Inserts a value for `key`, as one commit, and returns the value that it replaces. If the key
    /// is present, the stored key is kept and `key` is dropped.
    ///
    /// Blocks until other writers have finished; readers are not blocked. O(1) on average, besides
    /// copying one segment: some 300 entries, or 40 if keys or values have a `Drop`
    /// ([Memory](Map#memory)).
    ///
    /// Writes that belong together go into one [`batch`](Self::batch).
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::new();
    /// assert_eq!(limits.insert("low", 10), None);
    /// assert_eq!(limits.insert("low", 11), Some(10));
    /// ```
    #[doc(alias = "store")]
    #[doc(alias = "set")]
    #[doc(alias = "swap")]
    #[track_caller]
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        let mut batch = self.begin_batch();
        let old = batch.insert(key, value);
        batch.commit();
        old
    }

    /// Removes `key`, as one commit, and returns its value. Makes no revision if the key is absent.
    ///
    /// Blocks until other writers have finished; readers are not blocked. O(1) on average, besides
    /// copying one segment: some 300 entries, or 40 if keys or values have a `Drop`
    /// ([Memory](Map#memory)).
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!((limits.remove("low"), limits.remove("low")), (Some(10), None));
    /// assert_eq!(limits.revision().get(), 1);
    /// ```
    #[doc(alias = "load_and_delete")]
    #[track_caller]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let mut batch = self.begin_batch();
        let old = batch.remove(key);
        batch.commit();
        old
    }

    /// Replaces the value of `key` with the result of `f`, with no other commit in between. `f`
    /// gets the current value, or `None`; if it returns `None`, the key is removed. Returns a clone
    /// of the new value. `f` runs while the writer lock is held. `key` is owned, of the map's key
    /// type, since it may be inserted.
    ///
    /// Blocks until other writers have finished; readers are not blocked. O(1) on average, besides
    /// copying one segment: some 300 entries, or 40 if keys or values have a `Drop`
    /// ([Memory](Map#memory)).
    ///
    /// # Panics
    /// If this thread has a write to this map open, or if `f` panics: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// use untorn::Map;
    ///
    /// let hits: Map<String, u64> = Map::new();
    /// for _ in 0..3 {
    ///     hits.update("home".to_owned(), |n| Some(n.copied().unwrap_or(0) + 1));
    /// }
    /// assert_eq!(hits.get("home"), Some(3));
    /// ```
    #[doc(alias = "fetch_add")]
    #[doc(alias = "increment")]
    #[doc(alias = "entry")]
    #[doc(alias = "and_modify")]
    #[doc(alias = "fetch_update")]
    #[doc(alias = "upsert")]
    #[doc(alias = "compute")]
    #[doc(alias = "modify")]
    #[track_caller]
    pub fn update(&self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V> {
        let value;
        let mut batch = self.begin_batch();
        let old = batch.get(&key);
        value = f(old);
        let (replaced, unused) = match &value {
            Some(value) => {
                let value = value.clone();
                (batch.insert(key, value), None)
            }
            None => (batch.remove(&key), Some(key)),
        };
        batch.commit();
        // Explicit: if a `Drop` panics here, the value is dropped too.
        drop((replaced, unused));
        value
    }

    /// Inserts all entries, as one commit. `entries` is drained before the writer lock is acquired.
    /// Blocks until other writers have finished; readers are not blocked. Of duplicate keys the
    /// last one wins.
    ///
    /// Takes `&self`, so it also extends a map behind an `Arc` or in a `static`.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock. If the iterator panics, or
    /// `Hash`, `Eq` or `Clone` of a key or value: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use untorn::Map;
    ///
    /// let limits = Arc::new(Map::from([("low", 10)]));
    /// limits.extend([("low", 11), ("high", 20)]);
    /// assert_eq!((limits.get("low"), limits.revision().get()), (Some(11), 1));
    /// ```
    #[doc(alias = "insert_all")]
    #[doc(alias = "insert_many")]
    #[track_caller]
    pub fn extend(&self, entries: impl IntoIterator<Item = (K, V)>) {
        let mut entries = entries.into_iter().collect::<Vec<_>>().into_iter();
        let mut batch = self.begin_batch();
        // By reference: after a panic the remaining entries are dropped after the batch, which
        // releases the lock.
        batch.draft().extend(entries.by_ref());
        batch.commit();
    }

    /// Keeps the entries for which `keep` returns true, as one commit. Entries are removed by
    /// position, so one whose key does not equal itself can be removed too. O(entries).
    ///
    /// Blocks until other writers have finished; readers are not blocked.
    ///
    /// # Panics
    /// If this thread has a write to this map open, or if `keep` panics: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// limits.retain(|_, limit| *limit > 10);
    /// assert_eq!(limits.len(), 1);
    /// ```
    #[track_caller]
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        let mut batch = self.begin_batch();
        batch.retain(&mut keep);
        batch.commit();
    }

    /// Removes the entries for which `goes` returns true, as one commit, and returns clones of
    /// them, in no particular order. This is [`retain`](Self::retain) with the other answer, and
    /// with what it removed. O(entries).
    ///
    /// Blocks until other writers have finished; readers are not blocked.
    ///
    /// # Panics
    /// If this thread has a write to this map open, or if `goes` panics, or `Clone` of a key or
    /// value: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// assert_eq!(limits.extract_if(|_, limit| *limit > 10), [("high", 20)]);
    /// assert_eq!((limits.len(), limits.get("low")), (1, Some(10)));
    /// ```
    #[doc(alias = "drain_filter")]
    #[doc(alias = "drain")]
    #[track_caller]
    pub fn extract_if(&self, mut goes: impl FnMut(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut gone = Vec::new();
        let mut batch = self.begin_batch();
        batch.retain(|key, value| {
            if !goes(key, value) {
                return true;
            }
            let (key, value) = (key.clone(), value.clone());
            gone.push((key, value));
            false
        });
        batch.commit();
        gone
    }
}

impl<K, V, S: Clone> Map<K, V, S> {
    /// Makes several writes visible together: runs `f` and publishes what it wrote as one revision,
    /// which is returned. `f` reads its own writes. Blocks until other writers have finished;
    /// readers are not blocked meanwhile.
    ///
    /// `f` returns nothing, so `?` does not compile in it: half a batch cannot be published by
    /// accident. (End the last write with a semicolon.) Where a write can fail, use
    /// [`try_batch`](Self::try_batch), or [`begin_batch`](Self::begin_batch) in the function that
    /// returns the error.
    ///
    /// # Panics
    /// If this thread has a write to this map open, or if `f` panics: then nothing is published. If
    /// `f` puts a batch of another map in the place of its own.
    ///
    /// # Deadlocks
    /// `f` must not wait for a thread, or a task, that writes to this map, and two threads must not
    /// each write to the map of the other: write to several maps in one order everywhere.
    ///
    /// # Examples
    /// ```
    /// let accounts = untorn::Map::from([("a", 100), ("b", 0)]);
    /// let revision = accounts.batch(|batch| {
    ///     let (a, b) = (batch.get("a").copied().unwrap(), batch.get("b").copied().unwrap());
    ///     batch.insert("a", a - 30);
    ///     batch.insert("b", b + 30);
    /// });
    /// let view = accounts.pin();
    /// assert_eq!((view["a"], view["b"], revision), (70, 30, view.revision()));
    /// ```
    #[doc(alias = "write")]
    #[doc(alias = "transaction")]
    #[track_caller]
    pub fn batch(&self, f: impl FnOnce(&mut Batch<'_, K, V, S>)) -> Revision {
        let mut batch = self.begin_batch();
        f(&mut batch);
        self.commit(batch)
    }

    /// Makes several writes visible together if `f` returns `Ok`; if it returns an error, publishes
    /// nothing. Blocks until other writers have finished; readers are not blocked.
    ///
    /// The result of `f` is the field `value` of the [`BatchOutcome`], beside the revision. So a
    /// function that returns `Result<(), E>` ends in `?; Ok(())`.
    ///
    /// # Panics
    /// As [`batch`](Self::batch).
    ///
    /// # Errors
    /// The error of `f`.
    ///
    /// # Examples
    /// ```
    /// use std::num::ParseIntError;
    /// use untorn::Map;
    ///
    /// fn set(limits: &Map<&str, u32>, low: &str, high: &str) -> Result<(), ParseIntError> {
    ///     limits.try_batch(|batch| {
    ///         batch.insert("low", low.parse()?);
    ///         batch.insert("high", high.parse()?);
    ///         Ok::<_, ParseIntError>(())
    ///     })?;
    ///     Ok(())
    /// }
    ///
    /// let limits = Map::from([("low", 10), ("high", 20)]);
    /// assert!(set(&limits, "30", "forty").is_err());
    /// assert_eq!(limits.get("low"), Some(10)); // neither was written
    /// ```
    #[doc(alias = "rollback")]
    #[doc(alias = "abort")]
    #[doc(alias = "try_update")]
    #[track_caller]
    pub fn try_batch<R, E>(
        &self,
        f: impl FnOnce(&mut Batch<'_, K, V, S>) -> Result<R, E>,
    ) -> Result<BatchOutcome<R>, E> {
        let mut batch = self.begin_batch();
        match f(&mut batch) {
            Ok(value) => {
                let revision = self.commit(batch);
                Ok(BatchOutcome { value, revision })
            }
            Err(error) => {
                drop(batch);
                Err(error)
            }
        }
    }

    /// Commits a batch after its closure has run.
    #[track_caller]
    pub(super) fn commit(&self, batch: Batch<'_, K, V, S>) -> Revision {
        let writer = batch.writer();
        assert!(
            writer.is_some_and(|writer| self.published.is_written_by(writer)),
            "cannot commit a batch of another map that a closure put in the place of its own; \
             commit it inside of the closure"
        );
        batch.commit()
    }

    /// Removes all entries, as one commit. Makes no revision if there are none. Blocks until other
    /// writers have finished; readers are not blocked. O(1); later commits drop the entries in
    /// parts.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// limits.clear();
    /// assert!(limits.is_empty());
    /// ```
    #[track_caller]
    pub fn clear(&self) {
        let mut batch = self.begin_batch();
        batch.clear();
        batch.commit();
    }

    /// Removes all entries, as one commit, and returns the view of them. Another thread's entry is
    /// either in that view or not removed. O(1): nothing is cloned. Makes no revision if there are
    /// none. Blocks until other writers have finished; readers are not blocked.
    ///
    /// The snapshot retains the entries. For entries that are owned, clone them from it, or use
    /// [`extract_if`](Self::extract_if).
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let events = untorn::Map::from([(1, "start"), (2, "stop")]);
    /// let drained = events.drain();
    /// assert_eq!((drained.len(), drained[&2], events.len()), (2, "stop", 0));
    /// ```
    #[doc(alias = "take")]
    #[must_use = "use `clear` if the entries are not needed"]
    #[track_caller]
    pub fn drain(&self) -> Snapshot<View<K, V, S>> {
        let mut batch = self.begin_batch();
        batch.clear();
        batch.commit_transition().from
    }
}
