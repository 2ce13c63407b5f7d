//! Lookups without strings: nil, empty, one bucket of words, and the function that a key and elem
//! type select.

use super::super::raw::tophash::{EMPTY_ONE, EMPTY_REST};
use super::super::table::lookup::hashes_first;
use super::super::{Key, SeededBuildHasher, Step, Table};
use super::support::{Counting, Identity, marks, place};
use std::borrow::Borrow;
use std::fmt::Debug;

pub(super) type CountingTable<K, V> = Table<K, V, Counting<Identity>>;

/// The expected result of a lookup, and its steps.
pub(super) struct Expected<'s, V> {
    pub(super) value: Option<V>,
    pub(super) hash_calls: usize,
    pub(super) full_compares: usize,
    pub(super) steps: &'s [Step],
}

/// Checks `trace` against `expected`, and that `get` has an equal result and number of hashes.
#[track_caller]
pub(super) fn check<K, V, Q>(table: &CountingTable<K, V>, key: &Q, expected: &Expected<'_, V>)
where
    K: Key + Borrow<Q>,
    V: PartialEq + Debug + Clone,
    Q: Key + ?Sized,
{
    let lookup = table.trace(key);
    assert_eq!(lookup.steps(), expected.steps);
    assert_eq!(lookup.found(), expected.value.is_some());
    assert_eq!(lookup.hash_calls(), expected.hash_calls);
    assert_eq!(lookup.full_compares(), expected.full_compares);
    assert_eq!(lookup.to_string().lines().count(), expected.steps.len() + 2);
    table.hasher().take();
    assert_eq!(table.get(key), expected.value.as_ref());
    assert_eq!(table.hasher().take(), expected.hash_calls);
    assert_eq!(table.contains_key(key), expected.value.is_some());
}

/// Returns the expected hash step of a lookup.
#[track_caller]
pub(super) fn hashed<V>(table: &CountingTable<u64, V>, key: u64) -> Step {
    let hash = table.hasher().hash_one(&key, table.hash0);
    assert_eq!(hash, key);
    let b = table.stats().b;
    Step::Hashed {
        hash,
        top: (hash >> 56) as u8,
        bucket: hash as usize & ((1 << b) - 1),
        b,
    }
}

#[test]
fn lookup_in_a_nil_table_finds_nothing() {
    let table: CountingTable<&str, u32> = Table {
        nil: true,
        ..Table::default()
    };
    let expected = Expected {
        value: None,
        hash_calls: 0,
        full_compares: 0,
        steps: &[Step::Nil],
    };
    check(&table, "1", &expected);
    assert_eq!(table.get_or_zero("1"), 0);
}

#[test]
fn lookup_in_an_empty_table_does_not_hash() {
    let expected = Expected {
        value: None,
        hash_calls: 0,
        full_compares: 0,
        steps: &[Step::Empty],
    };
    check(&CountingTable::<&str, u32>::default(), "1", &expected);
    let mut emptied = CountingTable::<&str, u32>::default();
    emptied.extend((0..40).map(|i| (["a", "b", "c"][i % 3], 0)));
    emptied.clear();
    check(&emptied, "a", &expected);
    let hinted: CountingTable<(u8, u8), u32> =
        Table::with_hint_and_hasher(100, Counting::default());
    check(&hinted, &(1, 2), &expected);
}

#[test]
fn one_bucket_of_words_is_never_hashed() {
    let mut table = CountingTable::default();
    for key in [10_u64, 11, 12, 13] {
        table.insert(key, key * 2);
    }
    table.remove(&11);
    assert_eq!(
        marks(&table, 0),
        [[5, EMPTY_ONE, 5, 5, 0, 0, 0, EMPTY_REST]]
    );
    let compared = |slot, equal| Step::Compared { slot, equal };
    let one = Step::EmptySlot {
        slot: 1,
        rest: false,
    };
    let hit = [
        Step::NotWriting,
        Step::OneBucketWord,
        compared(0, false),
        one.clone(),
        compared(2, false),
        compared(3, true),
    ];
    let expected = Expected {
        value: Some(26),
        hash_calls: 0,
        full_compares: 3,
        steps: &hit,
    };
    check(&table, &13, &expected);
    let miss = [
        Step::NotWriting,
        Step::OneBucketWord,
        compared(0, false),
        one,
        compared(2, false),
        compared(3, false),
        Step::EmptySlot {
            slot: 4,
            rest: true,
        },
    ];
    let expected = Expected {
        value: None,
        hash_calls: 0,
        full_compares: 3,
        steps: &miss,
    };
    check(&table, &99, &expected);
    assert_eq!(table.trace(&99).function(), "mapaccess1_fast64");
}

#[test]
fn scan_of_a_full_bucket_ends_at_the_eighth_slot() {
    let table: CountingTable<u32, u32> = (0..8).map(|key| (key, key)).collect();
    let mut steps = vec![Step::NotWriting, Step::OneBucketWord];
    steps.extend((0..8).map(|slot| Step::Compared { slot, equal: false }));
    let expected = Expected {
        value: None,
        hash_calls: 0,
        full_compares: 8,
        steps: &steps,
    };
    check(&table, &8, &expected);
    assert_eq!(table.trace(&8).function(), "mapaccess1_fast32");
}

#[test]
fn a_word_equals_by_value_whatever_its_tophash() {
    // Equal tophash and low bits: a lookup by hash would compare both keys, and so does this one,
    // in order.
    let (a, b) = (place(0, 7, 1), place(0, 7, 2));
    let table: CountingTable<u64, u32> = [(a, 1), (b, 2)].into_iter().collect();
    let steps = [
        Step::NotWriting,
        Step::OneBucketWord,
        Step::Compared {
            slot: 0,
            equal: false,
        },
        Step::Compared {
            slot: 1,
            equal: true,
        },
    ];
    let expected = Expected {
        value: Some(2),
        hash_calls: 0,
        full_compares: 2,
        steps: &steps,
    };
    check(&table, &b, &expected);
}

#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Tenant(u64);

impl Key for Tenant {}

#[test]
fn a_generic_key_is_hashed_even_in_one_bucket() {
    let table: CountingTable<Tenant, u32> = [(Tenant(place(0, 9, 1)), 1)].into_iter().collect();
    let key = Tenant(place(0, 9, 1));
    let steps = [
        Step::NotWriting,
        Step::Hashed {
            hash: key.0,
            top: 9,
            bucket: 0,
            b: 0,
        },
        Step::Compared {
            slot: 0,
            equal: true,
        },
    ];
    let expected = Expected {
        value: Some(1),
        hash_calls: 1,
        full_compares: 1,
        steps: &steps,
    };
    check(&table, &key, &expected);
    assert_eq!(table.trace(&key).function(), "mapaccess1");
}

#[test]
fn elem_over_128_bytes_takes_the_generic_lookup() {
    let key = place(0, 9, 1);
    let small: CountingTable<u64, [u8; 128]> = [(key, [1; 128])].into_iter().collect();
    let first = Step::Compared {
        slot: 0,
        equal: true,
    };
    let expected = Expected {
        value: Some([1; 128]),
        hash_calls: 0,
        full_compares: 1,
        steps: &[Step::NotWriting, Step::OneBucketWord, first.clone()],
    };
    check(&small, &key, &expected);
    let large: CountingTable<u64, [u8; 129]> = [(key, [1; 129])].into_iter().collect();
    let expected = Expected {
        value: Some([1; 129]),
        hash_calls: 1,
        full_compares: 1,
        steps: &[Step::NotWriting, hashed(&large, key), first],
    };
    check(&large, &key, &expected);
    assert_eq!(large.trace(&key).function(), "mapaccess1");
}

#[test]
fn hashes_first_predicts_the_lookup() {
    #[track_caller]
    fn agrees<K: Key + Clone, V: Clone>(keys: &[K], elem: &V) {
        let mut table: CountingTable<K, V> = Table::default();
        for key in keys {
            table.insert(key.clone(), elem.clone());
            let (b, lookup) = (table.stats().b, table.trace(key));
            assert_eq!(hashes_first::<K, V>(b), lookup.hash_calls() == 1);
        }
        assert!(table.stats().b >= 1);
    }
    agrees(&(0..20_u32).collect::<Vec<_>>(), &());
    agrees(&(0..20_u64).collect::<Vec<_>>(), &());
    agrees(&(0..20_u64).collect::<Vec<_>>(), &[0_u8; 200]);
    agrees(&(0..20_u16).collect::<Vec<_>>(), &());
    agrees(&(0..20).map(|i| format!("{i:02}")).collect::<Vec<_>>(), &());
    agrees(&(0..20).map(|i| (i, 0_u8)).collect::<Vec<(u32, u8)>>(), &());
}
