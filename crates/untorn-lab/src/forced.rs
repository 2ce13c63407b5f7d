//! Forced overlaps: one thread holds an access open while another makes one, again and again.
//! Counts how many of these overlaps were reported with both sides right.
//!
//! Both threads run all the time. The holder signals from inside its access and stays until the
//! arriver has completed its own, so the arriver's access lies completely inside the holder's. An
//! overlap counts as forced only if the arriver found the holder inside both before and after. It
//! counts as reported if the arriver received exactly one report, with thread, method and line of
//! both sides right. Pairs without a write are run too and must not be reported.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use untorn::gomap::Key;
use untorn::{GoMap, OnOverlap, Overlap, OverlapCell, ReadGuard, Site, spawn_scoped};

use crate::markdown::thousands;
use crate::silent_panics::set_silent;

/// The progress of the two threads, round by round.
#[derive(Default)]
struct Progress {
    /// The last round in which the holder entered its access.
    entered: AtomicUsize,
    /// The last round in which the arriver completed its access.
    arrived: AtomicUsize,
    /// The last round in which the holder left its access.
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
    /// The round that this thread's next access holds open, if it is the holder.
    static HELD_ROUND: RefCell<Option<(Arc<Progress>, usize)>> = const { RefCell::new(None) };
    static REPORTS: RefCell<Vec<Overlap>> = const { RefCell::new(Vec::new()) };
}

/// Blocks inside an access of the holder; called from inside each access.
fn hold() {
    if let Some((progress, round)) = HELD_ROUND.take() {
        progress.entered.store(round, Ordering::SeqCst);
        wait_for(&progress.arrived, round);
    }
}

fn record_report(overlap: &Overlap) {
    REPORTS.with_borrow_mut(|reports| reports.push(overlap.clone()));
}

/// The roles that an access can take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Holder,
    Arriver,
    Either,
}

/// A method that accesses a map or a cell.
struct Op<T> {
    name: &'static str,
    kind: &'static str,
    line: u32,
    role: Role,
    /// Runs the access; returns the overlap if the method returns it instead of applying the
    /// policy.
    run: fn(&T) -> Option<Overlap>,
}

impl<T> Op<T> {
    fn writes(&self) -> bool {
        self.kind == "write"
    }

    /// Returns whether one side of a report describes this access.
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

/// A key or value whose comparing and cloning run inside the access.
struct BlockingKey(u64);

impl PartialEq for BlockingKey {
    fn eq(&self, other: &Self) -> bool {
        hold();
        self.0 == other.0
    }
}

impl Eq for BlockingKey {}

impl Hash for BlockingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Key for BlockingKey {}

impl Clone for BlockingKey {
    fn clone(&self) -> Self {
        hold();
        Self(self.0)
    }
}

type Map = GoMap<BlockingKey, BlockingKey>;
type TestCell = OverlapCell<u64>;

const KEY: BlockingKey = BlockingKey(1);

/// One line for each: `line` is that of the call.
#[rustfmt::skip]
const MAP_OPS: [Op<Map>; 10] = [
    op!("GoMap::get" "read" Either, |map| { map.get(&KEY); None }),
    op!("GoMap::get_with" "read" Either, |map| { map.get_with(&KEY, |_| hold()); None }),
    op!("GoMap::contains_key" "read" Either, |map| { _ = map.contains_key(&KEY); None }),
    op!("GoMap::len" "read" Arriver, |map| { _ = map.len(); None }),
    op!("GoMap::iter_with" "iterate" Either, |map| { map.iter_with(|_, _| hold()); None }),
    op!("GoMap::deep_clone" "clone" Either, |map| { drop(map.deep_clone()); None }),
    op!("GoMap::stats" "read" Arriver, |map| { _ = map.stats(); None }),
    op!("GoMap::insert" "write" Either, |map| { map.insert(KEY, KEY); None }),
    op!("GoMap::remove" "write" Either, |map| { map.remove(&KEY); None }),
    op!("GoMap::clear" "write" Arriver, |map| { map.clear(); None }),
];

#[rustfmt::skip]
const CELL_OPS: [Op<TestCell>; 7] = [
    op!("OverlapCell::read" "read" Either, |cell| { let _reading = cell.read(); hold(); None }),
    op!("OverlapCell::try_read" "read" Either, |cell| match cell.try_read() { Ok(_reading) => { hold(); None } Err(overlap) => Some(*overlap) }),
    op!("ReadGuard::clone" "clone" Holder, |cell| { let _reading = ReadGuard::clone(&cell.read()); hold(); None }),
    op!("OverlapCell::write" "write" Either, |cell| { let _writing = cell.write(); hold(); None }),
    op!("OverlapCell::try_write" "write" Either, |cell| match cell.try_write() { Ok(_writing) => { hold(); None } Err(overlap) => Some(*overlap) }),
    op!("OverlapCell::replace" "write" Arriver, |cell| { cell.replace(1); None }),
    op!("OverlapCell::take" "write" Arriver, |cell| { cell.take(); None }),
];

/// The counts for one pair of kinds, or for all.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Overlaps with a write, proven by the access that was held open.
    pub forced: usize,
    /// Overlaps that were reported with both sides right.
    pub reported: usize,
    /// Accesses inside others, none of which writes.
    pub read_only: usize,
    /// Accesses without a write that were reported.
    pub false_positives: usize,
    /// Rounds in which the two did not overlap, or in which the holder received a report.
    pub failed: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.forced += other.forced;
        self.reported += other.reported;
        self.read_only += other.read_only;
        self.false_positives += other.false_positives;
        self.failed += other.failed;
    }

    /// Returns whether every overlap was reported, without a false positive or a failed round.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.reported == self.forced && self.false_positives == 0 && self.failed == 0
    }
}

/// The result of all pairs.
pub struct Outcome {
    pairs: BTreeMap<String, Counts>,
    methods: usize,
}

impl Outcome {
    /// Returns the counts of all pairs together.
    #[must_use]
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.pairs.values().for_each(|counts| total.add(*counts));
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
            "held open, arriving", "forced", "reported"
        )?;
        for (name, counts) in self.pairs.iter().filter(|(_, counts)| counts.forced > 0) {
            row(f, name, [counts.forced, counts.reported])?;
        }
        let total = self.total();
        row(f, "all", [total.forced, total.reported])?;
        row(
            f,
            "without a write",
            [total.read_only, total.false_positives],
        )?;
        // Rounded down: 100% means all.
        let share = (1e6 * total.reported as f64 / total.forced.max(1) as f64).floor() / 1e4;
        write!(
            f,
            "{} pairs of methods: {share}% of the overlaps reported with both sides right; {} rounds failed",
            self.methods, total.failed
        )
    }
}

/// Forces at least `overlaps` overlaps with a write, equally many of each pair of methods, and a
/// tenth as many accesses of each pair without a write.
///
/// # Panics
/// Panics if a thread cannot be started.
#[must_use]
pub fn force(overlaps: usize) -> Outcome {
    let pairs = pairs(&MAP_OPS) + pairs(&CELL_OPS);
    let rounds = overlaps.div_ceil(pairs);
    let mut outcome = Outcome {
        pairs: BTreeMap::new(),
        methods: pairs,
    };
    let map = Map::named("forced").on_overlap(OnOverlap::Call(record_report));
    // Makes each access compare the key or clone the value.
    let fill = |map: &Map| _ = map.insert(KEY, KEY);
    fill(&map);
    outcome.play("GoMap", &map, &MAP_OPS, fill, rounds);
    let cell = TestCell::named("forced", 1).on_overlap(OnOverlap::Call(record_report));
    outcome.play("OverlapCell", &cell, &CELL_OPS, |_| (), rounds);
    outcome
}

/// Returns every pair of a holder and an arriver.
fn all_pairs<T>(ops: &[Op<T>]) -> impl Iterator<Item = [&Op<T>; 2]> {
    let holders = ops.iter().filter(|op| op.role != Role::Arriver);
    holders.flat_map(|holder| {
        let arrivers = ops.iter().filter(|op| op.role != Role::Holder);
        arrivers.map(move |arriver| [holder, arriver])
    })
}

/// Returns the number of pairs with a write.
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
        let progress = Arc::new(Progress::default());
        // The rounds of each thread, in the same order.
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
                set_silent(true);
                let mut reported_rounds = 0;
                for (round, ([op, _], _)) in schedule() {
                    if !run_holder(shared, op, &progress, round) {
                        reported_rounds += 1;
                    }
                    if op.writes() {
                        restore(shared);
                    }
                }
                vec![(
                    "reports to the holder".to_owned(),
                    Counts {
                        failed: reported_rounds,
                        ..Counts::default()
                    },
                )]
            });
            let arriver = spawn_scoped(scope, "arriver", || {
                set_silent(true);
                let counts = schedule().map(|(round, (pair, writes))| {
                    let [holder, arriver] = pair;
                    let name = format!("{what}: {}, {}", holder.kind, arriver.kind);
                    (name, run_arriver(shared, pair, writes, &progress, round))
                });
                counts.collect()
            });
            [holder, arriver].map(|thread| thread.join().expect("panics are caught"))
        });
        for (name, counts) in held.into_iter().chain(met) {
            self.pairs.entry(name).or_default().add(counts);
        }
    }
}

/// Runs the holder's round; returns whether its access completed without a report.
fn run_holder<T>(shared: &T, op: &Op<T>, progress: &Arc<Progress>, round: usize) -> bool {
    HELD_ROUND.set(Some((Arc::clone(progress), round)));
    let result = catch_unwind(AssertUnwindSafe(|| (op.run)(shared)));
    let unreported = matches!(result, Ok(None)) && REPORTS.take().is_empty();
    let was_held = HELD_ROUND.take().is_none();
    progress.left.store(round, Ordering::SeqCst);
    if !was_held {
        // The arriver finds that the holder has left.
        progress.entered.store(round, Ordering::SeqCst);
        wait_for(&progress.arrived, round);
    }
    unreported && was_held
}

/// Runs the arriver's round.
fn run_arriver<T>(
    shared: &T,
    [holder, arriver]: [&Op<T>; 2],
    writes: bool,
    progress: &Progress,
    round: usize,
) -> Counts {
    wait_for(&progress.entered, round);
    let is_held = || progress.left.load(Ordering::SeqCst) < round;
    let before = is_held();
    let result = catch_unwind(AssertUnwindSafe(|| (arriver.run)(shared)));
    let forced = before && is_held();
    progress.arrived.store(round, Ordering::SeqCst);
    let reports = REPORTS.take();
    let reports: Vec<_> = reports.into_iter().chain(result.ok().flatten()).collect();
    let right = match &*reports {
        [report] => arriver.is(&report.here, "arriver") && holder.is(&report.other, "holder"),
        _ => false,
    };
    match (forced, writes) {
        (false, _) => Counts {
            failed: 1,
            ..Counts::default()
        },
        (true, true) => Counts {
            forced: 1,
            reported: usize::from(right),
            ..Counts::default()
        },
        (true, false) => Counts {
            read_only: 1,
            false_positives: reports.len(),
            ..Counts::default()
        },
    }
}
