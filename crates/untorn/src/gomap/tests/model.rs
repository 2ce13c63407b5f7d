//! Long random sequences of operations, compared with std's `HashMap`.

use super::super::{Growth, Key, SeededBuildHasher, Table};
use super::support::{Constant, Good, Identity, Truncated, place};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// The keys, the most keys of an operation, and the most operations of a sequence: few under Miri,
/// where each takes thousands of times as long.
const KEYS: u16 = if cfg!(miri) { 60 } else { 400 };
const MANY: u16 = if cfg!(miri) { 30 } else { 100 };
const LONGEST: usize = if cfg!(miri) { 20 } else { 400 };

#[derive(Clone, Debug)]
enum Operation {
    Insert(u16, u64),
    Remove(u16),
    Get(u16),
    InsertMany(u16, u16, u64),
    RemoveMany(u16, u16),
    /// Inserts a range and removes most of it.
    Churn(u16, u16),
    Iterate,
    Clone,
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        30 => (0..KEYS, any::<u64>()).prop_map(|(key, elem)| Insert(key, elem)),
        20 => (0..KEYS).prop_map(Remove),
        10 => (0..KEYS).prop_map(Get),
        12 => (0..KEYS, 1..2 * MANY / 3, any::<u64>()).prop_map(|(from, n, elem)| InsertMany(from, n, elem)),
        8 => (0..KEYS, 1..2 * MANY / 3).prop_map(|(from, n)| RemoveMany(from, n)),
        8 => (0..KEYS, 8..MANY).prop_map(|(from, n)| Churn(from, n)),
        2 => Just(Iterate),
        1 => Just(Clone),
        1 => Just(Clear),
    ]
}

/// Counts of the states that the sequences reached, so that the test fails if they become trivial.
#[derive(Default)]
struct Coverage {
    doublings: Cell<usize>,
    same_size: Cell<usize>,
    during_growth: Cell<usize>,
}

impl Coverage {
    fn note(what: &Cell<usize>) {
        what.set(what.get() + 1);
    }
}

struct Pair<K, S> {
    table: Table<K, u64, S>,
    model: HashMap<K, u64>,
}

impl<K: Key + Hash + Clone + Debug, S: SeededBuildHasher + Clone> Pair<K, S> {
    fn insert(&mut self, key: &K, elem: u64, coverage: &Coverage) {
        let (b, growth) = (self.table.stats().b, self.table.stats().growth);
        let old = self.table.insert(key.clone(), elem);
        assert_eq!(old, self.model.insert(key.clone(), elem));
        assert_eq!(self.table.get(key), Some(&elem));
        let after = self.table.stats();
        if after.b > b {
            assert_eq!(after.b, b + 1);
            Coverage::note(&coverage.doublings);
        } else if growth.is_none() && after.growth == Some(Growth::SameSize) {
            Coverage::note(&coverage.same_size);
        }
        if after.growth.is_some() {
            Coverage::note(&coverage.during_growth);
        }
    }

    fn remove(&mut self, key: &K) {
        assert_eq!(self.table.remove_entry(key), self.model.remove_entry(key));
        assert_eq!(self.table.get(key), None);
    }

    fn compare(&self) {
        self.table.assert_invariants();
        assert_eq!(self.table.len(), self.model.len());
        let mut left = self.model.clone();
        let mut entries = self.table.iter();
        while let Some((key, elem)) = entries.next() {
            assert_eq!(
                left.remove(key),
                Some(*elem),
                "{key:?} is duplicate or unknown"
            );
            assert_eq!(entries.len(), left.len());
        }
        assert!(left.is_empty(), "not returned: {left:?}");
    }
}

fn agree<K, S>(key: fn(u16) -> K, hasher: &S, steps: &[Operation], coverage: &Coverage)
where
    K: Key + Hash + Clone + Debug,
    S: SeededBuildHasher + Clone,
{
    let mut pair = Pair {
        table: Table::with_hasher(hasher.clone()),
        model: HashMap::new(),
    };
    let range = |from: u16, n: u16| (from..from + n).map(|n| key(n % KEYS));
    for (step, operation) in steps.iter().enumerate() {
        match *operation {
            Operation::Insert(n, elem) => pair.insert(&key(n), elem, coverage),
            Operation::Remove(n) => pair.remove(&key(n)),
            Operation::Get(n) => {
                let key = key(n);
                let found = pair.table.get_key_value(&key);
                assert_eq!(found, pair.model.get_key_value(&key));
                assert_eq!(pair.table.trace(&key).found(), found.is_some());
            }
            Operation::InsertMany(from, n, elem) => {
                range(from, n).for_each(|key| pair.insert(&key, elem, coverage));
            }
            Operation::RemoveMany(from, n) => range(from, n).for_each(|key| pair.remove(&key)),
            Operation::Churn(from, n) => {
                range(from, n).for_each(|key| pair.insert(&key, 0, coverage));
                range(from, n).skip(4).for_each(|key| pair.remove(&key));
            }
            Operation::Iterate => pair.compare(),
            Operation::Clone => {
                let clone = pair.table.clone();
                assert_eq!(clone, pair.table);
                // The sequence continues with the clone, so that clones are tested as much as
                // originals.
                pair.table = clone;
            }
            Operation::Clear => {
                pair.table.clear();
                pair.model.clear();
            }
        }
        assert_eq!(pair.table.len(), pair.model.len());
        if pair.table.len() < 64 || step % 8 == 0 {
            pair.table.assert_invariants();
        }
    }
    pair.compare();
}

/// Runs `cases` random sequences and returns the coverage.
fn run<K, S>(cases: u32, key: fn(u16) -> K, hasher: &S) -> Coverage
where
    K: Key + Hash + Clone + Debug,
    S: SeededBuildHasher + Clone,
{
    let mut runner = TestRunner::new(Config {
        cases: if cfg!(miri) { 1 } else { cases },
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    });
    let coverage = Coverage::default();
    let outcome = runner.run(&vec(operation(), 1..LONGEST), |steps| {
        agree(key, hasher, &steps, &coverage);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    if !cfg!(miri) {
        assert!(coverage.doublings.get() > cases as usize);
        assert!(coverage.during_growth.get() > cases as usize);
    }
    coverage
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tenant(u32, u8);

impl Key for Tenant {}

/// Returns a short key, or a long one that shares its ends with many others.
fn name(n: u16) -> String {
    if n.is_multiple_of(3) {
        format!("k{n}")
    } else {
        format!("config/service/{n:05}/replicas/limit")
    }
}

macro_rules! agrees_with_std {
    ($($test:ident: $key:expr;)+) => {$(
        mod $test {
            use super::*;

            #[test]
            fn agree_with_std_under_a_good_hash() {
                run(48, $key, &Good);
            }

            #[test]
            fn agree_with_std_when_all_hashes_are_one() {
                run(24, $key, &Constant);
            }

            #[test]
            fn agree_with_std_when_a_hash_is_four_bits() {
                run(32, $key, &Truncated);
            }
        }
    )+};
}

agrees_with_std! {
    keys_of_eight_bytes: u64::from;
    keys_of_four_bytes: u32::from;
    string_keys: name;
    generic_keys: |n| Tenant(u32::from(n) / 7, (n % 7) as u8);
    boxed_keys: |n| [u64::from(n); 20];
}

#[test]
fn clustered_keys_agree_with_std() {
    // Consecutive keys share a bucket, so inserting and removing ranges leaves overflow buckets
    // behind.
    let coverage = run(
        64,
        |n| place(u64::from(n) / 100, 10 + u64::from(n % 100), 1),
        &Identity,
    );
    let same_size = coverage.same_size.get();
    assert!(cfg!(miri) || same_size > 5, "{same_size}");
}
