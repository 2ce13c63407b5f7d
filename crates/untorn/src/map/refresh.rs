//! Replacing all contents by those of a source, touching only what differs.
//!
//! ```text
//!   source, hashed, without a lock        contents
//!     a 1 │ b 2 │ c 3 │ b 4               a 1 │ b 2 │ d 5        a mark for each entry
//!                                          ●     ●     ○
//!   from the end: b 4 is marked, changed; c 3 is absent; b 2 is marked twice: a duplicate; a 1 is equal
//!   then:         d is removed, b is replaced, c is added
//! ```
//!
//! There is no second table and no copy of the source: an entry of the source is moved into the
//! map, or is dropped after the writer lock has been released.

use std::hash::{BuildHasher, Hash};

use super::draft::Draft;
use super::table::{Entry, Marks, Table};

/// The contents that a map is to have.
pub(super) struct Source<K, V>(Vec<Fresh<K, V>>);

/// An entry of a source.
struct Fresh<K, V> {
    hash: u64,
    /// `None` after it was moved into the map.
    entry: Option<Entry<K, V>>,
}

/// What a refresh did, in keys.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
    pub(super) duplicates: usize,
}

/// The entries of a source that are to be written, by their indices, the last one first.
#[derive(Default)]
struct Plan {
    changed: Vec<usize>,
    /// Entries of absent keys, some perhaps more than once.
    new: Vec<usize>,
    /// Entries whose keys do not equal themselves, so that no look-up finds them.
    unequal: Vec<usize>,
    /// The number of entries of present keys that a later entry replaces.
    duplicates: usize,
}

impl<K: Eq + Hash, V> Source<K, V> {
    /// Collects and hashes entries.
    pub(super) fn new(
        entries: impl IntoIterator<Item = (K, V)>,
        hasher: &impl BuildHasher,
    ) -> Self {
        let hashed = entries.into_iter().map(|(key, value)| Fresh {
            hash: hasher.hash_one(&key),
            entry: Some(Entry { key, value }),
        });
        Self(hashed.collect())
    }
}

impl<K: Eq + Hash + Clone, V: Clone + PartialEq> Source<K, V> {
    /// Gives a draft, to which nothing was written, the contents of this source.
    pub(super) fn apply<S: BuildHasher>(&mut self, draft: &mut Draft<K, V, S>) -> Counts {
        // Shares its segments with the draft, which copies those that it writes to.
        let old = draft.table().clone();
        let mut marks = old.marks();
        let mut plan = self.compare(&old, &mut marks);
        let mut counts = Counts {
            changed: plan.changed.len(),
            duplicates: plan.duplicates,
            ..Counts::default()
        };
        if marks.count() == 0 && plan.unequal.is_empty() {
            counts.removed = old.len();
            draft.clear();
        } else if marks.count() < old.len() {
            let removed = self.removed(&old, &marks, &mut plan.unequal);
            counts.removed = removed.len();
            draft.take_out(&removed);
        }
        for i in plan.changed {
            self.put(draft, i);
        }
        for i in plan.unequal {
            self.put(draft, i);
            counts.added += 1;
        }
        // In the order of the source, so that the last of duplicates wins.
        for i in plan.new.into_iter().rev() {
            match self.put(draft, i) {
                true => counts.duplicates += 1,
                false => counts.added += 1,
            }
        }
        draft.shrink();
        counts
    }

    /// Looks up each entry, the last one first, and marks the ones that are found.
    fn compare(&self, old: &Table<K, V>, marks: &mut Marks) -> Plan {
        let mut plan = Plan::default();
        for (i, fresh) in self.0.iter().enumerate().rev() {
            let Some(Entry { key, value }) = &fresh.entry else {
                continue;
            };
            match old.locate(fresh.hash, |stored| stored == key) {
                Some((place, _)) if marks.set(place) => plan.duplicates += 1,
                Some((_, stored)) if stored.value == *value => {}
                Some(_) => plan.changed.push(i),
                None if equals_itself(key) => plan.new.push(i),
                None => plan.unequal.push(i),
            }
        }
        plan
    }

    /// Returns the positions of the entries that are not marked, but for those whose keys do not
    /// equal themselves and whose values are among `unequal`, from which these are removed.
    fn removed(
        &self,
        old: &Table<K, V>,
        marks: &Marks,
        unequal: &mut Vec<usize>,
    ) -> Vec<(usize, usize)> {
        let mut removed = Vec::new();
        for (position, entry) in old.unmarked(marks) {
            let is_value = |i: &usize| {
                let fresh = self.0[*i].entry.as_ref();
                fresh.is_some_and(|fresh| fresh.value == entry.value)
            };
            let stays = !unequal.is_empty() && !equals_itself(&entry.key);
            match stays.then(|| unequal.iter().position(is_value)).flatten() {
                Some(found) => _ = unequal.swap_remove(found),
                None => removed.push(position),
            }
        }
        removed
    }

    /// Moves an entry into the draft. Returns whether its key was present.
    fn put<S: BuildHasher>(&mut self, draft: &mut Draft<K, V, S>, i: usize) -> bool {
        let Fresh { hash, entry } = &mut self.0[i];
        entry
            .take()
            .is_some_and(|entry| draft.put_hashed(*hash, entry))
    }
}

/// Returns whether a look-up can find the key: a key that contains a NaN does not equal itself.
#[expect(
    clippy::eq_op,
    reason = "a key that does not equal itself is a case here"
)]
fn equals_itself<K: Eq>(key: &K) -> bool {
    key == key
}
