//! Cloning: the positions of entries in a clone, which are those of Go's `maps.Clone`.

use super::super::{Growth, Table};
use super::support::{Constant, Counting, Good, Identity, Tracked, marks, place, reset_accounting};

type Placed = Table<u64, u64, Identity>;

/// Returns a table with entries in these buckets, with these tophashes.
fn placed(places: &[(u64, u64)]) -> Placed {
    let mut table = Table::with_hasher(Identity);
    for (n, (bucket, top)) in (0..).zip(places) {
        table.insert(place(*bucket, *top, n), n);
    }
    table
}

#[test]
fn clone_of_one_bucket_copies_empty_slots() {
    let mut table = placed(&[(0, 5), (0, 6), (0, 7), (0, 8)]);
    table.remove(&place(0, 6, 1));
    assert_eq!(marks(&table, 0), [[5, 1, 7, 8, 0, 0, 0, 0]]);
    assert_eq!(marks(&table.clone(), 0), [[5, 1, 7, 8, 0, 0, 0, 0]]);
}

#[test]
fn one_bucket_with_boxed_elems_is_packed() {
    let mut table: Table<u64, [u64; 17], Identity> = Table::with_hasher(Identity);
    for top in 5..9 {
        table.insert(place(0, top, 0), [top; 17]);
    }
    table.remove(&place(0, 6, 0));
    assert_eq!(marks(&table.clone(), 0), [[5, 7, 8, 0, 0, 0, 0, 0]]);
}

#[test]
fn clone_packs_and_joins_chains_in_order() {
    let places: Vec<_> = (0..14).map(|n| (n % 4, 5 + n)).collect();
    let mut table = placed(&places);
    assert_eq!((table.stats().b, table.stats().growth), (2, None));
    for (n, (bucket, top)) in (0..).zip(&places) {
        if n % 3 == 0 {
            table.remove(&place(*bucket, *top, n));
        }
    }
    // Nine entries are left, which fit into two buckets: bucket 0 followed by 2, bucket 1 followed
    // by 3.
    let clone = table.clone();
    assert_eq!(clone.stats().b, 1);
    let [first, second] = [0, 1].map(|bucket| marks(&clone, bucket));
    assert_eq!(first, [[9, 13, 7, 15, 0, 0, 0, 0]]);
    assert_eq!(second, [[6, 10, 18, 12, 16, 0, 0, 0]]);
    clone.assert_invariants();
}

#[test]
fn clone_hashes_only_split_old_buckets() {
    let hasher = Counting::<Good>::default();
    let mut table = Table::with_hasher(hasher.clone());
    table.extend((0..105_u64).map(|n| (n, n)));
    assert_eq!(table.stats().growth, Some(Growth::Doubling));
    hasher.take();
    let clone = table.clone();
    assert_eq!((clone.stats().b, clone.stats().growth), (5, None));
    let hashed = hasher.take();
    assert!((1..105).contains(&hashed), "{hashed}");
    clone.assert_invariants();
    assert_eq!(clone, table);

    // With one entry fewer the clone has the old size, and old chains are copied whole.
    table.remove(&50);
    assert_eq!(table.stats().growth, Some(Growth::Doubling));
    hasher.take();
    let clone = table.clone();
    assert_eq!((clone.stats().b, hasher.take()), (4, 0));
    clone.assert_invariants();
    assert_eq!(clone, table);
}

#[test]
fn clone_of_an_overloaded_table_has_its_size() {
    let mut table = Table::with_hint_and_hasher(104, Identity);
    let mut numbers = 0..;
    let mut insert = |table: &mut Placed, bucket| {
        let n = numbers.next().unwrap();
        let key = place(bucket, 5 + n % 200, n);
        table.insert(key, 0);
        key
    };
    // Fifteen of sixteen buckets get an overflow bucket and keep one entry.
    for bucket in 0..15 {
        let keys: Vec<_> = (0..9).map(|_| insert(&mut table, bucket)).collect();
        for key in &keys[1..] {
            table.remove(key);
        }
    }
    // The empty slots are filled. The last bucket gets its overflow bucket at 103 of 104 entries.
    while table.len() < 94 {
        let bucket = table.len() as u64 % 15;
        insert(&mut table, bucket);
    }
    for _ in 0..9 {
        insert(&mut table, 15);
    }
    assert_eq!((table.len(), table.stats().growth), (103, None));
    insert(&mut table, 0);
    insert(&mut table, 0);
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
    assert_eq!((table.len(), table.stats().b), (105, 4));
    let clone = table.clone();
    assert_eq!((clone.len(), clone.stats().b), (105, 4));
    assert_eq!(clone.stats().growth, None);
    clone.assert_invariants();
    assert_eq!(clone, table);
}

#[test]
fn a_clone_leaves_the_flags_of_the_table_alone() {
    let table = placed(&[(0, 5)]);
    let clone = table.clone();
    assert_eq!(table.stats().flags.bits(), 0);
    assert_eq!(clone.stats().flags.bits(), 0);
}

#[test]
fn one_long_chain_is_cloned_in_order() {
    reset_accounting();
    let mut table = Table::with_hasher(Constant);
    for id in 0..100 {
        table.insert(Tracked::<false, 0>::new(id), id);
    }
    let chain = |table: &Table<Tracked, u32, Constant>| -> Vec<u32> {
        let buckets = table.chains().next().expect("the first chain");
        buckets
            .flat_map(|bucket| (0..8).filter_map(move |i| bucket.entry(i).map(|(_, id)| *id)))
            .collect()
    };
    table.remove(&Tracked::new(50));
    assert_eq!(chain(&table.clone()), chain(&table));
}
