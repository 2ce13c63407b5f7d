//! Every operation of a map, alone and in batches.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::table::Table;
use super::super::{Batch, DefaultHashBuilder, Map, View};
use super::{Build, Constant, Identity, Key, Model, Truncated, assert_diff, assert_equal};
use crate::Snapshot;

#[derive(Clone, Debug)]
enum Write {
    Insert(u64, u64),
    Remove(u64),
    InsertMany(u64, u64, u64),
    RemoveMany(u64, u64),
    Retain(u64),
    Clear,
}

#[derive(Clone, Debug)]
enum Operation {
    One(Write),
    Batch(Vec<Write>),
    IfUnchanged(Vec<Write>),
    /// A view, by its place among the stored ones, and the keys that are compared.
    IfKeysUnchanged(usize, Vec<u64>, Vec<Write>),
    Refuse(Vec<Write>),
    Guard(Vec<Write>),
    Drop(Vec<Write>),
    Update(u64, Option<u64>),
    UpdateIfPresent(u64, Option<u64>),
    RemoveIf(u64, u64),
    ExtractIf(u64),
    Drain,
    GetOrInsert(u64, u64),
    Refresh(u64, u64, u64),
    /// A refresh with the present contents, some of them changed or removed.
    RefreshSome(u64),
    Fork,
    FromIter,
}

fn write(keys: u64) -> impl Strategy<Value = Write> {
    use Write::*;
    prop_oneof![
        30 => (0..keys, 0..4_u64).prop_map(|(key, value)| Insert(key, value)),
        30 => (0..keys).prop_map(Remove),
        20 => (0..keys, 1..keys, 0..4_u64).prop_map(|(from, n, value)| InsertMany(from, n, value)),
        20 => (0..keys, 1..keys).prop_map(|(from, n)| RemoveMany(from, n)),
        4 => (2..40_u64).prop_map(Retain),
        2 => Just(Clear),
    ]
}

fn operation(keys: u64) -> impl Strategy<Value = Operation> {
    use Operation::*;
    let writes = || vec(write(keys), 0..6);
    prop_oneof![
        30 => write(keys).prop_map(One),
        20 => writes().prop_map(Batch),
        5 => writes().prop_map(IfUnchanged),
        15 => (any::<usize>(), vec(0..keys, 0..4), writes())
            .prop_map(|(view, keys, writes)| IfKeysUnchanged(view, keys, writes)),
        5 => writes().prop_map(Refuse),
        5 => writes().prop_map(Guard),
        5 => writes().prop_map(Drop),
        10 => (0..keys, any::<Option<u64>>()).prop_map(|(key, value)| Update(key, value)),
        10 => (0..keys, any::<Option<u64>>())
            .prop_map(|(key, value)| UpdateIfPresent(key, value)),
        10 => (0..keys, 0..4_u64).prop_map(|(key, value)| RemoveIf(key, value)),
        4 => (2..40_u64).prop_map(ExtractIf),
        2 => Just(Drain),
        10 => (0..keys, 0..4_u64).prop_map(|(key, value)| GetOrInsert(key, value)),
        3 => (0..keys, 0..keys, 0..4_u64).prop_map(|(from, n, value)| Refresh(from, n, value)),
        5 => (1..100_u64).prop_map(RefreshSome),
        3 => Just(Fork),
        2 => Just(FromIter),
    ]
}

/// Applies a write to a batch and to the model, and returns whether it changed anything.
fn write_both<K: Key, S: Build>(
    batch: &mut Batch<'_, K, u64, S>,
    model: &mut Model<K>,
    write: &Write,
) -> bool {
    let before = model.len();
    let changed = match *write {
        Write::Insert(key, value) => {
            assert_eq!(
                batch.insert(K::of(key), value),
                model.insert(K::of(key), value)
            );
            assert_eq!(
                batch.get(&K::of(key)),
                Some(&value),
                "a batch reads its own writes"
            );
            true
        }
        Write::Remove(key) => {
            let removed = model.remove(&K::of(key));
            assert_eq!(batch.remove(&K::of(key)), removed);
            assert!(!batch.contains_key(&K::of(key)));
            removed.is_some()
        }
        Write::InsertMany(from, n, value) => {
            for key in from..from + n {
                let old = model.insert(K::of(key), value);
                assert_eq!(batch.insert(K::of(key), value), old);
            }
            true
        }
        Write::RemoveMany(from, n) => {
            for key in from..from + n {
                assert_eq!(batch.remove(&K::of(key)), model.remove(&K::of(key)));
            }
            model.len() < before
        }
        Write::Retain(modulus) => {
            batch.retain(|key, value| (key.number() + value) % modulus != 0);
            model.retain(|key, value| (key.number() + *value) % modulus != 0);
            model.len() < before
        }
        Write::Clear => {
            batch.clear();
            model.clear();
            before > 0
        }
    };
    assert_eq!(
        (batch.len(), batch.is_empty()),
        (model.len(), model.is_empty())
    );
    changed
}

/// A view and its expected contents.
type Kept<K, S> = (Snapshot<View<K, u64, S>>, Model<K>);

struct Run<K, S> {
    map: Map<K, u64, S>,
    model: Model<K>,
    /// The state before the last operation, and some older ones.
    kept: Vec<Kept<K, S>>,
}

impl<K: Key, S: Build> Run<K, S> {
    fn new() -> Self {
        let map = Map::default();
        Self {
            kept: vec![(map.snapshot(), Model::default())],
            model: Model::default(),
            map,
        }
    }

    /// Compares the newest view and the older ones with their models, and stores the state.
    fn check(&mut self, made_a_revision: bool) {
        let view = self.map.snapshot();
        assert_equal(&view, &self.model);
        let (before, before_model) = self.kept.last().expect("the first state at least");
        let expected = before.revision().get() + u64::from(made_a_revision);
        assert_eq!(view.revision().get(), expected);
        assert_diff((&view, &self.model), (before, before_model));
        if self.kept.len() > 4 {
            let (first, first_model) = self.kept.remove(0);
            assert_equal(&first, &first_model);
            assert_diff((&view, &self.model), (&first, &first_model));
        }
        self.kept.push((view, self.model.clone()));
    }

    fn many(from: u64, n: u64, value: u64) -> impl Iterator<Item = (K, u64)> {
        (from..from + n).map(move |key| (K::of(key), value))
    }

    fn one(&mut self, write: &Write) -> bool {
        let Self { map, model, .. } = self;
        let before = model.len();
        match *write {
            Write::Insert(key, value) => {
                let old = model.insert(K::of(key), value);
                assert_eq!(map.insert(K::of(key), value), old);
                assert_eq!(map.get(&K::of(key)), Some(value));
                true
            }
            Write::Remove(key) => {
                let old = model.remove(&K::of(key));
                assert_eq!(map.remove(&K::of(key)), old);
                assert!(!map.contains_key(&K::of(key)));
                old.is_some()
            }
            Write::InsertMany(from, n, value) => {
                map.extend(Self::many(from, n, value));
                model.extend(Self::many(from, n, value));
                true
            }
            Write::RemoveMany(..) => {
                let mut changed = false;
                map.batch(|batch| changed = write_both(batch, model, write));
                changed
            }
            Write::Retain(modulus) => {
                map.retain(|key, value| (key.number() + value) % modulus != 0);
                model.retain(|key, value| (key.number() + *value) % modulus != 0);
                model.len() < before
            }
            Write::Clear => {
                map.clear();
                model.clear();
                before > 0
            }
        }
    }

    fn refresh(&mut self, wanted: Model<K>) -> bool {
        let of = |test: &dyn Fn(&K, &u64) -> bool, model: &Model<K>| {
            model.iter().filter(|(key, value)| test(key, value)).count()
        };
        let model = &self.model;
        let added = of(&|key, _| !model.contains_key(key), &wanted);
        let changed = of(
            &|key, value| model.get(key).is_some_and(|old| old != value),
            &wanted,
        );
        let removed = of(&|key, _| !wanted.contains_key(key), model);
        // The first of each pair of duplicates must have no effect.
        let twice = wanted.iter().map(|(key, value)| (key.clone(), value ^ 1));
        let source: Vec<_> = twice.chain(wanted.clone()).collect();
        let done = self.map.refresh(source);
        assert_eq!(
            (done.added, done.changed, done.removed, done.duplicates),
            (added, changed, removed, wanted.len())
        );
        assert_eq!(done.revision, self.map.revision());
        self.model = wanted;
        added + changed + removed > 0
    }

    fn step(&mut self, operation: &Operation) {
        let Self { map, model, .. } = self;
        let all = |batch: &mut Batch<'_, K, u64, S>, model: &mut Model<K>, writes: &[Write]| {
            let changes = writes.iter().map(|write| write_both(batch, model, write));
            changes.fold(false, |one, other| one | other)
        };
        let changed = match operation {
            Operation::One(write) => self.one(write),
            Operation::Batch(writes) => {
                let mut changed = false;
                let revision = map.batch(|batch| changed = all(batch, model, writes));
                assert_eq!(revision, map.revision());
                changed
            }
            Operation::IfUnchanged(writes) => {
                let (view, mut changed) = (map.snapshot(), false);
                let write = |batch: &mut Batch<'_, K, u64, S>| changed = all(batch, model, writes);
                let done = map.batch_if_unchanged(&view, write);
                assert_eq!(done.expect("there is no other writer"), map.revision());
                changed
            }
            Operation::IfKeysUnchanged(which, keys, writes) => {
                let (view, old) = &self.kept[which % self.kept.len()];
                let keys: Vec<_> = keys.iter().map(|key| K::of(*key)).collect();
                let unchanged = keys.iter().all(|key| old.get(key) == model.get(key));
                let mut changed = false;
                let write = |batch: &mut Batch<'_, K, u64, S>| changed = all(batch, model, writes);
                let done = map.batch_if_keys_unchanged(view, &keys, write);
                assert_eq!(done.is_ok(), unchanged, "{keys:?}");
                changed
            }
            Operation::Refuse(writes) => {
                let mut model = model.clone();
                let refused = map.try_batch(|batch| {
                    all(batch, &mut model, writes);
                    Err::<(), _>("no")
                });
                assert_eq!(refused, Err("no"));
                false
            }
            Operation::Guard(writes) => {
                let mut batch = map.begin_batch();
                let changed = all(&mut batch, model, writes);
                let revision = batch.commit();
                assert_eq!(revision, map.revision());
                changed
            }
            Operation::Drop(writes) => {
                let mut batch = map.begin_batch();
                all(&mut batch, &mut model.clone(), writes);
                drop(batch);
                false
            }
            Operation::Update(key, value) => {
                let old = model.get(&K::of(*key)).copied();
                let done = map.update(K::of(*key), |stored| {
                    assert_eq!(stored.copied(), old);
                    *value
                });
                assert_eq!(done, *value);
                match value {
                    Some(value) => _ = model.insert(K::of(*key), *value),
                    None => _ = model.remove(&K::of(*key)),
                }
                value.is_some() || old.is_some()
            }
            Operation::UpdateIfPresent(key, value) => {
                let old = model.get(&K::of(*key)).copied();
                let done = map.update_if_present(&K::of(*key), |stored| {
                    assert_eq!(Some(*stored), old);
                    *value
                });
                assert_eq!(done, value.filter(|_| old.is_some()));
                match value.filter(|_| old.is_some()) {
                    Some(value) => _ = model.insert(K::of(*key), value),
                    None => _ = model.remove(&K::of(*key)),
                }
                old.is_some()
            }
            Operation::RemoveIf(key, value) => {
                let removed = map.remove_if(&K::of(*key), |stored| stored == value);
                let expected = model.get(&K::of(*key)) == Some(value);
                assert_eq!(removed, expected.then_some(*value));
                if expected {
                    model.remove(&K::of(*key));
                }
                expected
            }
            Operation::ExtractIf(modulus) => {
                let goes = |key: &K, value: &u64| (key.number() + value).is_multiple_of(*modulus);
                let gone: Model<K> = map.extract_if(goes).into_iter().collect();
                let expected = model.extract_if(|key, value| goes(key, value));
                assert_eq!(gone, expected.collect());
                !gone.is_empty()
            }
            Operation::Drain => {
                assert_equal(&map.drain(), model);
                let changed = !model.is_empty();
                model.clear();
                changed
            }
            Operation::GetOrInsert(key, value) => {
                let absent = !model.contains_key(&K::of(*key));
                let expected = *model.entry(K::of(*key)).or_insert(*value);
                assert_eq!(map.get_or_insert_with(K::of(*key), || *value), expected);
                absent
            }
            Operation::Refresh(from, n, value) => {
                self.refresh(Self::many(*from, *n, *value).collect())
            }
            Operation::RefreshSome(modulus) => {
                let mut wanted = model.clone();
                wanted.retain(|key, value| {
                    *value += u64::from(key.number() % modulus == 1);
                    key.number() % modulus != 0
                });
                self.refresh(wanted)
            }
            Operation::Fork => {
                let fork = map.fork();
                assert_eq!(*fork.pin(), *map.pin());
                map.clear();
                map.insert(K::of(0), 77);
                self.restart(fork);
                false
            }
            Operation::FromIter => {
                let other = model.clone().into_iter().collect();
                self.restart(other);
                false
            }
        };
        self.check(changed);
    }

    /// Continues with another map of equal contents.
    fn restart(&mut self, map: Map<K, u64, S>) {
        for (view, model) in self.kept.drain(..) {
            assert_equal(&view, &model);
        }
        assert_eq!(map.revision().get(), 0);
        self.kept.push((map.snapshot(), self.model.clone()));
        self.map = map;
    }
}

/// Returns by how much more than usual is tried; `just map-model` sets it.
fn times() -> u32 {
    let times = std::env::var("UNTORN_MODEL_TIMES");
    times.map_or(1, |times| times.parse().expect("a number"))
}

fn random<K: Key, S: Build>(keys: u64, cases: u32) {
    // Under Miri each operation takes thousands of times longer.
    let (keys, cases, longest) = if cfg!(miri) {
        (keys.min(30), 1, 6)
    } else {
        (keys, cases * times(), 30)
    };
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let sequences = vec(operation(keys), 1..longest);
    let result = TestRunner::new(config).run(&sequences, |operations| {
        let mut run = Run::<K, S>::new();
        for operation in &operations {
            run.step(operation);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Grows a map over many splits and shrinks it again, by commits of one key. Old snapshots stay
/// whole.
fn grow_and_shrink<K: Key, S: Build>(entries: u64) {
    // Under Miri fewer keys, and fewer snapshots, each of which is compared with the next.
    let (entries, rarely) = if cfg!(miri) {
        (entries.min(37), 8)
    } else {
        (entries, entries / 16)
    };
    let mut run = Run::<K, S>::new();
    let mut old = Vec::new();
    for round in 0..2 {
        for key in 0..entries {
            run.one(&Write::Insert(key, key + round));
            if key % rarely == 0 {
                old.push((run.map.snapshot(), run.model.clone()));
            }
        }
        for key in 0..entries {
            // Not in the order of their insertion.
            run.one(&Write::Remove(key.wrapping_mul(7919) % entries));
            if key % rarely == 0 {
                old.push((run.map.snapshot(), run.model.clone()));
            }
        }
        assert!(run.map.is_empty());
    }
    assert_eq!(run.map.revision().get(), 4 * entries);
    for (view, model) in &old {
        assert_equal(view, model);
    }
    for pair in old
        .windows(2)
        .chain([&[old[3].clone(), old[14].clone()][..]])
    {
        let [(older, older_model), (newer, newer_model)] = pair else {
            unreachable!("pairs");
        };
        assert_diff((newer, newer_model), (older, older_model));
    }
}

/// With fewer keys the tests below would not have a segment that cannot be split.
#[test]
fn sixteen_hashes_overfill_a_segment() {
    for entries in [1_500, 2_503] {
        let entries = if cfg!(miri) { 37 } else { entries };
        let map: Map<u64, u64, Truncated> = (0..entries).map(|key| (key, key)).collect();
        let view = map.snapshot();
        let counts = (0..view.table.segments()).map(|i| view.table.segment(i).count());
        let fullest = counts.max().expect("a segment");
        assert!(fullest > Table::<u64, u64>::SEGMENT_ENTRIES, "{fullest}");
    }
}

#[test]
fn random_operations_on_large_segments() {
    random::<u64, DefaultHashBuilder>(3_000, 20);
    random::<u64, Truncated>(1_500, 10);
    random::<u64, Identity>(3_000, 10);
    random::<u64, Constant>(700, 10);
}

#[test]
fn random_operations_on_small_segments() {
    random::<String, DefaultHashBuilder>(1_500, 40);
    random::<String, Truncated>(800, 30);
    random::<String, Constant>(150, 30);
}

#[test]
fn growing_and_shrinking_by_one_key() {
    grow_and_shrink::<u64, DefaultHashBuilder>(4_003);
    grow_and_shrink::<u64, Truncated>(2_003);
    grow_and_shrink::<u64, Identity>(4_003);
    grow_and_shrink::<u64, Constant>(601);
    grow_and_shrink::<String, DefaultHashBuilder>(3_001);
    grow_and_shrink::<String, Truncated>(1_501);
    grow_and_shrink::<String, Constant>(307);
}
