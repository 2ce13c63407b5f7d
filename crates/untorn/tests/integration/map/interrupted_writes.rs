//! Writes that are interrupted by a panic of user code or by a `Drop` that writes to the map: the
//! commit is complete, and nothing leaks.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use untorn::{Batch, View};

use super::user_code::{Counted, Counts, DROPS, FUSE, Ledger, ON_DROP};

/// The key that a `Drop` writes.
const WRITTEN: u64 = 1_000_000;

fn of(key: u64, value: u64, ledger: &Arc<Ledger>) -> (Counted, Counted) {
    (Counted::new(key, ledger), Counted::new(value, ledger))
}

fn contents(view: &View<Counted, Counted>) -> HashMap<u64, u64> {
    assert_eq!(view.iter().count(), view.len());
    let entries = view.iter().map(|(key, value)| (key.0, value.0));
    let all: HashMap<_, _> = entries.collect();
    assert_eq!(all.len(), view.len(), "a key is present twice");
    all
}

/// Creates a map of `entries` entries, with replaced versions that the next commits free.
fn map_of(entries: u64, ledger: &Arc<Ledger>) -> Arc<Counts> {
    let map: Counts = (0..entries).map(|key| of(key, key, ledger)).collect();
    let held = [0, 1].map(|key| {
        let snapshot = map.snapshot();
        let (key, value) = of(key, 77, ledger);
        map.insert(key, value);
        snapshot
    });
    drop(held);
    Arc::new(map)
}

/// Makes the `k`th drop from now on write to the map.
fn arm(k: usize, map: &Arc<Counts>, ledger: &Arc<Ledger>) {
    let (map, ledger) = (Arc::clone(map), Arc::clone(ledger));
    DROPS.set(k);
    ON_DROP.set(Some(Box::new(move || {
        let (key, value) = of(WRITTEN, 0, &ledger);
        map.insert(key, value);
    })));
}

/// Returns whether that drop has run, and disarms it.
fn has_written() -> bool {
    DROPS.set(0);
    ON_DROP.take().is_none()
}

/// Values that exist before a write begins and are dropped after it: its arguments and its results.
type Prepared<'h> = &'h mut Vec<Counted>;
type Write = fn(&Counts, &Arc<Ledger>, Prepared<'_>);

/// Takes one of the prepared values.
fn next(prepared: Prepared<'_>) -> Counted {
    prepared.pop().expect("enough values are prepared")
}

fn fill(batch: &mut Batch<'_, Counted, Counted>, prepared: Prepared<'_>) {
    for _ in 0..20 {
        let (key, value) = (next(prepared), next(prepared));
        if let Some(old) = batch.insert(key, value) {
            prepared.insert(0, old);
        }
    }
    batch.update(next(prepared), |_| None);
    batch.retain(|key, _| key.0 % 7 != 0);
}

/// Each kind of write. A closure drops no user value itself: that drop would run under the writer
/// lock.
const WRITES: [Write; 32] = [
    |map, ledger, prepared| {
        prepared.extend(map.insert(Counted::new(500, ledger), Counted::new(1, ledger)));
    },
    |map, ledger, prepared| {
        prepared.extend(map.insert(Counted::new(3, ledger), Counted::new(1, ledger)));
    },
    |map, _, prepared| prepared.extend(map.remove(&Counted::clone(&prepared[0]))),
    |map, ledger, _| _ = map.update(Counted::new(3, ledger), |_| Some(Counted::new(1, ledger))),
    |map, ledger, _| _ = map.update(Counted::new(600, ledger), |_| Some(Counted::new(1, ledger))),
    |map, ledger, _| _ = map.update(Counted::new(3, ledger), |_| None),
    |map, ledger, prepared| {
        let key = Counted::clone(&prepared[0]);
        _ = map.update_if_present(&key, |_| Some(Counted::new(1, ledger)));
    },
    |map, _, prepared| _ = map.update_if_present(&Counted::clone(&prepared[0]), |_| None),
    |map, ledger, prepared| {
        let key = Counted::clone(&prepared[0]);
        _ = map.update_if(&key, |_| true, |_| Counted::new(1, ledger));
    },
    |map, _, prepared| prepared.extend(map.remove_if(&Counted::clone(&prepared[0]), |_| true)),
    |map, _, _| drop(map.extract_if(|key, _| key.0.is_multiple_of(3))),
    |map, _, _| drop(map.drain()),
    |map, ledger, _| _ = map.get_or_insert_with(Counted::new(3, ledger), || unreachable!()),
    |map, ledger, _| {
        _ = map.get_or_insert_with(Counted::new(700, ledger), || Counted::new(1, ledger));
    },
    |map, ledger, _| {
        // The key is inserted meanwhile, so the value is not needed.
        _ = map.get_or_insert_with(Counted::new(700, ledger), || {
            map.insert(Counted::new(700, ledger), Counted::new(2, ledger));
            Counted::new(1, ledger)
        });
    },
    |map, ledger, _| {
        let failed = || Err::<Counted, _>(Counted::new(1, ledger));
        let refused = map.try_get_or_insert_with(Counted::new(700, ledger), failed);
        assert!(refused.is_err());
    },
    |map, _, prepared| _ = map.batch(|batch| fill(batch, prepared)),
    |map, _, prepared| {
        let done = map.try_batch(|batch| {
            fill(batch, prepared);
            Ok::<_, ()>(next(prepared))
        });
        assert!(done.is_ok());
    },
    |map, _, prepared| {
        let refused = map.try_batch(|batch| {
            fill(batch, prepared);
            batch.clear();
            Err::<(), _>(next(prepared))
        });
        assert!(refused.is_err());
    },
    |map, _, prepared| {
        let mut batch = map.begin_batch();
        fill(&mut batch, prepared);
        batch.clear();
        fill(&mut batch, prepared);
        batch.commit();
    },
    |map, _, prepared| {
        let mut batch = map.begin_batch();
        fill(&mut batch, prepared);
        batch.clear();
        drop(batch);
    },
    |map, _, prepared| {
        let done = map.batch_if_unchanged(&map.snapshot(), |batch| fill(batch, prepared));
        assert!(done.is_ok());
    },
    |map, ledger, _| {
        let twice = (10..60).chain(20..40);
        _ = map.refresh(twice.map(|key| of(key, key % 3, ledger)));
    },
    |map, ledger, _| {
        let (_, step) = map.refresh_transition((10..60).map(|key| of(key, key % 3, ledger)));
        assert!(step.changes().count() > 0);
    },
    |map, ledger, _| _ = map.refresh_unique((10..60).map(|key| of(key / 2, key, ledger))),
    |map, ledger, _| {
        let keys = (10..60).map(|key| Counted::new(key, ledger));
        map.refresh_with(keys, |key, _| {
            (key.0 % 3 == 0).then(|| Counted::new(key.0 + 1, ledger))
        });
    },
    |map, _, prepared| {
        let mut batch = map.begin_batch();
        fill(&mut batch, prepared);
        drop(batch.commit_snapshot());
    },
    |map, ledger, _| _ = map.refresh((0..30).map(|key| of(key, key, ledger))),
    |map, _, _| map.retain(|key, _| key.0.is_multiple_of(3)),
    |map, _, _| map.retain(|_, _| false),
    |map, _, _| map.clear(),
    |map, ledger, _| map.extend((10..200).map(|key| of(key % 100, key, ledger))),
];

/// Returns the arguments of a write: values and keys in turn, and some further keys.
fn prepared(ledger: &Arc<Ledger>) -> Vec<Counted> {
    (0..120).map(|n| Counted::new(3 + n % 50, ledger)).collect()
}

#[test]
fn any_drop_during_a_write_may_write() {
    let mut written = 0;
    for entries in [20, 60, 120] {
        for write in WRITES {
            for k in 1.. {
                let ledger = Arc::new(Ledger::default());
                let map = map_of(entries, &ledger);
                let fork = map.fork();
                let mut given = prepared(&ledger);
                write(&fork, &ledger, &mut given);
                drop(given);
                let mut given = prepared(&ledger);
                arm(k, &map, &ledger);
                write(&map, &ledger, &mut given);
                let wrote = has_written();
                drop(given);
                let mut expected = contents(&fork.pin());
                if wrote {
                    expected.insert(WRITTEN, 0);
                }
                assert_eq!(contents(&map.pin()), expected, "at drop {k} of {entries}");
                drop((map, fork));
                assert_eq!(ledger.live.load(Ordering::Relaxed), 0, "nothing leaks");
                if !wrote {
                    break;
                }
                written += 1;
            }
        }
    }
    assert!(written > 3_000, "{written} drops wrote");
}

/// A way to end a batch after a panic in its last step. Returns whether the batch is committed.
type End = fn(&Counts, &mut dyn FnMut(&mut Batch<'_, Counted, Counted>)) -> bool;

const ENDS: [End; 7] = [
    |map, steps| {
        map.batch(|batch| steps(batch));
        true
    },
    |map, steps| {
        let done = map.try_batch(|batch| {
            steps(batch);
            Ok::<_, ()>(())
        });
        done.is_ok()
    },
    |map, steps| {
        let refused = map.try_batch(|batch| {
            steps(batch);
            Err::<(), _>(())
        });
        refused.is_ok()
    },
    |map, steps| {
        let mut batch = map.begin_batch();
        steps(&mut batch);
        batch.commit();
        true
    },
    |map, steps| {
        let mut batch = map.begin_batch();
        steps(&mut batch);
        drop(batch);
        false
    },
    |map, steps| {
        let done = map.batch_if_unchanged(&map.snapshot(), |batch| steps(batch));
        done.is_ok()
    },
    |map, steps| {
        let batch = || {
            map.batch(|batch| {
                steps(batch);
                resume_unwind(Box::new("again, from the closure"));
            });
        };
        catch_unwind(AssertUnwindSafe(batch)).is_ok()
    },
];

/// A step of a batch in which one call of user code panics.
type Step = fn(&mut Batch<'_, Counted, Counted>, Prepared<'_>);

const STEPS: [Step; 10] = [
    // A key that is present, and one that is not; keys and values alternate.
    |batch, prepared| {
        let (key, value) = (next(prepared), next(prepared));
        let old = batch.insert(key, value);
        prepared.splice(0..0, old);
    },
    |batch, prepared| {
        let (mut key, value) = (next(prepared), next(prepared));
        key.0 = 800;
        let old = batch.insert(key, value);
        prepared.splice(0..0, old);
    },
    |batch, prepared| {
        let old = batch.remove(&prepared[0]);
        prepared.splice(0..0, old);
    },
    |batch, prepared| {
        let (key, mut value) = (next(prepared), Some(next(prepared)));
        batch.update(key, |_| value.take());
    },
    |batch, prepared| batch.update(next(prepared), |_| None),
    |batch, prepared| {
        let mut value = Some(next(prepared));
        batch.update_if_present(&prepared[0], |_| value.take());
        prepared.splice(0..0, value);
    },
    |batch, prepared| batch.update_if_present(&prepared[0], |_| None),
    |batch, prepared| {
        let (mut key, value) = (next(prepared), next(prepared));
        key.0 = 800;
        batch.get_or_insert_with(key, || value);
    },
    |batch, _| batch.retain(|key, _| key.0 > 40),
    |batch, prepared| {
        let entries = prepared.split_off(prepared.len() - 60);
        let mut entries = entries.into_iter();
        // The remaining entries are not dropped here.
        while let (Some(key), Some(value)) = (entries.next(), entries.next()) {
            let inserted = catch_unwind(AssertUnwindSafe(|| batch.extend([(key, value)])));
            if let Err(panic) = inserted {
                prepared.extend(entries);
                resume_unwind(panic);
            }
        }
    },
];

/// Runs one batch and returns the contents expected afterwards, whether it was committed, and
/// whether the step panicked.
///
/// If a step writes several entries, a panic may leave some of them written.
fn run(
    (map, ledger): (&Arc<Counts>, &Arc<Ledger>),
    (end, step, k): (End, Step, usize),
    given: Prepared<'_>,
) -> (HashMap<u64, u64>, bool, bool) {
    let (mut held, mut panicked) = (HashMap::new(), false);
    let (mut first, before) = (Some(of(900, 1, ledger)), contents(&map.pin()));
    let committed = end(map, &mut |batch| {
        let (key, value) = first.take().expect("called once");
        batch.insert(key, value);
        FUSE.set(k);
        let caught = catch_unwind(AssertUnwindSafe(|| step(batch, given)));
        panicked = caught.is_err();
        FUSE.set(0);
        held = batch.iter().map(|(key, value)| (key.0, value.0)).collect();
        assert_eq!(held.len(), batch.len());
        // From here on no user value is dropped before the lock is released.
        arm(1, map, ledger);
    });
    if !committed {
        held = before;
    }
    (held, committed, panicked)
}

#[test]
fn batch_ends_normally_after_a_caught_panic() {
    let mut panics = 0;
    for entries in [20, 28, 60, 120] {
        for end in ENDS {
            for step in STEPS {
                for k in 1.. {
                    let ledger = Arc::new(Ledger::default());
                    let map = map_of(entries, &ledger);
                    let before = map.revision().get();
                    let mut given = prepared(&ledger);
                    let (mut expected, committed, panicked) =
                        run((&map, &ledger), (end, step, k), &mut given);
                    // The arguments that were not taken write at the latest here.
                    drop(given);
                    assert!(has_written());
                    expected.insert(WRITTEN, 0);
                    assert_eq!(contents(&map.pin()), expected, "at call {k} of {entries}");
                    assert_eq!(map.revision().get(), before + 1 + u64::from(committed));
                    assert_eq!(map.contains_key(&Counted::new(900, &ledger)), committed);
                    drop(map);
                    assert_eq!(ledger.live.load(Ordering::Relaxed), 0, "nothing leaks");
                    if !panicked {
                        break;
                    }
                    panics += 1;
                }
            }
        }
    }
    assert!(panics > 3_000, "{panics} panics");
}

#[test]
fn rejected_entries_are_dropped_after_the_commit() {
    let ledger = Arc::new(Ledger::default());
    for end in ENDS {
        let map = map_of(20, &ledger);
        let mut entries = Some((of(900, 1, &ledger), of(901, 1, &ledger)));
        let committed = end(&map, &mut |batch| {
            let ((key, value), refused) = entries.take().expect("called once");
            batch.insert(key, value);
            // The hash of the key panics, so both are dropped with the batch.
            FUSE.set(1);
            let insert = AssertUnwindSafe(|| batch.insert(refused.0, refused.1));
            assert!(catch_unwind(insert).is_err());
            arm(1, &map, &ledger);
        });
        assert!(has_written(), "the drop wrote");
        let expected = [900, 901, WRITTEN].map(|key| map.contains_key(&Counted::new(key, &ledger)));
        assert_eq!(expected, [committed, false, true]);
    }
    assert_eq!(ledger.live.load(Ordering::Relaxed), 0);
}
