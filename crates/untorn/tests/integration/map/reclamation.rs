//! Freed in bounded steps: how much one commit drops, and how much stays.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use untorn::{Map, Published};

use crate::watchdog::with_timeout;

thread_local! {
    /// Values dropped on this thread.
    static DROPPED: Cell<usize> = const { Cell::new(0) };
    /// Values alive on this thread.
    static LIVE: Cell<usize> = const { Cell::new(0) };
    /// Drops up to the one that panics; 0 is never.
    static FUSE: Cell<usize> = const { Cell::new(0) };
}

struct Counted;

impl Counted {
    fn new() -> Self {
        LIVE.set(LIVE.get() + 1);
        Self
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
        LIVE.set(LIVE.get() - 1);
        let left = FUSE.get();
        FUSE.set(left.saturating_sub(1));
        if left == 1 {
            resume_unwind(Box::new("the chosen drop"));
        }
    }
}

fn dropped(write: impl FnOnce()) -> usize {
    let before = DROPPED.get();
    write();
    DROPPED.get() - before
}

const ENTRIES: u64 = 60_000;

/// A map with a version of this many entries that nothing references.
fn with_a_large_version() -> Map<u64, Counted> {
    let map: Map<u64, Counted> = (0..ENTRIES).map(|key| (key, Counted::new())).collect();
    let view = map.snapshot();
    map.clear();
    drop(view);
    map
}

#[test]
fn large_version_is_dropped_by_many_commits() {
    let map = with_a_large_version();
    let (mut commits, mut most) = (0, 0);
    while LIVE.get() > 1_000 {
        most = most.max(dropped(|| _ = map.insert(1, Counted::new())));
        commits += 1;
        assert!(commits < 1_000, "{} are left", LIVE.get());
    }
    // A commit of one key replaces a segment at most.
    assert!(most <= 2_048 + 2 * 150, "{most} in one commit");
    assert!(commits >= 20, "{commits} commits");
    map.reclaim();
    assert_eq!((LIVE.get(), map.retained()), (1, 0));
}

/// Nothing else references what it removes.
#[test]
fn clear_drops_a_part_only() {
    let map: Map<u64, Counted> = (0..ENTRIES).map(|key| (key, Counted::new())).collect();
    let dropped = dropped(|| map.clear());
    assert!(
        dropped <= 2_048 + 2 * 150,
        "{dropped} in the commit that clears"
    );
    map.reclaim();
    assert_eq!(LIVE.get(), 0);
}

/// A commit that fills the map again drops as much as it adds.
#[test]
fn clearing_and_filling_again_leaves_no_backlog() {
    const EACH: u64 = 10_000;
    let map = Map::new();
    for _ in 0..20 {
        map.clear();
        map.extend((0..EACH).map(|key| (key, Counted::new())));
        assert!(LIVE.get() < 3 * EACH as usize, "{} are alive", LIVE.get());
    }
}

#[test]
fn reclaim_drops_all_of_a_large_version() {
    let map = with_a_large_version();
    _ = map.insert(1, Counted::new());
    assert!(dropped(|| _ = map.reclaim()) + 4_000 > ENTRIES as usize);
    assert_eq!(LIVE.get(), 1);
}

#[test]
fn dropping_a_map_drops_what_is_left_of_versions() {
    let map = with_a_large_version();
    _ = map.insert(1, Counted::new());
    let fork = map.fork();
    drop(map);
    assert_eq!(LIVE.get(), 1);
    drop(fork);
    assert_eq!(LIVE.get(), 0);
}

/// A `Drop` that panics loses its own value only: later commits drop the rest.
#[test]
fn panic_while_a_large_version_is_dropped() {
    let map = with_a_large_version();
    let (mut panics, mut commits) = (0, 0);
    while LIVE.get() > 1_000 {
        commits += 1;
        FUSE.set(700);
        let commit = AssertUnwindSafe(|| map.batch(|batch| _ = batch.insert(2, Counted::new())));
        let caught = catch_unwind(commit);
        panics += usize::from(caught.is_err());
        FUSE.set(0);
        assert!(commits < 1_000, "{} are left", LIVE.get());
    }
    assert!(panics > 10, "{panics} panics");
    map.reclaim();
    assert_eq!((LIVE.get(), map.len()), (1, 1));
}

/// A stuck snapshot neither stays in the way of later versions nor makes them stay.
#[test]
fn stuck_snapshots_retain_only_their_versions() {
    let map = Map::from([(1, 0)]);
    let value = Published::new(String::new());
    let stuck: Vec<_> = (0..200)
        .map(|n| {
            map.insert(1, n);
            value.publish(n.to_string());
            (map.snapshot(), value.snapshot())
        })
        .collect();
    for n in 0..5_000 {
        map.insert(1, n);
        value.publish(n.to_string());
        assert!(map.retained() <= 200 + 4 * 66, "{}", map.retained());
        assert!(value.retained() <= 200 + 2, "{}", value.retained());
    }
    let (scans, commits) = (map.stats().scans, map.stats().commits);
    assert!(scans <= commits / 60, "{scans} scans in {commits} commits");
    drop(stuck);
    // Released ones are found by later scans, some by each.
    for n in 0..2_000 {
        map.insert(1, n);
        value.publish(n.to_string());
    }
    assert!(map.retained() <= 4 * 66, "{}", map.retained());
    assert!(value.retained() <= 2, "{}", value.retained());
}

#[test]
fn prompt_reclamation_drops_within_the_write() {
    let map: Map<u64, Counted> = Map::new().with_prompt_reclamation();
    map.extend((0..3_000).map(|key| (key, Counted::new())));
    assert_eq!(LIVE.get(), 3_000);
    for key in 0..100 {
        drop(map.remove(&key));
        assert_eq!(LIVE.get(), map.len());
    }
    map.retain(|key, _| *key < 200);
    assert_eq!((LIVE.get(), map.len()), (100, 100));
    let fork = map.fork();
    let views: Vec<_> = (0..20)
        .map(|key| {
            drop(map.insert(key, Counted::new()));
            map.snapshot()
        })
        .collect();
    assert!(LIVE.get() > map.len());
    drop((views, fork));
    // The first commit after the views frees all that they have referenced.
    drop(map.insert(0, Counted::new()));
    assert_eq!((LIVE.get(), map.len()), (120, 120));
    assert_eq!(map.retained(), 0);
    drop(map.fork().remove(&0));
    assert_eq!(LIVE.get(), 120);
}

/// A commit that acquired its map's lock again would wait for the thread that waits for this one.
#[test]
fn prompt_commits_wait_for_no_writer() {
    with_timeout("two maps' batches in one order", || {
        let [a, b] = [(); 2].map(|()| Map::from([(1, 0)]).with_prompt_reclamation());
        let (a, b) = (&a, &b);
        let (overlapped, start) = (AtomicU64::new(0), Barrier::new(2));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    for round in 0.. {
                        // A delayed thread may begin when the other has done its rounds.
                        if round >= 5_000 && overlapped.load(Ordering::Relaxed) > 0 {
                            break;
                        }
                        let mut of_a = a.try_begin_batch().unwrap_or_else(|| {
                            overlapped.fetch_add(1, Ordering::Relaxed);
                            a.begin_batch()
                        });
                        let mut of_b = b.begin_batch();
                        of_a.insert(1, round);
                        of_b.insert(1, round);
                        of_a.commit();
                        of_b.commit();
                        if round % 64 == 0 {
                            thread::yield_now();
                        }
                    }
                });
            }
        });
        assert_eq!((a.retained(), b.retained()), (0, 0));
    });
}

/// A scan costs little beside a commit of many writes.
#[test]
fn a_commit_of_many_writes_drops_what_it_removes() {
    let map: Map<u64, Counted> = (0..1_000).map(|key| (key, Counted::new())).collect();
    map.batch(|batch| (0..100).for_each(|key| drop(batch.remove(&key))));
    assert_eq!((LIVE.get(), map.retained()), (900, 0));
    map.retain(|key, _| *key >= 200);
    assert_eq!((LIVE.get(), map.retained()), (800, 0));
}
