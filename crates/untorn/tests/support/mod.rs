//! Helpers shared by the tests of the gate: ways to hold an access open from inside, and the
//! recorded overlaps.

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

/// The time after which a wait fails its test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the map of the program in `docs/the-note.md`.
pub(crate) fn config() -> Arc<Map> {
    let map = Map::named("config");
    map.insert(BlockingKey::free(1), BlockingValue::free(265));
    map.insert(BlockingKey::free(2), BlockingValue::free(17));
    Arc::new(map)
}

/// A point inside an access at which the first few callers block until they are released.
pub(crate) struct Latch {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stops_left: usize,
    inside: usize,
    released: bool,
}

impl Latch {
    /// Creates a latch that blocks its first `stops` callers.
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

    /// Creates a latch that blocks no caller.
    pub(crate) fn open() -> Arc<Self> {
        Self::closed(0)
    }

    /// Blocks if this is one of the first callers. Called from inside an access.
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

    /// Waits until `inside` callers are blocked.
    pub(crate) fn wait_for(&self, inside: usize) {
        let state = self.lock();
        drop(self.wait_until(state, "too few callers arrived", |state| {
            state.inside >= inside
        }));
    }

    /// Releases the blocked callers, and lets later ones pass.
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
        message: &str,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'v, State> {
        let (state, result) = self
            .changed
            .wait_timeout_while(state, TIMEOUT, |state| !condition(state))
            .expect("no panic under this lock");
        // Panicking with the lock held would poison it for the other threads.
        if result.timed_out() {
            drop(state);
            panic!("{message}");
        }
        state
    }
}

/// A key whose `Eq` passes a latch.
#[derive(Clone)]
pub(crate) struct BlockingKey {
    pub(crate) n: u64,
    pub(crate) latch: Arc<Latch>,
}

impl BlockingKey {
    pub(crate) fn new(n: u64, latch: &Arc<Latch>) -> Self {
        Self {
            n,
            latch: Arc::clone(latch),
        }
    }

    /// Creates a key that never blocks.
    pub(crate) fn free(n: u64) -> Self {
        Self::new(n, &Latch::open())
    }
}

impl PartialEq for BlockingKey {
    fn eq(&self, other: &Self) -> bool {
        self.latch.pass();
        other.latch.pass();
        self.n == other.n
    }
}

impl Eq for BlockingKey {}

impl Hash for BlockingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.n.hash(state);
    }
}

impl Key for BlockingKey {}

impl fmt::Debug for BlockingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.n.fmt(f)
    }
}

/// A value whose `Clone` and `Debug` pass a latch.
pub(crate) struct BlockingValue {
    pub(crate) n: u64,
    pub(crate) latch: Arc<Latch>,
}

impl BlockingValue {
    pub(crate) fn new(n: u64, latch: &Arc<Latch>) -> Self {
        Self {
            n,
            latch: Arc::clone(latch),
        }
    }

    /// Creates a value that never blocks.
    pub(crate) fn free(n: u64) -> Self {
        Self::new(n, &Latch::open())
    }
}

impl Default for BlockingValue {
    fn default() -> Self {
        Self::free(0)
    }
}

impl Clone for BlockingValue {
    fn clone(&self) -> Self {
        self.latch.pass();
        Self::new(self.n, &self.latch)
    }
}

impl fmt::Debug for BlockingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.latch.pass();
        self.n.fmt(f)
    }
}

pub(crate) type Map = GoMap<BlockingKey, BlockingValue>;

/// A method of `GoMap` as a test case. It looks up key 1 and passes the latch inside the access.
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) kind: AccessKind,
    pub(crate) line: u32,
    /// True if the method runs user code inside the access, which can then be held open.
    pub(crate) can_block: bool,
    pub(crate) run: fn(&Map, &Arc<Latch>),
}

macro_rules! op {
    ($name:literal $kind:ident $can_block:literal, $run:expr) => {
        Op {
            name: concat!("GoMap::", $name),
            kind: AccessKind::$kind,
            line: line!(),
            can_block: $can_block,
            run: $run,
        }
    };
}

/// Every access. One line each: `line` is that of the call.
#[rustfmt::skip]
pub(crate) const OPS: &[Op] = &[
    op!("get" Read true, |map, latch| drop(map.get(&BlockingKey::new(1, latch)))),
    op!("get_with" Read true, |map, latch| _ = map.get_with(&BlockingKey::free(1), |_| latch.pass())),
    op!("get_or_zero" Read true, |map, latch| drop(map.get_or_zero(&BlockingKey::new(1, latch)))),
    op!("contains_key" Read true, |map, latch| assert!(map.contains_key(&BlockingKey::new(1, latch)))),
    op!("trace" Read true, |map, latch| assert!(map.trace(&BlockingKey::new(1, latch)).found())),
    op!("iter_with" Iterate true, |map, latch| map.iter_with(|_, _| latch.pass())),
    op!("cursor" Iterate true, |map, latch| _ = map.cursor().next_with(|_, _| latch.pass())),
    op!("fmt" Iterate true, |map, _| drop(format!("{map:?}"))),
    op!("deep_clone" Clone true, |map, _| drop(map.deep_clone())),
    op!("len" Read false, |map, _| assert_eq!(map.len(), 1)),
    op!("is_empty" Read false, |map, _| assert!(!map.is_empty())),
    op!("stats" Read false, |map, _| assert_eq!(map.stats().count, 1)),
    op!("insert" Write true, |map, latch| drop(map.insert(BlockingKey::new(1, latch), BlockingValue::free(11)))),
    op!("update" Write true, |map, latch| drop(map.update(BlockingKey::new(1, latch), |_| Some(BlockingValue::free(11))))),
    op!("retain" Write true, |map, latch| map.retain(|_, _| { latch.pass(); true })),
    op!("remove" Write true, |map, latch| drop(map.remove(&BlockingKey::new(1, latch)))),
    op!("clear" Write false, |map, _| map.clear()),
];

thread_local! {
    static RECORDED: RefCell<Vec<Overlap>> = const { RefCell::new(Vec::new()) };
}

fn record(overlap: &Overlap) {
    RECORDED.with_borrow_mut(|recorded| recorded.push(overlap.clone()));
}

/// The policy that [`attempt`] needs.
pub(crate) const RECORD: OnOverlap = OnOverlap::Call(record);

/// Takes the overlaps that this thread has recorded since the last call.
pub(crate) fn take_recorded() -> Vec<Overlap> {
    RECORDED.take()
}

/// Runs one access on a map with the policy [`RECORD`]. Returns its result, or the overlap that it
/// reported.
pub(crate) fn attempt<R>(access: impl FnOnce() -> R) -> Result<R, Box<Overlap>> {
    assert!(take_recorded().is_empty(), "an overlap was not taken");
    let result = catch_unwind(AssertUnwindSafe(access));
    match (result, &take_recorded()[..]) {
        (Ok(result), []) => Ok(result),
        (Err(_), [overlap]) => Err(Box::new(overlap.clone())),
        (Err(panic), []) => resume_unwind(panic),
        (_, overlaps) => panic!("{} overlaps in one access", overlaps.len()),
    }
}

/// Returns a map named `config` with the one entry 1, whose value passes the latch.
pub(crate) fn map_of_one(latch: &Arc<Latch>) -> Arc<Map> {
    let map = Map::named("config").on_overlap(RECORD);
    map.insert(BlockingKey::free(1), BlockingValue::new(10, latch));
    Arc::new(map)
}

/// Returns Go's message for an overlap of these two, or `None` if neither writes.
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
