//! The model of a map's contents, and what they are made from.

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::BTreeMap;

use untorn::{Change, View};

use crate::fuzz::foreign::{Ledger, Spread};
use crate::fuzz::kind::{Kind, Value};

/// Which of the equal keys is stored, and the number of its value.
pub(super) type Entry = (u32, u64);

/// What is under each key.
#[derive(Clone)]
pub(super) struct Contents {
    entries: Vec<Option<Entry>>,
    len: usize,
}

impl Contents {
    /// Of none of so many keys.
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

    /// The number of the value.
    pub(super) fn number(&self, id: u16) -> Option<u64> {
        self.get(id).map(|(_, number)| number)
    }

    /// Gives a key a value; the stored key stays.
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

    /// Removes what is not to be kept; whether that was anything.
    pub(super) fn retain(&mut self, keep: impl Fn(u16) -> bool) -> bool {
        let before = self.len;
        for id in 0..self.entries.len() as u16 {
            if !keep(id) {
                self.remove(id);
            }
        }
        self.len < before
    }

    /// Empties it; whether there was anything.
    pub(super) fn clear(&mut self) -> bool {
        self.retain(|_| false)
    }

    /// What differs in `newer`: the numbers of before and of then.
    fn differences(&self, newer: &Self) -> BTreeMap<u16, (Option<u64>, Option<u64>)> {
        let ids = 0..self.entries.len() as u16;
        let numbers = ids.map(|id| (id, (self.number(id), newer.number(id))));
        numbers.filter(|(_, (old, new))| old != new).collect()
    }
}

/// Makes keys and values.
pub(super) struct Maker<'l> {
    pub(super) ledger: &'l Ledger,
    pub(super) keys: u16,
    tags: Cell<u32>,
    numbers: Cell<u64>,
}

impl<'l> Maker<'l> {
    pub(super) fn new(ledger: &'l Ledger, keys: u16) -> Self {
        Self {
            ledger,
            keys,
            tags: Cell::new(0),
            numbers: Cell::new(0),
        }
    }

    pub(super) fn id(&self, number: u16) -> u16 {
        number % self.keys
    }

    /// How many of `n` keys a range has: it may go round, but not on and on.
    pub(super) fn count(&self, n: u16) -> u16 {
        n % (self.keys + 16)
    }

    /// A range of keys, which may go round.
    pub(super) fn range(&self, from: u16, n: u16) -> impl Iterator<Item = u16> + use<> {
        let keys = u32::from(self.keys);
        (0..u32::from(self.count(n))).map(move |i| ((u32::from(from) + i) % keys) as u16)
    }

    /// A key, and which one it is.
    pub(super) fn key<K: Kind>(&self, id: u16) -> (K::Key, u32) {
        self.tags.set(self.tags.get() + 1);
        let key = K::key(id, self.tags.get(), self.ledger);
        let tag = K::tag(&key);
        (key, tag)
    }

    /// A number that no value had.
    pub(super) fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    pub(super) fn value<K: Kind>(&self, number: u64) -> K::Value {
        K::Value::new(number, self.ledger)
    }

    /// A key, a new value, and what they are in the model.
    pub(super) fn entry<K: Kind>(&self, id: u16) -> (K::Key, K::Value, Entry) {
        let (key, tag) = self.key::<K>(id);
        let number = self.number();
        (key, self.value::<K>(number), (tag, number))
    }
}

pub(super) type ViewOf<K> = View<<K as Kind>::Key, <K as Kind>::Value, Spread>;

/// Compares a view as a whole.
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

/// Compares what differs between two views.
pub(super) fn assert_diff<K: Kind>(
    (older, before): (&ViewOf<K>, &Contents),
    (newer, after): (&ViewOf<K>, &Contents),
) {
    let mut differences = before.differences(after);
    for change in newer.diff(older) {
        let (key, told) = match change {
            Change::Added { key, new } => (key, (None, Some(new.number()))),
            Change::Changed { key, old, new } => (key, (Some(old.number()), Some(new.number()))),
            Change::Removed { key, old } => (key, (Some(old.number()), None)),
        };
        let id = K::id(key);
        assert_eq!(differences.remove(&id), Some(told), "change of key {id}");
    }
    assert!(differences.is_empty(), "not told: {differences:?}");
}
