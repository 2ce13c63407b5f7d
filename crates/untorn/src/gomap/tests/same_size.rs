//! Same-size growth, and the overflow buckets that cause it.

use super::super::raw::layout::BucketLayout;
use super::super::{Growth, Table};
use super::support::{Constant, Identity, Truncated, address, place};

type Placed = Table<u64, u64, Identity>;

/// Returns an empty table of 2^b buckets.
fn buckets(b: u8) -> Placed {
    let table: Placed = Table::with_hint_and_hasher(13 << (b - 1), Identity);
    assert_eq!(table.stats().b, b);
    table
}

fn keys(bucket: u64, n: u64) -> impl Iterator<Item = u64> {
    (0..n).map(move |i| place(bucket, 10 + i % 200, i))
}

fn fill(table: &mut Placed, bucket: u64, n: u64) {
    table.extend(keys(bucket, n).map(|key| (key, key)));
}

/// Removes all but the first `left` of the `n` keys of a bucket.
fn thin(table: &mut Placed, bucket: u64, n: u64, left: usize) {
    for key in keys(bucket, n).skip(left) {
        assert_eq!(table.remove(&key), Some(key));
    }
}

/// Returns a table of 16 buckets with 16 overflow buckets, whose three chains have been reduced to
/// `left` entries, and the keys.
fn thinned(left: [usize; 3]) -> (Placed, Vec<u64>) {
    let mut table = buckets(4);
    let mut kept = Vec::new();
    for ((bucket, overflow), left) in [(3, 6), (7, 6), (11, 4)].into_iter().zip(left) {
        // The last overflow bucket has one key, so the next new key finds too many overflow
        // buckets.
        let n = 8 * overflow + 1;
        fill(&mut table, bucket, n);
        thin(&mut table, bucket, n, left);
        kept.extend(keys(bucket, n).take(left));
    }
    let stats = table.stats();
    assert_eq!((stats.noverflow, stats.overflow, stats.b), (16, 16, 4));
    assert_eq!((stats.growth, stats.count), (None, kept.len()));
    (table, kept)
}

fn sparse() -> (Placed, Vec<u64>) {
    thinned([2, 2, 2])
}

#[test]
fn too_many_overflow_buckets_grow_to_the_same_size() {
    let (mut table, mut left) = sparse();
    // Neither an overwrite nor a removal starts a growth.
    table.insert(left[0], left[0]);
    table.remove(&place(3, 10, 5));
    assert_eq!(table.stats().growth, None);
    let new = place(3, 250, 0);
    table.insert(new, new);
    left.push(new);
    let stats = table.stats();
    assert_eq!(stats.growth, Some(Growth::SameSize));
    assert_eq!((stats.buckets, stats.oldbuckets, stats.b), (16, 16, 4));
    assert_eq!((stats.noverflow, stats.flags.bits()), (0, 8));
    assert!(stats.flags.same_size_grow());
    table.assert_invariants();
    while table.stats().growth.is_some() {
        assert!(left.iter().all(|key| table.get(key) == Some(key)));
        assert_eq!(table.iter().count(), left.len());
        table.remove(&place(0, 10, 0));
        table.assert_invariants();
    }
    let stats = table.stats();
    assert!(!stats.flags.same_size_grow());
    assert_eq!((stats.overflow, stats.noverflow, stats.b), (0, 0, 4));
    assert!(left.iter().all(|key| table.get(key) == Some(key)));
}

#[test]
fn one_overflow_bucket_fewer_is_not_too_many() {
    let mut table = buckets(4);
    for (bucket, overflow) in [(3, 6), (7, 6), (11, 3)] {
        let n = 8 * (overflow + 1);
        fill(&mut table, bucket, n);
        thin(&mut table, bucket, n, 1);
    }
    assert_eq!(table.stats().noverflow, 15);
    fill(&mut table, 0, 8);
    assert_eq!(table.stats().growth, None);
    // The sixteenth overflow bucket starts no growth: the next insertion does.
    fill(&mut table, 0, 9);
    assert_eq!((table.stats().noverflow, table.stats().growth), (16, None));
    fill(&mut table, 0, 10);
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
}

#[test]
fn load_wins_over_overflow() {
    // The next insertion makes 104 entries, which 16 buckets can hold, or 105, which they cannot.
    for (left, growth) in [
        ([35, 35, 33], Growth::SameSize),
        ([35, 36, 33], Growth::Doubling),
    ] {
        let (mut table, kept) = thinned(left);
        table.insert(place(0, 250, 0), 0);
        let stats = table.stats();
        assert_eq!(stats.growth, Some(growth));
        assert_eq!(stats.b, if growth == Growth::Doubling { 5 } else { 4 });
        assert_eq!(stats.flags.same_size_grow(), growth == Growth::SameSize);
        table.assert_invariants();
        assert!(kept.iter().all(|key| table.get(key) == Some(key)));
    }
}

#[test]
fn a_growing_table_does_not_begin_another_growth() {
    let (mut table, _) = sparse();
    table.insert(place(15, 250, 0), 0);
    assert_eq!(table.stats().growth, Some(Growth::SameSize));
    // Insertions past the load factor start no doubling until the same-size growth is complete.
    let mut passed = false;
    let mut n = 0;
    while table.stats().growth == Some(Growth::SameSize) {
        assert_eq!(table.stats().b, 4);
        table.insert(place(15, 10 + n % 200, n + 1), n);
        passed |= table.stats().noverflow >= 1;
        n += 1;
    }
    assert!(passed);
    table.assert_invariants();
}

#[test]
fn clone_during_same_size_growth_is_complete() {
    let (mut table, left) = sparse();
    table.insert(place(15, 250, 0), 0);
    let clone = table.clone();
    assert_eq!(clone, table);
    assert_eq!(clone.stats().growth, None);
    assert!(left.iter().all(|key| clone.get(key) == Some(key)));
    clone.assert_invariants();
}

#[test]
fn one_bucket_never_grows_by_overflow() {
    let mut table = Table::with_hasher(Constant);
    for n in 0..if cfg!(miri) { 100 } else { 1000_u32 } {
        table.insert(n, n);
        if n >= 7 {
            assert_eq!(table.remove(&(n - 7)), Some(n - 7));
        }
        let stats = table.stats();
        assert_eq!((stats.b, stats.noverflow, stats.growth), (0, 0, None));
        table.assert_invariants();
    }
    assert_eq!(table.len(), 7);
}

#[test]
fn the_count_of_overflow_buckets_is_exact() {
    let mut table = Table::with_hasher(Truncated);
    let mut most = 0;
    for n in 0..if cfg!(miri) { 300 } else { 2000_u32 } {
        table.insert(n, n);
        if n % 3 == 0 {
            table.remove(&(n / 2));
        }
        let stats = table.stats();
        if stats.growth.is_none() {
            assert_eq!(usize::from(stats.noverflow), stats.overflow);
            let chains = 0..stats.buckets;
            let counted: usize = chains
                .map(|i| table.buckets.bucket(i).chain().count() - 1)
                .sum();
            assert_eq!(counted, stats.overflow);
            most = most.max(stats.overflow);
        }
    }
    assert!(most > if cfg!(miri) { 5 } else { 50 });
}

#[test]
fn half_the_overflow_is_counted_from_b_sixteen_on() {
    let mut table = buckets(16);
    for bucket in 0..512 {
        fill(&mut table, bucket, 9);
    }
    let stats = table.stats();
    assert_eq!((stats.b, stats.overflow), (16, 512));
    // The mean is 256, the standard deviation 11.
    assert!((150..360).contains(&stats.noverflow), "{}", stats.noverflow);
}

#[test]
fn preallocated_overflow_buckets_are_used_first() {
    // 16 buckets have one spare bucket, 32 have two.
    for (b, spare) in [(4, 1), (5, 2), (6, 4)] {
        let mut table = buckets(b);
        table.insert(place(0, 10, 0), 0);
        fill(&mut table, 5, 8 * 7);
        assert_eq!(table.stats().overflow, 6);
        let place_of = |key| address(table.get_key_value(&key).unwrap().0);
        let first = place_of(place(0, 10, 0));
        let nth = |n| first + n * BucketLayout::<u64, u64>::SIZE;
        let array = first..nth((1 << b) + spare);
        for i in 0..6 {
            let bucket = place_of(keys(5, 56).nth(8 * (i + 1)).unwrap());
            if i < spare {
                assert_eq!(bucket, nth((1 << b) + i), "overflow bucket {i} of B = {b}");
            } else {
                // Wherever the allocator puts it, and be it right behind the array.
                assert!(!array.contains(&bucket), "overflow bucket {i} of B = {b}");
            }
        }
    }
}

#[test]
fn no_spare_overflow_below_sixteen_buckets() {
    let mut table = buckets(3);
    table.insert(place(0, 10, 0), 0);
    fill(&mut table, 5, 9);
    let place_of = |key| address(table.get_key_value(&key).unwrap().0);
    let array = place_of(place(0, 10, 0));
    let overflow = place_of(keys(5, 9).nth(8).unwrap());
    assert!(!(array..array + 8 * BucketLayout::<u64, u64>::SIZE).contains(&overflow));
}

#[test]
fn iterator_flags_move_to_the_old_buckets() {
    let (mut table, left) = sparse();
    assert_eq!(table.stats().flags.to_string(), "0");
    let _ = table.iter();
    assert_eq!(table.stats().flags.to_string(), "iterator|old_iterator");
    table.insert(place(15, 250, 0), 0);
    assert_eq!(
        table.stats().flags.to_string(),
        "old_iterator|same_size_grow"
    );
    let _ = table.iter();
    while table.stats().growth.is_some() {
        table.remove(&place(0, 10, 0));
    }
    assert_eq!(table.stats().flags.to_string(), "iterator|old_iterator");
    assert!(left.iter().all(|key| table.contains_key(key)));
}
