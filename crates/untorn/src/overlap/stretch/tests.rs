//! Tests of the setting, and of the rate limit with a simulated clock.

use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::rate_limit::{CellBudget, ThreadBudget};
use super::{Side, Stretch, Stretching, THREAD_BUDGET};
use crate::overlap::identity::ThreadIdentity;
use crate::overlap::record::Registry;
use crate::{GoMap, OverlapCell};

#[test]
fn percentages_are_parsed() {
    for (value, percent) in [("1%", 1.0), (" 0.5 %", 0.5), ("90%", 90.0), ("0%", 0.0)] {
        assert_eq!(value.parse(), Ok(Stretch::percent(percent)), "{value}");
    }
    for nonsense in [
        "", "1", "%", "91%", "90.001%", "-1%", "-0%", "+1%", "1e0%", "NaN%", "inf%", "much",
    ] {
        let error = nonsense.parse::<Stretch>().expect_err(nonsense);
        let expected = "not a percentage from 0% to 90%; write 1%, for example";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn display_of_a_share_round_trips() {
    for value in ["0%", "0.001%", "1%", "2.5%", "7%", "90%"] {
        let stretch: Stretch = value.parse().expect("a share");
        assert_eq!(stretch.to_string(), value);
    }
}

#[test]
#[should_panic(expected = "from 0 to 90 percent")]
fn a_share_above_the_maximum_is_refused() {
    let _ = Stretch::percent(90.5);
}

#[test]
#[should_panic(expected = "from 0 to 90 percent")]
fn a_nan_share_is_refused() {
    let _ = Stretch::percent(f64::NAN);
}

#[test]
#[should_panic(expected = "must be longer than zero")]
fn a_zero_delay_is_refused() {
    let _ = Stretch::percent(1.0).max_delay(Duration::ZERO);
}

#[test]
fn a_delay_takes_a_half_of_the_longest_or_more() {
    let stretch = Stretch::percent(1.0).max_delay(Duration::from_millis(8));
    let delays = [0.0, 0.5, 1.0].map(|random| stretch.delay(random).as_millis());
    assert_eq!(delays, [4, 6, 8]);
}

fn delays_of_this_thread() -> u64 {
    THREAD_BUDGET.with(|thread_budget| thread_budget.count.get())
}

/// Writes and reads; returns how many of these accesses were delayed.
fn use_often(map: &GoMap<u32, u32>) -> u64 {
    let before = delays_of_this_thread();
    for n in 0..if cfg!(miri) { 20 } else { 100 } {
        map.insert(n, n);
        assert_eq!(map.get(&n), Some(n));
    }
    delays_of_this_thread() - before
}

#[test]
fn a_map_used_by_one_thread_is_never_delayed() {
    let map = GoMap::new().stretch(Stretch::percent(90.0));
    assert_eq!(use_often(&map), 0);
    let other = thread::scope(|s| s.spawn(|| use_often(&map)).join());
    assert!(other.expect("no overlap") > 0, "the second thread");
    // A clone has a budget of its own.
    assert_eq!(use_often(&map.deep_clone()), 0);
}

/// Runs `accesses` on two new threads, one after the other; returns the number of delays on each.
fn on_two_threads(accesses: impl Fn() -> u64 + Sync) -> [u64; 2] {
    [(); 2].map(|()| {
        let thread = thread::scope(|s| s.spawn(&accesses).join());
        thread.expect("no overlap")
    })
}

#[test]
fn a_map_with_stretch_off_is_never_delayed() {
    let map = GoMap::new().stretch(Stretch::OFF);
    assert_eq!(on_two_threads(|| use_often(&map)), [0, 0]);
}

#[test]
fn a_clone_has_the_stretch_of_its_map_or_cell() {
    let stretch = Stretch::percent(90.0);
    let map = GoMap::new().stretch(stretch).deep_clone();
    assert!(on_two_threads(|| use_often(&map))[1] > 0);
    let cell = OverlapCell::new(1).stretch(stretch).clone();
    let use_cell = || {
        assert_eq!(*cell.read(), 1);
        delays_of_this_thread()
    };
    assert_eq!(on_two_threads(use_cell), [0, 1]);
    assert!(!Stretching::unset().fresh().is_set);
}

/// The first access that may be delayed is. The pause after it is ten million times as long.
#[test]
fn a_delay_is_followed_by_a_pause() {
    let map = GoMap::new().stretch(Stretch::percent(1e-5));
    assert_eq!(on_two_threads(|| use_often(&map)), [0, 1]);
}

/// Each access passes the setting of the environment, which applies to cells without one.
#[test]
fn a_setting_of_a_cell_replaces_the_environments() {
    static RECORDS: Registry = Registry::new();
    let (off, on) = (Stretch::OFF, Stretch::percent(90.0));
    for (setting, environment, delayed) in [
        (None, off, false),
        (None, on, true),
        (Some(off), on, false),
        (Some(on), off, true),
    ] {
        for side in SIDES {
            let stretching = setting.map_or(Stretching::unset(), Stretching::with);
            let delays = on_two_threads(|| {
                let record = RECORDS.acquire(&ThreadIdentity::unknown());
                stretching.stretch_or(environment, &record.slots[0], side);
                RECORDS.release(record);
                delays_of_this_thread()
            });
            assert_eq!(delays, [0, u64::from(delayed)], "{setting:?} {environment}");
        }
    }
}

#[test]
fn a_cell_is_shared_from_the_second_thread_on() {
    let budget = CellBudget::new();
    let shared = [1, 1, 2, 1, 3].map(|thread| budget.is_shared_with(thread));
    assert_eq!(shared, [false, false, true, true, true]);
}

/// A simulation: the time, cells, and threads, which take turns.
struct Simulation {
    now: u64,
    share: f64,
    cells: Vec<CellBudget>,
    threads: Vec<ThreadBudget>,
    draws: u32,
    delays: Vec<Delay>,
}

#[derive(Clone, Copy, Debug)]
struct Delay {
    thread: usize,
    cell: usize,
    side: Side,
    start: u64,
    end: u64,
}

impl Simulation {
    /// Creates a simulation in which another thread has used every cell.
    fn new(share: f64, cells: usize, threads: usize) -> Self {
        let cell = || {
            let budget = CellBudget::new();
            budget.is_shared_with(1_000);
            budget
        };
        Self {
            now: 1_000_000,
            share,
            cells: (0..cells).map(|_| cell()).collect(),
            threads: (0..threads).map(|_| ThreadBudget::new()).collect(),
            draws: 0,
            delays: Vec::new(),
        }
    }

    /// Returns a number from 0 to 1: a deterministic, evenly distributed sequence.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        (f64::from(self.draws) * 0.618_034).fract()
    }

    /// Makes one access; returns whether it was delayed, for `took` if so.
    fn access(&mut self, thread: usize, cell: usize, side: Side, took: u64) -> bool {
        let share = self.share;
        let random = self.draw();
        let (budget, thread_budget) = (&self.cells[cell], &self.threads[thread]);
        assert!(budget.is_shared_with(thread as u64 + 1));
        let start = self.now;
        if !budget.try_begin(thread_budget, side, start, share) {
            return false;
        }
        self.now += took;
        budget.finish(thread_budget, side, start..self.now, share, random);
        self.delays.push(Delay {
            thread,
            cell,
            side,
            start,
            end: self.now,
        });
        true
    }

    /// Returns the share of the time since `start` that was spent in delays.
    fn spent(&self, start: u64) -> f64 {
        let spent = self.delays.iter().map(|one| one.end - one.start);
        spent.sum::<u64>() as f64 / (self.now - start) as f64
    }
}

/// Returns whether, over each interval from the start of one delay to the end of another, the
/// delays take no more than `share` of it and the longest delay.
fn within_budget(share: f64, delays: &[Delay]) -> bool {
    (0..delays.len()).all(|first| {
        let start = delays[first].start;
        let (mut spent, mut longest) = (0, 0);
        delays[first..].iter().all(|one| {
            let took = one.end - one.start;
            spent += took;
            longest = longest.max(took);
            let allowed = share * (one.end - start) as f64 + longest as f64;
            spent as f64 <= allowed + 1e-6
        })
    })
}

const SIDES: [Side; 2] = [Side::Read, Side::Write];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_thread_and_each_cell_keeps_its_budget(
        percent in 0.1..90.0,
        slowness in 0..20_u32,
        accesses in prop::collection::vec(
            (0..4_usize, 0..3_usize, 0..2_usize, 0..1_000_u64, 1..2_000_u64),
            1..if cfg!(miri) { 50 } else { 1_000 },
        ),
    ) {
        let share = percent / 100.0;
        let mut simulation = Simulation::new(share, 3, 4);
        for (thread, cell, side, gap, took) in accesses {
            // The speed of programs differs by orders of magnitude.
            simulation.now += gap << slowness;
            simulation.access(thread, cell, SIDES[side], took);
        }
        prop_assert!(!simulation.delays.is_empty());
        let of = |whose: &dyn Fn(&Delay) -> bool| {
            let delays = simulation.delays.iter().filter(|one| whose(one));
            delays.copied().collect::<Vec<_>>()
        };
        for thread in 0..4 {
            prop_assert!(within_budget(share, &of(&|one| one.thread == thread)), "thread {thread}");
        }
        for (cell, side) in (0..3).flat_map(|cell| SIDES.map(|side| (cell, side))) {
            let delays = of(&|one| (one.cell, one.side) == (cell, side));
            prop_assert!(within_budget(share / 2.0, &delays), "{side:?} of cell {cell}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "three million steps of arithmetic")]
fn most_of_the_budget_is_used() {
    for share in [0.01, 0.1, 0.9] {
        let mut simulation = Simulation::new(share, 1, 2);
        let start = simulation.now;
        for n in 0..1_000_000 {
            simulation.now += 10;
            let side = SIDES[n % 2];
            simulation.access(n % 2, 0, side, 1_000);
        }
        let spent = simulation.spent(start);
        assert!(spent > share / 2.0, "{spent} of {share}");
    }
}

#[test]
fn every_write_is_delayed_where_writes_are_rare() {
    const WRITES: usize = if cfg!(miri) { 5 } else { 100 };
    let mut simulation = Simulation::new(0.01, 1, 2);
    for _ in 0..WRITES {
        for _ in 0..1_000 {
            simulation.now += 1_000;
            simulation.access(0, 0, Side::Read, 1_000);
        }
        assert!(simulation.access(1, 0, Side::Write, 1_000));
    }
    let reads = simulation.delays.len() - WRITES;
    assert!(reads > WRITES, "{reads}");
}

#[test]
#[cfg_attr(miri, ignore = "a million steps of arithmetic")]
fn each_access_of_a_burst_is_delayed_at_times() {
    const BURST: usize = 10;
    let mut simulation = Simulation::new(0.01, 1, 1);
    let mut delays = [0; BURST];
    for _ in 0..100_000 {
        // An idle period, then a burst.
        simulation.now += 5_000;
        for delay in &mut delays {
            *delay += u32::from(simulation.access(0, 0, Side::Read, 1_000));
        }
    }
    assert!(delays.iter().all(|&delay| delay > 50), "{delays:?}");
}

#[test]
#[cfg_attr(miri, ignore = "two million steps of arithmetic")]
fn a_thread_that_becomes_slow_skips_fewer_accesses() {
    let mut simulation = Simulation::new(0.01, 1, 1);
    while simulation.delays.len() < 10 {
        assert!(
            simulation.now < 20_000_000,
            "accesses are delayed too rarely"
        );
        simulation.now += 1;
        simulation.access(0, 0, Side::Read, 1_000);
    }
    // The pause of a cell's reads is 199 times as long as the delay.
    for _ in 0..10 {
        simulation.now += 2 * 200 * 1_000;
        assert!(simulation.access(0, 0, Side::Read, 1_000));
    }
}

#[test]
fn a_cell_delays_one_read_and_one_write_at_a_time() {
    let budget = CellBudget::new();
    let [first, second, third] = [const { ThreadBudget::new() }; 3];
    assert!(budget.try_begin(&first, Side::Read, 5, 0.5));
    assert!(!budget.try_begin(&second, Side::Read, 6, 0.5));
    assert!(budget.try_begin(&second, Side::Write, 7, 0.5));
    assert!(!budget.try_begin(&third, Side::Write, 8, 0.5));
    budget.finish(&first, Side::Read, 5..15, 0.5, 0.0);
    // The pause is three times as long as the delay: reads have a quarter of the time.
    assert!(!budget.try_begin(&third, Side::Read, 44, 0.5));
    assert!(budget.try_begin(&third, Side::Read, 45, 0.5));
}

/// Ten accesses after one delay: before the next one 10^random - 1 are skipped, rounded down.
#[test]
fn fewer_are_skipped_than_between_two_delays() {
    for (random, skipped) in [(0.0, 0), (0.5, 2), (0.999, 8)] {
        let (budget, thread) = (CellBudget::new(), ThreadBudget::new());
        let reads_at = |now, reads: usize| {
            let delayed = (0..reads).map(|_| budget.try_begin(&thread, Side::Read, now, 0.5));
            delayed.filter(|&delayed| delayed).count()
        };
        assert_eq!(reads_at(5, 1), 1);
        budget.finish(&thread, Side::Read, 5..15, 0.5, 0.0);
        // Nine reads in the pause, then the tenth.
        assert_eq!((reads_at(44, 9), reads_at(45, 1)), (0, 1));
        budget.finish(&thread, Side::Read, 45..55, 0.5, random);
        // After the pause, and before the skipping ends.
        assert_eq!((reads_at(114, skipped), reads_at(114, 1)), (0, 1));
    }
}
