//! Model tests: long sequences of operations on a map and on std's `HashMap`. After each operation
//! the whole view is compared.

mod model;
mod sharing;

use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, Hasher};

use super::{Change, DefaultHashBuilder, View};

/// A hasher that gives all keys one hash.
#[derive(Clone, Default)]
struct Constant;

/// A hasher with sixteen different hashes, so that some segments overfill and most stay empty.
#[derive(Clone, Default)]
struct Truncated;

struct Masked<H>(H, u64);

impl<H: Hasher> Hasher for Masked<H> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish() & self.1
    }
}

type Inner = std::hash::DefaultHasher;

/// A hasher that returns a number as its hash.
#[derive(Clone, Default)]
struct Identity;

struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, _: &[u8]) {
        unreachable!("for u64 only");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl BuildHasher for Identity {
    type Hasher = IdentityHasher;

    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher(0)
    }
}

impl BuildHasher for Constant {
    type Hasher = Masked<Inner>;

    fn build_hasher(&self) -> Self::Hasher {
        Masked(Inner::new(), 0)
    }
}

impl BuildHasher for Truncated {
    type Hasher = Masked<Inner>;

    fn build_hasher(&self) -> Self::Hasher {
        Masked(Inner::new(), 0x0000_0000_0001_8600)
    }
}

trait Key: Eq + Hash + Clone + Debug {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

/// A key without a `Drop`, for large segments.
impl Key for u64 {
    fn of(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

/// A key with a `Drop`, for small segments.
impl Key for String {
    fn of(number: u64) -> Self {
        number.to_string()
    }

    fn number(&self) -> u64 {
        self.parse().expect("made of a number")
    }
}

trait Build: BuildHasher + Clone + Default {}

impl<S: BuildHasher + Clone + Default> Build for S {}

/// With a fast hasher, since this is most of the time of these tests.
type Model<K> = std::collections::HashMap<K, u64, DefaultHashBuilder>;

/// A set of the keys of small numbers; without a hash, for the same reason.
#[derive(Default)]
struct Set(Vec<bool>);

impl Set {
    /// Returns whether the key was absent.
    fn insert(&mut self, key: &impl Key) -> bool {
        let number = key.number() as usize;
        if self.0.len() <= number {
            self.0.resize(number + 1, false);
        }
        !std::mem::replace(&mut self.0[number], true)
    }
}

fn assert_equal<K: Key, S: Build>(view: &View<K, u64, S>, model: &Model<K>) {
    assert_eq!(
        (view.len(), view.is_empty()),
        (model.len(), model.is_empty())
    );
    assert_eq!(view.iter().len(), model.len());
    let (mut seen, mut count) = (Set::default(), 0);
    for (key, value) in view {
        assert_eq!(model.get(key), Some(value), "{key:?}");
        assert!(seen.insert(key), "{key:?} twice");
        count += 1;
    }
    assert_eq!(count, model.len());
    for (key, value) in model {
        assert_eq!(view.get(key), Some(value), "{key:?}");
    }
    assert_eq!(view.get(&K::of(u64::MAX)), None);
}

/// Checks the changes from each of the views to the other.
fn assert_diff<K: Key, S: Build>(
    (one, one_model): (&View<K, u64, S>, &Model<K>),
    (other, other_model): (&View<K, u64, S>, &Model<K>),
) {
    let only_in_one = one_model
        .keys()
        .filter(|key| !other_model.contains_key(*key))
        .count();
    let differ = other_model
        .iter()
        .filter(|(key, value)| one_model.get(*key) != Some(*value))
        .count();
    for ((newer, newer_model), (older, older_model)) in [
        ((one, one_model), (other, other_model)),
        ((other, other_model), (one, one_model)),
    ] {
        let (mut seen, mut count) = (Set::default(), 0);
        for change in newer.changes_since(older) {
            let (key, old, new) = match change {
                Change::Added { key, new } => (key, None, Some(new)),
                Change::Changed { key, old, new } => (key, Some(old), Some(new)),
                Change::Removed { key, old } => (key, Some(old), None),
            };
            let of_models = (older_model.get(key), newer_model.get(key));
            assert_eq!((old, new), of_models, "{key:?}");
            assert!(seen.insert(key), "{key:?} twice");
            count += 1;
        }
        assert_eq!(count, only_in_one + differ);
    }
}
