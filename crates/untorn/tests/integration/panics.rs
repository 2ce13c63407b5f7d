//! Panics in unusual places: in `Drop`, in a comparison, in the source of a write. Also sources
//! that read their own map.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use untorn::{Map, Published, Revision, TryRecvError, View};

thread_local! {
    /// Drops up to the one that panics; 0 is never.
    static DROPS: Cell<usize> = const { Cell::new(0) };
    /// Comparisons of values up to the one that panics; 0 is never.
    static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    /// The number of live values.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Counts one call and panics if it is the chosen one.
fn tick(fuse: &'static thread::LocalKey<Cell<usize>>) {
    let left = fuse.get();
    fuse.set(left.saturating_sub(1));
    // A second panic during unwinding would abort the process.
    if left == 1 && !thread::panicking() {
        // Without a message: there are thousands.
        resume_unwind(Box::new("the chosen call"));
    }
}

/// A key and a value that count how many of them are live.
#[derive(Debug)]
struct Fused(u64);

impl Fused {
    fn new(number: u64) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(number)
    }
}

impl Clone for Fused {
    fn clone(&self) -> Self {
        Self::new(self.0)
    }
}

impl Drop for Fused {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
        assert!(LIVE.get() >= 0, "dropped more often than made");
        tick(&DROPS);
    }
}

impl PartialEq for Fused {
    fn eq(&self, other: &Self) -> bool {
        tick(&COMPARISONS);
        self.0 == other.0
    }
}

impl Eq for Fused {}

impl Hash for Fused {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

type Contents = View<Fused, Fused>;
type Numbers = Map<Fused, Fused>;
type Write = fn(&mut Numbers);

fn of(key: u64, value: u64) -> (Fused, Fused) {
    (Fused::new(key), Fused::new(value))
}

fn model(view: &Contents) -> HashMap<u64, u64> {
    assert_eq!(view.iter().count(), view.len());
    view.iter().map(|(key, value)| (key.0, value.0)).collect()
}

fn insert(map: &Numbers, key: u64, value: u64) -> Option<Fused> {
    let (key, value) = of(key, value);
    map.insert(key, value)
}

/// Writes that each make at most one revision.
const WRITES: [Write; 31] = [
    |map| _ = insert(map, 500, 1),
    |map| _ = insert(map, 3, 1),
    |map| _ = map.remove(&Fused::new(3)),
    |map| map.clear(),
    |map| map.retain(|key, _| key.0.is_multiple_of(3)),
    |map| _ = map.update(Fused::new(3), |_| Some(Fused::new(1))),
    |map| _ = map.update(Fused::new(3), |_| None),
    |map| _ = map.update_if_present(&Fused::new(3), |_| Some(Fused::new(1))),
    |map| _ = map.update_if_present(&Fused::new(3), |_| None),
    |map| _ = map.update_if(&Fused::new(3), |_| true, |_| Fused::new(1)),
    |map| _ = map.remove_if(&Fused::new(3), |_| true),
    |map| _ = map.extract_if(|key, _| key.0.is_multiple_of(3)),
    |map| _ = map.drain(),
    |map| {
        let (view, keys) = (map.snapshot(), [Fused::new(3), Fused::new(600)]);
        let done = map.batch_if_keys_unchanged(&view, &keys, |batch| batch.clear());
        assert!(done.is_ok());
    },
    |map| {
        map.batch(|batch| {
            batch.update_if_present(&Fused::new(3), |_| Some(Fused::new(1)));
            batch.update_if_present(&Fused::new(4), |_| None);
        });
    },
    |map| _ = map.get_or_insert_with(Fused::new(600), || Fused::new(1)),
    |map| _ = map.get_or_insert_with(Fused::new(3), || Fused::new(1)),
    |map| {
        let refused = map.try_get_or_insert_with(Fused::new(600), || Err(Fused::new(1)));
        assert!(refused.is_err());
    },
    |map| {
        let (key, to_key) = (Fused::new(600), |key: &Fused| key.clone());
        map.get_or_insert_with_by_ref(&key, to_key, |key| key.clone());
    },
    |map| {
        map.batch(|batch| {
            for key in 0..40 {
                batch.get_or_insert_with(Fused::new(key * 20), || Fused::new(1));
            }
        });
    },
    |map| {
        map.batch(|batch| {
            batch.clear();
            for key in 0..40 {
                let (key, value) = of(key, 1);
                batch.insert(key, value);
            }
            batch.retain(|key, _| key.0 > 10);
        });
    },
    |map| {
        let mut batch = map.begin_batch();
        batch.insert(Fused::new(3), Fused::new(1));
        drop(batch);
    },
    |map| {
        let mut batch = map.begin_batch();
        let (key, value) = of(3, 1);
        batch.insert(key, value);
        batch.update(Fused::new(4), |_| None);
        batch.retain(|key, _| key.0 % 3 == 0);
        batch.commit();
    },
    |map| {
        let refused = map.try_batch(|batch| {
            batch.insert(Fused::new(3), Fused::new(1));
            batch.clear();
            Err::<(), _>("no")
        });
        assert!(refused.is_err());
    },
    |map| {
        let done = map.batch_if_unchanged(&map.snapshot(), |batch| {
            batch.retain(|key, _| key.0 != 3);
        });
        assert!(done.is_ok());
    },
    |map| {
        let twice = (10..40)
            .map(|key| of(key, 1))
            .chain((20..30).map(|key| of(key, 2)));
        map.refresh(twice);
    },
    |map| {
        let (_, step) = map.refresh_transition((10..40).map(|key| of(key, 1)));
        assert!(step.changes().count() > 0);
    },
    |map| _ = map.refresh_unique((10..40).map(|key| of(key / 2, 1))),
    |map| {
        let keys = (0..40).map(|key| Fused::new(3 * key));
        map.refresh_with(keys, |key, _| {
            Some(Fused::new(key.0 + 1)).filter(|n| n.0 > 9)
        });
    },
    |map| map.extend((10..200).map(|key| of(key % 100, key))),
    |map| _ = map.reclaim(),
];

/// Creates a map of `entries` entries with versions that the next commits free.
fn with_history(entries: u64) -> Numbers {
    let map: Numbers = (0..entries).map(|key| of(key, key)).collect();
    let held: Vec<_> = (0..4)
        .map(|key| {
            let snapshot = map.snapshot();
            insert(&map, key, 77);
            snapshot
        })
        .collect();
    drop(held);
    assert_eq!(map.retained(), 4);
    map
}

#[test]
fn panicking_drop_leaves_the_map_usable() {
    let mut panics = 0;
    for entries in [20, 60, 120] {
        for write in WRITES {
            for k in 1.. {
                let mut map = with_history(entries);
                let mut changes = map.subscribe();
                let before = map.snapshot();
                let mut expected = map.fork();
                write(&mut expected);
                DROPS.set(k);
                let caught = catch_unwind(AssertUnwindSafe(|| write(&mut map)));
                let untouched = DROPS.replace(0) > 0;
                assert_eq!(caught.is_ok(), untouched, "no panic is swallowed");
                // The write is complete or absent, and the revision shows which.
                let committed = map.revision().get() - before.revision().get();
                assert!(committed <= 1);
                if committed == 1 {
                    assert_eq!(model(&map.pin()), model(&expected.pin()));
                    let step = changes.try_recv().expect("it was published");
                    assert_eq!((step.missed, model(&step.from)), (0, model(&before)));
                } else {
                    assert!(std::ptr::eq(&*map.pin(), &*before));
                    assert!(matches!(changes.try_recv(), Err(TryRecvError::Empty)));
                }
                insert(&map, 1_000, 1);
                assert_eq!(map.get(&Fused::new(1_000)), Some(Fused::new(1)));
                assert_eq!(
                    map.revision().get(),
                    before.revision().get() + committed + 1
                );
                assert!(changes.try_recv().is_ok());
                drop((before, changes));
                map.reclaim();
                assert_eq!(map.retained(), 0);
                if untouched {
                    break;
                }
                panics += 1;
            }
        }
    }
    assert!(panics > 1_000, "{panics} panics");
}

#[test]
fn panicking_drop_during_collect_leaks_nothing() {
    let live = LIVE.get();
    let panics = (1..).take_while(|k| {
        // The last value of each key stays, so the other values and their keys are dropped.
        let entries: Vec<_> = (0..40).map(|n| of(n % 10, n)).collect();
        DROPS.set(*k);
        let made = catch_unwind(AssertUnwindSafe(|| {
            entries.into_iter().collect::<Numbers>()
        }));
        let untouched = DROPS.replace(0) > 0;
        assert_eq!(made.is_ok(), untouched);
        drop(made);
        assert_eq!(LIVE.get(), live, "at drop {k}");
        !untouched
    });
    assert_eq!(panics.count(), 60, "30 values, 30 keys");
}

#[test]
fn panicking_drop_of_a_map_still_ends_subscriptions() {
    let panics = (1..).take_while(|k| {
        let map = with_history(30);
        let mut changes = map.subscribe();
        insert(&map, 3, 1);
        DROPS.set(*k);
        let caught = catch_unwind(AssertUnwindSafe(|| drop(map)));
        let untouched = DROPS.replace(0) > 0;
        assert_eq!(caught.is_ok(), untouched);
        let step = changes.recv().expect("the last version comes first");
        assert_eq!(step.to.get(&Fused::new(3)), Some(&Fused::new(1)));
        assert!(changes.recv().is_err());
        !untouched
    });
    let panics = panics.count();
    assert!(panics > 10, "{panics} panics");
}

#[test]
fn panicking_drop_leaves_published_usable() {
    let writes: [fn(&Published<Fused>); 3] = [
        |value| _ = value.publish(Fused::new(9)),
        |value| _ = value.update(|_| Fused::new(9)),
        |value| _ = value.reclaim(),
    ];
    let mut panics = 0;
    for write in writes {
        for k in 1.. {
            let value = Published::new(Fused::new(0));
            let held: Vec<_> = (1..=4)
                .map(|n| {
                    let snapshot = value.snapshot();
                    value.publish(Fused::new(n));
                    snapshot
                })
                .collect();
            drop(held);
            let mut changes = value.subscribe();
            DROPS.set(k);
            let caught = catch_unwind(AssertUnwindSafe(|| write(&value)));
            let untouched = DROPS.replace(0) > 0;
            assert_eq!(caught.is_ok(), untouched);
            let committed = value.pin().0 == 9;
            assert_eq!(value.revision().get(), 4 + u64::from(committed));
            assert_eq!(changes.try_recv().is_ok(), committed);
            value.publish(Fused::new(10));
            assert_eq!(changes.try_recv().expect("the value is usable").to.0, 10);
            drop(changes);
            value.reclaim();
            assert_eq!(value.retained(), 0);
            if untouched {
                break;
            }
            panics += 1;
        }
    }
    assert!(panics >= 6, "{panics} panics");
    assert_eq!(LIVE.get(), 0);
}

#[test]
fn panicking_eq_breaks_neither_diff_nor_refresh() {
    let map: Numbers = (0..60).map(|key| of(key, key)).collect();
    let before = map.snapshot();
    map.refresh((5..65).map(|key| of(key, key / 2)));
    let after = map.snapshot();
    let copies = after.iter().map(|(key, value)| of(key.0, value.0));
    let equal: Numbers = copies.collect();
    let live = LIVE.get();
    let differ = after.changes_since(&before).count();
    assert_eq!(differ, 65);
    let sweep = |compare: &dyn Fn()| {
        for k in 1.. {
            COMPARISONS.set(k);
            let caught = catch_unwind(AssertUnwindSafe(compare));
            let untouched = COMPARISONS.replace(0) > 0;
            if caught.is_ok() {
                assert!(untouched);
                return k - 1;
            }
            assert!(std::ptr::eq(&*map.pin(), &*after), "nothing was published");
            assert_eq!(
                (after.changes_since(&before).count(), LIVE.get()),
                (differ, live)
            );
        }
        unreachable!("the sweep has an end")
    };
    assert!(sweep(&|| _ = after.changes_since(&before).count()) > 100);
    assert!(sweep(&|| assert!(*after == *equal.pin())) >= 120);
    assert!(sweep(&|| _ = map.refresh(after.iter().map(|(key, value)| of(key.0, value.0)))) > 100);
    assert_eq!(map.revision(), after.revision(), "the same contents");
}

#[test]
fn panicking_source_writes_nothing() {
    const ENTRIES: u64 = 100;
    let map: Numbers = (0..60).map(|key| of(key, key)).collect();
    insert(&map, 3, 1);
    let mut changes = map.subscribe();
    let live = LIVE.get();
    // A duplicate key, so that a value is dropped during the write.
    let source = |end: u64| {
        (0..=ENTRIES).map(move |n| {
            if n == end {
                resume_unwind(Box::new("no more"));
            }
            of(n % 70, n)
        })
    };
    for end in 0..ENTRIES {
        let refreshed = catch_unwind(AssertUnwindSafe(|| map.refresh(source(end))));
        assert!(refreshed.is_err());
        let extended = catch_unwind(AssertUnwindSafe(|| map.extend(source(end))));
        assert!(extended.is_err());
        let collected = catch_unwind(|| source(end).collect::<Numbers>());
        assert!(collected.is_err());
        assert_eq!((LIVE.get(), map.revision().get()), (live, 1));
        assert!(matches!(changes.try_recv(), Err(TryRecvError::Empty)));
    }
    map.extend(source(u64::MAX));
    assert_eq!((map.len(), map.revision().get()), (70, 2));
    let expected: Numbers = source(u64::MAX).collect();
    assert_eq!(
        *map.pin(),
        *expected.pin(),
        "of duplicates the last one wins"
    );
}

#[test]
fn the_source_of_a_write_may_be_the_map_itself() {
    let map: Map<u64, u64> = (0..5_000).map(|key| (key, key)).collect();
    let before = map.snapshot();
    map.extend(before.iter().map(|(key, value)| (key + 5_000, value + 1)));
    assert_eq!((map.len(), map.revision().get()), (10_000, 1));
    // A source that reads the newest version observes nothing of its own batch.
    let (mut reader, mut keys) = (map.reader(), 0..100);
    map.extend(std::iter::from_fn(|| {
        let key = keys.next()?;
        let view = reader.latest();
        assert_eq!((view.revision().get(), view.len()), (1, 10_000));
        Some((key + 20_000, view[&key]))
    }));
    assert_eq!((map.len(), map.revision().get()), (10_100, 2));
    let same = map.refresh(map.pin().iter().map(|(key, value)| (*key, *value)));
    assert_eq!((same.added, same.changed, same.removed), (0, 0, 0));
    assert_eq!(map.revision().get(), 2);
    // The source is drained before the write begins, so it may even write.
    let done = map.refresh(map.snapshot().iter().map(|(key, value)| {
        map.insert(*key, 0);
        (*key, *value)
    }));
    // Values that were 0 already do not differ.
    assert_eq!((done.added, done.changed, done.removed), (0, 10_098, 0));
    assert_eq!(done.revision, Revision::from(2 + 10_100 + 1));
    let view = map.pin();
    assert!((0..5_000).all(|key| view[&key] == key && view[&(key + 5_000)] == key + 1));
}
