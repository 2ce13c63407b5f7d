//! `GoMap` as a whole under shuttle: schedules drawn at random, by two ways of drawing.
//!
//! `just shuttle` runs them. Each scenario prints how many schedules it took, and its seed. A schedule that fails is
//! printed by shuttle; `UNTORN_SHUTTLE_REPLAY` set to it runs the scenario that is named with that one only.
//! `UNTORN_SHUTTLE_SCHEDULES` says how many schedules are drawn.
//!
//! Shuttle gives every atomic the order of `SeqCst`: which ordering is enough is the models' business
//! (`overlap/model/`). What is tried here is everything around the gate: guards, records, walks, hashing ahead, reports.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Arc, Mutex, mpsc};
use shuttle::thread::{self, JoinHandle};

use super::{GoMap, Key};
use crate::overlap::{AccessKind, OnOverlap, Overlap, Site};
use crate::random::repeat_random_numbers;
use crate::sync::{Counter, Ordering};

/// What is going on inside the map, and what was reported, in this execution.
#[derive(Default)]
struct Inside {
    readers: Cell<usize>,
    writers: Cell<usize>,
    overlaps: RefCell<Vec<Overlap>>,
    entered: Cell<usize>,
}

// All tasks of an execution run on one thread of the system, one at a time. The map's foreign code reaches it by this.
std::thread_local! {
    static INSIDE: Inside = Inside::default();
}

impl Inside {
    /// Notes that an access is inside, and lets the others run: none of them may come in beside a write.
    fn visit(writes: bool) {
        let count = |change: fn(usize) -> usize| {
            INSIDE.with(|inside| {
                let counter = if writes {
                    &inside.writers
                } else {
                    &inside.readers
                };
                counter.set(change(counter.get()));
                let (readers, writers) = (inside.readers.get(), inside.writers.get());
                assert!(
                    writers == 0 || (writers == 1 && readers == 0),
                    "{readers} readers and {writers} writers are inside"
                );
            });
        };
        count(|visitors| visitors + 1);
        thread::yield_now();
        count(|visitors| visitors - 1);
    }

    fn reset() {
        INSIDE.with(|inside| {
            inside.readers.set(0);
            inside.writers.set(0);
            inside.entered.set(0);
            inside.overlaps.borrow_mut().clear();
        });
    }
}

fn note(overlap: &Overlap) {
    INSIDE.with(|inside| inside.overlaps.borrow_mut().push(*overlap));
}

/// A key that tells, while it is compared, that its access is inside.
#[derive(Clone, Debug)]
struct Probe {
    number: u64,
    /// Whether the access that asks with it writes; `None` in the map.
    asks: Option<bool>,
}

fn stored(number: u64) -> Probe {
    Probe { number, asks: None }
}

fn reads(number: u64) -> Probe {
    Probe {
        number,
        asks: Some(false),
    }
}

fn writes(number: u64) -> Probe {
    Probe {
        number,
        asks: Some(true),
    }
}

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        if let Some(writes) = self.asks.or(other.asks) {
            Inside::visit(writes);
        }
        self.number == other.number
    }
}

impl Eq for Probe {}

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl Key for Probe {}

/// A value that is whole: both halves are the same. Cloned by reads only.
#[derive(Debug, PartialEq)]
struct Pair(u64, u64);

impl Clone for Pair {
    fn clone(&self) -> Self {
        let first = self.0;
        Inside::visit(false);
        Self(first, self.1)
    }
}

fn pair(n: u64) -> Pair {
    Pair(n, n)
}

fn assert_whole(Pair(one, two): &Pair) {
    assert_eq!(one, two, "a torn value");
}

type Map = GoMap<Probe, Pair>;

fn map_of(keys: u64) -> Map {
    let map = Map::named("config").on_overlap(OnOverlap::Call(note));
    for key in 0..keys {
        map.insert(stored(key), pair(0));
    }
    map
}

fn is_report(message: &str) -> bool {
    message.starts_with("concurrent map ")
}

/// The result of an access, or `None` if it was reported.
fn attempt<R>(access: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(access)) {
        Ok(result) => {
            INSIDE.with(|inside| inside.entered.set(inside.entered.get() + 1));
            Some(result)
        }
        Err(panic) => match panic.downcast_ref::<String>() {
            Some(message) if is_report(message) => None,
            _ => resume_unwind(panic),
        },
    }
}

/// Keeps reports off the screen, where shuttle would take each for a failure.
fn silence_reports() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Shuttle sets its hook in its first execution.
        shuttle::check_random(|| (), 1);
        let shuttles = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<String>();
            if !message.is_some_and(|message| is_report(message)) {
                shuttles(info);
            }
        }));
    });
}

/// Draws schedules of `body`: at random, and with few changes of priority at random places.
fn schedules(name: &'static str, body: fn()) {
    const SEED: u64 = 265;
    silence_reports();
    let body = move || {
        repeat_random_numbers();
        Inside::reset();
        body();
    };
    if let Ok(schedule) = std::env::var("UNTORN_SHUTTLE_REPLAY") {
        shuttle::replay(body, &schedule);
        return;
    }
    let schedules = std::env::var("UNTORN_SHUTTLE_SCHEDULES").map_or(10_000, |n| {
        n.parse().expect("UNTORN_SHUTTLE_SCHEDULES is a number")
    });
    let config = || {
        let mut config = shuttle::Config::new();
        config.silence_warnings = true;
        config
    };
    println!("{name}: {schedules} schedules at random and by priorities each, seed {SEED}");
    let at_random = RandomScheduler::new_from_seed(SEED, schedules);
    shuttle::Runner::new(at_random, config()).run(body);
    let by_priorities = PctScheduler::new_from_seed(SEED, 3, schedules);
    shuttle::Runner::new(by_priorities, config()).run(body);
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let named = thread::Builder::new().name(name.into());
    named.spawn(body).expect("shuttle has room for a task")
}

fn join_all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.join().expect("a task does not panic");
    }
}

/// That each side of each report is a thread, an operation and a line that belong together, and that every attempt
/// either entered or reported.
fn assert_reports(attempts: usize) {
    INSIDE.with(|inside| {
        let overlaps = inside.overlaps.borrow();
        assert_eq!(inside.entered.get() + overlaps.len(), attempts);
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
            if let Some(at) = site.at {
                let operation = operations
                    .entry((at.line(), at.column()))
                    .or_insert(site.operation);
                assert_eq!(*operation, site.operation, "two operations on one line");
            }
        };
        for overlap in overlaps.iter() {
            check(&overlap.here);
            check(&overlap.other);
            assert!(!overlap.is_reentrant());
            assert!(
                [&overlap.here, &overlap.other]
                    .iter()
                    .any(|site| site.kind == AccessKind::Write)
            );
        }
    });
}

/// Adds the reports of an execution to those of the scenario.
fn add_reports(total: &Counter) {
    let reports = INSIDE.with(|inside| inside.overlaps.borrow().len());
    total.fetch_add(reports as u64, Ordering::Relaxed);
}

/// That there were some: a scenario in which nothing ever met shows nothing.
fn assert_some(name: &str, total: &Counter) {
    let reports = total.load(Ordering::Relaxed);
    println!("{name}: {reports} reports");
    assert!(reports > 0);
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
fn shuttle_walks_iterations_and_clones() {
    static REPORTS: Counter = Counter::new(0);
    schedules("walks_iterations_and_clones", || {
        let map = Arc::new(map_of(3));
        let shared = Arc::clone(&map);
        let walker = spawn("reader 1", move || {
            let Some(mut walk) = attempt(|| shared.walk()) else {
                // As many attempts as there would have been at most.
                for _ in 0..4 {
                    attempt(|| ());
                }
                return;
            };
            for _ in 0..4 {
                attempt(|| walk.next_with(|_, value| assert_whole(&value.clone())));
            }
        });
        let shared = Arc::clone(&map);
        let iterator = spawn("reader 2", move || {
            attempt(|| {
                shared.iter_with(|_, value| {
                    Inside::visit(false);
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
    assert_some("walks_iterations_and_clones", &REPORTS);
}

/// Threads end while others scan, and their records go to the next ones.
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

/// What is done under a lock is never reported, and comes out as in a plain map.
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
                        .walk()
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
        assert_eq!(INSIDE.with(|inside| inside.overlaps.borrow().len()), 0);
    });
}

/// Handed from task to task by a channel, and read by several at once in between.
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
                    assert_eq!(map.walk().count(), 1);
                    done.send(()).expect("somebody waits");
                }));
            }
            for _ in 0..2 {
                all_read.recv().expect("both will have read");
            }
        }
        map.clear();
        join_all(tasks);
        assert_eq!(INSIDE.with(|inside| inside.overlaps.borrow().len()), 0);
    });
}
