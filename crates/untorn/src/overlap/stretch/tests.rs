//! The setting, and whose turn it is, on a clock of the tests' own.

use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::turns::{Account, Turns};
use super::{ACCOUNT, Side, Stretch};
use crate::GoMap;

#[test]
fn percentages_are_understood() {
    for (value, percent) in [("1%", 1.0), (" 0.5 %", 0.5), ("90%", 90.0), ("0%", 0.0)] {
        assert_eq!(value.parse(), Ok(Stretch::percent(percent)), "{value}");
    }
    for nonsense in [
        "", "1", "%", "91%", "90.001%", "-1%", "-0%", "+1%", "1e0%", "NaN%", "inf%", "much",
    ] {
        assert!(nonsense.parse::<Stretch>().is_err(), "{nonsense}");
    }
}

#[test]
fn a_share_is_shown_as_it_is_written() {
    for value in ["0%", "0.001%", "1%", "2.5%", "7%", "90%"] {
        let stretch: Stretch = value.parse().expect("a share");
        assert_eq!(stretch.to_string(), value);
    }
}

#[test]
#[should_panic(expected = "from 0 to 90 percent")]
fn more_than_there_is_time_for_is_refused() {
    let _ = Stretch::percent(90.5);
}

#[test]
#[should_panic(expected = "from 0 to 90 percent")]
fn a_share_that_is_no_number_is_refused() {
    let _ = Stretch::percent(f64::NAN);
}

#[test]
#[should_panic(expected = "takes some time")]
fn a_stretch_without_length_is_refused() {
    let _ = Stretch::percent(1.0).max_delay(Duration::ZERO);
}

fn stretches_of_this_thread() -> u64 {
    ACCOUNT.with(|account| account.count.get())
}

/// Writes and reads, and says how often this thread was kept inside for longer.
fn use_often(map: &GoMap<u32, u32>) -> u64 {
    let before = stretches_of_this_thread();
    for n in 0..if cfg!(miri) { 20 } else { 100 } {
        map.insert(n, n);
        assert_eq!(map.get(&n), Some(n));
    }
    stretches_of_this_thread() - before
}

#[test]
fn a_map_that_one_thread_uses_is_never_kept_open() {
    let map = GoMap::new().stretch(Stretch::percent(90.0));
    assert_eq!(use_often(&map), 0);
    let other = thread::scope(|s| s.spawn(|| use_often(&map)).join());
    assert!(other.expect("no overlap") > 0, "the second thread");
    // To another map that does not matter.
    assert_eq!(use_often(&map.deep_clone()), 0);
}

#[test]
fn a_map_that_is_told_so_is_never_kept_open() {
    let map = GoMap::new().stretch(Stretch::OFF);
    let uses: [_; 2] = std::array::from_fn(|_| {
        let thread = thread::scope(|s| s.spawn(|| use_often(&map)).join());
        thread.expect("no overlap")
    });
    assert_eq!(uses, [0, 0]);
}

#[test]
fn a_cell_is_shared_from_the_second_thread_on() {
    let turns = Turns::new();
    let shared = [1, 1, 2, 1, 3].map(|thread| turns.are_shared_with(thread));
    assert_eq!(shared, [false, false, true, true, true]);
}

/// Time, one cell or several, and the threads, one of which is at work at a time.
struct World {
    now: u64,
    share: f64,
    cells: Vec<Turns>,
    threads: Vec<Account>,
    draws: u32,
    stretched: Vec<Stretched>,
}

#[derive(Clone, Copy, Debug)]
struct Stretched {
    thread: usize,
    cell: usize,
    side: Side,
    start: u64,
    end: u64,
}

impl World {
    /// In which every cell has been used by somebody else.
    fn new(share: f64, cells: usize, threads: usize) -> Self {
        let cell = || {
            let turns = Turns::new();
            turns.are_shared_with(1_000);
            turns
        };
        Self {
            now: 1_000_000,
            share,
            cells: (0..cells).map(|_| cell()).collect(),
            threads: (0..threads).map(|_| Account::new()).collect(),
            draws: 0,
            stretched: Vec::new(),
        }
    }

    /// Shares that come near every number from 0 to 1, the same in each run.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        (f64::from(self.draws) * 0.618_034).fract()
    }

    /// One access; whether it was delayed, for `took` if so.
    fn access(&mut self, thread: usize, cell: usize, side: Side, took: u64) -> bool {
        let share = self.share;
        let random = self.draw();
        let (turns, account) = (&self.cells[cell], &self.threads[thread]);
        assert!(turns.are_shared_with(thread as u64 + 1));
        let start = self.now;
        if !turns.take(account, side, start, share) {
            return false;
        }
        self.now += took;
        turns.give_back(account, side, start..self.now, share, random);
        self.stretched.push(Stretched {
            thread,
            cell,
            side,
            start,
            end: self.now,
        });
        true
    }

    /// How much of the time from `start` on was spent.
    fn spent(&self, start: u64) -> f64 {
        let spent = self.stretched.iter().map(|one| one.end - one.start);
        spent.sum::<u64>() as f64 / (self.now - start) as f64
    }
}

/// Whether over each time from the start of one stretch to the end of another no more than `share` of it was spent,
/// and one stretch.
fn keeps(share: f64, stretched: &[Stretched]) -> bool {
    (0..stretched.len()).all(|first| {
        let start = stretched[first].start;
        let (mut spent, mut longest) = (0, 0);
        stretched[first..].iter().all(|one| {
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
    fn the_budget_is_kept_by_each_thread_and_each_cell(
        percent in 0.1..90.0,
        slowness in 0..20_u32,
        accesses in prop::collection::vec(
            (0..4_usize, 0..3_usize, 0..2_usize, 0..1_000_u64, 1..2_000_u64),
            1..if cfg!(miri) { 50 } else { 1_000 },
        ),
    ) {
        let share = percent / 100.0;
        let mut world = World::new(share, 3, 4);
        for (thread, cell, side, gap, took) in accesses {
            // Some programs are slower than others by orders of magnitude.
            world.now += gap << slowness;
            world.access(thread, cell, SIDES[side], took);
        }
        prop_assert!(!world.stretched.is_empty());
        let of = |whose: &dyn Fn(&Stretched) -> bool| {
            let stretched = world.stretched.iter().filter(|one| whose(one));
            stretched.copied().collect::<Vec<_>>()
        };
        for thread in 0..4 {
            prop_assert!(keeps(share, &of(&|one| one.thread == thread)), "thread {thread}");
        }
        for (cell, side) in (0..3).flat_map(|cell| SIDES.map(|side| (cell, side))) {
            let stretched = of(&|one| (one.cell, one.side) == (cell, side));
            prop_assert!(keeps(share / 2.0, &stretched), "{side:?} of cell {cell}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "three million steps of arithmetic")]
fn most_of_the_budget_is_used() {
    for share in [0.01, 0.1, 0.9] {
        let mut world = World::new(share, 1, 2);
        let start = world.now;
        for n in 0..1_000_000 {
            world.now += 10;
            let side = SIDES[n % 2];
            world.access(n % 2, 0, side, 1_000);
        }
        let spent = world.spent(start);
        assert!(spent > share / 2.0, "{spent} of {share}");
    }
}

#[test]
fn every_write_is_kept_open_where_writes_are_rare() {
    const WRITES: usize = if cfg!(miri) { 5 } else { 100 };
    let mut world = World::new(0.01, 1, 2);
    for _ in 0..WRITES {
        for _ in 0..1_000 {
            world.now += 1_000;
            world.access(0, 0, Side::Read, 1_000);
        }
        assert!(world.access(1, 0, Side::Write, 1_000));
    }
    let reads = world.stretched.len() - WRITES;
    assert!(reads > WRITES, "{reads}");
}

#[test]
#[cfg_attr(miri, ignore = "a million steps of arithmetic")]
fn each_access_of_a_burst_has_its_turn() {
    const BURST: usize = 10;
    let mut world = World::new(0.01, 1, 1);
    let mut turns = [0; BURST];
    for _ in 0..100_000 {
        // A pause, and then many at once.
        world.now += 5_000;
        for turn in &mut turns {
            *turn += u32::from(world.access(0, 0, Side::Read, 1_000));
        }
    }
    assert!(turns.iter().all(|&turn| turn > 50), "{turns:?}");
}

#[test]
#[cfg_attr(miri, ignore = "two million steps of arithmetic")]
fn a_thread_that_becomes_slow_does_not_wait_for_as_many_accesses_as_before() {
    let mut world = World::new(0.01, 1, 1);
    while world.stretched.len() < 10 {
        world.now += 1;
        world.access(0, 0, Side::Read, 1_000);
    }
    // The pause of the reads of a cell is 199 stretches.
    for _ in 0..10 {
        world.now += 2 * 200 * 1_000;
        assert!(world.access(0, 0, Side::Read, 1_000));
    }
}

#[test]
fn one_read_and_one_write_of_a_cell_are_kept_open_at_a_time() {
    let turns = Turns::new();
    let [first, second, third] = [const { Account::new() }; 3];
    assert!(turns.take(&first, Side::Read, 5, 0.5));
    assert!(!turns.take(&second, Side::Read, 6, 0.5));
    assert!(turns.take(&second, Side::Write, 7, 0.5));
    assert!(!turns.take(&third, Side::Write, 8, 0.5));
    turns.give_back(&first, Side::Read, 5..15, 0.5, 0.0);
    // Three times as long after it: a quarter of the time is for reads.
    assert!(!turns.take(&third, Side::Read, 44, 0.5));
    assert!(turns.take(&third, Side::Read, 45, 0.5));
}
