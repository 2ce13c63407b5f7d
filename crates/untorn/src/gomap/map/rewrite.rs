//! Read-modify-write in one access: `update`, `retain`.

use super::GoMap;
use crate::gomap::table::assign::Replaced;
use crate::gomap::table::hash::SeededBuildHasher;
use crate::gomap::table::key::Key;
use crate::overlap::tsan;

impl<K: Key, V, S: SeededBuildHasher> GoMap<K, V, S> {
    /// Replaces the value of `key` with the result of `f`, in *one* access, and returns the new
    /// value. `None` means no value.
    ///
    /// O(1) on average, plus `f`. Go's `m[k]++` is two accesses, and so is `get` followed by
    /// `insert`: a write in between overlaps with neither: the update is lost and nothing is
    /// reported. With `update`, that write overlaps and is reported.
    ///
    /// The access lasts until `f` returns, so a use of this map by `f` is an overlap. The replaced
    /// value is dropped after the access.
    ///
    /// # Panics
    /// If the map is [`nil`](Self::nil), with Go's message `assignment to entry in nil map`. If `f`
    /// panics, nothing is changed.
    ///
    /// # Examples
    /// ```
    /// let visits = untorn::GoMap::named("visits");
    /// for _ in 0..3 {
    ///     visits.update("home", |n| Some(n.copied().unwrap_or(0) + 1)); // Go's visits["home"]++
    /// }
    /// assert_eq!(visits.get("home"), Some(3));
    /// assert_eq!(visits.update("home", |_| None), None);
    /// assert!(visits.is_empty());
    /// ```
    #[track_caller]
    #[doc(alias = "entry")]
    #[doc(alias = "and_modify")]
    #[doc(alias = "or_insert")]
    #[doc(alias = "compute")]
    pub fn update(&self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V>
    where
        V: Clone,
    {
        if self.is_nil() {
            // Counted as an access: it may overlap with a `clear` of another thread.
            self.write(operation!(Write "update"), |_| ());
            panic!("assignment to entry in nil map");
        }
        let hash = self.hash_ahead(&key);
        let (new, replaced, unused) = self.write(operation!(Write "update"), |table| {
            let old = table.lookup(&key, Some(hash), &mut ());
            let new = {
                let _shown = tsan::show();
                f(old.map(|(_, elem)| elem))
            };
            match new.clone() {
                Some(elem) => (new, table.assign(key, elem, Some(hash)), None),
                None => (new, table.delete(&key, Some(hash)), Some(key)),
            }
        });
        // Dropped after the access, because `Drop` may use the map.
        drop(replaced.map(Replaced::into_entry));
        drop(unused);
        new
    }

    /// Removes the entries for which `keep` returns false, in one access: Go's `maps.DeleteFunc`.
    ///
    /// O(buckets + entries), plus `keep`, which must not use this map. The removed entries are
    /// dropped after the access. On a nil map this does nothing.
    ///
    /// # Panics
    /// If `keep` panics, the entries that it rejected before are removed.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::GoMap::from([("low", 10), ("high", 20), ("off", 0)]);
    /// limits.retain(|_, n| *n > 0);
    /// assert_eq!((limits.len(), limits.get("off")), (2, None));
    /// ```
    #[track_caller]
    #[doc(alias = "DeleteFunc")]
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        let mut removed = Vec::new();
        self.write(operation!(Write "retain"), |table| {
            let keep = |key: &K, elem: &V| {
                let _shown = tsan::show();
                keep(key, elem)
            };
            table.retain_into(keep, &mut removed);
        });
        drop(removed);
    }
}
