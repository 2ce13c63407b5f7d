//! The model of a table: its entries, and which of them each cursor must, may and must not return.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use untorn::gomap::Key;

use super::operation::{Action, CURSORS, Operation};
use super::subject::{Subject, TableOf, assert_chains};
use crate::fuzz::Budget;
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{BadHash, Call, LeakCheck, PanicAfter, catch_expected_panic};

/// The number of an entry. An entry keeps its number until it is removed, also when its value is
/// overwritten.
type EntryNumber = u64;

/// The number of low bits of a value that count the overwrites; the entry number is above them.
const OVERWRITES: u32 = 24;

/// The current key and value of an entry.
#[derive(Clone, Copy)]
struct EntryState {
    id: u16,
    unequal: bool,
    tag: u32,
    number: u64,
}

struct CursorState<W> {
    cursor: W,
    /// Entries that the cursor has yet to return.
    remaining: BTreeSet<EntryNumber>,
    shown: BTreeSet<EntryNumber>,
    cleared: bool,
}

pub(super) struct Model<'s, K: Kind, S: Subject<K> + 's> {
    subject: &'s S,
    leak_check: &'s LeakCheck,
    alive: BTreeMap<EntryNumber, EntryState>,
    /// Entries that can be found by their key.
    by_id: HashMap<u16, EntryNumber>,
    last: EntryNumber,
    tags: u32,
    cursors: [Option<CursorState<S::Cursor<'s>>>; CURSORS as usize],
    keys: u16,
    budget: Budget,
    _kind: std::marker::PhantomData<K>,
}

impl<'s, K: Kind, S: Subject<K>> Model<'s, K, S> {
    pub(super) fn new(subject: &'s S, leak_check: &'s LeakCheck, hash: BadHash) -> Self {
        Self {
            subject,
            leak_check,
            alive: BTreeMap::new(),
            by_id: HashMap::new(),
            last: 0,
            tags: 0,
            cursors: [const { None }; CURSORS as usize],
            keys: match hash {
                // All in one chain, for large numbers with trailing zeros.
                BadHash::Identity | BadHash::Shifted => 300,
                // Under a fuzzer, enough keys for five growths.
                _ => hash.limit(if cfg!(untorn_fuzzing) { 240 } else { 1500 }),
            },
            budget: Budget::new(),
            _kind: std::marker::PhantomData,
        }
    }

    /// Runs the operations until the work budget is spent.
    pub(super) fn run(mut self, operations: &[Operation]) {
        for (number, operation) in operations.iter().enumerate() {
            self.perform(*operation);
            self.budget.spend(4);
            assert_eq!(self.subject.len(), self.alive.len());
            // Checks a small table after each operation, a larger one after some.
            if number.is_multiple_of(self.alive.len() / 16 + 1) {
                self.check();
            }
            if self.budget.is_spent() {
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
            Operation::Act(panic_after, action) => self.act(panic_after, action),
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
                    if !shown.unequal {
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

    fn act(&mut self, panic_after: Option<PanicAfter>, action: Action) {
        match action {
            Action::Insert(id) => self.insert(panic_after, self.id(id), false),
            Action::InsertUnequal => self.insert(panic_after, 0, true),
            Action::Remove(id, whole) => self.remove(panic_after, self.id(id), whole),
            Action::Get(id) => self.get(panic_after, self.id(id)),
            Action::Clear => self.clear(panic_after),
            Action::Clone => self.clone_and_write(panic_after),
        }
    }

    fn key(&mut self, id: u16) -> K::Key {
        self.budget.spend(2);
        self.tags += 1;
        K::key(id, self.tags, self.leak_check)
    }

    fn insert(&mut self, panic_after: Option<PanicAfter>, id: u16, unequal: bool) {
        let key = self.key(id);
        let (key, unequal) = match K::unequal(self.tags, self.leak_check).filter(|_| unequal) {
            Some(key) => (key, true),
            None => (key, false),
        };
        let known = self.by_id.get(&id).copied().filter(|_| !unequal);
        let (entry, number) = match known {
            Some(entry) => (entry, self.alive[&entry].number + 1),
            None => (self.last + 1, (self.last + 1) << OVERWRITES),
        };
        let mut tag = K::tag(&key);
        let value = K::Value::new(number, self.leak_check);
        let replaced = catch_expected_panic(panic_after, || self.subject.insert(key, value));
        if let Some(replaced) = &replaced {
            let expected = known.map(|entry| self.alive[&entry].number);
            assert_eq!(replaced.as_ref().map(Value::number), expected, "replaced");
        } else if !took_effect(panic_after) {
            return;
        }
        if let Some(entry) = known
            && !K::Key::NEEDS_KEY_UPDATE
        {
            tag = self.alive[&entry].tag;
        }
        self.last = self.last.max(entry);
        let shown = EntryState {
            id,
            unequal,
            tag,
            number,
        };
        self.alive.insert(entry, shown);
        if !unequal {
            self.by_id.insert(id, entry);
            self.get(None, id);
        }
    }

    fn remove(&mut self, panic_after: Option<PanicAfter>, id: u16, whole: bool) {
        let key = self.key(id);
        let removed = catch_expected_panic(panic_after, || self.subject.remove(&key, whole));
        let known = self.by_id.get(&id).copied();
        if let Some(removed) = &removed {
            let expected = known.map(|entry| self.alive[&entry].number);
            assert_eq!(removed.as_ref().map(Value::number), expected, "removed");
        } else if !took_effect(panic_after) {
            return;
        }
        if let Some(entry) = known {
            self.by_id.remove(&id);
            self.alive.remove(&entry);
            for watched in self.cursors.iter_mut().flatten() {
                watched.remaining.remove(&entry);
            }
        }
        self.get(None, id);
    }

    fn get(&mut self, panic_after: Option<PanicAfter>, id: u16) {
        let key = self.key(id);
        let found = catch_expected_panic(panic_after, || self.subject.get(key.borrow()));
        if let Some(found) = found {
            let entry = self.by_id.get(&id).map(|entry| self.alive[entry].number);
            assert_eq!(found, entry, "found");
        }
    }

    fn clear(&mut self, panic_after: Option<PanicAfter>) {
        if catch_expected_panic(panic_after, || self.subject.clear()).is_none()
            && !took_effect(panic_after)
        {
            return;
        }
        self.alive.clear();
        self.by_id.clear();
        for watched in self.cursors.iter_mut().flatten() {
            watched.remaining.clear();
            watched.cleared = true;
        }
    }

    fn clone_and_write(&mut self, panic_after: Option<PanicAfter>) {
        self.budget.spend(self.alive.len() * 3);
        let Some(mut clone) = catch_expected_panic(panic_after, || self.subject.to_table()) else {
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
            let value = K::Value::new(0, self.leak_check);
            clone.insert(self.key(id), value);
            if id % 3 == 0 {
                let id = self.id(id * 7);
                clone.remove(self.key(id).borrow());
            }
        }
        assert_sound::<K>(&clone);
    }

    fn begin(&mut self, cursor: u8) {
        self.budget.spend(self.alive.len() / 4);
        self.cursors[usize::from(cursor)] = Some(CursorState {
            cursor: self.subject.cursor(),
            remaining: self.alive.keys().copied().collect(),
            shown: BTreeSet::new(),
            cleared: false,
        });
    }

    /// Advances a cursor by one step; returns the entry that it returned.
    fn step(&mut self, cursor: u8) -> Option<EntryState> {
        self.budget.spend(1);
        let slot = &mut self.cursors[usize::from(cursor)];
        let watched = slot.as_mut()?;
        let subject = self.subject;
        let step = subject.step(&mut watched.cursor, |key, value| {
            (K::id(key), K::tag(key), value.number())
        });
        let Some((id, tag, number)) = step else {
            assert!(
                watched.remaining.is_empty(),
                "entries not returned: {:?}",
                watched.remaining
            );
            let more = subject.step(&mut watched.cursor, |_, _| ());
            assert!(more.is_none(), "a cursor returns an entry after its end");
            *slot = None;
            return None;
        };
        assert!(!watched.cleared, "a cursor returns an entry after a clear");
        let entry = number >> OVERWRITES;
        let alive = self
            .alive
            .get(&entry)
            .expect("a cursor does not return a removed entry");
        assert_eq!(tag, alive.tag, "not the latest key");
        assert_eq!(number, alive.number, "not the latest value");
        assert!(alive.unequal || id == alive.id, "value of another key");
        assert!(
            watched.shown.insert(entry),
            "a cursor returns an entry twice"
        );
        watched.remaining.remove(&entry);
        Some(*alive)
    }

    fn finish(&mut self, cursor: u8) {
        while self.step(cursor).is_some() {}
    }

    fn grow(&mut self, cursor: u8, steps: u8) {
        let mut inserted = Vec::new();
        for id in 0..self.keys {
            if self.subject.stats().growth.is_some() || self.budget.is_spent() {
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

    /// Checks the complete contents and the invariants of the table.
    fn check(&mut self) {
        self.budget.spend(self.alive.len() + 16);
        self.subject.assert_invariants();
        let mut left = self.alive.len();
        self.subject.for_each(|key, value| {
            let entry = value.number() >> OVERWRITES;
            let alive = self.alive.get(&entry).expect("no additional entries");
            assert_eq!((K::tag(key), value.number()), (alive.tag, alive.number));
            assert!(
                alive.unequal || K::id(key) == alive.id,
                "value of another key"
            );
            left = left.checked_sub(1).expect("no entry twice");
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

/// Returns whether an operation that panicked has taken effect: it has if only a `Drop` of the
/// removed data panicked.
fn took_effect(panic_after: Option<PanicAfter>) -> bool {
    panic_after.is_some_and(|panic_after| panic_after.call == Call::Drop)
}

fn assert_sound<K: Kind>(table: &TableOf<K>) {
    table.assert_invariants();
    assert_chains::<K>(table);
}
