//! What the tests of the gate share: ways to keep an access open from inside, and the overlaps that were noticed.

#![allow(dead_code, reason = "each test file uses its own part of this")]

pub(crate) mod child;
pub(crate) mod silence;

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use untorn::gomap::Key;
use untorn::{AccessKind, GoMap, OnOverlap, Overlap};

/// How long a test waits for what must happen before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The map of the note.
pub(crate) fn config() -> Arc<Map> {
    let map = Map::named("config");
    map.insert(Probe::free(1), Elem::free(265));
    map.insert(Probe::free(2), Elem::free(17));
    Arc::new(map)
}

/// A place inside an access at which the first so many callers wait until they are released.
pub(crate) struct Valve {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stops_left: usize,
    inside: usize,
    released: bool,
}

impl Valve {
    pub(crate) fn closed(stops: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                stops_left: stops,
                inside: 0,
                released: false,
            }),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn open() -> Arc<Self> {
        Self::closed(0)
    }

    /// Called from inside an access: waits here if this is one of the first callers.
    pub(crate) fn pass(&self) {
        let mut state = self.lock();
        if state.stops_left == 0 {
            return;
        }
        state.stops_left -= 1;
        state.inside += 1;
        self.changed.notify_all();
        drop(self.wait_until(state, "was never released", |state| state.released));
    }

    /// Waits until so many are waiting inside.
    pub(crate) fn wait_for(&self, inside: usize) {
        let state = self.lock();
        drop(self.wait_until(state, "nobody got inside", |state| state.inside >= inside));
    }

    /// Lets those inside go, and everybody who comes later.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        state.released = true;
        state.stops_left = 0;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under this lock")
    }

    fn wait_until<'v>(
        &'v self,
        state: MutexGuard<'v, State>,
        complaint: &str,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'v, State> {
        let (state, result) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !condition(state))
            .expect("no panic under this lock");
        // Not while the lock is held: it would be poisoned for the others.
        if result.timed_out() {
            drop(state);
            panic!("{complaint}");
        }
        state
    }
}

/// A key whose `Eq` goes through a valve.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) n: u64,
    pub(crate) valve: Arc<Valve>,
}

impl Probe {
    pub(crate) fn new(n: u64, valve: &Arc<Valve>) -> Self {
        Self {
            n,
            valve: Arc::clone(valve),
        }
    }

    pub(crate) fn free(n: u64) -> Self {
        Self::new(n, &Valve::open())
    }
}

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        self.valve.pass();
        other.valve.pass();
        self.n == other.n
    }
}

impl Eq for Probe {}

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.n.hash(state);
    }
}

impl Key for Probe {}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.n.fmt(f)
    }
}

/// A value whose `Clone` and `Debug` go through a valve.
pub(crate) struct Elem {
    pub(crate) n: u64,
    pub(crate) valve: Arc<Valve>,
}

impl Elem {
    pub(crate) fn new(n: u64, valve: &Arc<Valve>) -> Self {
        Self {
            n,
            valve: Arc::clone(valve),
        }
    }

    pub(crate) fn free(n: u64) -> Self {
        Self::new(n, &Valve::open())
    }
}

impl Default for Elem {
    fn default() -> Self {
        Self::free(0)
    }
}

impl Clone for Elem {
    fn clone(&self) -> Self {
        self.valve.pass();
        Self::new(self.n, &self.valve)
    }
}

impl fmt::Debug for Elem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.valve.pass();
        self.n.fmt(f)
    }
}

pub(crate) type Map = GoMap<Probe, Elem>;

/// A method of `GoMap` as a test case. It looks for key 1 and goes through the valve inside the access.
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) kind: AccessKind,
    pub(crate) line: u32,
    /// Whether it runs code of the program's inside the access, and so can be kept open.
    pub(crate) holds: bool,
    pub(crate) run: fn(&Map, &Arc<Valve>),
}

macro_rules! op {
    ($name:literal $kind:ident $holds:literal, $run:expr) => {
        Op {
            name: concat!("GoMap::", $name),
            kind: AccessKind::$kind,
            line: line!(),
            holds: $holds,
            run: $run,
        }
    };
}

/// Every access there is. One line each: `line` is that of the call.
#[rustfmt::skip]
pub(crate) const OPS: &[Op] = &[
    op!("get" Read true, |map, valve| drop(map.get(&Probe::new(1, valve)))),
    op!("get_with" Read true, |map, valve| _ = map.get_with(&Probe::free(1), |_| valve.pass())),
    op!("get_or_zero" Read true, |map, valve| drop(map.get_or_zero(&Probe::new(1, valve)))),
    op!("contains_key" Read true, |map, valve| assert!(map.contains_key(&Probe::new(1, valve)))),
    op!("trace" Read true, |map, valve| assert!(map.trace(&Probe::new(1, valve)).found())),
    op!("iter_with" Iterate true, |map, valve| map.iter_with(|_, _| valve.pass())),
    op!("cursor" Iterate true, |map, valve| _ = map.cursor().next_with(|_, _| valve.pass())),
    op!("fmt" Iterate true, |map, _| drop(format!("{map:?}"))),
    op!("deep_clone" Clone true, |map, _| drop(map.deep_clone())),
    op!("len" Read false, |map, _| assert_eq!(map.len(), 1)),
    op!("is_empty" Read false, |map, _| assert!(!map.is_empty())),
    op!("stats" Read false, |map, _| assert_eq!(map.stats().count, 1)),
    op!("insert" Write true, |map, valve| drop(map.insert(Probe::new(1, valve), Elem::free(11)))),
    op!("update" Write true, |map, valve| drop(map.update(Probe::new(1, valve), |_| Some(Elem::free(11))))),
    op!("retain" Write true, |map, valve| map.retain(|_, _| { valve.pass(); true })),
    op!("remove" Write true, |map, valve| drop(map.remove(&Probe::new(1, valve)))),
    op!("clear" Write false, |map, _| map.clear()),
];

thread_local! {
    static NOTICED: RefCell<Vec<Overlap>> = const { RefCell::new(Vec::new()) };
}

fn note(overlap: &Overlap) {
    NOTICED.with_borrow_mut(|noticed| noticed.push(overlap.clone()));
}

/// The policy under which [`attempt`] works.
pub(crate) const NOTE: OnOverlap = OnOverlap::Call(note);

/// The overlaps that this thread has noticed since it was last asked.
pub(crate) fn noticed() -> Vec<Overlap> {
    NOTICED.take()
}

/// Runs one access on a map with the policy [`NOTE`]: its result, or the overlap it noticed.
pub(crate) fn attempt<R>(access: impl FnOnce() -> R) -> Result<R, Box<Overlap>> {
    assert!(noticed().is_empty(), "an overlap that nobody asked about");
    let result = catch_unwind(AssertUnwindSafe(access));
    match (result, &noticed()[..]) {
        (Ok(result), []) => Ok(result),
        (Err(_), [overlap]) => Err(Box::new(overlap.clone())),
        (Err(panic), []) => resume_unwind(panic),
        (_, overlaps) => panic!("{} overlaps in one access", overlaps.len()),
    }
}

/// A map named `config` with the one entry 1, whose value goes through the valve.
pub(crate) fn map_of_one(valve: &Arc<Valve>) -> Arc<Map> {
    let map = Map::named("config").on_overlap(NOTE);
    map.insert(Probe::free(1), Elem::new(10, valve));
    Arc::new(map)
}

/// Go's text for a meeting of these two, or `None` where both only look.
pub(crate) fn text(one: AccessKind, other: AccessKind) -> Option<&'static str> {
    use AccessKind::{Clone, Iterate, Read, Write};
    match (one, other) {
        (Write, Write) => Some("concurrent map writes"),
        (Write, Read) | (Read, Write) => Some("concurrent map read and map write"),
        (Write, Iterate) | (Iterate, Write) => Some("concurrent map iteration and map write"),
        (Write, Clone) | (Clone, Write) => Some("concurrent map clone and map write"),
        _ => None,
    }
}
