//! `runtime/map_test.go` and `internal/runtime/maps`: the table without its iteration.

use std::sync::{Arc, Barrier};
use std::thread::scope;

use untorn::GoMap;
use untorn::gomap::{Float64, Growth, Table};

#[test]
fn header_size_does_not_depend_on_entry_types() {
    let size = size_of::<Table<u8, u8>>();
    assert_eq!(size, size_of::<Table<String, [u64; 100]>>());
    // Go's header has 48 bytes; this one stores its arrays and vectors inline.
    assert!(size <= 256, "{size} bytes");
}

#[test]
fn signed_zeros_are_one_entry_with_the_newest_key() {
    let (plus, minus) = (Float64(0.0), Float64(-0.0));
    let mut table = Table::from([(plus, 1)]);
    assert_eq!(table.insert(minus, 2), Some(1));
    assert_eq!(table.len(), 1);
    for asked in [plus, minus] {
        let (key, elem) = table.get_key_value(&asked).expect("the key is present");
        assert!(key.0.is_sign_negative());
        assert_eq!(*elem, 2);
    }
    assert_eq!(table.insert(plus, 3), Some(2));
    let (key, _) = table.get_key_value(&minus).expect("the key is present");
    assert!(key.0.is_sign_positive());
}

#[test]
fn each_insert_under_nan_adds_an_entry() {
    let nan = Float64(f64::NAN);
    let mut table = Table::new();
    for n in [1, 2, 4] {
        assert_eq!(table.insert(nan, n), None);
        // Go's `m[nan] += n`: no entry is found, so the sum is that of zero and n.
        let sum = table.get_or_zero(&nan) + 10 * n;
        table.insert(nan, sum);
    }
    assert_eq!(table.len(), 6);
    let mut elems: Vec<_> = table.values().copied().collect();
    elems.sort_unstable();
    assert_eq!(elems, [1, 2, 4, 10, 20, 40]);
}

#[test]
fn op_assign_works_on_missing_and_present_entries() {
    let mut sums = Table::<u64, i64>::new();
    for n in 1..=3 {
        let sum = sums.get_or_zero(&7) + n;
        sums.insert(7, sum);
    }
    let factor = sums.get_or_zero(&9) * 5;
    sums.insert(9, factor);
    assert_eq!((sums.get(&7), sums.get(&9)), (Some(&6), Some(&0)));

    let mut lists = Table::<&str, Vec<u64>>::new();
    for n in 0..100 {
        let mut list = lists.remove("list").unwrap_or_default();
        list.push(n);
        lists.insert("list", list);
    }
    assert_eq!(lists.get("list").map(Vec::len), Some(100));
}

#[test]
fn two_handles_share_one_map() {
    let one = Arc::new(GoMap::<u64, u64>::new());
    let other = Arc::clone(&one);
    one.insert(0, 10);
    other.insert(0, 20);
    (1..100).for_each(|n| _ = other.insert(n, n));
    assert_eq!((one.get(&0), one.len()), (Some(20), 100));
}

#[test]
fn readers_and_iterators_share_a_half_grown_map() {
    for n in [14_u64, 27, 53, 105, 209] {
        let map = Arc::new((0..n).map(|key| (key, 2 * key)).collect::<GoMap<_, _>>());
        if n > 14 {
            assert_eq!(map.stats().growth, Some(Growth::Doubling));
        }
        let barrier = Barrier::new(32);
        scope(|s| {
            for thread in 0..32 {
                let (map, barrier) = (&map, &barrier);
                s.spawn(move || {
                    barrier.wait();
                    if thread % 2 == 0 {
                        (0..n).for_each(|key| assert_eq!(map.get(&key), Some(2 * key)));
                    } else {
                        let sum: u64 = map.cursor().map(|(_, elem)| elem).sum();
                        assert_eq!(sum, n * (n - 1));
                    }
                });
            }
        });
    }
}

#[test]
fn keys_and_values_of_four_kibibytes() {
    type Item = [u64; 512];
    let item = |n: u64| -> Item { std::array::from_fn(|i| n * 1000 + i as u64) };
    let mut both = Table::<Item, Item>::new();
    for n in 0..100 {
        both.insert(item(n), item(n + 1));
    }
    let cursor = &mut both.cursor();
    let mut shown = 0;
    while let Some((key, elem)) = cursor.next(&both) {
        assert_eq!(*elem, item(key[0] / 1000 + 1));
        shown += 1;
    }
    assert_eq!(shown, 100);
    assert_eq!(both.remove(&item(7)), Some(item(8)));
}

#[test]
fn a_missing_value_of_four_thousand_bytes_is_zero() {
    #[derive(Clone, PartialEq, Debug)]
    struct Huge([u8; 4000]);
    impl Default for Huge {
        fn default() -> Self {
            Self([0; 4000])
        }
    }
    let table = Table::from([(1, Huge([7; 4000]))]);
    assert_eq!(table.get_or_zero(&2), Huge::default());
    assert_eq!(table.get(&2), None);
    assert_eq!(table.get_or_zero(&1), Huge([7; 4000]));
}

#[test]
fn empty_keys_and_values() {
    let mut keys = Table::<(), u64>::new();
    assert_eq!((keys.insert((), 1), keys.insert((), 2)), (None, Some(1)));
    let mut values = Table::<u64, ()>::new();
    (0..100).for_each(|n| _ = values.insert(n, ()));
    let mut both = Table::<(), ()>::new();
    both.insert((), ());
    assert_eq!((keys.len(), values.len(), both.len()), (1, 100, 1));
    assert_eq!(both.remove(&()), Some(()));
    assert!(both.is_empty());
}

fn string_keys_in_one_bucket(keys: &[String]) {
    let table: Table<&str, usize> = keys.iter().map(String::as_str).zip(0..).collect();
    assert_eq!(table.stats().b, 0);
    for (n, key) in keys.iter().enumerate() {
        // Another string with the same bytes.
        let copy = key.clone();
        assert_eq!(table.get(copy.as_str()), Some(&n));
        assert_eq!(table.get(format!("{key}!").as_str()), None);
        let mut last = copy.into_bytes();
        if let Some(byte) = last.last_mut() {
            *byte ^= 1;
            let changed = String::from_utf8(last).expect("still ASCII");
            assert_eq!(
                table.get(changed.as_str()),
                keys.iter().position(|k| *k == changed).as_ref()
            );
        }
    }
}

#[test]
fn one_bucket_holds_strings_of_any_lengths() {
    let long = |c: char| c.to_string().repeat(128);
    let same: Vec<_> = ["key:001", "key:002", "key:004", "key:010"]
        .map(String::from)
        .into();
    string_keys_in_one_bucket(&same);
    string_keys_in_one_bucket(&[long('w'), long('x'), long('y'), long('z')]);
    let different: Vec<_> = ["", "k", "ke", "key", "key:long"].map(String::from).into();
    string_keys_in_one_bucket(&different);
    string_keys_in_one_bucket(&["w".repeat(127), "w".repeat(128), "w".repeat(129)]);
}

#[test]
fn keys_and_values_of_512_bytes_survive() {
    let item = |n: u8| [n; 512];
    let mut keys = Table::<[u8; 512], u8>::new();
    let mut values = Table::<u8, [u8; 512]>::new();
    for n in 0..=255 {
        keys.insert(item(n), n);
        values.insert(n, item(n));
    }
    for n in 0..=255 {
        assert_eq!(keys.get(&item(n)), Some(&n));
        assert_eq!(values.get(&n), Some(&item(n)));
    }
}

/// Go's `m[k] += n` reuses a deleted slot and relies on its value having been zeroed.
#[test]
fn an_increment_after_a_delete_starts_from_zero() {
    fn check<K: untorn::gomap::Key + Clone>([one, two]: [K; 2]) {
        let mut table = Table::<K, i64>::new();
        table.insert(one.clone(), i64::MAX);
        table.remove(&one);
        for key in [one, two] {
            let sum = table.get_or_zero(&key) + 1;
            table.insert(key.clone(), sum);
            assert_eq!(table.get(&key), Some(&1));
        }
    }
    check([7_i64, 8]);
    check([7_i32, 8]);
    check([7_u8, 8]);
    check(["one", "two"].map(String::from));
    let mut texts = Table::<u64, String>::from([(1, "long gone".to_owned())]);
    texts.remove(&1);
    let text = texts.get_or_zero(&1) + "new";
    texts.insert(1, text);
    assert_eq!(texts.get(&1).map(String::as_str), Some("new"));
}

#[test]
fn an_increment_after_clear_starts_from_zero() {
    let mut table: Table<String, i64> = (0..100).map(|n| (n.to_string(), n)).collect();
    table.clear();
    for n in 0..100 {
        let sum = table.get_or_zero(&n.to_string()) + 1;
        table.insert(n.to_string(), sum);
    }
    assert!(table.values().all(|sum| *sum == 1));
}

#[test]
fn all_keys_and_all_values_are_copied() {
    let item = |n: u64| [n; 40];
    let table: Table<_, _> = (0..100).map(|n| (item(n), item(n + 1000))).collect();
    let mut keys: Vec<_> = table.keys().copied().collect();
    let mut values: Vec<_> = table.values().copied().collect();
    keys.sort_unstable();
    values.sort_unstable();
    assert_eq!(keys, (0..100).map(item).collect::<Vec<_>>());
    assert_eq!(values, (1000..1100).map(item).collect::<Vec<_>>());
}

#[test]
fn thirty_one_puts_then_deletes_then_a_clear() {
    let mut table = Table::<u32, u64>::with_hint(8);
    for n in 0..31 {
        assert_eq!(table.insert(n, u64::from(n) + 100), None);
        assert!((0..=n).all(|n| table.get(&n) == Some(&(u64::from(n) + 100))));
        assert_eq!(table.get(&(n + 1)), None);
    }
    for n in 0..15 {
        assert_eq!(table.remove(&n), Some(u64::from(n) + 100));
        assert_eq!(table.remove(&n), None);
    }
    assert_eq!(table.len(), 16);
    table.clear();
    assert!((0..31).all(|n| table.get(&n).is_none()));
    assert!(table.is_empty());
    table.assert_invariants();
}

#[test]
fn entries_are_found_after_each_growth() {
    let mut table = Table::<u32, u32>::new();
    for n in 0..2 * 1024 + 1 {
        table.insert(n, n);
        if n.is_multiple_of(64) {
            assert!((0..=n).all(|n| table.get(&n) == Some(&n)));
        }
    }
}

#[test]
fn steady_churn_does_not_grow_without_bound() {
    let mut table: Table<u64, u64> = (0..50).map(|n| (n, n)).collect();
    let buckets = table.stats().buckets;
    let mut most = 0;
    for n in 50..200_000 {
        table.insert(n, n);
        table.remove(&(n - 50));
        let stats = table.stats();
        most = most.max(stats.buckets + stats.oldbuckets + stats.overflow);
    }
    assert_eq!(table.len(), 50);
    assert!(table.stats().buckets <= 2 * buckets);
    assert!(most <= 8 * buckets, "{most} buckets for fifty entries");
}
