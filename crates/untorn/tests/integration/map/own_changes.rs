//! Views of one's own commit, and refreshes that report what they changed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use untorn::gomap::Float64;
use untorn::{Change, Map, Snapshot, View};

fn sorted(view: &View<u32, u32>) -> Vec<(&u32, &u32)> {
    let mut entries: Vec<_> = view.iter().collect();
    entries.sort_unstable();
    entries
}

#[test]
fn commits_return_the_views_of_their_own_revision() {
    const THREADS: u32 = 4;
    const COMMITS: u32 = 200;
    let map = Map::new();
    let start = Barrier::new(THREADS as usize);
    let revisions: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|writer| {
                let (map, start) = (&map, &start);
                scope.spawn(move || {
                    start.wait();
                    (1..=COMMITS)
                        .map(|n| {
                            let mut batch = map.begin_batch();
                            let before = batch.revision();
                            batch.insert(writer, n);
                            if n % 2 == 0 {
                                let own = batch.commit_snapshot();
                                assert_eq!((own[&writer], own.revision()), (n, before.next()));
                                return own.revision();
                            }
                            let step = batch.commit_transition();
                            let old = (n > 1).then(|| n - 1);
                            let change = match &old {
                                None => Change::Added {
                                    key: &writer,
                                    new: &n,
                                },
                                Some(old) => Change::Changed {
                                    key: &writer,
                                    old,
                                    new: &n,
                                },
                            };
                            assert_eq!(step.changes().collect::<Vec<_>>(), [change]);
                            assert_eq!((Snapshot::revision(&step.from), step.missed), (before, 0));
                            step.to.revision()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let made = writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("no panic"));
        made.collect()
    });
    let mut numbers: Vec<_> = revisions.iter().map(|revision| revision.get()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=u64::from(THREADS * COMMITS)));
    map.reclaim();
    assert_eq!(map.retained(), 0, "nothing references a view any more");
}

#[test]
fn commits_without_a_write_return_the_newest_view() {
    let map = Map::from([(1, 1)]);
    map.insert(2, 2);
    let newest = map.snapshot();
    let same = map.begin_batch().commit_snapshot();
    assert!(std::ptr::eq(&*same, &*newest));
    let step = map.begin_batch().commit_transition();
    assert!(std::ptr::eq(&*step.from, &*newest) && std::ptr::eq(&*step.to, &*newest));
    assert_eq!((step.changes().count(), step.missed), (0, 0));
    let (refreshed, step) = map.refresh_transition([(2, 2), (1, 1)]);
    assert!(refreshed.is_unchanged() && std::ptr::eq(&*step.to, &*newest));
    assert_eq!(
        (refreshed.revision, map.revision().get()),
        (newest.revision(), 1)
    );
}

#[test]
fn refresh_returns_exactly_its_own_changes() {
    const ROUNDS: u32 = 300;
    // Another writer changes its own keys, which the source does not have.
    let map: Map<u32, u32> = Map::from([(0, 0)]);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            for n in 0..ROUNDS {
                map.insert(1_000 + n, n);
            }
        });
        for n in 1..ROUNDS {
            let (refreshed, step) = map.refresh_transition([(0, n), (n, n)]);
            assert_eq!(sorted(&step.to), [(&0, &n), (&n, &n)]);
            let (mut added, mut changed, mut removed) = (0, 0, 0);
            for change in step.changes() {
                match change {
                    Change::Added { .. } => added += 1,
                    Change::Changed { .. } => changed += 1,
                    Change::Removed { .. } => removed += 1,
                }
            }
            let counts = (refreshed.added, refreshed.changed, refreshed.removed);
            assert_eq!(counts, (added, changed, removed));
            assert_eq!(refreshed.revision, Snapshot::revision(&step.from).next());
        }
        other.join().expect("no panic");
    });
}

#[test]
fn duplicates_of_a_source_are_counted() {
    let map = Map::from([("a", 1)]);
    let done = map.refresh([("a", 2), ("b", 3), ("a", 4), ("a", 5)]);
    assert_eq!((done.added, done.changed, done.duplicates), (1, 1, 2));
    assert_eq!(map.get("a"), Some(5), "the last one wins");
    let same = map.refresh([("b", 0), ("a", 5), ("b", 3)]);
    assert!(same.is_unchanged() && same.duplicates == 1);
    let kept = map.refresh_with(["a", "b", "a"], |_, _| None);
    assert!(kept.is_unchanged() && kept.duplicates == 1);
    assert_eq!(map.revision().get(), 1);
}

#[test]
fn strict_refresh_names_duplicates_and_writes_nothing() {
    let map = Map::from([("a", 1)]);
    let source = [("c", 1), ("a", 2), ("b", 3), ("a", 4), ("c", 2), ("a", 5)];
    let refused = map
        .refresh_unique(source)
        .expect_err("a and c come more than once");
    assert_eq!(refused.keys, ["a", "c"]);
    assert_eq!(
        refused.to_string(),
        "cannot refresh a map: 2 keys are in the source more than once; remove the duplicates"
    );
    // Equal values make no difference.
    assert!(map.refresh_unique([("a", 2), ("a", 2)]).is_err());
    assert_eq!((map.get("a"), map.revision().get()), (Some(1), 0));
    let done = map
        .refresh_unique([("a", 2), ("b", 3)])
        .expect("no duplicates");
    assert_eq!((done.added, done.changed, done.duplicates), (1, 1, 0));
    let nan = Float64(f64::NAN);
    let unequal = Map::from([(Float64(1.0), 1)]);
    assert_eq!(
        unequal
            .refresh_unique([(nan, 1), (nan, 1)])
            .expect("no duplicates")
            .added,
        2
    );
}

#[test]
fn refresh_keeps_computes_and_removes_by_key() {
    let map = Map::from([(1, 10), (2, 20), (3, 30)]);
    let done = map.refresh_with([1, 2, 4, 5], |key, old| match (key, old) {
        (1, Some(10)) => None,
        (2, Some(old)) => Some(old + 1),
        (4, None) => Some(40),
        (5, None) => None,
        other => unreachable!("{other:?}"),
    });
    assert_eq!((done.added, done.changed, done.removed), (1, 1, 1));
    assert_eq!(sorted(&map.pin()), [(&1, &10), (&2, &21), (&4, &40)]);
    assert_eq!((done.revision, done.revision.get()), (map.revision(), 1));
    // An equal value counts as a change, since values are not compared.
    assert_eq!(
        map.refresh_with([1, 2, 4], |_, old| old.copied()).changed,
        3
    );
    let before = map.snapshot();
    let call = || {
        map.refresh_with([1, 9], |key, _| {
            (*key == 1).then_some(1).or_else(|| panic!())
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert!(std::ptr::eq(&*map.pin(), &*before), "nothing was published");
    // Keys that do not equal themselves are made again.
    let nan = Float64(f64::NAN);
    let unequal = Map::from([(nan, 1), (Float64(2.0), 2)]);
    let done = unequal.refresh_with([nan, Float64(2.0)], |_, old| old.is_none().then_some(3));
    assert_eq!(
        (done.added, done.changed, done.removed, unequal.len()),
        (1, 0, 1, 2)
    );
}

#[test]
fn refresh_from_old_values_loses_no_update() {
    const ROUNDS: u32 = 500;
    let map = Map::from([(1, 0), (2, 0)]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                map.update(1, |n| n.map(|n| n + 1));
            }
        });
        for _ in 0..ROUNDS {
            map.refresh_with([1, 2], |_, old| old.map(|n| n + 1));
        }
    });
    assert_eq!(sorted(&map.pin()), [(&1, &(2 * ROUNDS)), (&2, &ROUNDS)]);
}
