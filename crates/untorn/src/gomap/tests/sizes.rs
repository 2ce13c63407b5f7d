//! Keys and elems of every size, from zero bytes to pages.

use super::super::{Key, Table};
use super::support::{Constant, Good};
use std::hash::{Hash, Hasher};

#[test]
fn a_zero_sized_key_has_one_entry() {
    let mut table = Table::new();
    assert_eq!(table.insert((), 1), None);
    assert_eq!(table.insert((), 2), Some(1));
    assert_eq!((table.len(), table.get(&())), (1, Some(&2)));
    assert_eq!(table.remove_entry(&()), Some(((), 2)));
    table.assert_invariants();
}

#[test]
fn zero_sized_elems_make_a_set() {
    let mut set: Table<u64, ()> = (0..1000).map(|n| (n, ())).collect();
    set.assert_invariants();
    assert!((0..1000).all(|n| set.get(&n) == Some(&())));
    assert_eq!((set.len(), set.get(&1000)), (1000, None));
    assert!((0..1000).all(|n| set.remove(&n) == Some(())));
    assert!(set.is_empty());
}

#[test]
fn a_zero_sized_key_and_elem_are_an_entry_too() {
    let mut table: Table<(), ()> = Table::new();
    assert_eq!(
        (table.insert((), ()), table.insert((), ())),
        (None, Some(()))
    );
    assert_eq!(table.iter().collect::<Vec<_>>(), [(&(), &())]);
    assert_eq!(table.clone(), table);
    assert_eq!((table.remove(&()), table.remove(&())), (Some(()), None));
}

/// A zero-sized key that is unequal to every key, so that a table can hold many of them, as with
/// Go's NaN.
#[derive(Debug, Clone)]
struct NeverEqual;

impl Hash for NeverEqual {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

impl PartialEq for NeverEqual {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

impl Eq for NeverEqual {}

impl Key for NeverEqual {}

#[test]
fn keys_equal_to_nothing_are_separate_entries() {
    let mut table = Table::with_hasher(Good);
    for n in 0..500_u32 {
        assert_eq!(table.insert(NeverEqual, n), None);
    }
    table.assert_invariants();
    assert_eq!((table.len(), table.get(&NeverEqual)), (500, None));
    assert_eq!(table.remove(&NeverEqual), None);
    let mut elems: Vec<u32> = table.values().copied().collect();
    elems.sort_unstable();
    assert_eq!(elems, (0..500).collect::<Vec<_>>());
    assert_eq!(table.clone().len(), 500);
    table.clear();
    assert!(table.is_empty());
}

#[test]
fn keys_and_elems_of_four_kibibytes_survive_growth() {
    // Under Miri, where each hash takes thousands of times as long, fewer keys.
    let keys = if cfg!(miri) { 60 } else { 300 };
    let page = |n: u64| [n; 512];
    let mut table: Table<[u64; 512], [u64; 512]> = Table::new();
    for n in 0..keys {
        table.insert(page(n), page(n + 1));
    }
    table.assert_invariants();
    for n in 0..keys {
        assert_eq!(table.get(&page(n)), Some(&page(n + 1)));
        assert_eq!(table.insert(page(n), page(n + 2)), Some(page(n + 1)));
    }
    assert!(table.iter().all(|(key, elem)| key[0] + 2 == elem[511]));
    assert_eq!(table.get(&page(keys)), None);
    for n in 0..keys {
        assert_eq!(table.remove_entry(&page(n)), Some((page(n), page(n + 2))));
    }
}

#[test]
fn missing_elem_of_any_size_is_its_zero_value() {
    let table: Table<u32, Vec<u8>> = [(1, vec![1])].into_iter().collect();
    assert_eq!(
        (table.get_or_zero(&1), table.get_or_zero(&2)),
        (vec![1], vec![])
    );
    let large: Table<u32, String> = Table::nil();
    assert_eq!(
        (large.get_or_zero(&1), large.get(&1)),
        (String::new(), None)
    );
}

/// Sizes around the limit of 128 bytes, above which keys and elems are boxed.
#[test]
fn boxed_and_inline_sizes_behave_alike() {
    // Under Miri, where each byte of a key takes time, fewer keys.
    const N: u8 = if cfg!(miri) { 20 } else { 100 };
    const LEFT: usize = if cfg!(miri) { 13 } else { 66 };
    fn check<const K: usize, const V: usize>() {
        let key = |n: u8| [n; K];
        let elem = |n: u8| [n ^ 0xff; V];
        let mut table: Table<[u8; K], [u8; V], Constant> = Table::default();
        table.extend((0..N).map(|n| (key(n), elem(n))));
        assert!((0..N).all(|n| table.get(&key(n)) == Some(&elem(n))));
        (0..N).step_by(3).for_each(|n| {
            assert_eq!(table.remove(&key(n)), Some(elem(n)));
        });
        table.assert_invariants();
        assert_eq!(table.len(), LEFT);
        assert_eq!(table.clone(), table);
    }
    check::<127, 129>();
    check::<128, 128>();
    check::<129, 127>();
    check::<129, 129>();
}
