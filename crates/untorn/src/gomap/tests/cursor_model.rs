//! Long random sequences of writes during several cursors. For each entry the model records whether
//! a cursor must, may or must not return it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::{Cursor, Growth, Key, SeededBuildHasher, Table};
use super::support::{Constant, Good, Identity, Truncated};

/// The keys, the most keys of an operation, and the most operations of a sequence: few under Miri,
/// where each takes thousands of times as long.
const KEYS: u32 = if cfg!(miri) { 60 } else { 300 };
const MANY: u32 = if cfg!(miri) { 30 } else { 100 };
const LONGEST: usize = if cfg!(miri) { 20 } else { 250 };
const CURSORS: usize = 4;

thread_local! {
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// A key that an equal newer one replaces. If it is `loose`, it is unequal to every key and hashes
/// differently each time.
#[derive(Clone, Debug)]
struct Name {
    id: u32,
    tag: u32,
    loose: bool,
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        !self.loose && !other.loose && self.id == other.id
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.loose {
            let next = RANDOM.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            RANDOM.set(next);
            state.write_u64(next ^ (next >> 29));
        } else {
            // With `Identity`, consecutive ids share a bucket and differ in their tophash.
            let (bucket, top) = (u64::from(self.id) / 60, 10 + u64::from(self.id) % 60);
            state.write_u64(top << 56 | bucket);
        }
    }
}

impl Key for Name {
    const NEEDS_KEY_UPDATE: bool = true;
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(u32),
    InsertLoose(u8),
    Remove(u32),
    InsertMany(u32, u32),
    RemoveMany(u32, u32),
    /// Inserts a range and removes most of it.
    Churn(u32, u32),
    /// Inserts until the table starts to grow, and steps a cursor between the writes of the growth.
    Grow(usize, u32),
    /// Begins a cursor, and drops the previous one with this index.
    Begin(usize),
    Step(usize, usize),
    /// Steps, removes each returned entry, and inserts it again if `true`.
    Consume(usize, usize, bool),
    Finish(usize),
    Forget(usize),
    Clone,
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let cursor = 0..CURSORS;
    prop_oneof![
        20 => (0..KEYS).prop_map(Insert),
        4 => (1_u8..12).prop_map(InsertLoose),
        16 => (0..KEYS).prop_map(Remove),
        10 => (0..KEYS, 1..2 * MANY / 3).prop_map(|(from, n)| InsertMany(from, n)),
        8 => (0..KEYS, 1..2 * MANY / 3).prop_map(|(from, n)| RemoveMany(from, n)),
        8 => (0..KEYS, 8..MANY).prop_map(|(from, n)| Churn(from, n)),
        4 => (cursor.clone(), 1_u32..4).prop_map(|(cursor, n)| Grow(cursor, n)),
        12 => cursor.clone().prop_map(Begin),
        40 => (cursor.clone(), 1_usize..20).prop_map(|(cursor, n)| Step(cursor, n)),
        8 => (cursor.clone(), 1_usize..20, any::<bool>()).prop_map(|(cursor, n, back)| Consume(cursor, n, back)),
        2 => cursor.clone().prop_map(Finish),
        1 => cursor.prop_map(Forget),
        1 => Just(Clone),
        2 => Just(Clear),
    ]
}

/// The identity of an entry: a number that no other entry has, and a count of its overwrites.
type Elem = (u64, u32);

struct Watched {
    cursor: Cursor,
    /// The entries that the cursor has yet to return.
    must: BTreeSet<u64>,
    shown: BTreeSet<u64>,
    cleared: bool,
}

#[derive(Default)]
struct Coverage {
    during_doubling: Cell<usize>,
    during_same_size: Cell<usize>,
    shown: Cell<usize>,
    ended: Cell<usize>,
    cleared: Cell<usize>,
}

fn note(what: &Cell<usize>) {
    what.set(what.get() + 1);
}

struct Model<'s, S> {
    table: Table<Name, Elem, S>,
    /// The key and the number of overwrites of each entry in the table.
    alive: BTreeMap<u64, (Name, u32)>,
    /// The entries that a lookup can find.
    by_id: HashMap<u32, u64>,
    next: u64,
    tags: u32,
    cursors: [Option<Watched>; CURSORS],
    coverage: &'s Coverage,
}

impl<S: SeededBuildHasher + Clone> Model<'_, S> {
    fn name(&mut self, id: u32, loose: bool) -> Name {
        self.tags += 1;
        let tag = self.tags;
        Name { id, tag, loose }
    }

    fn insert(&mut self, id: u32, loose: bool) {
        let name = self.name(id, loose);
        let known = self.by_id.get(&id).copied().filter(|_| !loose);
        let (serial, overwrites) = match known {
            Some(serial) => (serial, self.alive[&serial].1 + 1),
            None => {
                self.next += 1;
                (self.next, 0)
            }
        };
        let old = self.table.insert(name.clone(), (serial, overwrites));
        assert_eq!(old, known.map(|serial| (serial, overwrites - 1)));
        self.alive.insert(serial, (name, overwrites));
        if !loose {
            self.by_id.insert(id, serial);
        }
    }

    fn remove(&mut self, id: u32) {
        let name = self.name(id, false);
        let removed = self.table.remove(&name).map(|(serial, _)| serial);
        assert_eq!(removed, self.by_id.remove(&id));
        if let Some(serial) = removed {
            self.alive.remove(&serial);
            for watched in self.cursors.iter_mut().flatten() {
                watched.must.remove(&serial);
            }
        }
    }

    fn begin(&mut self, cursor: usize) {
        self.cursors[cursor] = Some(Watched {
            cursor: self.table.cursor(),
            must: self.alive.keys().copied().collect(),
            shown: BTreeSet::new(),
            cleared: false,
        });
    }

    /// Takes one step of this cursor, and returns the key.
    fn step(&mut self, cursor: usize) -> Option<Name> {
        let watched = self.cursors[cursor].as_mut()?;
        let Some((key, elem)) = watched.cursor.next(&self.table) else {
            assert!(watched.must.is_empty(), "not shown: {:?}", watched.must);
            note(if watched.cleared {
                &self.coverage.cleared
            } else {
                &self.coverage.ended
            });
            assert!(watched.cursor.next(&self.table).is_none());
            self.cursors[cursor] = None;
            return None;
        };
        assert!(!watched.cleared, "{key:?} was shown after a clear");
        let (name, overwrites) = self.alive.get(&elem.0).expect("a removed entry was shown");
        assert_eq!((name.id, name.tag), (key.id, key.tag), "not the latest key");
        assert_eq!(*overwrites, elem.1, "not the latest value");
        assert!(watched.shown.insert(elem.0), "{key:?} was shown twice");
        watched.must.remove(&elem.0);
        note(&self.coverage.shown);
        match self.table.stats().growth {
            Some(Growth::Doubling) => note(&self.coverage.during_doubling),
            Some(Growth::SameSize) => note(&self.coverage.during_same_size),
            None => {}
        }
        Some(key.clone())
    }

    fn finish(&mut self, cursor: usize) {
        while self.step(cursor).is_some() {}
    }

    fn grow(&mut self, cursor: usize, steps: u32) {
        let mut new = KEYS..KEYS + 400;
        while self.table.stats().growth.is_none() {
            let Some(id) = new.next() else { break };
            self.insert(id, false);
        }
        for id in (KEYS..new.start).rev().step_by(2) {
            (0..steps).for_each(|_| _ = self.step(cursor));
            self.remove(id);
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        self.alive.clear();
        self.by_id.clear();
        for watched in self.cursors.iter_mut().flatten() {
            watched.must.clear();
            watched.cleared = true;
        }
    }

    fn run(&mut self, operation: &Operation) {
        let range = |from: u32, n: u32| (from..from + n).map(|id| id % KEYS);
        match *operation {
            Operation::Insert(id) => self.insert(id, false),
            Operation::InsertLoose(n) => (0..n).for_each(|_| self.insert(0, true)),
            Operation::Remove(id) => self.remove(id),
            Operation::InsertMany(from, n) => {
                range(from, n).for_each(|id| self.insert(id, false));
            }
            Operation::RemoveMany(from, n) => range(from, n).for_each(|id| self.remove(id)),
            Operation::Churn(from, n) => {
                range(from, n).for_each(|id| self.insert(id, false));
                range(from, n).skip(4).for_each(|id| self.remove(id));
            }
            Operation::Grow(cursor, n) => self.grow(cursor, n),
            Operation::Begin(cursor) => self.begin(cursor),
            Operation::Step(cursor, n) => {
                for _ in 0..n {
                    self.step(cursor);
                }
            }
            Operation::Consume(cursor, n, back) => {
                for _ in 0..n {
                    let Some(name) = self.step(cursor) else { break };
                    if !name.loose {
                        self.remove(name.id);
                        if back {
                            self.insert(name.id, false);
                        }
                    }
                }
            }
            Operation::Finish(cursor) => self.finish(cursor),
            Operation::Forget(cursor) => self.cursors[cursor] = None,
            Operation::Clone => {
                let clone = self.table.clone();
                assert_eq!(clone.len(), self.table.len());
                let mut own = clone.cursor();
                let shown = std::iter::from_fn(|| own.next(&clone)).count();
                assert_eq!(shown, self.alive.len());
            }
            Operation::Clear => self.clear(),
        }
        self.table.assert_invariants();
        assert_eq!(self.table.len(), self.alive.len());
    }
}

fn run<S: SeededBuildHasher + Clone>(cases: u32, hasher: &S) -> Coverage {
    let mut runner = TestRunner::new(Config {
        cases: if cfg!(miri) { 1 } else { cases },
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    });
    let coverage = Coverage::default();
    let outcome = runner.run(&vec(operation(), 1..LONGEST), |operations| {
        RANDOM.set(1);
        let mut model = Model {
            table: Table::with_hasher(hasher.clone()),
            alive: BTreeMap::new(),
            by_id: HashMap::new(),
            next: 0,
            tags: 0,
            cursors: [const { None }; CURSORS],
            coverage: &coverage,
        };
        operations.iter().for_each(|operation| model.run(operation));
        (0..CURSORS).for_each(|cursor| model.finish(cursor));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    if cfg!(miri) {
        return coverage;
    }
    let cases = cases as usize;
    assert!(
        coverage.shown.get() > 100 * cases,
        "{}",
        coverage.shown.get()
    );
    assert!(coverage.ended.get() > cases, "{}", coverage.ended.get());
    let cleared = coverage.cleared.get();
    assert!(cleared > cases / 8, "{cleared}");
    let doubling = coverage.during_doubling.get();
    assert!(doubling > 10 * cases, "{doubling}");
    coverage
}

#[test]
fn cursor_guarantees_hold_for_a_good_hash() {
    run(300, &Good);
}

#[test]
fn cursor_guarantees_hold_for_a_constant_hash() {
    run(40, &Constant);
}

#[test]
fn cursor_guarantees_hold_for_a_four_bit_hash() {
    run(200, &Truncated);
}

#[test]
fn cursor_guarantees_hold_in_same_size_growth() {
    let coverage = run(500, &Identity);
    let during = coverage.during_same_size.get();
    assert!(
        cfg!(miri) || during > 1000,
        "{during} steps during same-size growth"
    );
}
