//! Replacing the contents of a map by those of a source.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};

use super::draft::Draft;
use super::outcome::{DuplicateKeys, Refreshed};
use super::source::Source;
use super::table::Table;
use super::{Map, View};
use crate::Revision;
use crate::published::{Snapshot, Transition};

// Foreign values are declared before the batch, as in `write.rs`.

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher + Clone> Map<K, V, S> {
    /// Replaces the contents with those of `source`, as one commit that touches only what differs.
    /// Of duplicate keys the last one wins. `source` is drained before the writer lock is acquired.
    /// Blocks until other writers have finished; readers are not blocked. O(entries of the source +
    /// entries of the map); keys that contain a NaN cost more, see below.
    ///
    /// Returns how many keys were added, changed and removed, and how many entries of the source
    /// were duplicates; [`refresh_unique`](Self::refresh_unique) refuses those, and
    /// [`refresh_transition`](Self::refresh_transition) returns the changes themselves. A refresh
    /// with the same contents makes no revision, and
    /// [`is_unchanged`](Refreshed::is_unchanged) of its result is true, unless a value does not
    /// equal itself.
    ///
    /// Values are compared by their `PartialEq`. A value that does not equal itself, such as a NaN,
    /// counts as changed each time: a comparison cannot tell whether it is the stored one, and an
    /// update must not be lost.
    ///
    /// Keys that do not equal themselves (a [`Float64`](crate::gomap::Float64) that is NaN) are no
    /// duplicates of each other. No lookup finds them, so they are matched by value: an entry with
    /// such a key stays as it is if the source has one with an equal value, and otherwise counts as
    /// removed. (So a change in another part of such a key is not noticed.) This takes
    /// O(n²) in the number of such entries.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock. If `source` panics, or
    /// `Hash`, `Eq`, `PartialEq` or `Clone` of a key or value: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let done = config.refresh([("1", 265), ("3", 4)]);
    /// assert_eq!((done.added, done.changed, done.removed), (1, 0, 1));
    /// assert!(config.refresh([("3", 4), ("1", 265)]).is_unchanged());
    /// assert_eq!(config.revision(), done.revision);
    /// ```
    #[doc(alias = "replace_all")]
    #[doc(alias = "reload")]
    #[doc(alias = "sync")]
    #[track_caller]
    pub fn refresh(&self, source: impl IntoIterator<Item = (K, V)>) -> Refreshed
    where
        V: PartialEq,
    {
        let Ok(refreshed) = self.refresh_if(source, |_, _| Ok::<_, Infallible>(()));
        refreshed
    }

    /// Refreshes the contents as [`refresh`](Self::refresh) does if `check` returns `Ok` for the
    /// number of entries before and for the changes; otherwise publishes nothing. `check` is called
    /// while the writer lock is held. The revision that it gets is that of the replaced contents.
    #[track_caller]
    pub(crate) fn refresh_if<E>(
        &self,
        source: impl IntoIterator<Item = (K, V)>,
        check: impl FnOnce(usize, &Refreshed) -> Result<(), E>,
    ) -> Result<Refreshed, E>
    where
        V: PartialEq,
    {
        let mut source = self.source(source);
        let mut batch = self.begin_batch();
        let before = batch.len();
        let mut refreshed = source.apply(&mut batch);
        check(before, &refreshed)?;
        refreshed.revision = batch.commit();
        Ok(refreshed)
    }

    /// Replaces the contents with those of `source`, as [`refresh`](Self::refresh) does, and
    /// returns the views before and after that commit beside its counts. [`Transition::changes`]
    /// has exactly the changes of this refresh, whatever other writers do.
    ///
    /// Both views are the newest one if nothing differed. They retain their versions.
    ///
    /// # Panics
    /// As [`refresh`](Self::refresh).
    ///
    /// # Examples
    /// ```
    /// use untorn::{Change, Map};
    ///
    /// let config = Map::from([("1", 265), ("2", 17)]);
    /// let (refreshed, step) = config.refresh_transition([("1", 266), ("2", 17)]);
    /// config.clear(); // another thread could have done this
    /// assert_eq!((refreshed.changed, step.to.len()), (1, 2));
    /// let changes: Vec<_> = step.changes().collect();
    /// assert_eq!(changes, [Change::Changed { key: &"1", old: &265, new: &266 }]);
    /// ```
    #[track_caller]
    pub fn refresh_transition(
        &self,
        source: impl IntoIterator<Item = (K, V)>,
    ) -> (Refreshed, Transition<View<K, V, S>>)
    where
        V: PartialEq,
    {
        let mut source = self.source(source);
        let mut batch = self.begin_batch();
        let mut refreshed = source.apply(&mut batch);
        let step = batch.commit_transition();
        refreshed.revision = Snapshot::revision(&step.to);
        // Explicit: if a `Drop` panics here, the views are dropped too.
        drop(source);
        (refreshed, step)
    }

    /// Replaces the contents with those of `source`, as [`refresh`](Self::refresh) does, if it has
    /// each key once.
    ///
    /// `source` is read to its end also if it has duplicates. To find them, this clones each key
    /// into a set, before the writer lock is acquired. Keys that do not equal themselves are no
    /// duplicates of each other.
    ///
    /// # Panics
    /// As [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// [`DuplicateKeys`], with the keys that came more than once. Then nothing is published.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let refused = config.refresh_unique([("1", 266), ("2", 17), ("1", 267)]).unwrap_err();
    /// assert_eq!(refused.keys, ["1"]);
    /// assert_eq!(config.get("1"), Some(265));
    /// assert_eq!(config.refresh_unique([("1", 266), ("2", 17)])?.added, 1);
    /// # Ok::<_, untorn::DuplicateKeys<&str>>(())
    /// ```
    #[track_caller]
    pub fn refresh_unique(
        &self,
        source: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Refreshed, DuplicateKeys<K>>
    where
        V: PartialEq,
    {
        let mut seen = HashMap::with_hasher(self.pin().hasher.clone());
        let mut keys = Vec::new();
        let note = |(key, value): (K, V)| {
            match seen.get_mut(&key) {
                None => _ = seen.insert(key.clone(), false),
                Some(is_known @ false) => {
                    *is_known = true;
                    keys.push(key.clone());
                }
                Some(true) => {}
            }
            (key, value)
        };
        let mut source = self.source(source.into_iter().map(note));
        drop(seen);
        if !keys.is_empty() {
            // Explicit: if a `Drop` panics here, the keys are dropped too.
            drop(source);
            return Err(DuplicateKeys { keys });
        }
        let mut batch = self.begin_batch();
        let mut refreshed = source.apply(&mut batch);
        refreshed.revision = batch.commit();
        Ok(refreshed)
    }

    /// Makes the keys of the map those of `keys`, as one commit. For each of them `f` gets the
    /// current value, or `None`, and returns a new value, or `None` to leave the entry as it is: a
    /// present one keeps its value, and an absent one stays absent. Other keys are removed.
    ///
    /// So values can be kept, or computed from the old ones, with no other commit in between, and
    /// need no `PartialEq`. `keys` is drained before the writer lock is acquired; `f` is called
    /// once for each different key, in no particular order, while the lock is held. A new value
    /// counts as changed even if it equals the old one. A refresh that changes nothing makes no
    /// revision. Blocks until other writers have finished; readers are not blocked. O(keys +
    /// entries of the map).
    ///
    /// A key that does not equal itself is absent for `f`, and such a key of the map is removed.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock. If `keys` or `f` panics,
    /// or `Hash`, `Eq` or `Clone` of a key or value: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::AtomicBool;
    /// use untorn::Map;
    ///
    /// // The health of each backend stays while the backend is listed.
    /// let healthy: Map<&str, Arc<AtomicBool>> = Map::new();
    /// let update = |backends: &[&'static str]| {
    ///     healthy.refresh_with(backends.iter().copied(), |_, old| {
    ///         old.is_none().then(|| Arc::new(AtomicBool::new(true)))
    ///     })
    /// };
    /// update(&["a", "b"]);
    /// let a = healthy.get("a").unwrap();
    /// let done = update(&["a", "c"]);
    /// assert_eq!((done.added, done.changed, done.removed), (1, 0, 1));
    /// assert!(Arc::ptr_eq(&a, &healthy.get("a").unwrap()));
    /// ```
    #[track_caller]
    pub fn refresh_with(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut f: impl FnMut(&K, Option<&V>) -> Option<V>,
    ) -> Refreshed {
        let mut wanted = Draft::new(Table::new(), self.pin().hasher.clone());
        let mut drained = 0;
        let keys = keys.into_iter().inspect(|_| drained += 1);
        wanted.extend(keys.map(|key| (key, ())));
        let mut made;
        let mut batch = self.begin_batch();
        let draft = batch.draft();
        let mut refreshed = Refreshed {
            // First: a key that does not equal itself is not found among the wanted ones.
            removed: draft.retain(|key, _| wanted.get(key).is_some()),
            duplicates: drained - wanted.table().len(),
            ..Refreshed::unchanged_at(Revision::FIRST)
        };
        for entry in wanted.table().iter() {
            let old = draft.get(&entry.key);
            let count = match old {
                Some(_) => &mut refreshed.changed,
                None => &mut refreshed.added,
            };
            made = f(&entry.key, old.map(|old| &old.value));
            if made.is_some() {
                *count += 1;
                let key = entry.key.clone();
                if let Some(value) = made.take() {
                    draft.put(key, value);
                }
            }
        }
        refreshed.revision = batch.commit();
        refreshed
    }

    /// Drains a source, without the writer lock.
    fn source(&self, entries: impl IntoIterator<Item = (K, V)>) -> Source<K, V> {
        let (hasher, parts) = {
            let view = self.pin();
            (view.hasher.clone(), Source::parts_for(&view.table))
        };
        Source::new(entries, &hasher, parts)
    }
}
