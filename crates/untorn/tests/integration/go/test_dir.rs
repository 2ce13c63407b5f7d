//! `test/`: the programs about maps from Go's own test suite.

use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use untorn::GoMap;
use untorn::gomap::{Float32, Float64, Key, Table};

const COUNT: u32 = 1000;

/// Fills, reads, overwrites, removes every other entry, and refills.
fn basic<K: Key + Clone + Debug, V: Clone + Debug + PartialEq>(
    key: impl Fn(u32) -> K,
    value: impl Fn(u32) -> V,
) {
    let mut table = Table::new();
    for n in 0..COUNT {
        assert!(!table.contains_key(&key(n)));
        assert_eq!(table.insert(key(n), value(n)), None);
    }
    assert_eq!(table.len(), COUNT as usize);
    for n in 0..COUNT {
        assert_eq!(table.get_key_value(&key(n)), Some((&key(n), &value(n))));
        assert_eq!(table.insert(key(n), value(n + 1)), Some(value(n)));
    }
    for n in (0..COUNT).step_by(2) {
        assert_eq!(table.remove(&key(n)), Some(value(n + 1)));
        assert_eq!(table.remove(&key(n)), None);
    }
    assert_eq!(table.len(), COUNT as usize / 2);
    for n in 0..COUNT {
        let left = (n % 2 == 1).then(|| value(n + 1));
        assert_eq!(table.get(&key(n)), left.as_ref());
        table.insert(key(n), value(2 * n));
    }
    let mut cursor = table.cursor();
    let mut shown = 0;
    while let Some((key, value)) = cursor.next(&table) {
        assert_eq!(table.get(key), Some(value));
        shown += 1;
    }
    assert_eq!(shown, COUNT);
    assert_eq!(table.len(), COUNT as usize);
}

#[test]
fn maps_of_many_kinds_of_keys_and_values() {
    basic(|n| n, |n| n);
    basic(|n| n, |n| n.to_string());
    basic(|n| n.to_string(), |n| n);
    basic(|n| n.to_string(), |n| n.to_string());
    basic(i64::from, |n| [n; 10]);
    basic(|n| [n; 4], |n| (n, n.to_string()));
    basic(|n| (n as u8, n), |n| Some(Box::new(n)));
    basic(|n| (n.to_string(), n), |n| vec![n; 3]);
    basic(Box::new, |n| n % 2 == 0);
    basic(|n| Float64(f64::from(n) / 3.0), |n| n);
    basic(|n| Float32(n as f32), |n| n);
    basic(|n| (Float64(n.into()), Float64(1.0)), |n| n);
}

#[test]
fn signed_zeros_are_one_key() {
    let zeroes = [0.0, -0.0];
    let mut wide = Table::new();
    let mut narrow = Table::new();
    let mut complex = Table::new();
    for (n, zero) in zeroes.into_iter().enumerate() {
        wide.insert(Float64(zero), n);
        narrow.insert(Float32(zero as f32), n);
        for imaginary in zeroes {
            complex.insert((Float64(zero), Float64(imaginary)), n);
        }
    }
    assert_eq!((wide.len(), narrow.len(), complex.len()), (1, 1, 1));
    for zero in zeroes {
        assert_eq!(wide.get(&Float64(zero)), Some(&1));
        assert_eq!(narrow.get(&Float32(zero as f32)), Some(&1));
        assert_eq!(complex.get(&(Float64(zero), Float64(-zero))), Some(&1));
    }
}

#[test]
fn five_hundred_entries_under_nan() {
    let mut table = Table::new();
    for n in 0..500 {
        table.insert(Float64(f64::NAN), n);
        assert_eq!(table.get(&Float64(f64::NAN)), None);
    }
    assert_eq!(table.len(), 500);
    let mut values = vec![];
    let mut cursor = table.cursor();
    while let Some((_, n)) = cursor.next(&table) {
        values.push(*n);
    }
    values.sort_unstable();
    assert_eq!(values, (0..500).collect::<Vec<_>>());
}

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// A key that counts how often it is hashed and compared.
#[derive(Clone)]
struct Counted<K>(K);

impl<K: PartialEq> PartialEq for Counted<K> {
    fn eq(&self, other: &Self) -> bool {
        CALLS.set(CALLS.get() + 1);
        self.0 == other.0
    }
}

impl<K: PartialEq> Eq for Counted<K> {}

impl<K: Hash> Hash for Counted<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        CALLS.set(CALLS.get() + 1);
        self.0.hash(state);
    }
}

impl<K: Key> Key for Counted<K> {}

/// Checks that twice as many entries take not much more than twice the calls.
fn linear<K: Key>(key: impl Fn(u32) -> K) {
    let calls = |n: u32| {
        CALLS.set(0);
        let mut table: Table<_, _> = (0..n).map(|n| (Counted(key(n)), n)).collect();
        (0..n).for_each(|n| _ = table.get(&Counted(key(n))));
        (0..n).for_each(|n| _ = table.remove(&Counted(key(n))));
        CALLS.get()
    };
    let (once, twice) = (calls(4000), calls(8000));
    assert!(twice < 3 * once, "{once} calls, then {twice}");
}

#[test]
fn no_kind_of_key_takes_quadratic_work() {
    #[derive(PartialEq, Eq, Hash)]
    enum Any {
        Int(u32),
        Text(String),
    }
    impl Key for Any {}
    linear(|_| Float64(f64::NAN));
    linear(|n| n);
    linear(|n| u64::from(n) << 32);
    linear(|n| n.to_string());
    linear(|n| Float64(n.into()));
    linear(|n| (Float64(1.0), Float64(n.into())));
    linear(Any::Int);
    linear(|n| Any::Text(n.to_string()));
    linear(|_| (1_u8, Float32(f32::NAN)));
}

#[test]
fn thousand_byte_keys_and_values_in_every_mix() {
    type Big = [u8; 1000];
    let big = |n: u8| -> Big { [n; 1000] };
    let mut values = Table::<u8, Big>::new();
    let mut keys = Table::<Big, u8>::new();
    let mut both = Table::<Big, Big>::new();
    for n in 1..=100 {
        values.insert(n, big(n));
        keys.insert(big(n), n);
        both.insert(big(n), big(n + 1));
    }
    for n in 1..=100 {
        assert_eq!(values.get(&n), Some(&big(n)));
        assert_eq!(keys.get(&big(n)), Some(&n));
        assert_eq!(both.remove(&big(n)), Some(big(n + 1)));
    }
    assert_eq!(
        (values.get(&0), keys.get(&big(0)), both.len()),
        (None, None, 0)
    );
}

#[test]
fn nil_map_reads_as_empty_and_panics_on_write() {
    let map = GoMap::<u64, u64>::nil();
    assert_eq!((map.len(), map.get(&1), map.get_or_zero(&1)), (0, None, 0));
    assert_eq!(map.cursor().count(), 0);
    assert_eq!(map.remove(&1), None);
    map.clear();
    let write = catch_unwind(AssertUnwindSafe(|| map.insert(1, 1)));
    let panic = write.expect_err("a nil map cannot be written to");
    let text = panic.downcast_ref::<&str>().copied();
    assert_eq!(text, Some("assignment to entry in nil map"));
    // The panic can be recovered from, and the map is still nil.
    assert!(map.is_nil() && map.is_empty());
}
