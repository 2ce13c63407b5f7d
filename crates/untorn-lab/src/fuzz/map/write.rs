//! Applies writes to a map and to its model.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use untorn::{Batch, Map, Revision};

use super::contents::{Contents, Entry, Maker, ViewOf};
use super::operation::{Change, Condition, End, Update, Write};
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{BadHash, panic_on_purpose};

pub(super) type MapOf<K> = Map<<K as Kind>::Key, <K as Kind>::Value, BadHash>;
pub(super) type BatchOf<'b, K> = Batch<'b, <K as Kind>::Key, <K as Kind>::Value, BadHash>;

/// The expected contents after a write.
pub(super) struct After {
    pub(super) contents: Contents,
    /// The write creates a revision.
    pub(super) changed: bool,
}

impl After {
    fn insert(&mut self, id: u16, entry: Entry) -> Option<u64> {
        self.changed = true;
        self.contents.insert(id, entry)
    }

    fn remove(&mut self, id: u16) -> Option<u64> {
        let removed = self.contents.remove(id);
        self.changed |= removed.is_some();
        removed
    }

    fn retain(&mut self, divisor: u8, remainder: u8) {
        self.changed |= self.contents.retain(keeps(divisor, remainder));
    }

    fn clear(&mut self) {
        self.changed |= self.contents.clear();
    }
}

/// Returns the predicate of a `retain`.
fn keeps(divisor: u8, remainder: u8) -> impl Fn(u16) -> bool {
    let divisor = u16::from(divisor.max(1));
    move |id| id % divisor != u16::from(remainder) % divisor
}

/// Applies one write to a batch and to the model.
pub(super) fn write_batch<K: Kind>(
    batch: &mut BatchOf<'_, K>,
    after: &mut After,
    maker: &Maker<'_>,
    write: Write,
) {
    let insert = |batch: &mut BatchOf<'_, K>, after: &mut After, id| {
        let (key, value, entry) = maker.entry::<K>(id);
        let old = batch.insert(key, value).map(|old| old.number());
        assert_eq!(old, after.insert(id, entry), "replaced in a batch");
    };
    let remove = |batch: &mut BatchOf<'_, K>, after: &mut After, id| {
        let (key, _) = maker.key::<K>(id);
        let old = batch.remove(key.borrow()).map(|old| old.number());
        assert_eq!(old, after.remove(id), "removed in a batch");
    };
    match write {
        Write::Insert(id) => insert(batch, after, maker.id(id)),
        Write::Remove(id) => remove(batch, after, maker.id(id)),
        Write::Update(id, update) => {
            let id = maker.id(id);
            let (key, tag) = maker.key::<K>(id);
            let number = maker.number();
            let expected = after.contents.number(id);
            batch.update(key, |old| {
                assert_eq!(old.map(Value::number), expected, "updated in a batch");
                updated::<K>(maker, update, old, number)
            });
            update_model(after, id, update, (tag, number));
        }
        Write::Get(id) => {
            let id = maker.id(id);
            let (key, _) = maker.key::<K>(id);
            let key = key.borrow();
            let expected = after.contents.get(id);
            assert_eq!(batch.contains_key(key), expected.is_some());
            let found = batch.get_key_value(key);
            let found = found.map(|(key, value)| (K::tag(key), value.number()));
            assert_eq!(found, expected, "found in a batch");
        }
        Write::Extend(from, n) => {
            let range = maker.range(from, n.into());
            range.for_each(|id| insert(batch, after, id));
        }
        Write::RemoveMany(from, n) => {
            let range = maker.range(from, n.into());
            range.for_each(|id| remove(batch, after, id));
        }
        Write::Retain(divisor, remainder) => {
            let keep = keeps(divisor, remainder);
            batch.retain(|key, _| keep(K::id(key)));
            after.retain(divisor, remainder);
        }
        Write::Clear => {
            batch.clear();
            after.clear();
        }
    }
    assert_eq!(batch.len(), after.contents.len(), "length of a batch");
}

/// Returns the result of an update.
fn updated<K: Kind>(
    maker: &Maker<'_>,
    update: Update,
    old: Option<&K::Value>,
    number: u64,
) -> Option<K::Value> {
    match update {
        Update::Put => Some(maker.value::<K>(number)),
        Update::Remove => None,
        Update::Same => old.cloned(),
    }
}

/// Applies an update to the model; returns the number that is stored then.
fn update_model(after: &mut After, id: u16, update: Update, (tag, number): Entry) -> Option<u64> {
    let number = match update {
        Update::Put => Some(number),
        Update::Remove => None,
        Update::Same => after.contents.number(id),
    };
    match number {
        Some(number) => _ = after.insert(id, (tag, number)),
        None => _ = after.remove(id),
    }
    number
}

/// Writes to a map at `revision`; returns the revision that the call returned. `old` is a view of
/// the map, possibly an older one.
pub(super) fn write_map<K: Kind>(
    (map, old): (&MapOf<K>, Option<&ViewOf<K>>),
    revision: Revision,
    after: &mut After,
    maker: &Maker<'_>,
    change: &Change,
) -> Option<Revision> {
    match *change {
        Change::Insert(id) => {
            let id = maker.id(id);
            let (key, value, entry) = maker.entry::<K>(id);
            let old = map.insert(key, value).map(|old| old.number());
            assert_eq!(old, after.insert(id, entry), "replaced");
            None
        }
        Change::Remove(id) => {
            let id = maker.id(id);
            let (key, _) = maker.key::<K>(id);
            let old = map.remove(key.borrow()).map(|old| old.number());
            assert_eq!(old, after.remove(id), "removed");
            None
        }
        Change::Update(id, update) => {
            let id = maker.id(id);
            let (key, tag) = maker.key::<K>(id);
            let number = maker.number();
            let expected = after.contents.number(id);
            let stored = map.update(key, |old| {
                assert_eq!(old.map(Value::number), expected, "updated");
                updated::<K>(maker, update, old, number)
            });
            let new = update_model(after, id, update, (tag, number));
            assert_eq!(stored.map(|new| new.number()), new);
            Some(map.revision())
        }
        Change::GetOrInsert(id) => {
            let id = maker.id(id);
            let (key, value, entry) = maker.entry::<K>(id);
            let got = map.get_or_insert_with(key, || value).number();
            if after.contents.get(id).is_none() {
                after.insert(id, entry);
            }
            assert_eq!(Some(got), after.contents.number(id), "got or inserted");
            None
        }
        Change::Clear => {
            map.clear();
            after.clear();
            None
        }
        Change::Retain(divisor, remainder) => {
            let keep = keeps(divisor, remainder);
            map.retain(|key, _| keep(K::id(key)));
            after.retain(divisor, remainder);
            None
        }
        Change::Refresh(from, n, every, twice) => {
            Some(refresh::<K>(map, after, maker, (from, n), every, twice))
        }
        Change::Extend(from, n) => {
            let entries = maker.range(from, n).map(|id| {
                let (key, value, entry) = maker.entry::<K>(id);
                after.insert(id, entry);
                (key, value)
            });
            map.extend(entries);
            None
        }
        Change::Batch(condition, ref writes, end) => {
            let how = (condition, end);
            batch::<K>((map, old), revision, after, maker, how, writes)
        }
    }
}

fn refresh<K: Kind>(
    map: &MapOf<K>,
    after: &mut After,
    maker: &Maker<'_>,
    (from, n): (u16, u16),
    every: u8,
    twice: u8,
) -> Revision {
    let fresh = |i: usize| every > 0 && i.is_multiple_of(every.into());
    let range = || maker.range(from, n);
    let mut wanted = BTreeMap::new();
    let source: Vec<_> = range()
        .chain(range().take(twice.into()))
        .enumerate()
        .map(|(i, id)| {
            let (key, tag) = maker.key::<K>(id);
            let present = after.contents.number(id).filter(|_| !fresh(i));
            let number = present.unwrap_or_else(|| maker.number());
            // Of duplicates, the first key and the last value are stored.
            wanted.entry(id).or_insert((tag, number)).1 = number;
            (key, maker.value::<K>(number))
        })
        .collect();
    let done = map.refresh(source);
    let (mut added, mut changed) = (0, 0);
    for (id, (tag, number)) in &wanted {
        match after.contents.number(*id) {
            Some(old) if old == *number => continue,
            Some(_) => changed += 1,
            None => added += 1,
        }
        after.insert(*id, (*tag, *number));
    }
    let before = after.contents.len();
    after.changed |= after.contents.retain(|id| wanted.contains_key(&id));
    let removed = before - after.contents.len();
    assert_eq!(
        (done.added, done.changed, done.removed),
        (added, changed, removed),
        "counts of a refresh"
    );
    done.revision
}

/// Runs a batch; returns the revision that the call returned.
fn batch<K: Kind>(
    (map, old): (&MapOf<K>, Option<&ViewOf<K>>),
    revision: Revision,
    after: &mut After,
    maker: &Maker<'_>,
    (condition, end): (Condition, End),
    writes: &[Write],
) -> Option<Revision> {
    if let Condition::Other(_) = condition {
        let of_a_fork = map.fork().snapshot();
        let (view, is_old) = match old {
            Some(view) if view.revision() < revision => (view, true),
            _ => (&*of_a_fork, false),
        };
        let refused = map.batch_if_unchanged(view, |_| panic!("called for another view"));
        let refused = refused.expect_err("it is not the newest view");
        assert_eq!(refused.expected, view.revision());
        assert_eq!(refused.current, revision);
        assert_eq!(refused.is_of_another_map(), !is_old);
        after.changed = false;
        return None;
    }
    let mut run = |batch: &mut BatchOf<'_, K>| {
        assert_eq!(batch.revision(), revision, "a batch begins with");
        for write in writes {
            write_batch::<K>(batch, after, maker, *write);
        }
        if matches!(end, End::Panic) {
            panic_on_purpose();
        }
    };
    match end {
        End::CommitGuard => {
            let mut batch = map.begin_batch();
            run(&mut batch);
            Some(batch.commit())
        }
        End::DropGuard => {
            let mut batch = map.begin_batch();
            run(&mut batch);
            drop(batch);
            after.changed = false;
            None
        }
        End::Fail => {
            let refused = map.try_batch(|batch| {
                run(batch);
                Err::<(), _>(())
            });
            assert_eq!(refused.map(|committed| committed.value), Err(()));
            after.changed = false;
            None
        }
        End::Commit | End::Panic if matches!(condition, Condition::Newest) => {
            let committed = map.batch_if_unchanged(&map.snapshot(), run);
            Some(committed.expect("it is the newest"))
        }
        End::Commit | End::Panic => Some(map.batch(run)),
    }
}
