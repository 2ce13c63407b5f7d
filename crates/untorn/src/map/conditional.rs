//! Writes that depend on present values, or on a view.

use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::batch::Batch;
use super::outcome::RevisionMismatch;
use super::{Map, View};
use crate::Revision;
use crate::mutants::mutant;

// Foreign values are declared before the batch, as in `write.rs`.

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher + Clone> Map<K, V, S> {
    /// Replaces the value of `key`, if it is present, with the result of `f`, with no other commit
    /// in between; if `f` returns `None`, the key is removed. Returns a clone of the new value.
    ///
    /// This is [`update`](Self::update) for a borrowed key: it inserts nothing, and makes no
    /// revision if the key is absent. `f` runs while the writer lock is held.
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
    /// let stock: Map<String, u32> = Map::from([("figs".to_owned(), 2)]);
    /// let sell = |fruit| stock.update_if_present(fruit, |n| Some(n - 1).filter(|n| *n > 0));
    /// assert_eq!(sell("figs"), Some(1));
    /// assert_eq!(sell("figs"), None); // the last one: the key is removed
    /// assert_eq!(sell("pears"), None); // there were none
    /// assert_eq!((stock.len(), stock.revision().get()), (0, 2));
    /// ```
    #[doc(alias = "compute_if_present")]
    #[doc(alias = "and_modify")]
    #[doc(alias = "get_mut")]
    #[doc(alias = "modify")]
    #[track_caller]
    pub fn update_if_present<Q>(&self, key: &Q, f: impl FnOnce(&V) -> Option<V>) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let (value, mut replaced);
        let mut batch = self.begin_batch();
        let old = batch.get(key)?;
        value = f(old);
        replaced = value.clone();
        match &mut replaced {
            Some(value) => batch.draft().swap(key, value),
            None => replaced = batch.remove(key),
        }
        batch.commit();
        // Explicit: if a `Drop` panics here, the value is dropped too.
        drop(replaced);
        value
    }

    /// Replaces the value of `key` with the result of `f`, if the key is present and `condition`
    /// returns true for its value, with no other commit in between. Returns a clone of the new
    /// value, or `None` if nothing was replaced; then there is no revision.
    ///
    /// Both closures run while the writer lock is held.
    ///
    /// Blocks until other writers have finished; readers are not blocked. O(1) on average, besides
    /// copying one segment: some 300 entries, or 40 if keys or values have a `Drop`
    /// ([Memory](Map#memory)).
    ///
    /// # Panics
    /// If this thread has a write to this map open, or if a closure panics: then nothing is
    /// published.
    ///
    /// # Examples
    /// ```
    /// // The version and the text of a document.
    /// let documents = untorn::Map::from([("a", (1, "draft"))]);
    /// let save = |new: (u32, &'static str)| documents.update_if("a", |old| old.0 < new.0, |_| new);
    /// assert_eq!(save((2, "final")), Some((2, "final")));
    /// assert_eq!(save((2, "late")), None);
    /// assert_eq!(documents.get("a"), Some((2, "final")));
    /// ```
    #[doc(alias = "replace_if")]
    #[doc(alias = "compare_exchange")]
    #[track_caller]
    pub fn update_if<Q>(
        &self,
        key: &Q,
        condition: impl FnOnce(&V) -> bool,
        f: impl FnOnce(&V) -> V,
    ) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let (value, mut replaced);
        let mut batch = self.begin_batch();
        let old = batch.get(key).filter(|old| condition(old))?;
        value = f(old);
        replaced = value.clone();
        batch.draft().swap(key, &mut replaced);
        batch.commit();
        // Explicit: if a `Drop` panics here, the value is dropped too.
        drop(replaced);
        Some(value)
    }

    /// Removes `key` if it is present and `condition` returns true for its value, with no other
    /// commit in between. Returns the removed value. `condition` runs while the writer lock is
    /// held.
    ///
    /// Blocks until other writers have finished; readers are not blocked. O(1) on average, besides
    /// copying one segment: some 300 entries, or 40 if keys or values have a `Drop`
    /// ([Memory](Map#memory)).
    ///
    /// # Panics
    /// If this thread has a write to this map open, or if `condition` panics: then nothing is
    /// published.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use untorn::Map;
    ///
    /// // A worker removes its own session, but not the one that has replaced it.
    /// let sessions = Map::new();
    /// let (own, other) = (Arc::new("own"), Arc::new("other"));
    /// sessions.insert(7, Arc::clone(&other));
    /// let end = |own| sessions.remove_if(&7, |stored| Arc::ptr_eq(stored, own));
    /// assert_eq!((end(&own), sessions.len()), (None, 1));
    /// assert_eq!(end(&other), Some(Arc::clone(&other)));
    /// ```
    #[doc(alias = "remove_entry")]
    #[track_caller]
    pub fn remove_if<Q>(&self, key: &Q, condition: impl FnOnce(&V) -> bool) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let old;
        let mut batch = self.begin_batch();
        if !condition(batch.get(key)?) {
            return None;
        }
        old = batch.remove(key);
        batch.commit();
        old
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher + Clone> Map<K, V, S> {
    /// Runs `f` and publishes what it wrote, as [`batch`](Self::batch) does, if each of `keys` is
    /// as it was in `view`. So writers of other keys do not refuse a decision that was based on
    /// these keys, as they do with [`batch_if_unchanged`](Self::batch_if_unchanged). Blocks until
    /// other writers have finished; readers are not blocked.
    ///
    /// A key is as it was if both views, `view` and the newest one, have it with equal values, or
    /// if neither has it. Values are compared by their `PartialEq`: a value that was changed and
    /// changed back counts as unchanged, and so does one that differs only in a part that is not
    /// compared. A value that does not equal itself, such as a NaN, is unchanged if the segment
    /// that stores it is; a retry with a new view finds it so.
    ///
    /// List all keys that the decision depends on, absent ones too. Everything else of the view is
    /// not protected: another writer may have added further keys, so a decision that was based on
    /// the number of entries or on an iteration needs `batch_if_unchanged`.
    ///
    /// `keys` is drained before the writer lock is acquired. O(keys).
    ///
    /// # Panics
    /// As [`batch`](Self::batch); also if `keys`, `Hash`, `Eq` or `PartialEq` of a key or value
    /// panics: then nothing is published.
    ///
    /// # Errors
    /// [`RevisionMismatch`] if a key is not as it was, or if `view` is not of this map. Then `f` is
    /// not called.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// let view = limits.snapshot();
    /// let middle = (view["low"] + view["high"]) / 2; // without holding up other writers
    /// limits.insert("hits", 1); // another thread
    /// let write = || limits.batch_if_keys_unchanged(&view, ["low", "high"], |batch| {
    ///     batch.insert("low", middle);
    /// });
    /// assert_eq!(write()?.get(), 2);
    /// assert!(write().is_err(), "low has changed, by the first call");
    /// # Ok::<_, untorn::RevisionMismatch>(())
    /// ```
    #[doc(alias = "compare_exchange")]
    #[doc(alias = "transaction")]
    #[track_caller]
    pub fn batch_if_keys_unchanged<'k, Q>(
        &self,
        view: &View<K, V, S>,
        keys: impl IntoIterator<Item = &'k Q>,
        f: impl FnOnce(&mut Batch<'_, K, V, S>),
    ) -> Result<Revision, RevisionMismatch>
    where
        Q: Equivalent<K> + Hash + ?Sized + 'k,
    {
        let keys: Vec<_> = keys.into_iter().collect();
        let are_unchanged = |newest: &View<K, V, S>| {
            newest.revision == view.revision
                || mutant("keys_are_not_compared")
                || keys.iter().all(|key| newest.is_unchanged_since(view, *key))
        };
        self.batch_if(view, are_unchanged, RevisionMismatch::key_changed, f)
    }
}

impl<K, V, S: Clone> Map<K, V, S> {
    /// Runs `f` and publishes what it wrote, as [`batch`](Self::batch) does, if the map is still at
    /// the revision of `view`. This prevents a *lost update*: a decision based on `view` is
    /// applied only if no commit came in between. Blocks until other writers have finished; readers
    /// are not blocked.
    ///
    /// If other keys are written often, this may be refused each time:
    /// [`batch_if_keys_unchanged`](Self::batch_if_keys_unchanged) compares certain keys only.
    ///
    /// # Panics
    /// As [`batch`](Self::batch), and if `f` puts another batch in the place of its own.
    ///
    /// # Errors
    /// [`RevisionMismatch`] if another commit came first, or if `view` is not of this map: a
    /// [`fork`](Self::fork) is another map. Then `f` is not called.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// loop {
    ///     let view = limits.snapshot();
    ///     let middle = (view["low"] + view["high"]) / 2; // without holding up other writers
    ///     let written = limits.batch_if_unchanged(&view, |batch| {
    ///         batch.insert("low", middle);
    ///     });
    ///     if written.is_ok() {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(limits.get("low"), Some(15));
    /// ```
    #[doc(alias = "compare_exchange")]
    #[doc(alias = "compare_and_swap")]
    #[doc(alias = "cas")]
    #[track_caller]
    pub fn batch_if_unchanged(
        &self,
        view: &View<K, V, S>,
        f: impl FnOnce(&mut Batch<'_, K, V, S>),
    ) -> Result<Revision, RevisionMismatch> {
        let is_unchanged = |newest: &View<K, V, S>| newest.revision == view.revision;
        self.batch_if(view, is_unchanged, RevisionMismatch::overtaken, f)
    }

    /// Runs and publishes a batch if `view` is of this map and `condition` returns true for the
    /// newest view.
    #[track_caller]
    fn batch_if(
        &self,
        view: &View<K, V, S>,
        condition: impl FnOnce(&View<K, V, S>) -> bool,
        refusal: fn(Revision, Revision) -> RevisionMismatch,
        f: impl FnOnce(&mut Batch<'_, K, V, S>),
    ) -> Result<Revision, RevisionMismatch> {
        let mut batch = self.begin_batch();
        let current = batch.revision();
        let newest = batch.began_with();
        let newest = newest.filter(|newest| newest.is_of_the_map_of(view));
        let is_ours = newest.is_some();
        if newest.is_some_and(condition) {
            f(&mut batch);
            assert!(
                batch.revision() == current,
                "cannot commit another batch that a closure put in the place of its own; \
                 commit it inside of the closure"
            );
            return Ok(self.commit(batch));
        }
        drop(batch);
        Err(if is_ours {
            refusal(view.revision, current)
        } else {
            let (other, own) = (view.origin.name(), self.name().map(Into::into));
            RevisionMismatch::of_another_map(view.revision, other, current, own)
        })
    }
}
