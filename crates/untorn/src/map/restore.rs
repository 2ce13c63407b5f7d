//! Going back to the contents of an earlier view.

use std::hash::{BuildHasher, Hash};

use super::Map;
use super::outcome::Refreshed;
use super::view::{Change, View};

impl<K, V, S> Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone + PartialEq,
    S: BuildHasher + Clone,
{
    /// Replaces the contents with those of `view`, such as a snapshot that was taken earlier, as
    /// one commit. Blocks until other writers have finished; readers are not blocked.
    ///
    /// Returns how many keys were added, changed and removed. If nothing differs this makes no
    /// revision. The new revision is the next one: numbers never go back.
    ///
    /// For a view of this map, or of a [`fork`](Self::fork) of it, this clones no key and no value,
    /// and costs as much as [`View::changes_since`], for the counts. A view of an unrelated map is
    /// copied as by [`refresh`](Self::refresh).
    ///
    /// Values are compared while the writer lock is held. Those that do not equal themselves, such
    /// as a NaN, count as `changes_since` reports them.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock. If `Hash`, `Eq`,
    /// `PartialEq` or `Clone` of a key or value panics: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80), ("limit", 100)]);
    /// let good = config.snapshot();
    /// config.refresh([("port", 8080)]);
    /// let done = config.restore(&good);
    /// assert_eq!((done.added, done.changed, done.removed), (1, 1, 0));
    /// assert_eq!((config.get("port"), config.revision().get()), (Some(80), 2));
    /// ```
    ///
    /// A trial that is either adopted or dropped:
    ///
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let trial = config.fork();
    /// trial.insert("port", 81);
    /// config.restore(&trial.pin());
    /// assert_eq!(config.get("port"), Some(81));
    /// ```
    #[doc(alias = "rollback")]
    #[doc(alias = "revert")]
    #[doc(alias = "reset")]
    #[track_caller]
    pub fn restore(&self, view: &View<K, V, S>) -> Refreshed {
        if !self.pin().origin.is_related_to(&view.origin) {
            return self.refresh(view.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let mut batch = self.begin_batch();
        let (mut added, mut changed, mut removed, mut segments) = (0, 0, 0, 0);
        if let Some(newest) = batch.began_with() {
            for change in view.changes_since(newest) {
                *match change {
                    Change::Added { .. } => &mut added,
                    Change::Changed { .. } => &mut changed,
                    Change::Removed { .. } => &mut removed,
                } += 1;
            }
            segments = newest.table.unshared_segments(&view.table).count();
        }
        if added + changed + removed > 0 {
            // At least one, so that the batch counts as changed.
            batch.draft().replace(view.table.clone(), segments.max(1));
        }
        Refreshed {
            revision: batch.commit(),
            added,
            changed,
            removed,
            duplicates: 0,
        }
    }
}
