//! The versions that a map retains, in its own statistics and in those of the allocator.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use untorn::{Map, Published, Revision, Snapshot};

use crate::child::alone;
use crate::live;

/// The bytes that the test harness may allocate beside a test.
const NOISE: usize = 16 << 10;

/// The versions that a map or value may retain although nothing references them: those of the
/// commits between two scans, and what the next commits free.
const DEFERRED: usize = 64 + 2;

/// Checks that two byte counts agree within three percent and the noise.
fn assert_about(reported: usize, counted: usize) {
    let allowed = counted * 3 / 100 + NOISE;
    assert!(
        reported.abs_diff(counted) <= allowed,
        "reported {reported}, counted {counted}"
    );
}

fn numbers(entries: u64) -> Map<u64, u64> {
    (0..entries).map(|key| (key, 0)).collect()
}

/// Returns a key below `entries`, spread out for successive `n`.
fn scattered(n: u64, entries: u64) -> u64 {
    (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % entries
}

/// Only replaced values that have a `Drop` wait for the end of their batch.
#[test]
fn a_batch_keeps_no_replaced_value_without_drop() {
    if !alone() {
        return;
    }
    let map = Map::from([(1, [0_u8; 1024])]);
    let mut batch = map.begin_batch();
    batch.insert(1, [1; 1024]);
    let before = live();
    for n in 0..1_000_u32 {
        let value = [n as u8; 1024];
        batch.update_if_present(&1, |_| Some(value));
        batch.update(1, |_| Some(value));
        batch.insert(1, value);
    }
    let grown = live().saturating_sub(before);
    assert!(grown < NOISE + 64 * 1024, "{grown} bytes");
    batch.commit();
}

#[test]
fn only_held_or_leaked_versions_are_retained() {
    const ENTRIES: u64 = 10_000;
    if !alone() {
        return;
    }
    // Never dropped: the slots of leaked pins would retain what is allocated at their addresses.
    let map = &*Box::leak(Box::new(numbers(ENTRIES)));
    let whole = map.stats().bytes;
    let (mut idle, mut waiting) = (map.reader(), map.subscribe());
    let mut held: Vec<Snapshot<_>> = Vec::new();
    // The revisions in use; those of the snapshots are in `held`.
    let (mut leaked, mut idle_at, mut waiting_at) = (HashSet::new(), None, 0);
    for n in 1..=10_000 {
        map.insert(scattered(n, ENTRIES), n);
        match n {
            _ if n % 1_000 == 0 => {
                std::mem::forget(map.pin());
                leaked.insert(n);
            }
            _ if n % 500 == 0 => held.push(map.snapshot()),
            3_001 => idle_at = Some(idle.latest().revision().get()),
            6_001 => {
                let step = waiting.recv().expect("commits were made");
                waiting_at = Snapshot::revision(&step.to).get();
            }
            _ => {}
        }
        if n % 50 == 1 {
            let stats = map.stats();
            let others = idle_at.into_iter().chain([waiting_at]);
            let shown = held.len() + leaked.len() + others.filter(|&shown| shown < n).count();
            assert_eq!(
                (stats.commits, stats.revision.get(), stats.in_use),
                (n, n, shown)
            );
            assert!(stats.retained <= shown + DEFERRED, "{stats:?}");
            assert!(
                stats.retained_bytes <= (shown + 2) * whole * 5 / 4 + DEFERRED * (16 << 10),
                "{stats:?}"
            );
        }
    }
    assert_eq!((held.len(), leaked.len()), (10, 10));
    drop(held);
    idle.release();
    drop(waiting);
    let before = map.stats();
    // The newest version is the one leaked last, and is not counted.
    assert_eq!(before.in_use, 9);
    assert_eq!(map.reclaim(), before.retained - 9);
    let after = map.stats();
    assert_eq!(
        (after.retained, after.in_use),
        (9, 9),
        "leaked ones stay, each one version"
    );
    assert!(after.retained_bytes < before.retained_bytes && after.retained_bytes > 0);
}

#[test]
fn commit_frees_an_unreferenced_replaced_version() {
    if !alone() {
        return;
    }
    let (map, value) = (numbers(1_000), Published::new(0));
    // Many referenced versions do not hide it.
    let held: Vec<_> = (0..100)
        .map(|n| {
            let snapshots = (map.snapshot(), value.snapshot());
            map.insert(n, 1);
            value.publish(n);
            snapshots
        })
        .collect();
    for n in 0..1_000 {
        map.insert(n, 2);
        map.batch(|batch| _ = batch.remove(&n));
        map.update(n, |_| Some(3));
        value.publish(n);
        value.update(|n| n + 1);
        // The first scan finds only referenced ones, so the second comes later than others do.
        let most = 100 + 4 * DEFERRED;
        assert!(map.retained() <= most && value.retained() <= most);
    }
    map.reclaim();
    value.reclaim();
    assert_eq!((map.retained(), value.retained()), (100, 100));
    drop(held);
    assert_eq!((map.reclaim(), value.reclaim()), (100, 100));
}

#[test]
fn bytes_match_the_allocator() {
    if !alone() {
        return;
    }
    for entries in [20_000, 100_000, 400_000] {
        let before = live();
        let map = numbers(entries);
        assert_about(map.stats().bytes, live() - before);
        map.retain(|key, _| key % 4 == 0);
        map.reclaim();
        assert_about(map.stats().bytes, live() - before);
    }
    // Small segments; the heap data of the values is not counted.
    let (value, before) = (Arc::new([0; 1_000]), live());
    let map: Map<u64, _> = (0..50_000).map(|key| (key, Arc::clone(&value))).collect();
    assert_about(map.stats().bytes, live() - before);
}

#[test]
fn retained_bytes_match_what_reclaim_frees() {
    const ENTRIES: u64 = 100_000;
    if !alone() {
        return;
    }
    // `versions` versions are held, each with `changes` changes.
    for (versions, changes) in [(1, 1), (1, 300), (1, 50_000), (30, 10), (100, 1)] {
        let map = numbers(ENTRIES);
        let segment = map.stats().bytes / map.stats().segments;
        let mut held = Vec::new();
        for version in 0..versions {
            held.push(map.snapshot());
            map.batch(|batch| {
                for n in 0..changes {
                    batch.insert(scattered(version * changes + n, ENTRIES), 1);
                }
            });
        }
        let (stats, with) = (map.stats(), live());
        assert_eq!(stats.retained as u64, versions);
        let differs = (versions * changes) as usize;
        let most = stats.segments * versions as usize;
        // A full segment has twice the mean size; the pointers to segments take less than that.
        let bound = (differs.min(most) * 2 + versions as usize) * segment * 3 / 2;
        assert!(stats.retained_bytes <= bound, "{stats:?}, at most {bound}");
        drop(held);
        assert_eq!(
            map.stats().retained_bytes,
            stats.retained_bytes,
            "only writers free"
        );
        assert_eq!(map.reclaim() as u64, versions);
        assert_about(stats.retained_bytes, with - live());
        let after = map.stats();
        assert_eq!(
            (after.retained, after.in_use, after.retained_bytes),
            (0, 0, 0)
        );
        assert_eq!(after.oldest_in_use, None);
    }
}

/// The newest version shares all with the oldest one, and nothing with the one between them.
#[test]
fn bytes_of_a_restored_version_count_once() {
    const ENTRIES: u64 = 100_000;
    if !alone() {
        return;
    }
    let map = numbers(ENTRIES);
    let bytes = map.stats().bytes;
    let first = map.snapshot();
    map.clear();
    let empty = map.snapshot();
    map.restore(&first);
    let stats = map.stats();
    assert_eq!((stats.retained, stats.bytes), (2, bytes));
    assert!(stats.retained_bytes < bytes / 10, "{stats:?}");
    // Two versions in use that share all count once.
    let again = map.snapshot();
    map.clear();
    let stats = map.stats();
    assert_eq!(stats.retained, 3);
    assert!(stats.retained_bytes < bytes * 11 / 10, "{stats:?}");
    drop((first, empty, again));
}

/// Counted by the allocator, beside a reader and a stuck snapshot.
#[test]
fn retired_bytes_stay_bounded() {
    const ENTRIES: u64 = 100_000;
    if !alone() {
        return;
    }
    let map = numbers(ENTRIES);
    let stuck = map.snapshot();
    let mut reader = map.reader();
    // A stuck snapshot retains each segment that has been written to since.
    for key in 0..ENTRIES {
        map.insert(key, 1);
    }
    let (before, mut most) = (live(), 0);
    for n in 0..20_000 {
        map.insert(scattered(n, ENTRIES), n);
        if n % 100 == 0 {
            reader.latest();
        }
        most = most.max(live().saturating_sub(before));
    }
    // The versions of 64 commits, and as many that are free and not dropped yet: some 8 KiB each.
    assert!(most <= 4 << 20, "{most} bytes");
    drop(stuck);
}

#[test]
fn oldest_in_use_is_a_revision() {
    if !alone() {
        return;
    }
    let map = numbers(100);
    let oldest = || map.stats().oldest_in_use.map(Revision::get);
    assert_eq!(oldest(), None);
    let first = map.snapshot();
    assert_eq!(oldest(), None, "it is the newest");
    map.insert(1, 1);
    assert_eq!(oldest(), Some(0));
    let second = map.pin();
    map.insert(1, 2);
    assert_eq!((oldest(), map.stats().in_use), (Some(0), 2));
    drop(first);
    assert_eq!(oldest(), Some(1));
    // Unreferenced, but retained until a writer frees it.
    drop(second);
    assert_eq!((oldest(), map.stats().in_use), (None, 0));
    assert!(map.retained() > 0);
}

#[test]
fn the_last_view_frees_after_the_map_is_gone() {
    const ENTRIES: u64 = 100_000;
    if !alone() {
        return;
    }
    let start = live();
    let map = numbers(ENTRIES);
    let (view, fork, bytes) = (map.snapshot(), map.fork(), map.stats().bytes);
    map.batch(|batch| {
        for key in 0..ENTRIES {
            batch.insert(key, 1);
        }
    });
    assert_about(2 * bytes, live() - start);
    drop(map);
    assert_about(bytes, live() - start);
    drop(fork);
    assert_about(bytes, live() - start);
    drop(view);
    assert_about(0, live().saturating_sub(start));
}

/// Creates everything that a map offers, and drops it in an order that depends on `round`.
fn live_once(round: usize) {
    let texts = || (0..200_u64).map(|n| (n.to_string(), Arc::new(n)));
    let map: Map<String, Arc<u64>> = texts().collect();
    let limit = Published::new("100".to_owned());
    let (mut reader, mut changes, mut strings) = (map.reader(), map.subscribe(), limit.subscribe());
    let (handle, fork) = (changes.handle(), map.fork());
    let first = map.snapshot();
    for n in 0..20 {
        map.insert(n.to_string(), Arc::new(n + 1));
        limit.publish(n.to_string());
        reader.latest();
    }
    let step = changes.recv().expect("commits were made");
    map.refresh(texts().skip(50));
    let mut batch = map.begin_batch();
    batch.clear();
    batch.insert("x".into(), Arc::new(0));
    batch.clear();
    drop(batch);
    let refused = map.try_batch(|batch| {
        batch.clear();
        Err::<(), _>("no")
    });
    assert!(refused.is_err());
    fork.retain(|_, value| **value % 3 == 0);
    let second = fork.fork();
    second.clear();
    thread::scope(|scope| {
        let (map, mut changes) = (&map, map.subscribe());
        scope.spawn(move || changes.recv().map(|_| ()));
        map.insert("y".into(), Arc::new(1));
    });
    #[cfg(feature = "stream")]
    let streams = {
        use futures_core::Stream;
        let mut streams = [map.subscribe().into_stream(), map.subscribe().into_stream()];
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        for stream in &mut streams {
            assert!(std::pin::Pin::new(stream).poll_next(&mut task).is_pending());
        }
        streams
    };
    if round.is_multiple_of(2) {
        drop((map, limit));
        handle.close();
        assert!(changes.recv().is_err() && strings.recv().is_ok());
        drop((first, step, fork));
    } else {
        drop((step, first, reader, changes, strings));
        map.reclaim();
        assert_eq!(map.retained(), 0);
        drop((second, handle));
    }
    #[cfg(feature = "stream")]
    drop(streams);
}

#[test]
fn dropping_everything_frees_all_memory() {
    if !alone() {
        return;
    }
    let rounds = |n: usize| (0..n).for_each(live_once);
    // The records of threads are created once.
    rounds(50);
    let before = live();
    rounds(1_000);
    let left = live().saturating_sub(before);
    assert!(left < NOISE, "{left} bytes are left of 1,000 rounds");
}
