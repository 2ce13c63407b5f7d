//! Races that ThreadSanitizer must find: two threads that nothing orders, and that never overlap.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::thread;
use std::time::Duration;

use untorn::gomap::MapCursor;
use untorn::{GoMap, spawn};

use super::scenario::{Expected, MAP, Races, Scenario};

/// The map that is raced on.
pub(super) type Config = GoMap<u64, u64>;

/// What a thread is given, made by the main thread before either of the two is started.
struct Given {
    map: &'static Config,
    /// Begun over that map.
    cursor: MapCursor<'static, u64, u64>,
    /// A map that no other thread has.
    own: &'static Config,
}

/// Something that a thread does, and the line on which it does it.
#[derive(Clone, Copy)]
struct Access {
    line: u32,
    run: fn(&mut Given),
}

macro_rules! access {
    ($run:expr) => {
        Access {
            line: line!(),
            run: $run,
        }
    };
}

const INSERT: Access = access!(|given| _ = given.map.insert(1, 1));
const REMOVE: Access = access!(|given| _ = given.map.remove(&2));
const CLEAR: Access = access!(|given| given.map.clear());
const WRITES: [Access; 3] = [INSERT, REMOVE, CLEAR];

const GET: Access = access!(|given| _ = given.map.get(&3));
const LEN: Access = access!(|given| _ = given.map.len());
const CURSOR: Access = access!(|given| _ = given.map.cursor().next());
const READS: [Access; 14] = [
    GET,
    LEN,
    CURSOR,
    access!(|given| _ = given.map.get_with(&1, |_| ())),
    access!(|given| _ = given.map.get_or_zero(&1)),
    access!(|given| _ = given.map.contains_key(&1)),
    access!(|given| _ = given.map.is_empty()),
    access!(|given| _ = given.map.stats()),
    access!(|given| _ = given.map.trace(&1)),
    access!(|given| given.map.iter_with(|_, _| ())),
    access!(|given| _ = given.map.deep_clone()),
    access!(|given| _ = format!("{:?}", given.map)),
    // Steps of cursors that the main thread began.
    access!(|given| _ = given.cursor.next()),
    access!(|given| _ = given.cursor.next_with(|_, _| ())),
];

/// A write to a map that is the thread's own: it looks at what every thread wrote down about its accesses.
const OWN: Access = access!(|given| _ = given.own.insert(1, 1));

/// So many that ThreadSanitizer has long forgotten the first.
const GETS: Access = access!(|given| _ = (0..10_000).map(|n| given.map.get(&n)).max());

const MAKE: Access = access!(|_| hand_over());
const TAKE: Access = access!(|_| _ = handed().get(&1));

/// A read of the map that nobody minds, and a write to other memory in its closure.
const TOUCH: Access = access!(|given| _ = given.map.get_with(&1, |_| touch()));

/// Writes to memory that is of no map or cell.
#[allow(unsafe_code, reason = "a race on such memory")]
pub(super) fn touch() {
    static mut TOUCHED: u64 = 0;
    let touched = &raw mut TOUCHED;
    // SAFETY: a place for a number; the two writes are milliseconds apart.
    unsafe { touched.write(1) }
}

/// What one thread does, and then, without being ordered after it, another.
struct Race {
    map: fn() -> Config,
    first: Vec<Access>,
    second: Vec<Access>,
}

/// How long the second thread waits once the first is done, so that the first has ended by then.
const APART: Duration = Duration::from_millis(5);

impl Race {
    fn new(map: fn() -> Config, first: &[Access], second: &[Access]) -> Self {
        Self {
            map,
            first: first.to_vec(),
            second: second.to_vec(),
        }
    }

    fn run(self) {
        // Leaked, so that freeing it is no part of this.
        let map: &Config = Box::leak(Box::new((self.map)().with_name("config")));
        let given = || Given {
            map,
            cursor: map.cursor(),
            own: Box::leak(Box::new(full())),
        };
        let (mut here, mut there) = (given(), given());
        apart(
            move || self.first.iter().for_each(|access| (access.run)(&mut here)),
            move || {
                let accesses = self.second.iter();
                accesses.for_each(|access| (access.run)(&mut there));
            },
        );
    }
}

/// Runs one on a thread and then, without being ordered after it, the other on another.
pub(super) fn apart(first: impl FnOnce() + Send + 'static, second: impl FnOnce() + Send + 'static) {
    let done: &AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let first = spawn("first", move || {
        first();
        // Relaxed: it says when, and orders nothing.
        done.store(true, Ordering::Relaxed);
    });
    let second = spawn("second", move || {
        while !done.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        thread::sleep(APART);
        second();
    });
    first.join().expect("it ends");
    second.join().expect("it ends");
}

/// Many buckets.
fn full() -> Config {
    (0..100).map(|n| (n, n)).collect()
}

/// A map that was never written to.
fn empty() -> Config {
    GoMap::new()
}

/// Go's nil map.
fn nil() -> Config {
    GoMap::nil()
}

/// A map that the first thread makes.
static HANDED: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());

fn hand_over() {
    let map = Box::leak(Box::new(empty().with_name("config")));
    map.insert(1, 1);
    // Relaxed: the mistake.
    HANDED.store(map, Ordering::Relaxed);
}

#[allow(unsafe_code, reason = "how a pointer is handed over without order")]
fn handed() -> &'static Config {
    let map = HANDED.load(Ordering::Relaxed);
    // SAFETY: the first thread has stored it, leaked; what it stored before is seen with it on this processor.
    unsafe { &*map }
}

/// Each of the first ones with each of the second ones, on a map of its own.
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

/// Each of these pairs once, on the map.
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

/// What Go's detector reports of one pair is reported of every method; then what only shows if nothing of the gate or of
/// the table orders the threads.
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
