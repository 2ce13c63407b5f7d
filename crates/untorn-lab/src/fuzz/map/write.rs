//! Applies writes to a map and to its model.

use std::borrow::Borrow;

use untorn::Revision;

use super::after::{After, MapOf, keeps, update_model, updated};
use super::contents::{Maker, assert_view};
use super::handles::HeldSnapshot;
use super::operation::{Change, Initializer};
use super::refresh::{refresh, restore};
use super::write_batch::batch;
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{disarm, panic_on_purpose};

/// The state before a write.
pub(super) struct Before<'m, K: Kind> {
    pub(super) revision: Revision,
    /// A snapshot of the map, or of one that it was forked from.
    pub(super) snapshot: Option<&'m HeldSnapshot<K>>,
    /// A snapshot of the map.
    pub(super) own_snapshot: Option<&'m HeldSnapshot<K>>,
}

/// Writes to a map; returns the revision that the call returned.
pub(super) fn write_map<K: Kind>(
    map: &MapOf<K>,
    before: &Before<'_, K>,
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
        Change::Initialize(id, initializer) => {
            initialize::<K>(map, after, maker, maker.id(id), initializer);
            None
        }
        Change::UpdateIfPresent(id, update) => {
            let id = maker.id(id);
            let (key, tag) = maker.key::<K>(id);
            let number = maker.number();
            let expected = after.contents.number(id);
            let stored = map.update_if_present(key.borrow(), |old| {
                assert_eq!(Some(old.number()), expected, "updated if present");
                updated::<K>(maker, update, Some(old), number)
            });
            let new = expected.and_then(|_| update_model(after, id, update, (tag, number)));
            assert_eq!(stored.map(|new| new.number()), new);
            None
        }
        Change::UpdateIf(id, passes) => {
            let id = maker.id(id);
            let (key, value, entry) = maker.entry::<K>(id);
            let expected = after.contents.number(id);
            let condition = |old: &K::Value| {
                assert_eq!(Some(old.number()), expected, "the condition of an update");
                passes
            };
            let stored = map.update_if(key.borrow(), condition, |old| {
                assert_eq!(Some(old.number()), expected, "updated on a condition");
                value
            });
            let new = expected.filter(|_| passes).map(|_| entry.1);
            assert_eq!(stored.map(|new| new.number()), new);
            if new.is_some() {
                after.insert(id, entry);
            }
            None
        }
        Change::RemoveIf(id, passes) => {
            let id = maker.id(id);
            let (key, _) = maker.key::<K>(id);
            let expected = after.contents.number(id);
            let gone = map.remove_if(key.borrow(), |old| {
                assert_eq!(Some(old.number()), expected, "the condition of a removal");
                passes
            });
            let gone = gone.map(|old| old.number());
            assert_eq!(gone, expected.filter(|_| passes), "removed on a condition");
            if passes {
                after.remove(id);
            }
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
        Change::ExtractIf(divisor, remainder) => {
            let keep = keeps(divisor, remainder);
            let gone = map.extract_if(|key, _| !keep(K::id(key)));
            let mut expected = after.contents.clone();
            expected.retain(|id| !keep(id));
            assert_eq!(gone.len(), expected.len(), "number of extracted entries");
            for (key, value) in gone {
                let entry = (K::tag(&key), value.number());
                assert_eq!(expected.get(K::id(&key)), Some(entry), "extracted");
                expected.remove(K::id(&key));
            }
            assert_eq!(expected.len(), 0, "an entry was extracted twice");
            after.retain(divisor, remainder);
            None
        }
        Change::Drain => {
            let drained = map.drain();
            disarm();
            assert_eq!(drained.revision(), before.revision, "drained");
            assert_view::<K>(&drained, &after.contents, maker);
            after.clear();
            None
        }
        Change::Refresh(kind, from, n, every, twice) => {
            refresh::<K>(map, after, maker, kind, (from, n), (every, twice))
        }
        Change::Restore(ref writes) => Some(restore::<K>(map, before, after, maker, writes)),
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
            batch::<K>(map, before, after, maker, (condition, end), writes)
        }
    }
}

/// Initializes a key with one of the methods whose closure may fail or gets the key.
fn initialize<K: Kind>(
    map: &MapOf<K>,
    after: &mut After,
    maker: &Maker<'_>,
    id: u16,
    initializer: Initializer,
) {
    let (key, value, entry) = maker.entry::<K>(id);
    let stored = after.contents.number(id);
    let tag = K::tag(&key);
    let assert_key = |owned: &K::Key| {
        assert_eq!(
            (K::id(owned), K::tag(owned)),
            (id, tag),
            "key of an initializer"
        );
    };
    let query: &K::Query = key.borrow();
    let (got, succeeds) = match initializer {
        Initializer::ByRef => {
            let got = map.get_or_insert_with_by_ref(
                query,
                |_| key.clone(),
                |owned| {
                    assert_key(owned);
                    value
                },
            );
            (Ok(got), true)
        }
        Initializer::Try(succeeds) => {
            let f = || if succeeds { Ok(value) } else { Err(()) };
            (map.try_get_or_insert_with(key.clone(), f), succeeds)
        }
        Initializer::TryByRef(succeeds) => {
            let got = map.try_get_or_insert_with_by_ref(
                query,
                |_| key.clone(),
                |owned| {
                    assert_key(owned);
                    if succeeds { Ok(value) } else { Err(()) }
                },
            );
            (got, succeeds)
        }
        Initializer::Panic => {
            let got = map.get_or_insert_with(key.clone(), || panic_on_purpose());
            (Ok(got), true)
        }
    };
    if stored.is_none() && succeeds {
        after.insert(id, entry);
    }
    let expected = after.contents.number(id).ok_or(());
    assert_eq!(got.map(|got| got.number()), expected, "initialized");
}
