//! The model of a map's contents, and the source of its keys and values.

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::BTreeMap;

use untorn::{Change, View};

use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{BadHash, LeakCheck};

/// The tag of the stored key and the number of its value.
pub(super) type Entry = (u32, u64);

/// The old and the new number of each key that differs.
pub(super) type Differences = BTreeMap<u16, (Option<u64>, Option<u64>)>;

/// The entry of each key.
#[derive(Clone)]
pub(super) struct Contents {
    entries: Vec<Option<Entry>>,
    len: usize,
}

impl Contents {
    /// Returns empty contents for `keys` keys.
    pub(super) fn empty(keys: u16) -> Self {
        Self {
            entries: vec![None; keys.into()],
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, id: u16) -> Option<Entry> {
        self.entries[usize::from(id)]
    }

    /// Returns the number of the value.
    pub(super) fn number(&self, id: u16) -> Option<u64> {
        self.get(id).map(|(_, number)| number)
    }

    /// Sets the value of a key; the stored key remains. Returns the old number.
    pub(super) fn insert(&mut self, id: u16, (tag, number): Entry) -> Option<u64> {
        let slot = &mut self.entries[usize::from(id)];
        let old = *slot;
        *slot = Some((old.map_or(tag, |(first, _)| first), number));
        self.len += usize::from(old.is_none());
        old.map(|(_, number)| number)
    }

    pub(super) fn remove(&mut self, id: u16) -> Option<u64> {
        let old = self.entries[usize::from(id)].take();
        self.len -= usize::from(old.is_some());
        old.map(|(_, number)| number)
    }

    /// Removes the keys for which `keep` is false; returns whether there were any.
    pub(super) fn retain(&mut self, keep: impl Fn(u16) -> bool) -> bool {
        let before = self.len;
        for id in 0..self.entries.len() as u16 {
            if !keep(id) {
                self.remove(id);
            }
        }
        self.len < before
    }

    /// Removes all keys; returns whether there were any.
    pub(super) fn clear(&mut self) -> bool {
        self.retain(|_| false)
    }

    /// Returns the differences to `newer`: the old and the new number of each changed key.
    pub(super) fn differences(&self, newer: &Self) -> Differences {
        let ids = 0..self.entries.len() as u16;
        let numbers = ids.map(|id| (id, (self.number(id), newer.number(id))));
        numbers.filter(|(_, (old, new))| old != new).collect()
    }
}

/// Creates keys and values.
pub(super) struct Maker<'l> {
    pub(super) leak_check: &'l LeakCheck,
    pub(super) keys: u16,
    tags: Cell<u32>,
    numbers: Cell<u64>,
}

impl<'l> Maker<'l> {
    pub(super) fn new(leak_check: &'l LeakCheck, keys: u16) -> Self {
        Self {
            leak_check,
            keys,
            tags: Cell::new(0),
            numbers: Cell::new(0),
        }
    }

    pub(super) fn id(&self, number: u16) -> u16 {
        number % self.keys
    }

    /// Returns the number of keys in a range of `n`: it may wrap around, by 15 keys at most.
    pub(super) fn count(&self, n: u16) -> u16 {
        n % (self.keys + 16)
    }

    /// Returns a range of keys, which may wrap around.
    pub(super) fn range(&self, from: u16, n: u16) -> impl Iterator<Item = u16> + use<> {
        let keys = u32::from(self.keys);
        (0..u32::from(self.count(n))).map(move |i| ((u32::from(from) + i) % keys) as u16)
    }

    /// Returns a key and its tag.
    pub(super) fn key<K: Kind>(&self, id: u16) -> (K::Key, u32) {
        self.tags.set(self.tags.get() + 1);
        let key = K::key(id, self.tags.get(), self.leak_check);
        let tag = K::tag(&key);
        (key, tag)
    }

    /// Returns a number that no value had before.
    pub(super) fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    pub(super) fn value<K: Kind>(&self, number: u64) -> K::Value {
        K::Value::new(number, self.leak_check)
    }

    /// Returns a key, a new value, and their entry in the model.
    pub(super) fn entry<K: Kind>(&self, id: u16) -> (K::Key, K::Value, Entry) {
        let (key, tag) = self.key::<K>(id);
        let number = self.number();
        (key, self.value::<K>(number), (tag, number))
    }
}

pub(super) type ViewOf<K> = View<<K as Kind>::Key, <K as Kind>::Value, BadHash>;

/// Compares a complete view with the model.
pub(super) fn assert_view<K: Kind>(view: &ViewOf<K>, contents: &Contents, maker: &Maker<'_>) {
    assert_eq!(view.len(), contents.len(), "length of a view");
    assert_eq!(view.is_empty(), contents.len() == 0);
    assert_eq!(view.iter().len(), contents.len());
    let mut entries = 0;
    for (key, value) in view {
        let entry = (K::tag(key), value.number());
        assert_eq!(contents.get(K::id(key)), Some(entry), "an entry of a view");
        entries += 1;
    }
    assert_eq!(entries, contents.len(), "entries of a view");
    for id in 0..maker.keys {
        let (key, _) = maker.key::<K>(id);
        let found = view.get(key.borrow()).map(Value::number);
        assert_eq!(found, contents.number(id), "key {id} of a view");
    }
}

/// Compares the diff of two views with the model.
pub(super) fn assert_diff<K: Kind>(
    (older, before): (&ViewOf<K>, &Contents),
    (newer, after): (&ViewOf<K>, &Contents),
) {
    let mut differences = before.differences(after);
    for change in newer.changes_since(older) {
        let (key, values) = match change {
            Change::Added { key, new } => (key, (None, Some(new.number()))),
            Change::Changed { key, old, new } => (key, (Some(old.number()), Some(new.number()))),
            Change::Removed { key, old } => (key, (Some(old.number()), None)),
        };
        let id = K::id(key);
        assert_eq!(differences.remove(&id), Some(values), "change of key {id}");
    }
    assert!(
        differences.is_empty(),
        "missing from the diff: {differences:?}"
    );
}
