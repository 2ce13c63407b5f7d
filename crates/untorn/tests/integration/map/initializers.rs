//! Values that are computed on demand: initializers of different keys and other writers do not wait
//! for each other, and at most one initializer of a key runs at a time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Weak};
use std::thread;

use untorn::Map;

use crate::watchdog::with_timeout;

/// A write beside an initializer.
type Beside = fn(&Map<u32, u32>);

/// A nested call of an initializer.
type Initialize = fn(&Map<u32, u32>) -> u32;

/// A result, or a panic.
type Outcome = Result<Result<usize, usize>, Box<dyn Any + Send>>;

fn text(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().expect("a text")
}

#[test]
fn initializers_of_different_keys_overlap() {
    const KEYS: u32 = 4;
    let map = Map::new();
    let all_run = Barrier::new(KEYS as usize);
    with_timeout("initializers of all keys", || {
        thread::scope(|scope| {
            for key in 0..KEYS {
                let (map, all_run) = (&map, &all_run);
                scope.spawn(move || {
                    // Returns only if all of them run at once.
                    let value = map.get_or_insert_with(key, || {
                        all_run.wait();
                        10 * key
                    });
                    assert_eq!(value, 10 * key);
                });
            }
        });
    });
    assert_eq!((map.len(), map.revision().get()), (4, 4));
}

#[test]
fn writers_do_not_wait_for_an_initializer() {
    let map = Map::from([(1, 1), (2, 2)]);
    let (started, has_started) = channel();
    let (end, may_end) = channel::<()>();
    with_timeout("writes beside an initializer", || {
        thread::scope(|scope| {
            let slow = scope.spawn(|| {
                map.get_or_insert_with(9, move || {
                    started.send(()).expect("the test waits");
                    may_end.recv().expect("the test ends it");
                    90
                })
            });
            has_started.recv().expect("it is absent");
            let writes: [Beside; 8] = [
                |map| _ = map.insert(3, 3),
                |map| _ = map.update(3, |n| n.map(|n| n + 1)),
                |map| _ = map.remove(&1),
                |map| map.retain(|key, _| *key != 2),
                |map| _ = map.batch(|batch| _ = batch.insert(4, 4)),
                |map| assert_eq!(map.refresh([(3, 5), (4, 4)]).changed, 1),
                |map| assert_eq!(map.get_or_insert_with(7, || 70), 70),
                |map| assert_eq!(map.get_or_insert_with(3, || unreachable!()), 5),
            ];
            for write in writes {
                // The counter of waits: a writer that has to wait gets no batch here.
                assert!(map.try_begin_batch().is_some());
                write(&map);
            }
            assert!(!map.contains_key(&9), "the initializer still runs");
            end.send(()).expect("it waits");
            assert_eq!(slow.join().expect("no panic"), 90);
        });
    });
    assert_eq!(
        *map.pin(),
        *Map::from([(3, 5), (4, 4), (7, 70), (9, 90)]).pin()
    );
}

#[test]
fn callers_of_one_key_wait_for_its_value() {
    const CALLERS: usize = 8;
    for _ in 0..50 {
        let map = Map::new();
        let (ran, running, start) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            Barrier::new(CALLERS),
        );
        let got: Vec<_> = with_timeout("one initializer", || {
            thread::scope(|scope| {
                let calls: Vec<_> = (0..CALLERS)
                    .map(|caller| {
                        let (map, ran, running, start) = (&map, &ran, &running, &start);
                        scope.spawn(move || {
                            start.wait();
                            map.get_or_insert_with("key".to_owned(), || {
                                assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0);
                                thread::yield_now();
                                ran.fetch_add(1, Ordering::Relaxed);
                                running.fetch_sub(1, Ordering::Relaxed);
                                caller
                            })
                        })
                    })
                    .collect();
                calls
                    .into_iter()
                    .map(|call| call.join().expect("no panic"))
                    .collect()
            })
        });
        assert!(got.iter().all(|value| *value == got[0]), "{got:?}");
        assert_eq!((ran.into_inner(), map.revision().get()), (1, 1));
    }
}

#[test]
fn failed_initializers_let_the_next_one_run() {
    const CALLERS: usize = 6;
    // The number of the initializer, in the order in which they run, that succeeds.
    for succeeds in 0..=CALLERS {
        let map: Map<u32, usize> = Map::new();
        let (ran, running, start) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            Barrier::new(CALLERS),
        );
        let initialize = || {
            assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0, "two at a time");
            thread::yield_now();
            let number = ran.fetch_add(1, Ordering::Relaxed);
            running.fetch_sub(1, Ordering::Relaxed);
            assert!(
                number == succeeds || number % 2 == 0,
                "each second one panics"
            );
            if number == succeeds {
                Ok(number)
            } else {
                Err(number)
            }
        };
        let got: Vec<_> = with_timeout("initializers that fail", || {
            thread::scope(|scope| {
                let calls: Vec<_> = (0..CALLERS)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            catch_unwind(AssertUnwindSafe(|| {
                                map.try_get_or_insert_with(1, initialize)
                            }))
                        })
                    })
                    .collect();
                calls
                    .into_iter()
                    .map(|call| call.join().expect("caught"))
                    .collect()
            })
        });
        let count = |is: fn(&Outcome) -> bool| got.iter().filter(|outcome| is(outcome)).count();
        let failed = succeeds.min(CALLERS);
        assert_eq!(count(Result::is_err), failed / 2, "panics");
        assert_eq!(
            count(|outcome| matches!(outcome, Ok(Err(_)))),
            failed.div_ceil(2)
        );
        assert_eq!(
            count(|outcome| matches!(outcome, Ok(Ok(_)))),
            CALLERS - failed
        );
        assert_eq!(map.get(&1), (succeeds < CALLERS).then_some(succeeds));
        assert_eq!(map.revision().get(), u64::from(succeeds < CALLERS));
        assert_eq!(map.get_or_insert_with(2, || 20), 20, "the map is usable");
    }
}

#[test]
fn recursive_initializers_of_other_keys_run() {
    fn sum(map: &Map<u32, u32>, n: u32) -> u32 {
        map.get_or_insert_with(n, || if n == 0 { 0 } else { n + sum(map, n - 1) })
    }
    let map = Map::new();
    assert_eq!(sum(&map, 100), 5_050);
    assert_eq!((map.len(), map.revision().get()), (101, 101));
}

#[test]
fn recursive_initializer_of_one_key_panics() {
    let map: Map<u32, u32> = Map::named("limits");
    let nested: [Initialize; 3] = [
        |map| map.get_or_insert_with(1, || 2),
        |map| map.get_or_insert_with(5, || map.get_or_insert_with(1, || 2)),
        |map| map.get_or_insert_with_by_ref(&1, Clone::clone, |_| 2),
    ];
    for inner in nested {
        let call = || map.get_or_insert_with(1, || inner(&map));
        let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("this would deadlock");
        assert_eq!(
            text(&*panic),
            "cannot initialize a key of map \"limits\" inside its own initializer: this would \
             deadlock; compute the value without looking up its key"
        );
        assert!(map.is_empty());
    }
    assert_eq!(map.get_or_insert_with(1, || 3), 3, "nothing is left behind");
}

#[test]
fn initializers_that_need_each_other_panic() {
    let map: Map<u32, u32> = Map::new();
    let both_run = Barrier::new(2);
    let outcomes = with_timeout("two initializers", || {
        thread::scope(|scope| {
            let calls = [(1, 2), (2, 1)].map(|(own, other)| {
                let (map, both_run) = (&map, &both_run);
                scope.spawn(move || {
                    map.get_or_insert_with(own, || {
                        both_run.wait();
                        10 + map.get_or_insert_with(other, || 100)
                    })
                })
            });
            calls.map(thread::ScopedJoinHandle::join)
        })
    });
    let mut panics = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert_eq!(
        text(&**panics.next().expect("one of them closes the cycle")),
        "cannot wait for the initializer of a key of a map, which waits for an initializer of this \
         thread: this would deadlock; look up keys that need each other in one order"
    );
    assert!(panics.next().is_none(), "the other one continues by itself");
    let mut values: Vec<_> = map.pin().values().copied().collect();
    values.sort_unstable();
    assert_eq!(values, [100, 110]);
}

#[test]
fn key_inserted_meanwhile_wins() {
    struct Dropped(u32, Weak<Map<u32, Arc<Dropped>>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            // The value that was not needed is dropped after the lock has been released.
            if self.0 == 90
                && let Some(map) = self.1.upgrade()
            {
                assert!(map.try_begin_batch().is_some());
                map.insert(7, Arc::new(Dropped(7, Weak::new())));
            }
        }
    }
    let map = Arc::new(Map::new());
    let value = |number| Arc::new(Dropped(number, Arc::downgrade(&map)));
    let got = map.get_or_insert_with(9, || {
        map.insert(9, value(1));
        value(90)
    });
    assert_eq!((got.0, map.get(&9).map(|stored| stored.0)), (1, Some(1)));
    assert!(
        map.contains_key(&7),
        "the value of the initializer was dropped"
    );
    assert_eq!(map.revision().get(), 2);
}

#[test]
fn removal_meanwhile_does_not_stop_initializers() {
    let removals: [Beside; 4] = [
        |map| assert_eq!(map.remove(&9), None),
        |map| map.clear(),
        |map| assert_eq!(map.refresh([(2, 2)]).added, 1),
        |map| map.retain(|_, _| false),
    ];
    for remove in removals {
        let map = Map::from([(1, 1)]);
        let got = map.get_or_insert_with(9, || {
            remove(&map);
            90
        });
        assert_eq!((got, map.get(&9)), (90, Some(90)));
    }
}

#[test]
fn value_removed_at_once_is_computed_again() {
    let map = Map::new();
    let (started, has_started) = channel();
    with_timeout("a value that is removed", || {
        thread::scope(|scope| {
            let mut changes = map.subscribe();
            let map = &map;
            let waits = scope.spawn(move || {
                has_started.recv().expect("it runs");
                // This call waits, or finds the value, or finds that it was removed.
                map.get_or_insert_with(1, || 2)
            });
            let remover = scope.spawn(move || changes.recv().map(|_| ()));
            let first = map.get_or_insert_with(1, || {
                started.send(()).expect("the other one waits");
                1
            });
            assert_eq!(first, 1);
            remover.join().expect("no panic").expect("it is published");
            map.remove(&1);
            let other = waits.join().expect("no panic");
            assert!(other == 1 || map.get(&1) == Some(other));
        });
    });
}

#[test]
fn hits_wait_neither_for_writers_nor_initializers() {
    let map = Map::from([("present".to_owned(), 1)]);
    with_timeout("hits", || {
        map.get_or_insert_with("absent".to_owned(), || {
            let batch = map.begin_batch();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let key = || "present".to_owned();
                    assert_eq!(map.get_or_insert_with(key(), || unreachable!()), 1);
                    assert_eq!(map.try_get_or_insert_with(key(), || Err(())), Ok(1));
                    let to_key = |_: &str| unreachable!("the key is present");
                    assert_eq!(map.get_or_insert_with_by_ref("present", to_key, |_| 2), 1);
                });
            });
            // Even inside of a write of the same thread.
            assert_eq!(map.get_or_insert_with("present".to_owned(), || 2), 1);
            drop(batch);
            2
        });
    });
}

#[test]
fn misses_inside_a_write_panic_before_they_run() {
    let map: Map<u32, u32> = Map::named("limits");
    let batch = map.begin_batch();
    let call = || map.get_or_insert_with(1, || unreachable!("not called"));
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("a write is open");
    let expected = "cannot write to map \"limits\" while this thread has a write to that map open";
    assert!(text(&*panic).starts_with(expected), "{}", text(&*panic));
    drop(batch);
    // A batch that outlives the initializer is noticed at the commit.
    let call = || {
        map.get_or_insert_with(1, || {
            std::mem::forget(map.begin_batch());
            1
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert!(map.is_empty());
}

#[test]
fn keys_are_made_for_absent_ones_only() {
    let map: Map<Arc<str>, usize> = Map::new();
    let made = AtomicUsize::new(0);
    let to_key = |key: &str| {
        made.fetch_add(1, Ordering::Relaxed);
        Arc::from(key)
    };
    for word in ["low", "high", "low", "low"] {
        let length = map.get_or_insert_with_by_ref(word, to_key, |key| key.len());
        assert_eq!(length, word.len());
    }
    assert_eq!((made.load(Ordering::Relaxed), map.len()), (2, 2));
    let parse = |text| map.try_get_or_insert_with_by_ref(text, to_key, |key| key.parse::<usize>());
    assert!(parse("ten").is_err() && parse("ten").is_err());
    assert_eq!(
        (parse("12"), parse("12"), map.get("12")),
        (Ok(12), Ok(12), Some(12))
    );
    assert_eq!(made.into_inner(), 5);
}

#[test]
fn equal_hashes_of_different_keys_do_not_wait() {
    #[derive(Clone, Default)]
    struct Constant;
    impl std::hash::Hasher for Constant {
        fn write(&mut self, _: &[u8]) {}
        fn finish(&self) -> u64 {
            0
        }
    }
    type One = std::hash::BuildHasherDefault<Constant>;
    let map: Map<u32, u32, One> = Map::with_hasher(One::default());
    let all_run = Barrier::new(3);
    with_timeout("initializers with one hash", || {
        thread::scope(|scope| {
            for key in 0..3 {
                let (map, all_run) = (&map, &all_run);
                scope.spawn(move || {
                    map.get_or_insert_with(key, || {
                        all_run.wait();
                        // Another key with that hash, which is absent.
                        map.get_or_insert_with(key + 10, || key)
                    })
                });
            }
        });
    });
    assert_eq!(map.len(), 6);
}

#[test]
fn batches_insert_absent_values() {
    let map = Map::from([("a".to_owned(), 1)]);
    map.batch(|batch| {
        assert_eq!(
            *batch.get_or_insert_with("a".to_owned(), || unreachable!()),
            1
        );
        assert_eq!(*batch.get_or_insert_with("b".to_owned(), || 2), 2);
        assert_eq!(
            *batch.get_or_insert_with("b".to_owned(), || unreachable!()),
            2
        );
    });
    assert_eq!((map.get("b"), map.revision().get()), (Some(2), 1));
    let unchanged =
        map.batch(|batch| _ = batch.get_or_insert_with("a".to_owned(), || unreachable!()));
    assert_eq!(
        unchanged.get(),
        1,
        "a batch without a write makes no revision"
    );
    // A panic that the closure catches leaves the batch as it was.
    map.batch(|batch| {
        let call = || _ = batch.get_or_insert_with("c".to_owned(), || panic!("no value"));
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert_eq!(batch.len(), 2);
        // Enough keys to split segments on the way.
        for n in 0..2_000 {
            assert_eq!(*batch.get_or_insert_with(n.to_string(), || n), n);
        }
    });
    assert_eq!((map.len(), map.get("1999")), (2_002, Some(1_999)));
}
