//! The model beside a table: what is in it, and what each cursor over it must, may and must not show.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use untorn::gomap::Key;

use super::operation::{Action, CURSORS, Operation};
use super::subject::{Subject, TableOf, assert_chains};
use crate::fuzz::Work;
use crate::fuzz::foreign::{Call, Fuse, Ledger, Spread, guarded};
use crate::fuzz::kind::{Kind, Value};

/// An entry that was there without a break is one entry, whatever was written over its value.
type EntryNumber = u64;

/// A value says which entry it belongs to, and how often that was overwritten.
const OVERWRITES: u32 = 24;

/// The key and the value that an entry shows now.
#[derive(Clone, Copy)]
struct Shown {
    id: u16,
    loose: bool,
    tag: u32,
    number: u64,
}

struct Watched<W> {
    cursor: W,
    /// Entries that it has still to show.
    must: BTreeSet<EntryNumber>,
    shown: BTreeSet<EntryNumber>,
    cleared: bool,
}

pub(super) struct Model<'s, K: Kind, S: Subject<K> + 's> {
    subject: &'s S,
    ledger: &'s Ledger,
    alive: BTreeMap<EntryNumber, Shown>,
    /// Entries that can be found by their key.
    by_id: HashMap<u16, EntryNumber>,
    last: EntryNumber,
    tags: u32,
    cursors: [Option<Watched<S::Cursor<'s>>>; CURSORS as usize],
    keys: u16,
    work: Work,
    _kind: std::marker::PhantomData<K>,
}

impl<'s, K: Kind, S: Subject<K>> Model<'s, K, S> {
    pub(super) fn new(subject: &'s S, ledger: &'s Ledger, spread: Spread) -> Self {
        Self {
            subject,
            ledger,
            alive: BTreeMap::new(),
            by_id: HashMap::new(),
            last: 0,
            tags: 0,
            cursors: [const { None }; CURSORS as usize],
            keys: match spread {
                // All in one chain, if the numbers are long and end with zeros.
                Spread::Identity | Spread::Shifted => 300,
                // Under a fuzzer as many as make it grow five times.
                _ => spread.limit(if cfg!(untorn_fuzzing) { 240 } else { 1500 }),
            },
            work: Work::new(),
            _kind: std::marker::PhantomData,
        }
    }

    /// Runs all of them, or as many as may be afforded.
    pub(super) fn run(mut self, operations: &[Operation]) {
        for (number, operation) in operations.iter().enumerate() {
            self.perform(*operation);
            self.work.spend(4);
            assert_eq!(self.subject.len(), self.alive.len());
            // A small table after each operation, a larger one after some.
            if number.is_multiple_of(self.alive.len() / 16 + 1) {
                self.check();
            }
            if self.work.is_spent() {
                break;
            }
        }
        (0..CURSORS).for_each(|cursor| self.finish(cursor));
        self.check();
    }

    fn id(&self, number: u16) -> u16 {
        number % self.keys
    }

    fn range(&self, from: u16, n: u8) -> impl DoubleEndedIterator<Item = u16> + use<K, S> {
        let keys = self.keys;
        (0..u16::from(n)).map(move |i| (from % keys + i) % keys)
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Act(fuse, action) => self.act(fuse, action),
            Operation::InsertMany(from, n) => {
                self.range(from, n)
                    .for_each(|id| self.insert(None, id, false));
            }
            Operation::RemoveMany(from, n) => {
                self.range(from, n)
                    .for_each(|id| self.remove(None, id, false));
            }
            Operation::Churn(from, n) => {
                self.range(from, n)
                    .for_each(|id| self.insert(None, id, false));
                self.range(from, n)
                    .skip(4)
                    .for_each(|id| self.remove(None, id, false));
            }
            Operation::Grow(cursor, steps) => self.grow(cursor, steps),
            Operation::Begin(cursor) => self.begin(cursor),
            Operation::Step(cursor, n) => {
                for _ in 0..n {
                    if self.step(cursor).is_none() {
                        break;
                    }
                }
            }
            Operation::Consume(cursor, n, back) => {
                for _ in 0..n {
                    let Some(shown) = self.step(cursor) else {
                        break;
                    };
                    if !shown.loose {
                        self.remove(None, shown.id, true);
                        if back {
                            self.insert(None, shown.id, false);
                        }
                    }
                }
            }
            Operation::Finish(cursor) => self.finish(cursor),
            Operation::Forget(cursor) => self.cursors[usize::from(cursor)] = None,
        }
    }

    fn act(&mut self, fuse: Option<Fuse>, action: Action) {
        match action {
            Action::Insert(id) => self.insert(fuse, self.id(id), false),
            Action::InsertLoose => self.insert(fuse, 0, true),
            Action::Remove(id, whole) => self.remove(fuse, self.id(id), whole),
            Action::Get(id) => self.get(fuse, self.id(id)),
            Action::Clear => self.clear(fuse),
            Action::Clone => self.clone_and_write(fuse),
        }
    }

    fn key(&mut self, id: u16) -> K::Key {
        self.work.spend(2);
        self.tags += 1;
        K::key(id, self.tags, self.ledger)
    }

    fn insert(&mut self, fuse: Option<Fuse>, id: u16, loose: bool) {
        let key = self.key(id);
        let (key, loose) = match K::loose(self.tags, self.ledger).filter(|_| loose) {
            Some(key) => (key, true),
            None => (key, false),
        };
        let known = self.by_id.get(&id).copied().filter(|_| !loose);
        let (entry, number) = match known {
            Some(entry) => (entry, self.alive[&entry].number + 1),
            None => (self.last + 1, (self.last + 1) << OVERWRITES),
        };
        let mut tag = K::tag(&key);
        let value = K::Value::new(number, self.ledger);
        let replaced = guarded(fuse, || self.subject.insert(key, value));
        if let Some(replaced) = &replaced {
            let expected = known.map(|entry| self.alive[&entry].number);
            assert_eq!(replaced.as_ref().map(Value::number), expected, "replaced");
        } else if !happened(fuse) {
            return;
        }
        if let Some(entry) = known
            && !K::Key::NEEDS_KEY_UPDATE
        {
            tag = self.alive[&entry].tag;
        }
        self.last = self.last.max(entry);
        let shown = Shown {
            id,
            loose,
            tag,
            number,
        };
        self.alive.insert(entry, shown);
        if !loose {
            self.by_id.insert(id, entry);
            self.get(None, id);
        }
    }

    fn remove(&mut self, fuse: Option<Fuse>, id: u16, whole: bool) {
        let key = self.key(id);
        let removed = guarded(fuse, || self.subject.remove(&key, whole));
        let known = self.by_id.get(&id).copied();
        if let Some(removed) = &removed {
            let expected = known.map(|entry| self.alive[&entry].number);
            assert_eq!(removed.as_ref().map(Value::number), expected, "removed");
        } else if !happened(fuse) {
            return;
        }
        if let Some(entry) = known {
            self.by_id.remove(&id);
            self.alive.remove(&entry);
            for watched in self.cursors.iter_mut().flatten() {
                watched.must.remove(&entry);
            }
        }
        self.get(None, id);
    }

    fn get(&mut self, fuse: Option<Fuse>, id: u16) {
        let key = self.key(id);
        let found = guarded(fuse, || self.subject.get(key.borrow()));
        if let Some(found) = found {
            let entry = self.by_id.get(&id).map(|entry| self.alive[entry].number);
            assert_eq!(found, entry, "found");
        }
    }

    fn clear(&mut self, fuse: Option<Fuse>) {
        if guarded(fuse, || self.subject.clear()).is_none() && !happened(fuse) {
            return;
        }
        self.alive.clear();
        self.by_id.clear();
        for watched in self.cursors.iter_mut().flatten() {
            watched.must.clear();
            watched.cleared = true;
        }
    }

    fn clone_and_write(&mut self, fuse: Option<Fuse>) {
        self.work.spend(self.alive.len() * 3);
        let Some(mut clone) = guarded(fuse, || self.subject.to_table()) else {
            return;
        };
        let mut own = clone.cursor();
        let shown = std::iter::from_fn(|| {
            let (_, value) = own.next(&clone)?;
            Some(value.number())
        });
        let numbers: BTreeSet<_> = shown.collect();
        assert!(
            numbers
                .iter()
                .eq(self.alive.values().map(|shown| &shown.number))
        );
        assert_sound::<K>(&clone);
        for id in 0..30.min(self.keys) {
            let value = K::Value::new(0, self.ledger);
            clone.insert(self.key(id), value);
            if id % 3 == 0 {
                let id = self.id(id * 7);
                clone.remove(self.key(id).borrow());
            }
        }
        assert_sound::<K>(&clone);
    }

    fn begin(&mut self, cursor: u8) {
        self.work.spend(self.alive.len() / 4);
        self.cursors[usize::from(cursor)] = Some(Watched {
            cursor: self.subject.cursor(),
            must: self.alive.keys().copied().collect(),
            shown: BTreeSet::new(),
            cleared: false,
        });
    }

    /// One step of this cursor; what it showed.
    fn step(&mut self, cursor: u8) -> Option<Shown> {
        self.work.spend(1);
        let slot = &mut self.cursors[usize::from(cursor)];
        let watched = slot.as_mut()?;
        let subject = self.subject;
        let step = subject.step(&mut watched.cursor, |key, value| {
            (K::id(key), K::tag(key), value.number())
        });
        let Some((id, tag, number)) = step else {
            assert!(watched.must.is_empty(), "not shown: {:?}", watched.must);
            let more = subject.step(&mut watched.cursor, |_, _| ());
            assert!(more.is_none(), "it goes on after its end");
            *slot = None;
            return None;
        };
        assert!(!watched.cleared, "something was shown after a clear");
        let entry = number >> OVERWRITES;
        let alive = self.alive.get(&entry).expect("a removed entry was shown");
        assert_eq!(tag, alive.tag, "not the latest key");
        assert_eq!(number, alive.number, "not the latest value");
        assert!(alive.loose || id == alive.id, "another's value");
        assert!(watched.shown.insert(entry), "an entry was shown twice");
        watched.must.remove(&entry);
        Some(*alive)
    }

    fn finish(&mut self, cursor: u8) {
        while self.step(cursor).is_some() {}
    }

    fn grow(&mut self, cursor: u8, steps: u8) {
        let mut inserted = Vec::new();
        for id in 0..self.keys {
            if self.subject.stats().growth.is_some() || self.work.is_spent() {
                break;
            }
            if !self.by_id.contains_key(&id) {
                self.insert(None, id, false);
                inserted.push(id);
            }
        }
        for id in inserted.into_iter().rev().step_by(2) {
            (0..steps).for_each(|_| _ = self.step(cursor));
            self.remove(None, id, false);
        }
    }

    /// The whole contents, and what the table knows of itself.
    fn check(&mut self) {
        self.work.spend(self.alive.len() + 16);
        self.subject.assert_invariants();
        let mut left = self.alive.len();
        self.subject.for_each(|key, value| {
            let entry = value.number() >> OVERWRITES;
            let alive = self.alive.get(&entry).expect("an entry too many");
            assert_eq!((K::tag(key), value.number()), (alive.tag, alive.number));
            assert!(alive.loose || K::id(key) == alive.id, "another's value");
            left = left.checked_sub(1).expect("an entry twice");
        });
        assert_eq!(left, 0, "entries are missing");
        let stats = self.subject.stats();
        assert_eq!(stats.count, self.alive.len());
        let some = self.by_id.keys().take(8).copied();
        some.collect::<Vec<_>>()
            .into_iter()
            .for_each(|id| self.get(None, id));
    }
}

/// Whether an operation that has panicked has taken place: of what went out only the drop can panic.
fn happened(fuse: Option<Fuse>) -> bool {
    fuse.is_some_and(|fuse| fuse.call == Call::Drop)
}

fn assert_sound<K: Kind>(table: &TableOf<K>) {
    table.assert_invariants();
    assert_chains::<K>(table);
}
