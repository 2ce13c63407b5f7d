//! Initializers under shuttle: at most one of a key at a time, and none is left waiting.

use shuttle::sync::Arc;
use shuttle::thread::yield_now;

use super::{InProgress, lock};
use crate::map::Map;
use crate::schedules::{join_all, schedules, spawn};
use crate::sync::{Counter, Ordering};

impl<K> InProgress<K> {
    fn is_empty(&self) -> bool {
        self.0
            .get()
            .is_none_or(|list| lock(list).entries.is_empty())
    }
}

/// The initializers of one key.
#[derive(Default)]
struct Runs {
    running: Counter,
    succeeded: Counter,
}

impl Runs {
    fn run(&self, outcome: Result<u64, ()>) -> Result<u64, ()> {
        assert_eq!(
            self.running.fetch_add(1, Ordering::Relaxed),
            0,
            "two at a time"
        );
        yield_now();
        self.running.fetch_sub(1, Ordering::Relaxed);
        let succeeds = u64::from(outcome.is_ok());
        self.succeeded.fetch_add(succeeds, Ordering::Relaxed);
        outcome
    }
}

#[test]
fn shuttle_initializers() {
    schedules("initializers", || {
        let map = Arc::new(Map::from([(0, 0)]));
        let runs = Arc::new(Runs::default());
        // Two initializers of key 1 succeed and one fails. Another key depends on key 1.
        let task = |name, outcome| {
            let (map, runs) = (Arc::clone(&map), Arc::clone(&runs));
            spawn(name, move || {
                let got = map.try_get_or_insert_with(1, || runs.run(outcome));
                assert!(got == map.get(&1).ok_or(()) || (got, outcome) == (Err(()), Err(())));
            })
        };
        let tasks = [
            task("first", Ok(10)),
            task("second", Ok(20)),
            task("fails", Err(())),
        ];
        let depends = {
            let (map, runs) = (Arc::clone(&map), Arc::clone(&runs));
            spawn("depends", move || {
                let got = map.get_or_insert_with(2, || {
                    let one = map.try_get_or_insert_with(1, || runs.run(Ok(30)));
                    1 + one.expect("this initializer does not fail")
                });
                assert_eq!(Some(got), map.get(&1).map(|one| one + 1));
            })
        };
        join_all(tasks.into_iter().chain([depends]));
        assert_eq!(
            runs.succeeded.load(Ordering::Relaxed),
            1,
            "a second value was computed"
        );
        assert_eq!(map.revision().get(), 2);
        assert!(map.in_progress.is_empty());
    });
}

#[test]
fn shuttle_initializers_beside_a_removal() {
    schedules("initializers_beside_a_removal", || {
        let map = Arc::new(Map::from([(0, 0)]));
        let runs = Arc::new(Runs::default());
        let tasks = [10, 20].map(|value| {
            let (map, runs) = (Arc::clone(&map), Arc::clone(&runs));
            spawn("initializes", move || {
                let got = map.try_get_or_insert_with(1, || runs.run(Ok(value)));
                assert!(got == Ok(10) || got == Ok(20));
            })
        });
        let removes = {
            let map = Arc::clone(&map);
            spawn("removes", move || {
                map.remove(&1);
                map.insert(0, 1);
            })
        };
        join_all(tasks.into_iter().chain([removes]));
        let succeeded = runs.succeeded.load(Ordering::Relaxed);
        let removed = map.revision().get() - succeeded - 1;
        assert!(succeeded <= 1 + removed && removed <= 1);
        assert!(map.in_progress.is_empty());
    });
}

#[test]
fn shuttle_initializers_that_need_each_other() {
    schedules("initializers_that_need_each_other", || {
        let map = Arc::new(Map::new());
        let panics = Arc::new(Counter::new(0));
        let tasks = [(1, 2), (2, 1)].map(|(own, other)| {
            let (map, panics) = (Arc::clone(&map), Arc::clone(&panics));
            spawn("needs another", move || {
                let got = map.try_get_or_insert_with(own, || {
                    let inner = || map.get_or_insert_with(other, || 100);
                    let inner = std::panic::catch_unwind(std::panic::AssertUnwindSafe(inner));
                    inner.map(|value| 1 + value).map_err(|_| {
                        panics.fetch_add(1, Ordering::Relaxed);
                    })
                });
                assert!(got.is_ok() || got == Err(()));
            })
        });
        join_all(tasks);
        assert!(
            panics.load(Ordering::Relaxed) <= 1,
            "one wait closes the cycle"
        );
        assert!(map.in_progress.is_empty());
    });
}
