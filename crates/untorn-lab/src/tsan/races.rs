//! Races that ThreadSanitizer must find: two threads without a happens-before edge that never
//! overlap.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::thread;
use std::time::Duration;

use untorn::gomap::MapCursor;
use untorn::{GoMap, spawn};

use super::scenario::{Expected, MAP, Races, Scenario};

/// The map under test.
pub(super) type Config = GoMap<u64, u64>;

/// The data of one thread, created by the main thread before both are started.
struct Context {
    map: &'static Config,
    /// A cursor over that map.
    cursor: MapCursor<'static, u64, u64>,
    /// A map that no other thread uses.
    own: &'static Config,
}

/// An access, and the line on which it is made.
#[derive(Clone, Copy)]
struct Access {
    line: u32,
    run: fn(&mut Context),
}

macro_rules! access {
    ($run:expr) => {
        Access {
            line: line!(),
            run: $run,
        }
    };
}

const INSERT: Access = access!(|context| _ = context.map.insert(1, 1));
const REMOVE: Access = access!(|context| _ = context.map.remove(&2));
const CLEAR: Access = access!(|context| context.map.clear());
const WRITES: [Access; 3] = [INSERT, REMOVE, CLEAR];

const GET: Access = access!(|context| _ = context.map.get(&3));
const LEN: Access = access!(|context| _ = context.map.len());
const CURSOR: Access = access!(|context| _ = context.map.cursor().next());
const READS: [Access; 14] = [
    GET,
    LEN,
    CURSOR,
    access!(|context| _ = context.map.get_with(&1, |_| ())),
    access!(|context| _ = context.map.get_or_zero(&1)),
    access!(|context| _ = context.map.contains_key(&1)),
    access!(|context| _ = context.map.is_empty()),
    access!(|context| _ = context.map.stats()),
    access!(|context| _ = context.map.trace(&1)),
    access!(|context| context.map.iter_with(|_, _| ())),
    access!(|context| _ = context.map.deep_clone()),
    access!(|context| _ = format!("{:?}", context.map)),
    // Steps of cursors that the main thread created.
    access!(|context| _ = context.cursor.next()),
    access!(|context| _ = context.cursor.next_with(|_, _| ())),
];

/// A write to the thread's own map: it reads the access records of all threads.
const OWN: Access = access!(|context| _ = context.own.insert(1, 1));

/// So many that ThreadSanitizer has discarded its history of the first one.
const GETS: Access = access!(|context| _ = (0..10_000).map(|n| context.map.get(&n)).max());

const MAKE: Access = access!(|_| hand_over());
const TAKE: Access = access!(|_| _ = handed().get(&1));

/// A read of the map, which is no race, with a write to other memory in its closure.
const TOUCH: Access = access!(|context| _ = context.map.get_with(&1, |_| touch()));

/// Writes to memory that belongs to no map or cell.
#[allow(unsafe_code, reason = "a race on such memory")]
pub(super) fn touch() {
    static mut TOUCHED: u64 = 0;
    let touched = &raw mut TOUCHED;
    // SAFETY: the static is valid for writes; the two writes are milliseconds run_unordered.
    unsafe { touched.write(1) }
}

/// The accesses of one thread and then, without a happens-before edge, those of another.
struct Race {
    map: fn() -> Config,
    first: Vec<Access>,
    second: Vec<Access>,
}

/// The time between the end of the first thread's accesses and the start of the second's.
const GAP: Duration = Duration::from_millis(5);

impl Race {
    fn new(map: fn() -> Config, first: &[Access], second: &[Access]) -> Self {
        Self {
            map,
            first: first.to_vec(),
            second: second.to_vec(),
        }
    }

    fn run(self) {
        // Leaked, so that the free is not part of the scenario.
        let map: &Config = Box::leak(Box::new((self.map)().with_name("config")));
        let context = || Context {
            map,
            cursor: map.cursor(),
            own: Box::leak(Box::new(full())),
        };
        let (mut here, mut there) = (context(), context());
        run_unordered(
            move || self.first.iter().for_each(|access| (access.run)(&mut here)),
            move || {
                let accesses = self.second.iter();
                accesses.for_each(|access| (access.run)(&mut there));
            },
        );
    }
}

/// Runs `first` on one thread and then, without a happens-before edge, `second` on another.
pub(super) fn run_unordered(
    first: impl FnOnce() + Send + 'static,
    second: impl FnOnce() + Send + 'static,
) {
    let done: &AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let first = spawn("first", move || {
        first();
        // Relaxed: it signals the end but creates no happens-before edge.
        done.store(true, Ordering::Relaxed);
    });
    let second = spawn("second", move || {
        while !done.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        thread::sleep(GAP);
        second();
    });
    first.join().expect("it ends");
    second.join().expect("it ends");
}

/// Returns a map with many buckets.
fn full() -> Config {
    (0..100).map(|n| (n, n)).collect()
}

/// Returns a map that was never written to.
fn empty() -> Config {
    GoMap::new()
}

/// Returns Go's nil map.
fn nil() -> Config {
    GoMap::nil()
}

/// A map that the first thread creates.
static HANDED: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());

fn hand_over() {
    let map = Box::leak(Box::new(empty().with_name("config")));
    map.insert(1, 1);
    // Relaxed, which is the bug.
    HANDED.store(map, Ordering::Relaxed);
}

#[allow(unsafe_code, reason = "how a pointer is handed over without order")]
fn handed() -> &'static Config {
    let map = HANDED.load(Ordering::Relaxed);
    // SAFETY: the first thread has stored the pointer, to a leaked map; on this processor the
    // writes before the store are visible with it.
    unsafe { &*map }
}

/// Races each access of `first` with each of `second`, on a map of its own.
fn each(map: fn() -> Config, first: &[Access], second: &[Access]) {
    for &first in first {
        for &second in second {
            Race::new(map, &[first], &[second]).run();
        }
    }
}

fn each_expected(first: &[Access], second: &[Access]) -> Expected {
    let pairs = first
        .iter()
        .flat_map(|first| second.iter().map(move |second| [first, second]));
    expected(pairs)
}

/// Expects one report for each of these pairs, on the map.
fn expected<'a>(pairs: impl IntoIterator<Item = [&'a Access; 2]>) -> Expected {
    Expected::Races(Races {
        of: MAP,
        file: file!(),
        pairs: pairs
            .into_iter()
            .map(|pair| pair.map(|access| vec![access.line]))
            .collect(),
        others: false,
        overlap: false,
    })
}

/// Returns the scenarios: the pairs of accesses that Go's detector reports, for every method; then
/// cases that are found only if neither the gate nor the table orders the threads.
pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        Scenario::new(
            "a read, then a write",
            each_expected(&READS, &WRITES),
            || {
                each(full, &READS, &WRITES);
            },
        ),
        Scenario::new(
            "a write, then a read",
            each_expected(&WRITES, &READS),
            || {
                each(full, &WRITES, &READS);
            },
        ),
        Scenario::new(
            "a write, then a write",
            each_expected(&WRITES, &WRITES),
            || each(full, &WRITES, &WRITES),
        ),
        Scenario::new("an empty map", each_expected(&READS, &WRITES), || {
            each(empty, &READS, &WRITES);
        }),
        Scenario::new("nil", each_expected(&[REMOVE, CLEAR], &READS), || {
            each(nil, &[REMOVE, CLEAR], &READS);
        }),
        Scenario::new(
            "len and get, then insert",
            expected([[&GET, &INSERT]]),
            || Race::new(full, &[LEN, GET], &[INSERT]).run(),
        ),
        Scenario::new(
            "many gets, then insert",
            expected([[&GETS, &INSERT]]),
            || Race::new(full, &[GETS], &[INSERT]).run(),
        ),
        Scenario::new(
            "cursor, then cursor and insert",
            expected([[&CURSOR, &INSERT]]),
            || Race::new(full, &[CURSOR], &[CURSOR, INSERT]).run(),
        ),
        Scenario::new(
            "get, then insert into another map, and insert",
            expected([[&GET, &INSERT]]),
            || Race::new(full, &[GET], &[OWN, INSERT]).run(),
        ),
    ];
    for (name, pairs, run) in [
        // The fields of the map are raced on, too.
        (
            "made and written, then get",
            vec![[&MAKE, &TAKE]],
            (|| Race::new(empty, &[MAKE], &[TAKE]).run()) as fn(),
        ),
        ("memory written in closures", vec![], || {
            Race::new(full, &[TOUCH], &[TOUCH]).run();
        }),
    ] {
        let mut expected = expected(pairs);
        if let Expected::Races(races) = &mut expected {
            races.others = true;
        }
        scenarios.push(Scenario::new(name, expected, run));
    }
    scenarios
}
