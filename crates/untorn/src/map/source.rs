//! Replacing all contents by those of a source, touching only what differs.
//!
//! ```text
//!   source, hashed, without a lock        contents
//!     a 1 │ b 2 │ c 3 │ b 4               a 1 │ b 2 │ d 5        a mark for each entry
//!                                          ●     ●     ○
//!   from the end: b 4 is marked, and has changed; c 3 is absent; b 2 is marked already, so it is
//!                 a duplicate; a 1 is equal
//!   then:         d is removed, b is replaced, c is added
//! ```
//!
//! There is no second table and no copy of the source: an entry of the source is moved into the
//! map, or is dropped after the writer lock has been released. Entries are grouped by segments of
//! the map while the source is drained, so that those that are worked on are in the cache.

use std::hash::{BuildHasher, Hash};
use std::mem::needs_drop;

use super::batch::Batch;
use super::draft::Draft;
use super::outcome::Refreshed;
use super::table::{Entry, Marks, Table, group};

/// The segments whose entries are worked on together: those of some 100 KiB.
const SEGMENTS_OF_A_PART: usize = 8;

/// The contents that a map is to have, in parts by their segments.
pub(super) struct Source<K, V>(Vec<SourcePart<K, V>>);

/// Entries of the same segments, in the order of the source.
struct SourcePart<K, V> {
    entries: Vec<Fresh<K, V>>,
    plan: Plan,
    /// Keys that equal stored ones, and are dropped with the source.
    keys: Vec<K>,
}

/// An entry of a source.
struct Fresh<K, V> {
    hash: u64,
    /// `None` after it was moved into the map.
    entry: Option<Entry<K, V>>,
}

/// The entries of a part that are to be written, by their indices, the last one first.
#[derive(Default)]
struct Plan {
    changed: Vec<usize>,
    /// Entries of absent keys, some perhaps more than once.
    new: Vec<usize>,
    /// Entries whose keys do not equal themselves, so that no lookup finds them.
    unequal: Vec<usize>,
    /// The number of entries of present keys that a later entry replaces.
    duplicates: usize,
}

impl<K: Eq + Hash, V> Source<K, V> {
    /// Returns the number of parts of a source for a table like this one.
    pub(super) fn parts_for(table: &Table<K, V>) -> usize {
        table.groups_of(SEGMENTS_OF_A_PART)
    }

    /// Collects and hashes entries, in so many parts.
    pub(super) fn new(
        entries: impl IntoIterator<Item = (K, V)>,
        hasher: &impl BuildHasher,
        parts: usize,
    ) -> Self {
        let mut source: Vec<_> = (0..parts).map(|_| SourcePart::new()).collect();
        for (key, value) in entries {
            let hash = hasher.hash_one(&key);
            let entry = Some(Entry { key, value });
            source[group(hash, parts)]
                .entries
                .push(Fresh { hash, entry });
        }
        Self(source)
    }
}

impl<K: Eq + Hash + Clone, V: Clone + PartialEq> Source<K, V> {
    /// Gives a batch, to which nothing was written, the contents of this source. Returns what
    /// differed, with the revision before the commit.
    pub(super) fn apply<S: BuildHasher>(&mut self, batch: &mut Batch<'_, K, V, S>) -> Refreshed {
        let revision = batch.revision();
        let draft = batch.draft();
        // Shares its segments with the draft, which copies those that it writes to.
        let old = draft.table().clone();
        let mut marks = old.marks();
        for part in &mut self.0 {
            part.compare(&old, &mut marks);
        }
        let plans = || self.0.iter().map(|part| &part.plan);
        let changed = plans().map(|plan| plan.changed.len()).sum();
        let new = plans()
            .map(|plan| plan.new.len() + plan.unequal.len())
            .sum::<usize>();
        let mut counts = Refreshed {
            changed,
            duplicates: plans().map(|plan| plan.duplicates).sum(),
            ..Refreshed::unchanged_at(revision)
        };
        let is_unequal = plans().any(|plan| !plan.unequal.is_empty());
        // Copying segments whose values all change is cheap unless it runs foreign code.
        let rebuilds = marks.count() == 0 || needs_drop::<Entry<K, V>>();
        // No entry stays as it is.
        let rebuilds = rebuilds && marks.count() == changed && !is_unequal;
        if rebuilds {
            counts.removed = old.len() - changed;
            draft.clear_for(changed + new);
        } else if marks.count() < old.len() {
            let removed = self.removed(&old, &marks);
            counts.removed = removed.len();
            draft.take_out(&removed);
        }
        for part in &mut self.0 {
            if rebuilds {
                part.take_keys(&old);
            }
            part.write(draft, &mut counts);
        }
        draft.shrink();
        counts
    }

    /// Returns the positions of the entries that are not marked, but for those whose keys do not
    /// equal themselves and whose values the source has for such a key: these need not be written.
    fn removed(&mut self, old: &Table<K, V>, marks: &Marks) -> Vec<(usize, usize)> {
        let is_unequal = self.0.iter().any(|part| !part.plan.unequal.is_empty());
        let mut removed = Vec::new();
        for (position, entry) in old.unmarked(marks) {
            let stays = is_unequal && !equals_itself(&entry.key);
            if !(stays && self.0.iter_mut().any(|part| part.keeps(entry))) {
                removed.push(position);
            }
        }
        removed
    }
}

impl<K, V> SourcePart<K, V> {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            plan: Plan::default(),
            keys: Vec::new(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone + PartialEq> SourcePart<K, V> {
    /// Looks up each entry, the last one first, and marks the ones that are found.
    fn compare(&mut self, old: &Table<K, V>, marks: &mut Marks) {
        let plan = &mut self.plan;
        for (i, fresh) in self.entries.iter().enumerate().rev() {
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
    }

    /// Returns whether an entry whose key does not equal itself has the value of a stored one. Then
    /// it need not be written.
    fn keeps(&mut self, stored: &Entry<K, V>) -> bool {
        let is_value = |i: &usize| {
            let fresh = self.entries[*i].entry.as_ref();
            fresh.is_some_and(|fresh| fresh.value == stored.value)
        };
        let found = self.plan.unequal.iter().position(is_value);
        found.is_some_and(|found| {
            self.plan.unequal.swap_remove(found);
            true
        })
    }

    /// Gives entries of present keys clones of these: a refresh replaces values, not keys.
    fn take_keys(&mut self, old: &Table<K, V>) {
        for i in &self.plan.changed {
            let Fresh { hash, entry } = &mut self.entries[*i];
            let Some(Entry { key, .. }) = entry else {
                continue;
            };
            if let Some((_, stored)) = old.locate(*hash, |stored| stored == key) {
                let stored = stored.key.clone();
                // Not dropped here, since the writer lock is held.
                self.keys.push(std::mem::replace(key, stored));
            }
        }
    }

    /// Moves the entries that differ into the draft.
    fn write<S: BuildHasher>(&mut self, draft: &mut Draft<K, V, S>, counts: &mut Refreshed) {
        let plan = std::mem::take(&mut self.plan);
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
    }

    /// Moves an entry into the draft. Returns whether its key was present.
    fn put<S: BuildHasher>(&mut self, draft: &mut Draft<K, V, S>, i: usize) -> bool {
        let Fresh { hash, entry } = &mut self.entries[i];
        let entry = entry.take();
        entry.is_some_and(|entry| draft.put_hashed(*hash, entry))
    }
}

/// Returns whether a lookup can find the key: a key that contains a NaN does not equal itself.
#[expect(
    clippy::eq_op,
    reason = "a key that does not equal itself is a case here"
)]
fn equals_itself<K: Eq>(key: &K) -> bool {
    key == key
}
