//! The model beside a map: its contents at each revision that somebody still sees, and who sees which.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::rc::Rc;

use untorn::{Map, Reader, Revision, Snapshot, Subscription, TryRecvError};

use super::contents::{Contents, Maker, ViewOf, assert_diff, assert_view};
use super::operation::{Change, KEPT, Operation, Write};
use super::write::{After, MapOf, write_batch, write_map};
use crate::fuzz::Work;
use crate::fuzz::foreign::{Fuse, Ledger, Spread, guarded};
use crate::fuzz::kind::{Kind, Value};

/// The contents at a revision.
#[derive(Clone)]
struct State {
    contents: Rc<Contents>,
    revision: Revision,
}

/// A snapshot with what it must show.
struct Kept<K: Kind> {
    snapshot: Snapshot<ViewOf<K>>,
    state: State,
    /// Of the map, not of one that it was forked from.
    own: bool,
}

/// A reader, and the revision that it showed last.
struct Reading<K: Kind> {
    reader: Reader<ViewOf<K>>,
    shown: Option<Revision>,
}

/// A subscription, and what it showed last.
struct Following<K: Kind> {
    subscription: Subscription<ViewOf<K>>,
    shown: State,
}

type Slots<T> = [Option<T>; KEPT as usize];

pub(super) struct Model<'l, K: Kind> {
    map: MapOf<K>,
    now: State,
    kept: Slots<Kept<K>>,
    readers: Slots<Reading<K>>,
    followers: Slots<Following<K>>,
    maker: Maker<'l>,
    work: Work,
}

impl<'l, K: Kind> Model<'l, K> {
    pub(super) fn new(ledger: &'l Ledger, spread: Spread, keys: u16) -> Self {
        Self {
            map: Map::with_hasher(spread),
            now: State {
                contents: Rc::new(Contents::empty(keys)),
                revision: Revision::FIRST,
            },
            kept: [const { None }; KEPT as usize],
            readers: [const { None }; KEPT as usize],
            followers: [const { None }; KEPT as usize],
            maker: Maker::new(ledger, keys),
            work: Work::new(),
        }
    }

    /// Runs all of them, or as many as may be afforded.
    pub(super) fn run(mut self, operations: &[Operation]) {
        for operation in operations {
            self.perform(operation);
            self.work.spend(4 + usize::from(self.maker.keys) / 64);
            assert_eq!(self.map.revision(), self.now.revision, "revision");
            assert_eq!(self.map.len(), self.now.contents.len(), "length");
            if self.work.is_spent() {
                break;
            }
        }
        assert_view::<K>(&self.map.pin(), &self.now.contents, &self.maker);
        let Self {
            map,
            kept,
            mut readers,
            mut followers,
            now,
            maker,
            ..
        } = self;
        drop(map);
        for kept in kept.into_iter().flatten() {
            kept.let_go(&maker);
        }
        end_of_map(&mut readers, &mut followers, &now, &maker);
    }

    fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(fuse, change) => self.write(*fuse, change),
            Operation::Get(fuse, id) => self.get(*fuse, *id),
            Operation::Fork(writes, go_on) => self.fork(writes, *go_on),
            Operation::Snapshot(slot) => self.snapshot(usize::from(*slot)),
            Operation::LetGo(slot) => {
                if let Some(kept) = self.kept[usize::from(*slot)].take() {
                    self.work.spend(self.maker.keys.into());
                    kept.let_go(&self.maker);
                }
            }
            Operation::Diff(slot) => self.diff(usize::from(*slot)),
            Operation::Read(slot) => self.read(usize::from(*slot)),
            Operation::Release(slot) => {
                if let Some(reading) = &mut self.readers[usize::from(*slot)] {
                    reading.reader.release();
                    reading.shown = None;
                }
            }
            Operation::Receive(slot) => self.receive(usize::from(*slot)),
            Operation::Close(slot) => {
                if let Some(mut following) = self.followers[usize::from(*slot)].take() {
                    following.subscription.handle().close();
                    following.assert_ended();
                }
            }
            Operation::Reclaim => {
                let (before, seen) = (self.map.retained(), self.seen());
                assert_eq!(self.map.reclaim(), before - seen, "reclaimed");
                assert_eq!(self.map.retained(), seen, "retained after a reclaim");
            }
            Operation::Stats => self.stats(),
        }
    }

    fn write(&mut self, fuse: Option<Fuse>, change: &Change) {
        self.work.spend(match *change {
            Change::Refresh(_, n, ..) => 2 * usize::from(self.maker.count(n)),
            Change::Extend(_, n) => self.maker.count(n).into(),
            Change::Clear | Change::Retain(..) => usize::from(self.maker.keys) / 4,
            Change::Batch(_, ref writes, _) => self.cost(writes),
            _ => 1,
        });
        let mut after = After {
            contents: (*self.now.contents).clone(),
            changed: false,
        };
        let old = self.kept.iter().flatten().find(|kept| kept.own);
        let old = old.map(|kept| &*kept.snapshot);
        let told = guarded(fuse, || {
            write_map::<K>(
                (&self.map, old),
                self.now.revision,
                &mut after,
                &self.maker,
                change,
            )
        });
        // What has panicked has published nothing.
        let Some(told) = told else { return };
        if after.changed {
            self.now = State {
                contents: Rc::new(after.contents),
                revision: Revision::from(self.now.revision.get() + 1),
            };
        }
        if let Some(told) = told {
            assert_eq!(told, self.now.revision, "revision told by a write");
        }
    }

    /// What the writes of a batch cost.
    fn cost(&self, writes: &[Write]) -> usize {
        let cost = |write: &Write| match *write {
            Write::Extend(_, n) | Write::RemoveMany(_, n) => self.maker.count(n.into()).into(),
            Write::Retain(..) | Write::Clear => usize::from(self.maker.keys) / 4,
            _ => 2,
        };
        writes.iter().map(cost).sum()
    }

    fn get(&mut self, fuse: Option<Fuse>, id: u16) {
        let id = self.maker.id(id);
        let expected = self.now.contents.get(id);
        let number = self.now.contents.number(id);
        guarded(fuse, || {
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

    fn fork(&mut self, writes: &[Write], go_on: bool) {
        self.work
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
        if go_on {
            let revision = fork.revision();
            drop(std::mem::replace(&mut self.map, fork));
            let (readers, followers) = (&mut self.readers, &mut self.followers);
            end_of_map(readers, followers, &self.now, &self.maker);
            self.now = State {
                contents: Rc::new(after.contents),
                revision,
            };
            for kept in self.kept.iter_mut().flatten() {
                kept.own = false;
            }
        }
    }

    fn snapshot(&mut self, slot: usize) {
        let snapshot = self.map.snapshot();
        assert_eq!(snapshot.revision(), self.now.revision);
        let kept = Kept {
            snapshot,
            state: self.now.clone(),
            own: true,
        };
        if let Some(before) = self.kept[slot].replace(kept) {
            self.work.spend(self.maker.keys.into());
            before.let_go(&self.maker);
        }
    }

    fn diff(&mut self, slot: usize) {
        let Some(Kept {
            snapshot, state, ..
        }) = &self.kept[slot]
        else {
            return;
        };
        self.work.spend(usize::from(self.maker.keys) / 2);
        let view = self.map.pin();
        let then = (&**snapshot, &*state.contents);
        let now = (&*view, &*self.now.contents);
        assert_diff::<K>(then, now);
        assert_diff::<K>(now, then);
    }

    fn read(&mut self, slot: usize) {
        self.work.spend(self.maker.keys.into());
        let reading = self.readers[slot].get_or_insert_with(|| Reading {
            reader: self.map.reader(),
            shown: None,
        });
        let view = reading.reader.latest();
        assert_eq!(view.revision(), self.now.revision, "latest of a reader");
        assert_view::<K>(view, &self.now.contents, &self.maker);
        reading.shown = Some(self.now.revision);
    }

    fn receive(&mut self, slot: usize) {
        self.work.spend(2 * usize::from(self.maker.keys));
        let following = self.followers[slot].get_or_insert_with(|| Following {
            subscription: self.map.subscribe(),
            shown: self.now.clone(),
        });
        following.receive(&self.now, TryRecvError::Empty, &self.maker);
    }

    /// How many replaced versions somebody sees.
    fn seen(&self) -> usize {
        let kept = self.kept.iter().flatten().filter(|kept| kept.own);
        let followers = self.followers.iter().flatten();
        let seen: BTreeSet<_> = kept
            .map(|kept| kept.state.revision)
            .chain(followers.map(|following| following.shown.revision))
            .chain(
                self.readers
                    .iter()
                    .flatten()
                    .filter_map(|reading| reading.shown),
            )
            .filter(|revision| *revision < self.now.revision)
            .collect();
        seen.len()
    }

    fn stats(&self) {
        let stats = self.map.stats();
        assert_eq!(stats.revision, self.now.revision);
        assert_eq!(stats.commits, self.now.revision.get());
        assert_eq!(stats.len, self.now.contents.len());
        assert_eq!(stats.in_use, self.seen(), "versions that are seen");
        assert!(stats.retained >= stats.in_use);
        assert!(stats.retained as u64 <= stats.commits);
        assert_eq!(stats.retained, self.map.retained());
        assert_eq!(stats.oldest_in_use_age.is_some(), stats.in_use > 0);
        assert!(stats.segments > 0);
        let entry = size_of::<(K::Key, K::Value)>();
        assert!(stats.bytes >= stats.len * entry, "bytes of the entries");
    }
}

impl<K: Kind> Kept<K> {
    fn let_go(self, maker: &Maker<'_>) {
        assert_eq!(self.snapshot.revision(), self.state.revision);
        assert_view::<K>(&self.snapshot, &self.state.contents, maker);
    }
}

impl<K: Kind> Following<K> {
    /// Asks, and compares; `otherwise` is told where there is nothing new.
    fn receive(&mut self, now: &State, otherwise: TryRecvError, maker: &Maker<'_>) {
        let received = self.subscription.try_recv();
        if self.shown.revision == now.revision {
            assert_eq!(received.err(), Some(otherwise), "nothing is new");
            return;
        }
        let change = received.expect("something new");
        let step = now.revision.get() - self.shown.revision.get();
        assert_eq!(change.missed + 1, step, "missed");
        assert_eq!(change.from.revision(), self.shown.revision);
        assert_eq!(change.to.revision(), now.revision);
        assert_view::<K>(&change.from, &self.shown.contents, maker);
        assert_view::<K>(&change.to, &now.contents, maker);
        self.shown = now.clone();
    }

    fn assert_ended(&mut self) {
        let received = self.subscription.try_recv();
        assert_eq!(received.err(), Some(TryRecvError::Closed));
    }
}

/// The map is gone: subscriptions show the last version and end, readers go on showing it.
fn end_of_map<K: Kind>(
    readers: &mut Slots<Reading<K>>,
    followers: &mut Slots<Following<K>>,
    last: &State,
    maker: &Maker<'_>,
) {
    for following in followers.iter_mut().filter_map(Option::take) {
        let mut following = following;
        following.receive(last, TryRecvError::Closed, maker);
        following.assert_ended();
    }
    for mut reading in readers.iter_mut().filter_map(Option::take) {
        assert_view::<K>(reading.reader.latest(), &last.contents, maker);
    }
}
