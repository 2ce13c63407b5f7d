//! Changing a `GoMap` by what is in it, in one access: `update`, `retain`.

use super::GoMap;
use crate::gomap::table::assign::Replaced;
use crate::gomap::table::hash::SeededBuildHasher;
use crate::gomap::table::key::Key;
use crate::overlap::{AccessKind, Operation, tsan};

const UPDATE: &Operation = &Operation {
    name: "GoMap::update",
    kind: AccessKind::Write,
};

const RETAIN: &Operation = &Operation {
    name: "GoMap::retain",
    kind: AccessKind::Write,
};

impl<K: Key, V, S: SeededBuildHasher> GoMap<K, V, S> {
    /// Replaces the value of `key` by what `f` makes of it, in *one* access, and returns the new one; `None` means no value.
    /// O(1) on average, and `f`.
    ///
    /// Go's `m[k]++` is two accesses, and so is `get` and then `insert`: a write of somebody else in between overlaps with
    /// neither, is lost, and nobody is told. Here it is told. The access lasts until `f` has returned, so `f` must not
    /// use this map: that is an overlap like any other. What is replaced is dropped when the map is free again.
    ///
    /// # Panics
    /// With Go's text, `assignment to entry in nil map`, if the map is [`nil`](Self::nil). If `f` panics, nothing is changed.
    ///
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
    pub fn update(&self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V>
    where
        V: Clone,
    {
        if self.is_nil() {
            // An access all the same: another's clear may overlap with it.
            self.write(UPDATE, |_| ());
            panic!("assignment to entry in nil map");
        }
        let hash = self.hash_ahead(&key);
        let (new, replaced, unused) = self.write(UPDATE, |table| {
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
        // Written out: they go when the map is free again.
        drop(replaced.map(Replaced::into_entry));
        drop(unused);
        new
    }

    /// Keeps the entries for which `keep` is true, in one access: Go's `maps.DeleteFunc`. Those that were taken out are dropped
    /// when the map is free again. Does nothing to a nil map. O(buckets + entries).
    ///
    /// `keep` must not use this map. If it panics, those that it refused before are out.
    ///
    /// ```
    /// let limits = untorn::GoMap::from([("low", 10), ("high", 20), ("off", 0)]);
    /// limits.retain(|_, n| *n > 0);
    /// assert_eq!((limits.len(), limits.get("off")), (2, None));
    /// ```
    #[track_caller]
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        let mut taken = Vec::new();
        self.write(RETAIN, |table| {
            let keep = |key: &K, elem: &V| {
                let _shown = tsan::show();
                keep(key, elem)
            };
            table.retain_into(keep, &mut taken);
        });
        drop(taken);
    }
}
