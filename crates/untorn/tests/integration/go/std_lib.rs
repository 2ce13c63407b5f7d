//! The packages `maps` and `reflect`.

use std::collections::BTreeMap;

use untorn::GoMap;
use untorn::gomap::Table;

fn contents(table: &Table<u64, u64>) -> BTreeMap<u64, u64> {
    table.iter().map(|(key, elem)| (*key, *elem)).collect()
}

#[test]
fn clone_is_independent_at_every_size_and_growth_step() {
    let mut table = Table::new();
    for n in 0..500 {
        table.insert(n, 10 * n);
        let before = contents(&table);
        let mut clone = table.clone();
        clone.assert_invariants();
        assert_eq!(contents(&clone), before);
        (0..n).step_by(3).for_each(|key| _ = clone.remove(&key));
        clone.insert(n + 1, 0);
        assert_eq!(contents(&table), before);
    }
}

#[test]
fn a_clone_of_nil_is_nil() {
    assert!(Table::<u64, u64>::nil().clone().is_nil());
    assert!(GoMap::<u64, u64>::nil().deep_clone().is_nil());
    assert!(!Table::<u64, u64>::new().clone().is_nil());
}

#[test]
fn clone_between_deletes_has_the_remaining_entries() {
    let mut table: Table<u64, u64> = (0..1000).map(|n| (n, n)).collect();
    for n in 0..1000 {
        table.remove(&n);
        if n % 50 == 0 {
            let clone = table.clone();
            assert_eq!(clone.len() as u64, 999 - n);
            assert!((n + 1..1000).all(|key| clone.get(&key) == Some(&key)));
        }
    }
    assert!(table.clone().is_empty());
}

#[test]
fn clone_is_unaffected_by_later_inserts() {
    let mut table = Table::new();
    let mut clones = vec![];
    for n in 0..300 {
        table.insert(n, n);
        table.insert(n / 2, n);
        clones.push((contents(&table), table.clone()));
    }
    for (before, clone) in &clones {
        assert_eq!(&contents(clone), before);
    }
}

#[test]
fn clone_does_not_share_boxed_entries() {
    let table: Table<[u64; 32], Vec<u64>> = (0..10_000).map(|n| ([n; 32], vec![n])).collect();
    let mut clone = table.clone();
    for n in (0..10_000).step_by(7) {
        clone.insert([n; 32], vec![n, n]);
    }
    assert!((0..10_000).all(|n| table.get(&[n; 32]) == Some(&vec![n])));
    assert_eq!(clone.get(&[7; 32]), Some(&vec![7, 7]));
}

#[test]
fn a_clone_of_a_growing_map_is_whole() {
    // Values that were written before and during the growth, as in the bug behind this test.
    for n in [27, 53, 105, 209, 417] {
        let mut table: Table<u64, u64> = (0..n).map(|key| (key, key)).collect();
        while table.stats().growth.is_some() {
            let clone = table.clone();
            assert_eq!(contents(&clone), contents(&table));
            table.insert(0, table.get_or_zero(&0) + 1);
        }
        assert_eq!(table.clone(), table);
    }
}

#[test]
fn helpers_of_package_maps() {
    let source = Table::from([(1, 10), (2, 20), (3, 30)]);
    // Copy and Insert.
    let mut target = Table::from([(3, 0), (4, 40)]);
    target.extend(source.iter().map(|(key, elem)| (*key, *elem)));
    assert_eq!(
        contents(&target),
        BTreeMap::from([(1, 10), (2, 20), (3, 30), (4, 40)])
    );
    // DeleteFunc.
    let mut cursor = target.cursor();
    while let Some((&key, _)) = cursor.next(&target) {
        if key % 2 == 0 {
            target.remove(&key);
        }
    }
    // Equal.
    assert_eq!(target, Table::from([(3, 30), (1, 10)]));
    assert_ne!(target, source);
    // All, Keys, Values, Collect.
    let all: Table<u64, u64> = source.iter().map(|(key, elem)| (*key, *elem)).collect();
    assert_eq!(all, source);
    let keys: std::collections::BTreeSet<_> = source.keys().copied().collect();
    let values: std::collections::BTreeSet<_> = source.values().copied().collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(values.into_iter().collect::<Vec<_>>(), [10, 20, 30]);
}

#[test]
fn an_iterator_over_nil_is_at_its_end() {
    let nil = Table::<u64, u64>::nil();
    assert_eq!(nil.cursor().next(&nil), None);
    assert_eq!(GoMap::<u64, u64>::nil().cursor().next(), None);
}
