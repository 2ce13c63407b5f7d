//! The part of a table that a commit replaces, counted: growth has no long pause at any size.

use std::hash::BuildHasher;

use super::super::table::{Counted, Table};
use super::super::{DefaultHashBuilder, Map, View};
use super::{Build, Identity, Key};

/// The most that one commit replaces: segments, entries in them, and bytes including the path of
/// pointers.
#[derive(Debug, Default)]
struct Most {
    segments: usize,
    entries: usize,
    bytes: usize,
}

fn one_by_one<K: Key, S: Build>(entries: u64) -> Most {
    // Under Miri a few splits suffice.
    let entries = if cfg!(miri) { entries / 1_000 } else { entries };
    let map = Map::<K, u64, S>::default();
    let mut most = Most::default();
    let mut before = map.snapshot();
    let mut commit = |write: &dyn Fn()| {
        write();
        let after = map.snapshot();
        let replaced: Vec<_> = after.table.unshared_segments(&before.table).collect();
        most.segments = most.segments.max(replaced.len());
        let sizes = replaced.into_iter().map(|i| after.table.segment(i).len());
        most.entries = most.entries.max(sizes.sum());
        let mut counted = Counted::new();
        before.table.count_bytes(&mut counted);
        most.bytes = most.bytes.max(after.table.count_bytes(&mut counted));
        before = after;
    };
    for key in 0..entries {
        commit(&|| _ = map.insert(K::of(key), 0));
    }
    for key in 0..entries {
        commit(&|| _ = map.remove(&K::of(key)));
    }
    most
}

#[test]
fn one_key_commit_replaces_at_most_three_segments() {
    // Enough for two levels of nodes: 128 segments of strings have some 12,000 entries.
    // Three segments: the one that is split, the new one, and the one of the key. Their bytes are
    // some for each slot, and nodes of 128 pointers.
    for most in [
        one_by_one::<u64, DefaultHashBuilder>(12_000),
        one_by_one::<u64, Identity>(12_000),
    ] {
        assert!(
            most.segments == 3 && most.entries <= 1_200 && most.bytes <= 60 << 10,
            "{most:?}"
        );
    }
    let most = one_by_one::<String, DefaultHashBuilder>(16_000);
    assert!(
        most.segments == 3 && most.entries <= 180 && most.bytes <= 20 << 10,
        "{most:?}"
    );
}

#[test]
fn a_batch_copies_a_segment_once() {
    let entries = if cfg!(miri) { 100 } else { 50_000 };
    let map: Map<u64, u64> = (0..entries).map(|key| (key, 0)).collect();
    let before = map.snapshot();
    let hash = |key: u64| before.hasher.hash_one(key);
    map.batch(|batch| {
        for _ in 0..10 {
            batch.insert(7, 1);
            batch.insert(8, 1);
        }
    });
    let places = [before.table.place(hash(7)), before.table.place(hash(8))];
    let mut places = places.to_vec();
    places.sort_unstable();
    places.dedup();
    let after = map.snapshot();
    let replaced: Vec<_> = after.table.unshared_segments(&before.table).collect();
    assert_eq!(replaced, places);
}

/// A commit of one key drops more parts than it retires, also in a table of many nodes.
#[test]
fn parts_of_versions_do_not_pile_up() {
    let entries = if cfg!(miri) { 200 } else { 150_000 };
    let map: Map<String, u64> = (0..entries).map(|key| (key.to_string(), key)).collect();
    for key in 0..if cfg!(miri) { 100 } else { 2_000 } {
        map.insert(key.to_string(), 0);
    }
    assert_eq!(map.remains.parts(), 0);
}

#[test]
fn a_version_is_a_table_two_words_and_a_hasher() {
    // The revision, and the pointer to the map's identity.
    let more = size_of::<View<u64, u64, ()>>() - size_of::<Table<u64, u64>>();
    assert_eq!(more, size_of::<u64>() + size_of::<usize>());
}
