//! Whose turn it is to be delayed. Time comes in from outside, in ticks of any length, so all of this can be tested
//! without waiting.
//!
//! # Rules
//!
//! 1. *Not alone.* Nothing is delayed at a cell that only one thread has used so far.
//! 2. *The thread's share.* When an access of a thread was delayed for a time, none of that thread is for the next
//!    `(1 - share) / share` times as long, at any cell. So threads with a great many cells lose no more than others.
//! 3. *The cell's share.* The same for each cell, apart for reads and for writes, each with a half of the share: under a
//!    lock, where all wait for the one that is delayed, many threads lose no more than one. Writes have a half of
//!    their own because they are rare where races are: a read meets them by luck only, while a write that is kept
//!    open meets the many reads.
//! 4. *Any access.* It is not always the first one after that time: that would be the first after a pause of the thread,
//!    again and again. Some are let go before, as many as come at most in the thread's time between two stretches, and
//!    each order of magnitude is as likely. A thread that has become slow since does not wait for them: at the second
//!    such time at the latest its next access is delayed.

use std::cell::Cell;
use std::ops::Range;

use super::Side;
use crate::mutants::mutant;
use crate::sync::{AtomicU64, Ordering};

/// Threads that share a cell, in the place of the number of the only one.
const SEVERAL: u64 = u64::MAX;

/// A turn that is taken: not given back yet.
const TAKEN: u64 = u64::MAX;

/// The turns at one cell.
pub(super) struct Turns {
    /// The number of the only thread that has been here so far, 0 before the first, or [`SEVERAL`].
    thread: AtomicU64,
    /// When the next read may be delayed, or [`TAKEN`].
    read: AtomicU64,
    /// The same of a write.
    write: AtomicU64,
}

/// What a thread knows of its own stretches, at whatever cell.
pub(super) struct Account {
    /// When the last one ended.
    ended: Cell<u64>,
    /// How long it was.
    took: Cell<u64>,
    /// How many there were.
    #[cfg(test)]
    pub(super) count: Cell<u64>,
    reads: Sampling,
    writes: Sampling,
}

/// Which of the accesses of one kind that might be delayed is.
struct Sampling {
    /// How many there were since the last one that was.
    seen: Cell<u64>,
    /// How many are still to be let go when it is time.
    skip: Cell<u64>,
    /// When those need not be waited for any more.
    skip_until: Cell<u64>,
}

impl Account {
    pub(super) const fn new() -> Self {
        Self {
            ended: Cell::new(0),
            took: Cell::new(0),
            #[cfg(test)]
            count: Cell::new(0),
            reads: Sampling::new(),
            writes: Sampling::new(),
        }
    }

    fn sampling(&self, side: Side) -> &Sampling {
        match side {
            Side::Read => &self.reads,
            Side::Write => &self.writes,
        }
    }

    /// Whether the thread's share allows for a stretch.
    fn is_due(&self, now: u64, share: f64) -> bool {
        now >= self
            .ended
            .get()
            .saturating_add(pause(self.took.get(), share))
    }
}

impl Sampling {
    const fn new() -> Self {
        Self {
            seen: Cell::new(0),
            skip: Cell::new(0),
            skip_until: Cell::new(0),
        }
    }

    /// Lets an access go if there are some to be let go.
    fn skips(&self, now: u64) -> bool {
        let skip = self.skip.get();
        if skip == 0 || now >= self.skip_until.get() {
            return false;
        }
        self.skip.set(skip - 1);
        true
    }

    /// Begins anew: of as many accesses as there were, `random`, from 0 to 1, says how many are let go next time.
    fn draw(&self, random: f64, until: u64) {
        let seen = self.seen.replace(0).max(1) as f64;
        // The whole part is from 1 to `seen`.
        self.skip.set(seen.powf(random) as u64 - 1);
        self.skip_until.set(until);
    }
}

/// How long must be paused after so long a stretch, for it to be no more than this share of all.
fn pause(took: u64, share: f64) -> u64 {
    if mutant("stretch_ignores_its_budget") {
        return 0;
    }
    (took as f64 * (1.0 - share) / share).ceil() as u64
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self {
            thread: AtomicU64::new(0),
            read: AtomicU64::new(0),
            write: AtomicU64::new(0),
        }
    }

    // Relaxed throughout: nothing is reached through these words. What a thread sees late makes it miss a turn, or find
    // itself alone once more.

    /// Whether another thread than this one has been here (rule 1), which is here now.
    pub(super) fn are_shared_with(&self, this_thread: u64) -> bool {
        let mut thread = self.thread.load(Ordering::Relaxed);
        if thread == 0 {
            let first =
                self.thread
                    .compare_exchange(0, this_thread, Ordering::Relaxed, Ordering::Relaxed);
            thread = first.map_or_else(|other| other, |_| this_thread);
        }
        if thread != this_thread && thread != SEVERAL {
            self.thread.store(SEVERAL, Ordering::Relaxed);
        }
        thread != this_thread || mutant("stretch_alone")
    }

    fn next(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    /// Whether it is this access' turn. If so it is nobody else's until it is given back.
    pub(super) fn take(&self, account: &Account, side: Side, now: u64, share: f64) -> bool {
        let next = self.next(side);
        let due = next.load(Ordering::Relaxed);
        let sampling = account.sampling(side);
        sampling.seen.set(sampling.seen.get() + 1);
        now >= due
            && account.is_due(now, share)
            && !sampling.skips(now)
            && next
                .compare_exchange(due, TAKEN, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The end of a stretch. `random`, from 0 to 1, is for the choice of the next one.
    pub(super) fn give_back(
        &self,
        account: &Account,
        side: Side,
        stretched: Range<u64>,
        share: f64,
        random: f64,
    ) {
        let Range { start, end } = stretched;
        // Clocks of two processors may differ a little.
        let took = end.saturating_sub(start);
        let of_the_cell = pause(took, share / 2.0);
        account.ended.set(end);
        account.took.set(took);
        #[cfg(test)]
        account.count.set(account.count.get() + 1);
        let until = end.saturating_add(of_the_cell.saturating_mul(2));
        account.sampling(side).draw(random, until);
        let next = end.saturating_add(of_the_cell).min(TAKEN - 1);
        self.next(side).store(next, Ordering::Relaxed);
    }
}
