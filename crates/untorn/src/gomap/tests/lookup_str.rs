//! The two scans of a one-bucket table for a string key, branch by branch.

use super::super::raw::tophash::EMPTY_ONE;
use super::super::{Step, Table};
use super::lookup::{CountingTable, Expected, check};
use super::support::marks;
use std::sync::Arc;

/// Returns a key of 32 bytes: four bytes, padding, the bytes that the hasher uses, padding, four
/// bytes.
fn long(first: &str, middle: &str, last: &str) -> String {
    assert_eq!((first.len(), middle.len(), last.len()), (4, 4, 4));
    // The padding on both sides is equal, so `middle` is in the middle.
    format!("{first}{:.<10}{middle}{:.<10}{last}", "", "")
}

fn begin(len: usize) -> [Step; 2] {
    let short = len < 32;
    [Step::NotWriting, Step::OneBucketStr { len, short }]
}

/// Checks a lookup whose first two steps depend only on the length of the key; `scan` has the other
/// steps.
#[track_caller]
fn check_scan<K>(
    table: &CountingTable<K, u32>,
    key: &str,
    value: Option<u32>,
    compares: usize,
    scan: &[Step],
) where
    K: super::super::Key + std::borrow::Borrow<str>,
{
    let steps: Vec<Step> = begin(key.len())
        .into_iter()
        .chain(scan.iter().cloned())
        .collect();
    let expected = Expected {
        value,
        hash_calls: 0,
        full_compares: compares,
        steps: &steps,
    };
    check(table, key, &expected);
    assert_eq!(table.trace(key).function(), "mapaccess1_faststr");
}

fn table_of<K: super::super::Key>(keys: impl IntoIterator<Item = K>) -> CountingTable<K, u32> {
    keys.into_iter().zip(0..).collect()
}

fn rest(slot: usize) -> Step {
    Step::EmptySlot { slot, rest: true }
}

#[test]
fn short_key_of_another_length_is_not_compared() {
    let table = table_of(["a", "bb", "ccc"].map(String::from));
    let lengths = [0, 1, 2].map(|slot| Step::LengthDiffers { slot });
    check_scan(
        &table,
        "dddd",
        None,
        0,
        &[&lengths[..], &[rest(3)]].concat(),
    );
}

#[test]
fn short_key_with_same_pointer_compares_no_bytes() {
    let keys: [Arc<str>; 2] = ["aa".into(), "bb".into()];
    let table = table_of(keys.clone());
    let differ = Step::BytesCompared {
        slot: 0,
        equal: false,
    };
    let same = Step::SamePointer { slot: 1 };
    check_scan(&table, &keys[1], Some(1), 1, &[differ, same.clone()]);
    check_scan(
        &table_of(keys[1..].iter().cloned()),
        &keys[1],
        Some(0),
        0,
        &[Step::SamePointer { slot: 0 }],
    );
    let names: [&'static str; 2] = ["long", "name"];
    check_scan(
        &table_of(names),
        names[1],
        Some(1),
        1,
        &[
            Step::BytesCompared {
                slot: 0,
                equal: false,
            },
            same,
        ],
    );
}

#[test]
fn same_pointer_with_another_length_is_another_key() {
    let text: &'static str = "prefix";
    let table = table_of([text]);
    let steps = [Step::LengthDiffers { slot: 0 }, rest(1)];
    check_scan(&table, &text[..3], None, 0, &steps);
}

#[test]
fn short_key_with_equal_bytes_elsewhere_is_a_hit() {
    let table = table_of(["aa", "bb"].map(String::from));
    let steps = [(0, false), (1, true)].map(|(slot, equal)| Step::BytesCompared { slot, equal });
    check_scan(&table, "bb", Some(1), 2, &steps);
}

#[test]
fn short_key_miss_compares_all_slots() {
    let table = table_of((0..8).map(|i| format!("k{i}")));
    let steps: Vec<_> = (0..8)
        .map(|slot| Step::BytesCompared { slot, equal: false })
        .collect();
    check_scan(&table, "k8", None, 8, &steps);
}

#[test]
fn empty_one_is_skipped_and_empty_rest_stops_the_scan() {
    let mut table = table_of(["a", "b", "c", "d"].map(String::from));
    table.remove("b");
    assert_eq!(marks(&table, 0)[0][1], EMPTY_ONE);
    let compared = |slot, equal| Step::BytesCompared { slot, equal };
    let one = Step::EmptySlot {
        slot: 1,
        rest: false,
    };
    let way_to_d = [
        compared(0, false),
        one.clone(),
        compared(2, false),
        compared(3, true),
    ];
    check_scan(&table, "d", Some(3), 3, &way_to_d);
    let way_to_nothing = [
        compared(0, false),
        one,
        compared(2, false),
        compared(3, false),
        rest(4),
    ];
    check_scan(&table, "b", None, 3, &way_to_nothing);
    table.remove("d");
    let expected = [
        compared(0, false),
        Step::EmptySlot {
            slot: 1,
            rest: false,
        },
        compared(2, false),
        rest(3),
    ];
    check_scan(&table, "d", None, 2, &expected);
}

#[test]
fn the_empty_string_is_a_key_like_any_other() {
    let table = table_of(["a".to_owned(), String::from_utf8(Vec::new()).unwrap()]);
    assert_eq!(table.get(""), Some(&1));
    assert_eq!(table.trace("").hash_calls(), 0);
    let without = table_of(["a".to_owned()]);
    let steps = [Step::LengthDiffers { slot: 0 }, rest(1)];
    check_scan(&without, "", None, 0, &steps);
}

/// Returns keys of `len` bytes that differ only in the middle.
fn alike(len: usize) -> Vec<String> {
    let key = |i| format!("head{:.<1$}{i}tail", "", len - 9);
    (0..4).map(key).collect()
}

#[test]
fn key_of_31_bytes_is_compared_with_every_slot() {
    let keys = alike(31);
    assert_eq!(keys[0].len(), 31);
    let table = table_of(keys[..3].to_vec());
    let compared = |slot, equal| Step::BytesCompared { slot, equal };
    let hit = [compared(0, false), compared(1, false), compared(2, true)];
    check_scan(&table, &keys[2], Some(2), 3, &hit);
    let miss = [0, 1, 2].map(|slot| compared(slot, false));
    check_scan(&table, &keys[3], None, 3, &[&miss[..], &[rest(3)]].concat());
}

#[test]
fn key_of_32_bytes_is_compared_if_both_ends_match() {
    let keys = [
        long("aaaa", "mid1", "zzzz"),
        long("head", "mid1", "zzzz"),
        long("head", "mid1", "tail"),
    ];
    assert!(keys.iter().all(|key| key.len() == 32));
    let table = table_of([&[String::from("other length")], &keys[..]].concat());
    let scan = [
        Step::LengthDiffers { slot: 0 },
        Step::FirstFourDiffer { slot: 1 },
        Step::LastFourDiffer { slot: 2 },
        Step::KeyMaybe { slot: 3 },
        rest(4),
        Step::KeyMaybeCompared {
            slot: 3,
            equal: true,
        },
    ];
    check_scan(&table, &keys[2], Some(3), 1, &scan);
}

#[test]
fn keymaybe_is_compared_once_and_can_be_a_miss() {
    let table = table_of([long("head", "mid1", "tail")]);
    let scan = [
        Step::KeyMaybe { slot: 0 },
        rest(1),
        Step::KeyMaybeCompared {
            slot: 0,
            equal: false,
        },
    ];
    check_scan(&table, &long("head", "mid2", "tail"), None, 1, &scan);
}

#[test]
fn long_key_without_candidate_compares_nothing() {
    let table = table_of([long("head", "mid1", "tail"), long("head", "mid2", "last")]);
    let scan = [
        Step::FirstFourDiffer { slot: 0 },
        Step::FirstFourDiffer { slot: 1 },
        rest(2),
    ];
    check_scan(&table, &long("Head", "mid1", "tail"), None, 0, &scan);
}

#[test]
fn long_key_with_same_pointer_beats_a_candidate() {
    let keys: [Arc<str>; 2] = ["mid1", "mid2"].map(|middle| long("head", middle, "tail").into());
    let table = table_of(keys.clone());
    let scan = [Step::KeyMaybe { slot: 0 }, Step::SamePointer { slot: 1 }];
    check_scan(&table, &keys[1], Some(1), 0, &scan);
}

#[test]
fn long_keys_skip_empty_one_too() {
    let keys = alike(40);
    let mut table = table_of(keys[..3].to_vec());
    table.remove(keys[0].as_str());
    table.remove(keys[1].as_str());
    let empty = |slot| Step::EmptySlot { slot, rest: false };
    let scan = [
        empty(0),
        empty(1),
        Step::KeyMaybe { slot: 2 },
        rest(3),
        Step::KeyMaybeCompared {
            slot: 2,
            equal: true,
        },
    ];
    check_scan(&table, &keys[2], Some(2), 1, &scan);
}

/// Returns two keys that the scan cannot tell apart. Their hashes differ, because the hasher uses
/// the middle.
fn indistinguishable_keys() -> [String; 2] {
    [long("head", "11Aa", "tail"), long("head", "11Ba", "tail")]
}

/// Checks a lookup whose scan ends at slot 1 with `goto dohash`.
#[track_caller]
fn check_dohash(
    table: &CountingTable<String, u32>,
    key: &str,
    value: Option<u32>,
    compared: &[Step],
) {
    let hash = table.hash_of(key).hash;
    let steps = [
        &begin(key.len())[..],
        &[
            Step::KeyMaybe { slot: 0 },
            Step::SecondCandidate { slot: 1 },
            Step::Hashed {
                hash,
                top: (hash >> 56) as u8,
                bucket: 0,
                b: 0,
            },
        ],
        compared,
    ]
    .concat();
    let expected = Expected {
        value,
        hash_calls: 1,
        full_compares: compared.len(),
        steps: &steps,
    };
    check(table, key, &expected);
}

#[test]
fn dohash_finds_the_right_candidate() {
    let table = table_of(indistinguishable_keys());
    for (slot, key) in indistinguishable_keys().iter().enumerate() {
        let found = Step::Compared { slot, equal: true };
        check_dohash(&table, key, Some(slot as u32), &[found]);
    }
}

#[test]
fn dohash_finds_a_third_candidate() {
    let third = long("head", "11Ca", "tail");
    let table = table_of([&indistinguishable_keys()[..], std::slice::from_ref(&third)].concat());
    let found = Step::Compared {
        slot: 2,
        equal: true,
    };
    check_dohash(&table, &third, Some(2), &[found]);
}

#[test]
fn dohash_can_miss() {
    let table = table_of(indistinguishable_keys());
    check_dohash(&table, &long("head", "11Da", "tail"), None, &[]);
    // A key with the tophash of the first one is compared with it, and differs.
    let differs = Step::Compared {
        slot: 0,
        equal: false,
    };
    check_dohash(&table, &long("head", "12Aa", "tail"), None, &[differs]);
}

#[test]
fn string_keys_are_found_by_borrowed_forms() {
    let table: Table<String, u32> = [("1".to_owned(), 265)].into_iter().collect();
    assert_eq!(table.get("1"), Some(&265));
    assert_eq!(table.get(&"1".to_owned()), Some(&265));
    assert_eq!(table.get_key_value("1"), Some((&"1".to_owned(), &265)));
    assert_eq!(table.get_or_zero("2"), 0);
    let boxed: Table<Box<str>, u32> = [("1".into(), 17)].into_iter().collect();
    assert_eq!(boxed.get("1"), Some(&17));
}
