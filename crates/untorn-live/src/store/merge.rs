//! The layers of a store, merged. One update at a time; a refused one leaves no trace.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use untorn::map::View;
use untorn::mutants::mutant;
use untorn::poller::Delta;
use untorn::{Map, Snapshot};

use crate::config::{Item, Origin, Shared, Slot};
use crate::error::{ConfigError, ErrorKind};
use crate::key;
use crate::layer::{Change, Contents, Entry};
use crate::typed::is_empty_table;
use crate::value::Value;

/// What the layers have.
pub(super) struct Merge {
    /// The merged keys. Nothing but this store reads it.
    table: Map<Arc<str>, Slot>,
    /// The keys of each layer, in order.
    keys: Vec<BTreeSet<Arc<str>>>,
    shared: Arc<Shared>,
}

/// An update of a layer.
#[derive(Clone)]
pub(super) enum Update {
    Contents(Contents),
    Changes(Vec<Change>),
}

/// An update that has been merged. It is published, or [undone](Merge::undo).
pub(super) struct Merged {
    /// The keys whose value has changed, whatever layer it is from.
    pub(super) touched: Vec<Arc<str>>,
    /// The number of keys that the layer had before.
    pub(super) before: usize,
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
    /// True if nothing differs, not even a line.
    pub(super) is_unchanged: bool,
    /// True if the update had all contents of the layer.
    pub(super) is_of_contents: bool,
    old: Snapshot<View<Arc<str>, Slot>>,
    layer: usize,
    /// The keys that the layer did not have before, and those that it has no more.
    new_keys: Vec<Arc<str>>,
    old_keys: Vec<Arc<str>>,
    /// The keys that were empty tables, which may have keys below them, and have values now.
    filled: Vec<Arc<str>>,
}

impl Merged {
    /// Returns a number that differs for updates that remove other keys. For the first contents of
    /// a layer, which may lack keys of the cache, it depends on the keys that are there.
    pub(super) fn loss(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let lost = match self.before {
            0 => &self.new_keys,
            _ => &self.old_keys,
        };
        // Changes come in no order.
        let lost: BTreeSet<_> = lost.iter().collect();
        lost.hash(&mut hasher);
        hasher.finish()
    }
}

impl Merge {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            table: Map::new().with_prompt_reclamation(),
            keys: vec![BTreeSet::new(); shared.layers.len()],
            shared: Arc::clone(shared),
        }
    }

    /// Begins a batch, which holds the writer lock of the table.
    #[cfg(test)]
    pub(super) fn open(&self) -> untorn::Batch<'_, Arc<str>, Slot> {
        self.table.begin_batch()
    }

    pub(super) fn view(&self) -> Snapshot<View<Arc<str>, Slot>> {
        self.table.snapshot()
    }

    /// Merges an update of a layer. [`check_conflicts`](Self::check_conflicts) is up to the caller,
    /// which may merge several layers.
    pub(super) fn apply(&mut self, layer: usize, update: Update) -> Result<Merged, ConfigError> {
        self.forget_unused_items(layer);
        let is_of_contents = matches!(update, Update::Contents(_));
        let steps = match update {
            Update::Contents(contents) => self.steps_to(layer, contents)?,
            Update::Changes(changes) => self.steps_of(layer, changes),
        };
        let mut merged = self.merge(layer, steps);
        merged.is_of_contents = is_of_contents;
        Ok(merged)
    }

    /// Returns all that a layer has.
    pub(super) fn contents_of(&self, layer: usize) -> Contents {
        let view = self.table.pin();
        let entries = self.keys[layer].iter().filter_map(|key| {
            let item = view.get(&**key)?.of_layer(layer)?;
            let place = self.shared.place(item.origin);
            Some(Entry {
                key: Arc::clone(key),
                value: item.value.clone(),
                line: place.line.unwrap_or(0),
                item: place.item,
                revision: place.revision.unwrap_or(0),
            })
        });
        Contents {
            entries: entries.collect(),
        }
    }

    /// Returns the steps to all contents of a layer.
    fn steps_to(&self, layer: usize, contents: Contents) -> Result<Vec<Step>, ConfigError> {
        let mut entries = contents.entries;
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        for pair in entries.windows(2) {
            if let [first, second] = pair
                && first.key == second.key
                && !mutant("live_duplicate_is_missed")
            {
                return Err(self.twice(layer, first, second));
            }
        }
        let mut steps = Vec::new();
        let mut entries = entries.into_iter().peekable();
        // Both are sorted.
        for old in &self.keys[layer] {
            while let Some(new) = entries.next_if(|new| new.key < *old) {
                steps.push(self.put(layer, new));
            }
            match entries.next_if(|new| new.key == *old) {
                Some(new) => steps.push(self.put(layer, new)),
                None => steps.push((Arc::clone(old), None)),
            }
        }
        steps.extend(entries.map(|new| self.put(layer, new)));
        Ok(steps)
    }

    /// Returns the steps of changes: the last of each key.
    fn steps_of(&self, layer: usize, changes: Vec<Change>) -> Vec<Step> {
        let mut seen = std::collections::HashSet::with_capacity(changes.len());
        let mut steps = Vec::with_capacity(changes.len());
        for change in changes.into_iter().rev() {
            if !seen.insert(Arc::clone(change.key())) {
                continue;
            }
            match change {
                Delta::Put(_, entry) => steps.push(self.put(layer, entry)),
                Delta::Delete(key) if self.keys[layer].contains(&key) => steps.push((key, None)),
                Delta::Delete(_) => {}
            }
        }
        steps
    }

    /// Forgets names of items that the layer uses no more. The merged keys of the layer are those
    /// of its last update that was taken: an update is undone before there is another.
    fn forget_unused_items(&self, layer: usize) {
        self.shared.layers[layer].forget_unused_items(|| {
            let view = self.table.pin();
            let keys = self.keys[layer].iter();
            let items = keys.filter_map(|key| view.get(&**key)?.of_layer(layer));
            items.map(|item| item.origin.item()).collect()
        });
    }

    fn put(&self, layer: usize, entry: Entry) -> Step {
        let origin = match (entry.revision, entry.item) {
            (0, None) => Origin::new(layer, entry.line, 0),
            (0, Some(item)) => match self.shared.layers[layer].item_number(&item) {
                // The line is one of the item.
                0 => Origin::new(layer, 0, 0),
                number => Origin::new(layer, entry.line, number),
            },
            (revision, _) => Origin::of_revision(layer, revision),
        };
        let value = entry.value;
        (entry.key, Some(Item { value, origin }))
    }

    fn twice(&self, layer: usize, first: &Entry, second: &Entry) -> ConfigError {
        let place = |entry: &Entry| {
            let layer = &self.shared.layers[layer];
            crate::error::Place::of_layer(&layer.name)
                .with_line(entry.line)
                .with_item(entry.item.clone())
        };
        let message = format!(
            "the key occurs twice, first at {}; remove one",
            place(first)
        );
        ConfigError::new(ErrorKind::DuplicateKey, message)
            .at(place(second))
            .at_key(&second.key)
    }

    fn merge(&mut self, layer: usize, steps: Vec<Step>) -> Merged {
        let old = self.table.snapshot();
        let before = self.keys[layer].len();
        let (mut added, mut changed, mut removed) = (0, 0, 0);
        let (mut new_keys, mut old_keys, mut touched) = (Vec::new(), Vec::new(), Vec::new());
        let mut filled = Vec::new();
        let mut is_unchanged = true;
        let mut batch = self.table.begin_batch();
        for (key, item) in steps {
            let slot = batch.get(&*key);
            let of_layer = slot.and_then(|slot| slot.of_layer(layer));
            match (of_layer, &item) {
                (Some(old), Some(new)) if old.value == new.value => {
                    if old.origin == new.origin {
                        continue;
                    }
                }
                (Some(old), Some(new)) => {
                    changed += 1;
                    let is_filled = is_empty_table(&old.value) && !is_empty_table(&new.value);
                    if is_filled && !mutant("live_filled_table_is_no_conflict") {
                        filled.push(Arc::clone(&key));
                    }
                }
                (Some(_), None) => {
                    removed += 1;
                    old_keys.push(Arc::clone(&key));
                }
                (None, Some(_)) => {
                    added += 1;
                    new_keys.push(Arc::clone(&key));
                }
                (None, None) => continue,
            }
            is_unchanged = false;
            let new = Slot::with(slot, layer, item);
            if value(new.as_ref()) != value(slot) {
                touched.push(Arc::clone(&key));
            }
            match new {
                Some(slot) => _ = batch.insert(key, slot),
                None => _ = batch.remove(&*key),
            }
        }
        batch.commit();
        let keys = &mut self.keys[layer];
        for key in &old_keys {
            keys.remove(key);
        }
        // A set that is built as a whole is half as large as one that has grown.
        if new_keys.len() > keys.len() {
            keys.append(&mut new_keys.iter().cloned().collect());
        } else {
            keys.extend(new_keys.iter().cloned());
        }
        Merged {
            touched,
            before,
            added,
            changed,
            removed,
            is_unchanged,
            is_of_contents: false,
            old,
            layer,
            new_keys,
            old_keys,
            filled,
        }
    }

    /// Restores what was before an update.
    pub(super) fn undo(&mut self, merged: Merged) {
        self.table.restore(&merged.old);
        let keys = &mut self.keys[merged.layer];
        for key in &merged.new_keys {
            keys.remove(key);
        }
        keys.extend(merged.old_keys);
    }

    /// Returns an error if a key has a value since this update, or is new, and is a value in one
    /// place and has keys below it in another.
    pub(super) fn check_conflicts(&self, merged: &Merged) -> Result<(), ConfigError> {
        self.find_conflict(merged).map_or(Ok(()), Err)
    }

    fn find_conflict(&self, merged: &Merged) -> Option<ConfigError> {
        if mutant("live_conflict_is_missed") {
            return None;
        }
        // Other layers may have been merged since.
        let view = self.table.snapshot();
        let mut keys = merged.new_keys.iter().chain(&merged.filled);
        keys.find_map(|key| {
            let slot = view.get(&**key)?;
            let value = &slot.of_layer(merged.layer)?.value;
            if !is_empty_table(value)
                && let Some(inner) = self.first_below(key)
            {
                return Some(self.conflict(merged.layer, key, &inner));
            }
            let scalar = key::ancestors(key).find(|above| {
                let slot = view.get(*above);
                slot.is_some_and(|slot| {
                    slot.items().iter().any(|item| !is_empty_table(&item.value))
                })
            })?;
            Some(self.conflict(merged.layer, scalar, key))
        })
    }

    /// Returns a key below a path.
    fn first_below(&self, path: &str) -> Option<Arc<str>> {
        let start = format!("{path}.");
        self.keys.iter().find_map(|keys| {
            let from = (Bound::Included(&*start), Bound::Unbounded);
            let first = keys.range::<str, _>(from).next()?;
            first.starts_with(&start).then(|| Arc::clone(first))
        })
    }

    fn conflict(&self, layer: usize, scalar: &str, inner: &str) -> ConfigError {
        let view = self.table.snapshot();
        let place = |key: &str| {
            let slot = view.get(key);
            let item = slot.and_then(|slot| slot.of_layer(layer).or(Some(slot.winner())));
            item.map(|item| self.shared.place(item.origin))
        };
        let other = place(inner).map_or_else(String::new, |place| format!(" at {place}"));
        let message =
            format!("the key has a value here, and `{inner}` below it{other}; rename one");
        ConfigError::new(ErrorKind::Conflict, message)
            .at_key(scalar)
            .or_place(|| place(scalar))
    }

    /// Returns the keys of a section, of all layers.
    pub(super) fn keys_in<'m>(&'m self, section: &'m str) -> BTreeSet<&'m str> {
        let from = (Bound::Included(section), Bound::Unbounded);
        let keys = self.keys.iter().flat_map(|keys| {
            keys.range::<str, _>(from)
                .map(|key| &**key)
                .take_while(|key| key.starts_with(section))
                .filter(|key| key::is_in(key, section))
        });
        keys.collect()
    }
}

/// Returns the effective value.
fn value(slot: Option<&Slot>) -> Option<&Value> {
    slot.map(|slot| &slot.winner().value)
}

/// A key, and what a layer has for it now.
type Step = (Arc<str>, Option<Item>);
