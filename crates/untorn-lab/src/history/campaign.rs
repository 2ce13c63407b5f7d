//! Campaigns: many histories and their totals.

use std::fmt;
use std::time::{Duration, Instant};

use super::initializers;
use super::linearizability::{Verdict, linearize};
use super::model::{KEYS, Operation};
use super::record::{Calls, Plan, record};
use super::revisions::{explain, replay};
use super::shrink::shrink;
use super::subject::Subject;
use super::timeline::{overlaps, timeline};
use super::untorn_map::Untorn;

/// The totals of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Histories.
    pub histories: usize,
    /// Operations in them.
    pub operations: usize,
    /// Operations that overlapped with an operation of another thread.
    pub overlapping: usize,
    /// Views.
    pub views: usize,
    /// Views that were read while a batch of another thread was running.
    pub views_over_batches: usize,
    /// Commits that were replayed in the order of their revisions.
    pub commits: usize,
    /// Histories whose search was given up.
    pub given_up: usize,
    /// Histories with a violation.
    pub violations: usize,
    /// The first violation, formatted.
    pub first: Option<String>,
    /// Time spent.
    pub time: Duration,
}

impl Totals {
    /// Returns the share of operations that overlapped.
    #[must_use]
    pub fn share_overlapping(&self) -> f64 {
        self.overlapping as f64 / self.operations.max(1) as f64
    }

    /// Returns the share of views that were read while a batch was running.
    #[must_use]
    pub fn share_over_batches(&self) -> f64 {
        self.views_over_batches as f64 / self.views.max(1) as f64
    }

    /// Returns the reason why a campaign failed: a violation, an unchecked history, or too little
    /// overlap to be meaningful. At least three of ten operations must overlap with another
    /// thread's, and two of ten views with another thread's batch.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.first.is_some() {
            self.first.clone()
        } else if self.given_up > 0 {
            Some(format!("{} histories were not checked", self.given_up))
        } else if self.share_overlapping() < 0.3 || self.share_over_batches() < 0.2 {
            Some("too few operations overlapped".into())
        } else {
            None
        }
    }

    /// Adds another campaign to this one.
    pub fn merge(&mut self, other: Self) {
        self.histories += other.histories;
        self.operations += other.operations;
        self.overlapping += other.overlapping;
        self.views += other.views;
        self.views_over_batches += other.views_over_batches;
        self.commits += other.commits;
        self.given_up += other.given_up;
        self.violations += other.violations;
        self.first = self.first.take().or(other.first);
        self.time += other.time;
    }

    fn add(&mut self, history: &[Operation]) {
        let overlaps = overlaps(history);
        self.histories += 1;
        self.operations += history.len();
        self.overlapping += overlaps.operations;
        self.views += overlaps.views;
        self.views_over_batches += overlaps.views_over_batches;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} histories, {} operations, {:.1} % overlapping; {} views, {:.1} % read while a batch was under way; \
             {} commits replayed; {} given up, {} violations; {:.1} s",
            self.histories,
            self.operations,
            100.0 * self.share_overlapping(),
            self.views,
            100.0 * self.share_over_batches(),
            self.commits,
            self.given_up,
            self.violations,
            self.time.as_secs_f64()
        )
    }
}

/// Returns a plan whose number of threads and keys is derived from the seed.
fn plan(seed: u64, operations: usize, calls: Calls) -> Plan {
    let mut rng = fastrand::Rng::with_seed(seed);
    let threads = rng.usize(3..=6);
    Plan {
        threads,
        operations: operations / threads,
        keys: rng.usize(2..=KEYS),
        calls,
        seed,
    }
}

/// Returns a plan for the black-box checker: some forty operations, and more inside views.
#[must_use]
pub fn short_plan(seed: u64) -> Plan {
    plan(seed, 36, Calls::Every)
}

/// Returns a plan for the checker of revisions.
#[must_use]
pub fn long_plan(seed: u64, operations: usize) -> Plan {
    plan(seed, operations, Calls::WithRevisions)
}

/// The end of a campaign.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this many histories, or at the first violation.
    Histories(usize),
    /// After this time, or at the first violation.
    Time(Duration),
}

impl Until {
    fn is_over(self, totals: &Totals, start: Instant) -> bool {
        totals.violations > 0
            || match self {
                Self::Histories(histories) => totals.histories >= histories,
                Self::Time(time) => start.elapsed() >= time,
            }
    }
}

/// Returns the map of a history: every second one has other entries, so that its table is deeper.
#[must_use]
pub fn untorn(seed: u64) -> Untorn {
    Untorn::new(if seed.is_multiple_of(2) { 0 } else { 700 })
}

/// Records short histories of the maps that `subject` returns, and checks them as a black box.
pub fn short<S: Subject>(subject: impl Fn(u64) -> S, seed: u64, until: Until) -> Totals {
    let (mut totals, start) = (Totals::default(), Instant::now());
    while !until.is_over(&totals, start) {
        let seed = seed.wrapping_add(totals.histories as u64);
        let history = record(&subject(seed), &short_plan(seed));
        totals.add(&history);
        if let Some(violation) = initializers::check(&history) {
            totals.violations += 1;
            totals.first = Some(explain(&history, &violation));
            continue;
        }
        if history.len() > 128 {
            totals.given_up += 1;
            continue;
        }
        match linearize(&history) {
            Verdict::Linearizable(_) => {}
            Verdict::GaveUp => totals.given_up += 1,
            Verdict::Violation => {
                totals.violations += 1;
                totals.first = Some(format!(
                    "not linearizable (seed {seed}):\n{}",
                    timeline(&shrink(&history))
                ));
            }
        }
    }
    totals.time = start.elapsed();
    totals
}

/// Records long histories of `operations` operations, and checks them by their revisions.
pub fn long<S: Subject>(
    subject: impl Fn(u64) -> S,
    seed: u64,
    operations: usize,
    until: Until,
) -> Totals {
    let (mut totals, start) = (Totals::default(), Instant::now());
    while !until.is_over(&totals, start) {
        let seed = seed.wrapping_add(totals.histories as u64);
        let history = record(&subject(seed), &long_plan(seed, operations));
        totals.add(&history);
        let replay = replay(&history);
        totals.commits += replay.commits;
        if let Some(violation) = replay.violations.first() {
            totals.violations += 1;
            totals.first = Some(explain(&history, violation));
        }
    }
    totals.time = start.elapsed();
    totals
}
