//! `GoMap` under shuttle: guards, records, cursors, hashing before the access, reports.
//! `schedules/` selects the schedules.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use shuttle::sync::{Arc, Mutex, mpsc};

use super::{GoMap, Key};
use crate::overlap::{AccessKind, OnOverlap, Site};
use crate::schedules::{add_reports, assert_no_reports, assert_some, attempt, join_all, note};
use crate::schedules::{overlaps, schedules, spawn, visit};
use crate::sync::Counter;

/// A key whose comparison records that its access is in progress.
#[derive(Clone, Debug)]
struct RecordingKey {
    number: u64,
    /// True if the access with this key is a write; `None` for keys in the map.
    writes: Option<bool>,
}

fn stored(number: u64) -> RecordingKey {
    RecordingKey {
        number,
        writes: None,
    }
}

fn reads(number: u64) -> RecordingKey {
    RecordingKey {
        number,
        writes: Some(false),
    }
}

fn writes(number: u64) -> RecordingKey {
    RecordingKey {
        number,
        writes: Some(true),
    }
}

impl PartialEq for RecordingKey {
    fn eq(&self, other: &Self) -> bool {
        if let Some(writes) = self.writes.or(other.writes) {
            visit(writes);
        }
        self.number == other.number
    }
}

impl Eq for RecordingKey {}

impl Hash for RecordingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl Key for RecordingKey {}

/// A value whose halves are equal unless it is torn. Only reads clone it.
#[derive(Debug, PartialEq)]
struct Pair(u64, u64);

impl Clone for Pair {
    fn clone(&self) -> Self {
        let first = self.0;
        visit(false);
        Self(first, self.1)
    }
}

fn pair(n: u64) -> Pair {
    Pair(n, n)
}

fn assert_whole(Pair(one, two): &Pair) {
    assert_eq!(one, two, "a torn value");
}

type Map = GoMap<RecordingKey, Pair>;

fn map_of(keys: u64) -> Map {
    let map = Map::named("config").on_overlap(OnOverlap::Call(note));
    for key in 0..keys {
        map.insert(stored(key), pair(0));
    }
    map
}

/// Asserts that thread, operation and line of each side of each report belong together, and that
/// every attempt either entered or reported.
fn assert_reports(attempts: usize) {
    let (overlaps, entered) = overlaps();
    assert_eq!(entered + overlaps.len(), attempts);
    let mut names = BTreeMap::new();
    let mut operations = BTreeMap::new();
    let mut check = |site: &Site| {
        let name = names.entry(site.thread_number).or_insert(site.thread);
        assert_eq!(*name, site.thread, "two names of one thread");
        if site.thread_number == 0 {
            assert_eq!(&*site.thread, "<unknown>");
            return;
        }
        let writes = site.kind == AccessKind::Write;
        assert_eq!(site.thread.starts_with("writer"), writes, "{site}");
        if let Some(location) = site.location {
            let operation = operations
                .entry((location.line(), location.column()))
                .or_insert(site.operation);
            assert_eq!(*operation, site.operation, "two operations on one line");
        }
    };
    for overlap in &overlaps {
        check(&overlap.here);
        check(&overlap.other);
        assert!(!overlap.is_reentrant());
        assert!(
            [&overlap.here, &overlap.other]
                .iter()
                .any(|site| site.kind == AccessKind::Write)
        );
    }
}

#[test]
fn shuttle_reads_and_writes() {
    static REPORTS: Counter = Counter::new(0);
    schedules("reads_and_writes", || {
        let map = Arc::new(map_of(2));
        let reader = |name| {
            let map = Arc::clone(&map);
            spawn(name, move || {
                if let Some(Some(value)) = attempt(|| map.get(&reads(0))) {
                    assert_whole(&value);
                }
                attempt(|| map.get_with(&reads(1), assert_whole));
                attempt(|| map.contains_key(&reads(1)));
            })
        };
        let writer = |name, n| {
            let map = Arc::clone(&map);
            spawn(name, move || {
                attempt(|| map.insert(writes(0), pair(n)));
                attempt(|| map.remove(&writes(1)));
            })
        };
        join_all([
            reader("reader 1"),
            writer("writer 1", 1),
            reader("reader 2"),
            writer("writer 2", 2),
        ]);
        assert_reports(2 * 3 + 2 * 2);
        add_reports(&REPORTS);
    });
    assert_some("reads_and_writes", &REPORTS);
}

#[test]
fn shuttle_cursors_iterations_and_clones() {
    static REPORTS: Counter = Counter::new(0);
    schedules("cursors_iterations_and_clones", || {
        let map = Arc::new(map_of(3));
        let shared = Arc::clone(&map);
        let walker = spawn("reader 1", move || {
            let Some(mut cursor) = attempt(|| shared.cursor()) else {
                // Keeps the number of attempts constant.
                for _ in 0..4 {
                    attempt(|| ());
                }
                return;
            };
            for _ in 0..4 {
                attempt(|| cursor.next_with(|_, value| assert_whole(&value.clone())));
            }
        });
        let shared = Arc::clone(&map);
        let iterator = spawn("reader 2", move || {
            attempt(|| {
                shared.iter_with(|_, value| {
                    visit(false);
                    assert_whole(value);
                });
            });
            attempt(|| shared.len());
        });
        let shared = Arc::clone(&map);
        let cloner = spawn("reader 3", move || {
            if let Some(clone) = attempt(|| shared.deep_clone()) {
                clone.iter_with(|_, value| assert_whole(value));
            }
        });
        let shared = Arc::clone(&map);
        let writer = spawn("writer 1", move || {
            for n in 1..3 {
                attempt(|| shared.insert(writes(n), pair(n)));
            }
            attempt(|| shared.clear());
        });
        join_all([walker, iterator, cloner, writer]);
        assert_reports(5 + 2 + 1 + 3);
        add_reports(&REPORTS);
    });
    assert_some("cursors_iterations_and_clones", &REPORTS);
}

/// Threads exit while others scan, and later threads reuse their records.
#[test]
fn shuttle_threads_come_and_go() {
    static REPORTS: Counter = Counter::new(0);
    schedules("threads_come_and_go", || {
        let map = Arc::new(map_of(1));
        let shared = Arc::clone(&map);
        let readers = spawn("reader 0", move || {
            for name in ["reader 1", "reader 2"] {
                let map = Arc::clone(&shared);
                join_all([spawn(name, move || {
                    attempt(|| map.get(&reads(0)));
                })]);
            }
        });
        let shared = Arc::clone(&map);
        let writers = spawn("writer 0", move || {
            for name in ["writer 1", "writer 2"] {
                let map = Arc::clone(&shared);
                join_all([spawn(name, move || {
                    attempt(|| map.insert(writes(0), pair(1)));
                })]);
            }
        });
        join_all([readers, writers]);
        assert_reports(4);
        add_reports(&REPORTS);
    });
    assert_some("threads_come_and_go", &REPORTS);
}

/// Accesses under a lock are never reported, and have the results of a plain map.
#[test]
fn shuttle_under_a_lock() {
    schedules("under_a_lock", || {
        let map = Arc::new(map_of(0));
        let plain = Arc::new(Mutex::new(BTreeMap::new()));
        let tasks = (0..3).map(|task: u64| {
            let (map, plain) = (Arc::clone(&map), Arc::clone(&plain));
            spawn("writer", move || {
                for n in 0..3 {
                    let key = (task + n) % 4;
                    let mut plain = plain.lock().expect("not poisoned");
                    match n {
                        0 => {
                            let before = map.insert(writes(key), pair(task)).map(|Pair(n, _)| n);
                            assert_eq!(before, plain.insert(key, task));
                        }
                        1 => {
                            let now = map.get(&reads(key)).map(|Pair(n, _)| n);
                            assert_eq!(now, plain.get(&key).copied());
                        }
                        _ => {
                            let before = map.remove(&writes(key)).map(|Pair(n, _)| n);
                            assert_eq!(before, plain.remove(&key));
                        }
                    }
                    let mut walked: Vec<_> = map
                        .cursor()
                        .map(|(key, value)| (key.number, value.0))
                        .collect();
                    walked.sort_unstable();
                    assert_eq!(
                        walked,
                        plain.iter().map(|(&k, &v)| (k, v)).collect::<Vec<_>>()
                    );
                }
            })
        });
        join_all(tasks.collect::<Vec<_>>());
        assert_no_reports();
    });
}

/// A map that tasks pass on by a channel, with concurrent reads between the writes, is never
/// reported.
#[test]
fn shuttle_handed_over_by_a_channel() {
    schedules("handed_over_by_a_channel", || {
        let map = Arc::new(map_of(1));
        let mut tasks = Vec::new();
        let (done, all_read) = mpsc::channel();
        for n in 1..3 {
            map.insert(writes(0), pair(n));
            for _ in 0..2 {
                let (map, done) = (Arc::clone(&map), done.clone());
                tasks.push(spawn("reader", move || {
                    assert_eq!(map.get(&reads(0)), Some(pair(n)));
                    assert_eq!(map.cursor().count(), 1);
                    done.send(()).expect("the receiver waits");
                }));
            }
            for _ in 0..2 {
                all_read.recv().expect("both will have read");
            }
        }
        map.clear();
        join_all(tasks);
        assert_no_reports();
    });
}
