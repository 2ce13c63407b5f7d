//! The model of a map: its contents at each revision in use, and the handles that use them.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use untorn::{Map, Revision, TryRecvError, WaitError};

use super::after::{After, MapOf};
use super::contents::{Contents, Maker, assert_diff, assert_view};
use super::filtered::HeldFiltered;
use super::handles::{HeldReader, HeldSnapshot, HeldSubscription, Slots, State, check_after_drop};
use super::operation::{Change, End, Filter, HANDLES, Operation, Refresh, Write};
use super::write::{Before, write_map};
use super::write_batch::write_batch;
use crate::fuzz::Budget;
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{BadHash, LeakCheck, PanicAfter, catch_expected_panic};

pub(super) struct Model<'l, K: Kind> {
    map: MapOf<K>,
    now: State,
    snapshots: Slots<HeldSnapshot<K>>,
    readers: Slots<HeldReader<K>>,
    subscriptions: Slots<HeldSubscription<K>>,
    filtered: Slots<HeldFiltered<K>>,
    maker: Maker<'l>,
    budget: Budget,
}

impl<'l, K: Kind> Model<'l, K> {
    pub(super) fn new(leak_check: &'l LeakCheck, hash: BadHash, keys: u16) -> Self {
        Self {
            map: Map::with_hasher(hash),
            now: State {
                contents: Rc::new(Contents::empty(keys)),
                revision: Revision::FIRST,
            },
            snapshots: [const { None }; HANDLES as usize],
            readers: [const { None }; HANDLES as usize],
            subscriptions: [const { None }; HANDLES as usize],
            filtered: [const { None }; HANDLES as usize],
            maker: Maker::new(leak_check, keys),
            budget: Budget::new(),
        }
    }

    /// Runs the operations until the work budget is spent.
    pub(super) fn run(mut self, operations: &[Operation]) {
        for operation in operations {
            self.perform(operation);
            self.budget.spend(4 + usize::from(self.maker.keys) / 64);
            assert_eq!(self.map.revision(), self.now.revision, "revision");
            assert_eq!(self.map.len(), self.now.contents.len(), "length");
            if self.budget.is_spent() {
                break;
            }
        }
        assert_view::<K>(&self.map.pin(), &self.now.contents, &self.maker);
        let Self {
            map,
            snapshots,
            mut readers,
            mut subscriptions,
            mut filtered,
            now,
            maker,
            ..
        } = self;
        drop(map);
        for snapshots in snapshots.into_iter().flatten() {
            snapshots.check_and_drop(&maker);
        }
        check_after_drop(
            &mut readers,
            &mut subscriptions,
            &mut filtered,
            &now,
            &maker,
        );
    }

    fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(panic_after, change) => self.write(*panic_after, change),
            Operation::Get(panic_after, id) => self.get(*panic_after, *id),
            Operation::Fork(writes, continues) => self.fork(writes, *continues),
            Operation::Snapshot(slot) => self.snapshot(usize::from(*slot)),
            Operation::DropSnapshot(slot) => {
                if let Some(snapshots) = self.snapshots[usize::from(*slot)].take() {
                    self.budget.spend(self.maker.keys.into());
                    snapshots.check_and_drop(&self.maker);
                }
            }
            Operation::Diff(slot) => self.diff(usize::from(*slot)),
            Operation::Read(slot) => self.read(usize::from(*slot)),
            Operation::Release(slot) => {
                if let Some(held) = &mut self.readers[usize::from(*slot)] {
                    held.reader.release();
                    held.shown = None;
                }
            }
            Operation::Receive(slot) => self.receive(usize::from(*slot)),
            Operation::Close(slot) => {
                if let Some(mut held) = self.subscriptions[usize::from(*slot)].take() {
                    held.subscription.handle().close();
                    held.assert_ended();
                }
            }
            Operation::ReceiveKeys(panic_after, slot, filter) => {
                self.receive_keys(*panic_after, usize::from(*slot), *filter);
            }
            Operation::CloseKeys(slot) => {
                if let Some(mut held) = self.filtered[usize::from(*slot)].take() {
                    held.close();
                    held.assert_ended();
                }
            }
            Operation::Wait(id) => self.wait(*id),
            Operation::InitializeAndWrite(id, other) => self.initialize_and_write(*id, *other),
            Operation::Reclaim => {
                let (before, in_use) = (self.map.retained(), self.in_use());
                assert_eq!(self.map.reclaim(), before - in_use, "reclaimed");
                assert_eq!(self.map.retained(), in_use, "retained after a reclaim");
            }
            Operation::Stats => self.stats(),
        }
    }

    fn write(&mut self, panic_after: Option<PanicAfter>, change: &Change) {
        self.budget.spend(match *change {
            // Views that a write returns are compared with the model.
            Change::Refresh(Refresh::Transition, _, n, ..) => {
                2 * usize::from(self.maker.count(n)) + 3 * usize::from(self.maker.keys)
            }
            Change::Batch(_, ref writes, End::CommitSnapshot | End::CommitTransition) => {
                self.cost(writes) + 2 * usize::from(self.maker.keys)
            }
            Change::Refresh(.., n, _, _) => 2 * usize::from(self.maker.count(n)),
            Change::Extend(_, n) => self.maker.count(n).into(),
            Change::Clear | Change::Retain(..) | Change::ExtractIf(..) => {
                usize::from(self.maker.keys) / 4
            }
            Change::Drain => self.maker.keys.into(),
            Change::Restore(ref writes) => usize::from(self.maker.keys) + self.cost(writes),
            Change::Batch(_, ref writes, _) => self.cost(writes),
            _ => 1,
        });
        let mut after = After {
            contents: (*self.now.contents).clone(),
            changed: false,
        };
        let mut snapshots = self.snapshots.iter().flatten();
        let before = Before {
            revision: self.now.revision,
            snapshot: snapshots.clone().next(),
            own_snapshot: snapshots.find(|held| held.own),
        };
        let returned = catch_expected_panic(panic_after, || {
            write_map::<K>(&self.map, &before, &mut after, &self.maker, change)
        });
        // A write that panicked publishes nothing.
        let Some(returned) = returned else { return };
        if after.changed {
            self.now = State {
                contents: Rc::new(after.contents),
                revision: Revision::from(self.now.revision.get() + 1),
            };
        }
        if let Some(revision) = returned {
            assert_eq!(revision, self.now.revision, "revision returned by a write");
        }
    }

    /// Returns the cost of the writes of a batch.
    fn cost(&self, writes: &[Write]) -> usize {
        let cost = |write: &Write| match *write {
            Write::Extend(_, n) | Write::RemoveMany(_, n) => self.maker.count(n.into()).into(),
            Write::Retain(..) | Write::Clear => usize::from(self.maker.keys) / 4,
            _ => 2,
        };
        writes.iter().map(cost).sum()
    }

    fn get(&mut self, panic_after: Option<PanicAfter>, id: u16) {
        let id = self.maker.id(id);
        let expected = self.now.contents.get(id);
        let number = self.now.contents.number(id);
        catch_expected_panic(panic_after, || {
            let (key, _) = self.maker.key::<K>(id);
            let key: &K::Query = key.borrow();
            assert_eq!(self.map.contains_key(key), expected.is_some());
            assert_eq!(self.map.get(key).map(|value| value.number()), number);
            let view = self.map.pin();
            assert_eq!(view.contains_key(key), expected.is_some());
            let found = view.get_key_value(key);
            let found = found.map(|(key, value)| (K::tag(key), value.number()));
            assert_eq!(found, expected, "found");
            if let Some(number) = number {
                assert_eq!(view[key].number(), number);
            }
        });
    }

    fn fork(&mut self, writes: &[Write], continues: bool) {
        self.budget
            .spend(usize::from(self.maker.keys) + self.cost(writes));
        let fork = self.map.fork();
        assert_eq!(fork.revision(), Revision::FIRST, "a fork begins");
        let mut after = After {
            contents: (*self.now.contents).clone(),
            changed: false,
        };
        fork.batch(|batch| {
            let writes = writes.iter();
            writes.for_each(|write| write_batch::<K>(batch, &mut after, &self.maker, *write));
        });
        assert_view::<K>(&fork.pin(), &after.contents, &self.maker);
        assert_eq!(fork.revision().get(), u64::from(after.changed));
        if continues {
            let revision = fork.revision();
            drop(std::mem::replace(&mut self.map, fork));
            check_after_drop(
                &mut self.readers,
                &mut self.subscriptions,
                &mut self.filtered,
                &self.now,
                &self.maker,
            );
            self.now = State {
                contents: Rc::new(after.contents),
                revision,
            };
            for snapshots in self.snapshots.iter_mut().flatten() {
                snapshots.own = false;
            }
        }
    }

    fn snapshot(&mut self, slot: usize) {
        let snapshot = self.map.snapshot();
        assert_eq!(snapshot.revision(), self.now.revision);
        let snapshots = HeldSnapshot {
            snapshot,
            state: self.now.clone(),
            own: true,
        };
        if let Some(before) = self.snapshots[slot].replace(snapshots) {
            self.budget.spend(self.maker.keys.into());
            before.check_and_drop(&self.maker);
        }
    }

    fn diff(&mut self, slot: usize) {
        let Some(HeldSnapshot {
            snapshot, state, ..
        }) = &self.snapshots[slot]
        else {
            return;
        };
        self.budget.spend(usize::from(self.maker.keys) / 2);
        let view = self.map.pin();
        let then = (&**snapshot, &*state.contents);
        let now = (&*view, &*self.now.contents);
        assert_diff::<K>(then, now);
        assert_diff::<K>(now, then);
    }

    fn read(&mut self, slot: usize) {
        self.budget.spend(self.maker.keys.into());
        let held = self.readers[slot].get_or_insert_with(|| HeldReader {
            reader: self.map.reader(),
            shown: None,
        });
        let view = held.reader.latest();
        assert_eq!(view.revision(), self.now.revision, "latest of a reader");
        assert_view::<K>(view, &self.now.contents, &self.maker);
        held.shown = Some(self.now.revision);
    }

    fn receive(&mut self, slot: usize) {
        self.budget.spend(2 * usize::from(self.maker.keys));
        let held = self.subscriptions[slot].get_or_insert_with(|| HeldSubscription {
            subscription: self.map.subscribe(),
            shown: self.now.clone(),
        });
        held.receive(&self.now, TryRecvError::Empty, &self.maker);
    }

    fn receive_keys(&mut self, panic_after: Option<PanicAfter>, slot: usize, filter: Filter) {
        self.budget.spend(usize::from(self.maker.keys));
        let (map, now, maker) = (&self.map, &self.now, &self.maker);
        let held = self.filtered[slot]
            .get_or_insert_with(|| HeldFiltered::new(map, now.clone(), filter, maker));
        held.receive(panic_after, now, TryRecvError::Empty);
    }

    fn wait(&mut self, id: u16) {
        self.budget.spend(self.maker.keys.into());
        let id = self.maker.id(id);
        let (key, _) = self.maker.key::<K>(id);
        let key: &K::Query = key.borrow();
        let waited = self
            .map
            .wait_until(|view| view.contains_key(key), Duration::ZERO);
        match waited {
            Ok(view) => {
                assert!(self.now.contents.get(id).is_some(), "a condition is true");
                assert_eq!(view.revision(), self.now.revision, "waited");
                assert_view::<K>(&view, &self.now.contents, &self.maker);
            }
            Err(error) => {
                assert_eq!(error, WaitError::Timeout);
                assert!(self.now.contents.get(id).is_none(), "a condition is false");
            }
        }
    }

    /// The value that the initializer's own write inserts stays.
    fn initialize_and_write(&mut self, id: u16, other: u16) {
        let (id, other) = (self.maker.id(id), self.maker.id(other));
        let mut after = After {
            contents: (*self.now.contents).clone(),
            changed: false,
        };
        let (key, value, entry) = self.maker.entry::<K>(id);
        let mut commits = 0;
        let got = self.map.get_or_insert_with(key, || {
            let (other_key, other_value, entry) = self.maker.entry::<K>(other);
            let old = self.map.insert(other_key, other_value);
            let old = old.map(|old| old.number());
            assert_eq!(
                old,
                after.insert(other, entry),
                "replaced in an initializer"
            );
            commits += 1;
            value
        });
        if after.contents.get(id).is_none() {
            after.insert(id, entry);
            commits += 1;
        }
        assert_eq!(Some(got.number()), after.contents.number(id), "initialized");
        self.now = State {
            contents: Rc::new(after.contents),
            revision: Revision::from(self.now.revision.get() + commits),
        };
    }

    /// Returns the number of replaced versions that are in use.
    fn in_use(&self) -> usize {
        let snapshots = self
            .snapshots
            .iter()
            .flatten()
            .filter(|snapshots| snapshots.own);
        let subscriptions = self.subscriptions.iter().flatten();
        let in_use: BTreeSet<_> = snapshots
            .map(|snapshots| snapshots.state.revision)
            .chain(subscriptions.map(|held| held.shown.revision))
            .chain(self.filtered.iter().flatten().map(HeldFiltered::shown))
            .chain(self.readers.iter().flatten().filter_map(|held| held.shown))
            .filter(|revision| *revision < self.now.revision)
            .collect();
        in_use.len()
    }

    fn stats(&self) {
        let stats = self.map.stats();
        assert_eq!(stats.revision, self.now.revision);
        assert_eq!(stats.commits, self.now.revision.get());
        assert_eq!(stats.len, self.now.contents.len());
        assert_eq!(stats.in_use, self.in_use(), "versions in use");
        assert!(stats.retained >= stats.in_use);
        assert!(stats.retained as u64 <= stats.commits);
        assert_eq!(stats.retained, self.map.retained());
        assert_eq!(stats.oldest_in_use.is_some(), stats.in_use > 0);
        assert!(stats.segments > 0);
        let entry = size_of::<(K::Key, K::Value)>();
        assert!(stats.bytes >= stats.len * entry, "bytes of the entries");
    }
}
