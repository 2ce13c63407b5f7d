//! Runs batches on a map and on its model.

use std::borrow::Borrow;

use untorn::{Revision, RevisionMismatch};

use super::after::{After, BatchOf, MapOf, keeps, update_model, updated};
use super::contents::{Maker, ViewOf, assert_view};
use super::operation::{Condition, End, Write};
use super::write::Before;
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{disarm, panic_on_purpose};

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

/// Runs a batch; returns the revision that the call returned.
pub(super) fn batch<K: Kind>(
    map: &MapOf<K>,
    before: &Before<'_, K>,
    after: &mut After,
    maker: &Maker<'_>,
    (condition, end): (Condition, End),
    writes: &[Write],
) -> Option<Revision> {
    let first = after.contents.clone();
    let mut run = |batch: &mut BatchOf<'_, K>| {
        assert_eq!(batch.revision(), before.revision, "a batch begins with");
        for write in writes {
            write_batch::<K>(batch, after, maker, *write);
        }
        if matches!(end, End::Panic) {
            panic_on_purpose();
        }
    };
    match condition {
        Condition::Newest if matches!(end, End::Commit | End::Panic) => {
            let committed = map.batch_if_unchanged(&map.snapshot(), run);
            return Some(committed.expect("it is the newest"));
        }
        Condition::None | Condition::Newest => {}
        Condition::Other(_) => {
            let of_a_fork = map.fork().snapshot();
            let held = before.own_snapshot.map(|held| &*held.snapshot);
            let old = held.filter(|view| view.revision() < before.revision);
            let view = old.unwrap_or(&of_a_fork);
            let refused = map.batch_if_unchanged(view, |_| panic!("called for another view"));
            assert_refused::<K>(&refused, before.revision, view, old.is_none());
            after.changed = false;
            return None;
        }
        Condition::Keys(from, n) => {
            let ids: Vec<u16> = maker.range(from, n.into()).collect();
            let keys: Vec<K::Key> = ids.iter().map(|id| maker.key::<K>(*id).0).collect();
            let keys = keys.iter().map(Borrow::<K::Query>::borrow);
            let newest = map.snapshot();
            let view = before.snapshot.map_or(&*newest, |held| &*held.snapshot);
            let is_other = before.snapshot.is_some_and(|held| !held.own);
            let is_changed = before.snapshot.is_some_and(|held| {
                let then = &held.state.contents;
                ids.iter().any(|id| then.number(*id) != first.number(*id))
            });
            let written = map.batch_if_keys_unchanged(view, keys, run);
            if is_other || is_changed {
                assert_refused::<K>(&written, before.revision, view, is_other);
                after.changed = false;
                return None;
            }
            return Some(written.expect("the keys are unchanged"));
        }
    }
    match end {
        End::Commit | End::Panic => Some(map.batch(run)),
        End::CommitGuard => {
            let mut batch = map.begin_batch();
            run(&mut batch);
            Some(batch.commit())
        }
        End::CommitSnapshot => {
            let mut batch = map.begin_batch();
            run(&mut batch);
            let view = batch.commit_snapshot();
            disarm();
            assert_view::<K>(&view, &after.contents, maker);
            Some(view.revision())
        }
        End::CommitTransition => {
            let mut batch = map.begin_batch();
            run(&mut batch);
            let step = batch.commit_transition();
            disarm();
            assert_eq!(step.from.revision(), before.revision);
            assert_view::<K>(&step.from, &first, maker);
            assert_view::<K>(&step.to, &after.contents, maker);
            Some(step.to.revision())
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
    }
}

/// Checks a refusal of a batch.
fn assert_refused<K: Kind>(
    written: &Result<Revision, RevisionMismatch>,
    current: Revision,
    view: &ViewOf<K>,
    is_other: bool,
) {
    let refused = written.as_ref().expect_err("a batch that must be refused");
    assert_eq!(refused.expected, view.revision());
    assert_eq!(refused.current, current);
    assert_eq!(refused.is_of_another_map(), is_other);
}
