//! The rate limit of delay injection. Time is a parameter, in ticks of any length, so that all of
//! this can be tested without sleeping.
//!
//! # Rules
//!
//! 1. *Shared cells only.* No access to a cell is delayed while one thread only has used the cell.
//! 2. *The thread's share.* After a delay, no access of that thread is delayed, at any cell, for
//!    `(1 - share) / share` times the length of the delay. So a thread that uses a great many cells
//!    loses no more time than others.
//! 3. *The cell's share.* Each cell has such a pause too, separately for reads and for writes, each
//!    with a half of the share: under a lock, where all threads wait for the delayed one, many
//!    threads lose no more than one. Writes have a half of their own because they are rare where
//!    races are: a delayed read overlaps a write only by chance, while a delayed write overlaps the
//!    frequent reads.
//! 4. *Any access.* The delayed access is not always the first one after the pause: that would
//!    always be the first one after an idle period of the thread. Some accesses are skipped before,
//!    at most as many as the thread made between its last two delays, and each order of magnitude
//!    is equally likely. If the thread has become slower since, the skipping ends after two pauses
//!    of the cell: then its next access is delayed.

use std::cell::Cell;
use std::ops::Range;

use super::Side;
use crate::mutants::mutant;
use crate::sync::{AtomicU64, Ordering};

/// The `thread` of a cell that more than one thread has used.
const SHARED: u64 = u64::MAX;

/// The due time while a delay is in progress.
const IN_PROGRESS: u64 = u64::MAX;

/// The budget of one cell.
pub(super) struct CellBudget {
    /// The number of the only thread that has used the cell, 0 before the first, or [`SHARED`].
    thread: AtomicU64,
    /// The time from which the next read may be delayed, or [`IN_PROGRESS`].
    read: AtomicU64,
    /// The time from which the next write may be delayed, or [`IN_PROGRESS`].
    write: AtomicU64,
}

/// The budget of one thread, over all cells.
pub(super) struct ThreadBudget {
    /// The end of the last delay.
    last_end: Cell<u64>,
    /// The length of the last delay.
    last_took: Cell<u64>,
    /// The number of delays.
    #[cfg(test)]
    pub(super) count: Cell<u64>,
    reads: Sampler,
    writes: Sampler,
}

/// The choice of the delayed access among the reads, or the writes, of a thread (rule 4).
struct Sampler {
    /// The number of accesses since the last delay.
    since_last: Cell<u64>,
    /// The number of accesses to skip when a delay is due.
    skip: Cell<u64>,
    /// The time at which the skipping ends.
    skip_until: Cell<u64>,
}

impl ThreadBudget {
    pub(super) const fn new() -> Self {
        Self {
            last_end: Cell::new(0),
            last_took: Cell::new(0),
            #[cfg(test)]
            count: Cell::new(0),
            reads: Sampler::new(),
            writes: Sampler::new(),
        }
    }

    fn sampler(&self, side: Side) -> &Sampler {
        match side {
            Side::Read => &self.reads,
            Side::Write => &self.writes,
        }
    }

    /// Returns whether the thread's share permits a delay (rule 2).
    fn is_due(&self, now: u64, share: f64) -> bool {
        now >= self
            .last_end
            .get()
            .saturating_add(pause_after(self.last_took.get(), share))
    }
}

impl Sampler {
    const fn new() -> Self {
        Self {
            since_last: Cell::new(0),
            skip: Cell::new(0),
            skip_until: Cell::new(0),
        }
    }

    /// Returns whether this access is skipped, and counts it.
    fn skips(&self, now: u64) -> bool {
        let skip = self.skip.get();
        if skip == 0 || now >= self.skip_until.get() {
            return false;
        }
        self.skip.set(skip - 1);
        true
    }

    /// Draws how many accesses to skip next time, at most as many as there were since the last
    /// delay. `random` is from 0 to 1.
    fn draw(&self, random: f64, until: u64) {
        let since_last = self.since_last.replace(0).max(1) as f64;
        // The integral part is from 1 to `since_last`.
        self.skip.set(since_last.powf(random) as u64 - 1);
        self.skip_until.set(until);
    }
}

/// Returns the pause after a delay of this length that limits delays to `share` of the time.
fn pause_after(took: u64, share: f64) -> u64 {
    if mutant("stretch_ignores_its_budget") {
        return 0;
    }
    (took as f64 * (1.0 - share) / share).ceil() as u64
}

impl CellBudget {
    pub(super) const fn new() -> Self {
        Self {
            thread: AtomicU64::new(0),
            read: AtomicU64::new(0),
            write: AtomicU64::new(0),
        }
    }

    // Relaxed throughout: no data is accessed through these words. A thread that observes an old
    // value misses a delay, or takes itself for the only thread once more.

    /// Registers the current thread; returns whether another thread has used the cell (rule 1).
    pub(super) fn is_shared_with(&self, this_thread: u64) -> bool {
        let mut thread = self.thread.load(Ordering::Relaxed);
        if thread == 0 {
            let first =
                self.thread
                    .compare_exchange(0, this_thread, Ordering::Relaxed, Ordering::Relaxed);
            thread = first.map_or_else(|other| other, |_| this_thread);
        }
        if thread != this_thread && thread != SHARED {
            self.thread.store(SHARED, Ordering::Relaxed);
        }
        thread != this_thread || mutant("stretch_alone")
    }

    fn next_due(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    /// Begins a delay if the access is due and not skipped. Until [`finish`](Self::finish) no other
    /// access of this kind to the cell is delayed.
    pub(super) fn try_begin(
        &self,
        thread_budget: &ThreadBudget,
        side: Side,
        now: u64,
        share: f64,
    ) -> bool {
        let next_due = self.next_due(side);
        let due = next_due.load(Ordering::Relaxed);
        let sampler = thread_budget.sampler(side);
        sampler.since_last.set(sampler.since_last.get() + 1);
        now >= due
            && thread_budget.is_due(now, share)
            && !sampler.skips(now)
            && next_due
                .compare_exchange(due, IN_PROGRESS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Ends a delay. `random`, from 0 to 1, is for the choice of the next delayed access.
    pub(super) fn finish(
        &self,
        thread_budget: &ThreadBudget,
        side: Side,
        delay: Range<u64>,
        share: f64,
        random: f64,
    ) {
        let Range { start, end } = delay;
        // The clocks of two processors may differ a little.
        let took = end.saturating_sub(start);
        let cell_pause = pause_after(took, share / 2.0);
        thread_budget.last_end.set(end);
        thread_budget.last_took.set(took);
        #[cfg(test)]
        thread_budget.count.set(thread_budget.count.get() + 1);
        let until = end.saturating_add(cell_pause.saturating_mul(2));
        thread_budget.sampler(side).draw(random, until);
        let next = end.saturating_add(cell_pause);
        self.next_due(side).store(next, Ordering::Relaxed);
    }
}
