//! Forced overlaps: one thread keeps an access open while another makes one, again and again, and it is counted how many of
//! these overlaps were reported, with both sides as they were.
//!
//! Both threads run all the time. The holder says from inside its access that it is there, and stays until the comer has
//! made its own: so the whole of the comer's access lies inside the holder's. An overlap counts as forced only if the
//! comer found the holder inside before and after. It counts as reported if it was reported to the comer, once, with
//! thread, method and line of both sides right. Pairs in which nobody writes are played too, and may not be reported.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::hint;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread;

use untorn::gomap::Key;
use untorn::{GoMap, OnOverlap, Overlap, OverlapCell, ReadGuard, Site, spawn_scoped};

use crate::sheet::thousands;

/// Where the two wait for each other, round by round.
#[derive(Default)]
struct Meeting {
    /// The last round in which the holder was inside.
    inside: AtomicUsize,
    /// The last round in which the comer was done.
    met: AtomicUsize,
    /// The last round in which the holder had left.
    left: AtomicUsize,
}

fn wait_for(place: &AtomicUsize, round: usize) {
    let mut spins = 0;
    while place.load(Ordering::SeqCst) < round {
        spins += 1;
        if spins % 512 == 0 {
            thread::yield_now();
        }
        hint::spin_loop();
    }
}

thread_local! {
    /// What this thread's next access does from inside, if it is the holder.
    static HOLDS: RefCell<Option<(Arc<Meeting>, usize)>> = const { RefCell::new(None) };
    static NOTICED: RefCell<Vec<Overlap>> = const { RefCell::new(Vec::new()) };
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Called from inside each access.
fn hold() {
    if let Some((meeting, round)) = HOLDS.take() {
        meeting.inside.store(round, Ordering::SeqCst);
        wait_for(&meeting.met, round);
    }
}

fn note(overlap: &Overlap) {
    NOTICED.with_borrow_mut(|noticed| noticed.push(overlap.clone()));
}

/// Keeps the panics of the two threads off the screen: each report ends in one.
fn silence_reports() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                before(info);
            }
        }));
    });
}

/// Which of the two an access can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Holder,
    Comer,
    Either,
}

/// A way to access something.
struct Op<T> {
    name: &'static str,
    kind: &'static str,
    line: u32,
    role: Role,
    /// What it tells by itself, without the policy.
    run: fn(&T) -> Option<Overlap>,
}

impl<T> Op<T> {
    fn writes(&self) -> bool {
        self.kind == "write"
    }

    /// Whether this is what a report says of one side.
    fn is(&self, site: &Site, thread: &str) -> bool {
        let here = site
            .location
            .is_some_and(|at| at.file() == file!() && at.line() == self.line);
        here && site.operation == self.name && *site.thread == *thread
    }
}

macro_rules! op {
    ($name:literal $kind:literal $role:ident, $run:expr) => {
        Op {
            name: $name,
            kind: $kind,
            line: line!(),
            role: Role::$role,
            run: $run,
        }
    };
}

/// A key and a value of which comparing and copying are inside the access.
struct Inside(u64);

impl PartialEq for Inside {
    fn eq(&self, other: &Self) -> bool {
        hold();
        self.0 == other.0
    }
}

impl Eq for Inside {}

impl Hash for Inside {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Key for Inside {}

impl Clone for Inside {
    fn clone(&self) -> Self {
        hold();
        Self(self.0)
    }
}

type Map = GoMap<Inside, Inside>;
type Guarded = OverlapCell<u64>;

const KEY: Inside = Inside(1);

/// One line each: `line` is that of the call.
#[rustfmt::skip]
const OF_MAPS: [Op<Map>; 10] = [
    op!("GoMap::get" "read" Either, |map| { map.get(&KEY); None }),
    op!("GoMap::get_with" "read" Either, |map| { map.get_with(&KEY, |_| hold()); None }),
    op!("GoMap::contains_key" "read" Either, |map| { _ = map.contains_key(&KEY); None }),
    op!("GoMap::len" "read" Comer, |map| { _ = map.len(); None }),
    op!("GoMap::iter_with" "iterate" Either, |map| { map.iter_with(|_, _| hold()); None }),
    op!("GoMap::deep_clone" "clone" Either, |map| { drop(map.deep_clone()); None }),
    op!("GoMap::stats" "read" Comer, |map| { _ = map.stats(); None }),
    op!("GoMap::insert" "write" Either, |map| { map.insert(KEY, KEY); None }),
    op!("GoMap::remove" "write" Either, |map| { map.remove(&KEY); None }),
    op!("GoMap::clear" "write" Comer, |map| { map.clear(); None }),
];

#[rustfmt::skip]
const OF_CELLS: [Op<Guarded>; 7] = [
    op!("OverlapCell::read" "read" Either, |cell| { let _reading = cell.read(); hold(); None }),
    op!("OverlapCell::try_read" "read" Either, |cell| match cell.try_read() { Ok(_reading) => { hold(); None } Err(overlap) => Some(*overlap) }),
    op!("ReadGuard::clone" "clone" Holder, |cell| { let _reading = ReadGuard::clone(&cell.read()); hold(); None }),
    op!("OverlapCell::write" "write" Either, |cell| { let _writing = cell.write(); hold(); None }),
    op!("OverlapCell::try_write" "write" Either, |cell| match cell.try_write() { Ok(_writing) => { hold(); None } Err(overlap) => Some(*overlap) }),
    op!("OverlapCell::replace" "write" Comer, |cell| { cell.replace(1); None }),
    op!("OverlapCell::take" "write" Comer, |cell| { cell.take(); None }),
];

/// How it went with one pair of kinds, or with all.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Overlaps with a write, proven by the access that was held.
    pub forced: usize,
    /// How many of them were reported, with both sides right.
    pub reported: usize,
    /// Accesses inside others of which none writes.
    pub beside: usize,
    /// How many of those were reported.
    pub falsely: usize,
    /// Rounds in which the two did not meet, or in which the holder was not left alone.
    pub failed: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.forced += other.forced;
        self.reported += other.reported;
        self.beside += other.beside;
        self.falsely += other.falsely;
        self.failed += other.failed;
    }

    /// Whether each round was as it must be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.reported == self.forced && self.falsely == 0 && self.failed == 0
    }
}

/// What came of all pairs.
pub struct Outcome {
    pairs: BTreeMap<String, Tally>,
    methods: usize,
}

impl Outcome {
    /// All pairs together.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.pairs.values().for_each(|tally| total.add(*tally));
        total
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, numbers: [usize; 2]| {
            let [of, reported] = numbers.map(thousands);
            writeln!(f, "{name:<32} {of:>12} {reported:>12}")
        };
        writeln!(
            f,
            "{:<32} {:>12} {:>12}",
            "held open, and coming", "forced", "reported"
        )?;
        for (name, tally) in self.pairs.iter().filter(|(_, tally)| tally.forced > 0) {
            row(f, name, [tally.forced, tally.reported])?;
        }
        let total = self.total();
        row(f, "all", [total.forced, total.reported])?;
        row(f, "nobody writes", [total.beside, total.falsely])?;
        // Rounded down: all are all.
        let share = (1e6 * total.reported as f64 / total.forced.max(1) as f64).floor() / 1e4;
        write!(
            f,
            "{} pairs of methods: {share}% of the overlaps reported with both sides right; {} rounds failed",
            self.methods, total.failed
        )
    }
}

/// Forces at least so many overlaps with a write, the same number of each pair of methods, and a tenth as many accesses for
/// each pair in which nobody writes.
///
/// # Panics
/// If threads cannot be started.
#[must_use]
pub fn force(overlaps: usize) -> Outcome {
    silence_reports();
    let pairs = pairs(&OF_MAPS) + pairs(&OF_CELLS);
    let rounds = overlaps.div_ceil(pairs);
    let mut outcome = Outcome {
        pairs: BTreeMap::new(),
        methods: pairs,
    };
    let map = Map::named("forced").on_overlap(OnOverlap::Call(note));
    // So that each access looks at the key or copies the value.
    let fill = |map: &Map| _ = map.insert(KEY, KEY);
    fill(&map);
    outcome.play("GoMap", &map, &OF_MAPS, fill, rounds);
    let cell = Guarded::named("forced", 1).on_overlap(OnOverlap::Call(note));
    outcome.play("OverlapCell", &cell, &OF_CELLS, |_| (), rounds);
    outcome
}

/// Every pair that there is.
fn all_pairs<T>(ops: &[Op<T>]) -> impl Iterator<Item = [&Op<T>; 2]> {
    let holders = ops.iter().filter(|op| op.role != Role::Comer);
    holders.flat_map(|holder| {
        let comers = ops.iter().filter(|op| op.role != Role::Holder);
        comers.map(move |comer| [holder, comer])
    })
}

/// The number of those with a write.
fn pairs<T>(ops: &[Op<T>]) -> usize {
    all_pairs(ops)
        .filter(|pair| pair.iter().any(|op| op.writes()))
        .count()
}

impl Outcome {
    fn play<T: Sync>(
        &mut self,
        what: &str,
        shared: &T,
        ops: &[Op<T>],
        restore: impl Fn(&T) + Sync,
        rounds: usize,
    ) {
        let meeting = Arc::new(Meeting::default());
        // What each thread goes through, in the same order.
        let schedule = || {
            let all = all_pairs(ops).flat_map(|pair| {
                let writes = pair.iter().any(|op| op.writes());
                let rounds = if writes { rounds } else { rounds.div_ceil(10) };
                std::iter::repeat_n((pair, writes), rounds)
            });
            (1..).zip(all)
        };
        let [held, met] = thread::scope(|scope| {
            let holder = spawn_scoped(scope, "holder", || {
                SILENT.set(true);
                let mut disturbed = 0;
                for (round, ([op, _], _)) in schedule() {
                    if !stay(shared, op, &meeting, round) {
                        disturbed += 1;
                    }
                    if op.writes() {
                        restore(shared);
                    }
                }
                vec![(
                    "the holder was disturbed".to_owned(),
                    Tally {
                        failed: disturbed,
                        ..Tally::default()
                    },
                )]
            });
            let comer = spawn_scoped(scope, "comer", || {
                SILENT.set(true);
                let tallies = schedule().map(|(round, (pair, writes))| {
                    let [holder, comer] = pair;
                    let name = format!("{what}: {}, {}", holder.kind, comer.kind);
                    (name, come(shared, pair, writes, &meeting, round))
                });
                tallies.collect()
            });
            [holder, comer].map(|thread| thread.join().expect("it catches what panics"))
        });
        for (name, tally) in held.into_iter().chain(met) {
            self.pairs.entry(name).or_default().add(tally);
        }
    }
}

/// The holder's round. Whether its access went as if nobody else were there.
fn stay<T>(shared: &T, op: &Op<T>, meeting: &Arc<Meeting>, round: usize) -> bool {
    HOLDS.set(Some((Arc::clone(meeting), round)));
    let told = catch_unwind(AssertUnwindSafe(|| (op.run)(shared)));
    let left_alone = matches!(told, Ok(None)) && NOTICED.take().is_empty();
    let has_stayed = HOLDS.take().is_none();
    meeting.left.store(round, Ordering::SeqCst);
    if !has_stayed {
        // The comer finds that it has left.
        meeting.inside.store(round, Ordering::SeqCst);
        wait_for(&meeting.met, round);
    }
    left_alone && has_stayed
}

/// The comer's round.
fn come<T>(
    shared: &T,
    [holder, comer]: [&Op<T>; 2],
    writes: bool,
    meeting: &Meeting,
    round: usize,
) -> Tally {
    wait_for(&meeting.inside, round);
    let is_held = || meeting.left.load(Ordering::SeqCst) < round;
    let before = is_held();
    let told = catch_unwind(AssertUnwindSafe(|| (comer.run)(shared)));
    let forced = before && is_held();
    meeting.met.store(round, Ordering::SeqCst);
    let noticed = NOTICED.take();
    let reports: Vec<_> = noticed.into_iter().chain(told.ok().flatten()).collect();
    let right = match &*reports {
        [report] => comer.is(&report.here, "comer") && holder.is(&report.other, "holder"),
        _ => false,
    };
    match (forced, writes) {
        (false, _) => Tally {
            failed: 1,
            ..Tally::default()
        },
        (true, true) => Tally {
            forced: 1,
            reported: usize::from(right),
            ..Tally::default()
        },
        (true, false) => Tally {
            beside: 1,
            falsely: reports.len(),
            ..Tally::default()
        },
    }
}
