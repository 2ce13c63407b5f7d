//! Replaces the contents of a map and of its model.

use std::cell::RefCell;
use std::collections::BTreeMap;

use untorn::{Refreshed, Revision};

use super::after::{After, MapOf};
use super::contents::{Contents, Entry, Maker, assert_diff, assert_view};
use super::operation::{Refresh, Write};
use super::write::Before;
use super::write_batch::write_batch;
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::disarm;

/// The expected counts of added, changed and removed entries.
type Counts = (usize, usize, usize);

fn counts(done: &Refreshed) -> Counts {
    (done.added, done.changed, done.removed)
}

/// Makes the contents of the model those that are wanted; returns the counts.
fn apply(after: &mut After, wanted: &BTreeMap<u16, Entry>) -> Counts {
    let (mut added, mut changed) = (0, 0);
    for (id, (tag, number)) in wanted {
        match after.contents.number(*id) {
            Some(old) if old == *number => continue,
            Some(_) => changed += 1,
            None => added += 1,
        }
        after.insert(*id, (*tag, *number));
    }
    (added, changed, remove_others(after, wanted))
}

fn remove_others(after: &mut After, wanted: &BTreeMap<u16, Entry>) -> usize {
    let before = after.contents.len();
    after.changed |= after.contents.retain(|id| wanted.contains_key(&id));
    before - after.contents.len()
}

/// Refreshes; returns the revision that the call returned.
pub(super) fn refresh<K: Kind>(
    map: &MapOf<K>,
    after: &mut After,
    maker: &Maker<'_>,
    kind: Refresh,
    (from, n): (u16, u16),
    (every, twice): (u8, u8),
) -> Option<Revision> {
    let fresh = |i: usize| every > 0 && i.is_multiple_of(every.into());
    let ids = maker
        .range(from, n)
        .chain(maker.range(from, n).take(twice.into()));
    if let Refresh::With = kind {
        return Some(refresh_with::<K>(map, after, maker, ids, fresh));
    }
    let mut wanted: BTreeMap<u16, Entry> = BTreeMap::new();
    let mut again = Vec::new();
    let source: Vec<_> = ids
        .enumerate()
        .map(|(i, id)| {
            let (key, tag) = maker.key::<K>(id);
            let present = after.contents.number(id).filter(|_| !fresh(i));
            let number = present.unwrap_or_else(|| maker.number());
            if wanted.contains_key(&id) && !again.contains(&id) {
                again.push(id);
            }
            // Of duplicates, the first key and the last value are stored.
            wanted.entry(id).or_insert((tag, number)).1 = number;
            (key, maker.value::<K>(number))
        })
        .collect();
    let duplicates = source.len() - wanted.len();
    let done = match kind {
        Refresh::Plain | Refresh::With => map.refresh(source),
        Refresh::Transition => {
            let before = after.contents.clone();
            let (done, step) = map.refresh_transition(source);
            disarm();
            apply(&mut *after, &wanted);
            assert_view::<K>(&step.from, &before, maker);
            assert_view::<K>(&step.to, &after.contents, maker);
            assert_diff::<K>((&step.from, &before), (&step.to, &after.contents));
            assert_eq!(step.to.revision(), done.revision);
            let differences = before.differences(&after.contents).len();
            assert_eq!(done.added + done.changed + done.removed, differences);
            assert_eq!(done.duplicates, duplicates);
            return Some(done.revision);
        }
        Refresh::Unique => match map.refresh_unique(source) {
            Ok(done) => done,
            Err(refused) => {
                let keys: Vec<u16> = refused.keys.iter().map(K::id).collect();
                assert!(!again.is_empty(), "refused without a duplicate");
                assert_eq!(keys, again, "duplicate keys");
                return None;
            }
        },
    };
    if let Refresh::Unique = kind {
        assert!(again.is_empty(), "duplicates were accepted: {again:?}");
    }
    assert_eq!(counts(&done), apply(after, &wanted), "counts of a refresh");
    assert_eq!(done.duplicates, duplicates, "duplicates");
    Some(done.revision)
}

/// Refreshes by a closure, which replaces the value of some keys.
fn refresh_with<K: Kind>(
    map: &MapOf<K>,
    after: &mut After,
    maker: &Maker<'_>,
    ids: impl Iterator<Item = u16>,
    fresh: impl Fn(usize) -> bool,
) -> Revision {
    let mut wanted: BTreeMap<u16, Entry> = BTreeMap::new();
    let mut drained = 0;
    let keys: Vec<_> = ids
        .map(|id| {
            let (key, tag) = maker.key::<K>(id);
            drained += 1;
            wanted.entry(id).or_insert((tag, 0));
            key
        })
        .collect();
    let made = RefCell::new(BTreeMap::new());
    let done = map.refresh_with(keys, |key, old| {
        let id = K::id(key);
        let expected = after.contents.number(id);
        assert_eq!(old.map(Value::number), expected, "refreshed by a closure");
        let number = fresh(id.into()).then(|| maker.number());
        let before = made.borrow_mut().insert(id, number);
        assert_eq!(before, None, "called twice for a key");
        number.map(|number| maker.value::<K>(number))
    });
    let removed = remove_others(after, &wanted);
    let (mut added, mut changed) = (0, 0);
    let made = made.into_inner();
    for (id, (tag, _)) in &wanted {
        if let Some(number) = made[id] {
            match after.insert(*id, (*tag, number)) {
                None => added += 1,
                Some(_) => changed += 1,
            }
        }
    }
    assert_eq!(counts(&done), (added, changed, removed), "counts");
    assert_eq!(done.duplicates, drained - wanted.len(), "duplicates");
    assert_eq!(made.len(), wanted.len(), "not called for a key");
    done.revision
}

/// Restores a snapshot, or a fork if there are writes to it; returns the revision.
pub(super) fn restore<K: Kind>(
    map: &MapOf<K>,
    before: &Before<'_, K>,
    after: &mut After,
    maker: &Maker<'_>,
    writes: &[Write],
) -> Revision {
    let fork = before
        .snapshot
        .map_or_else(|| map.fork(), |held| held.snapshot.fork());
    let contents = before.snapshot.map(|held| &*held.state.contents);
    let mut of_the_fork = After {
        contents: contents.unwrap_or(&after.contents).clone(),
        changed: false,
    };
    let done = match before.snapshot {
        Some(held) if writes.is_empty() => map.restore(&held.snapshot),
        _ => {
            fork.batch(|batch| {
                let writes = writes.iter();
                writes.for_each(|write| {
                    write_batch::<K>(batch, &mut of_the_fork, maker, *write);
                });
            });
            map.restore(&fork.pin())
        }
    };
    let expected = restored(&after.contents, &of_the_fork.contents);
    assert_eq!(counts(&done), expected, "counts of a restoration");
    if expected != (0, 0, 0) {
        after.changed = true;
        after.contents = of_the_fork.contents;
    }
    done.revision
}

/// Returns the numbers of keys that differ.
fn restored(from: &Contents, to: &Contents) -> Counts {
    let (mut added, mut changed, mut removed) = (0, 0, 0);
    for values in from.differences(to).into_values() {
        match values {
            (None, _) => added += 1,
            (Some(_), Some(_)) => changed += 1,
            (Some(_), None) => removed += 1,
        }
    }
    (added, changed, removed)
}
