//! Many histories, and their totals.

use std::fmt;
use std::time::{Duration, Instant};

use super::linear::{Verdict, linearize};
use super::model::{KEYS, Operation};
use super::record::{Calls, Plan, record};
use super::revisions::{explain, replay};
use super::shrink::shrink;
use super::subject::{Subject, Untorn};
use super::timeline::{overlaps, timeline};

/// What a campaign has come to.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Histories.
    pub histories: usize,
    /// Operations in them.
    pub operations: usize,
    /// Operations that were under way while another thread was in one.
    pub overlapping: usize,
    /// Views.
    pub views: usize,
    /// Views that were read through while a batch of another thread was under way.
    pub views_over_batches: usize,
    /// Commits that were replayed in the order of their revisions.
    pub commits: usize,
    /// Histories whose search was given up.
    pub given_up: usize,
    /// Histories with a violation.
    pub violations: usize,
    /// The first violation, on paper.
    pub first: Option<String>,
    /// Time spent.
    pub time: Duration,
}

impl Totals {
    /// The share of operations that overlapped.
    #[must_use]
    pub fn share_overlapping(&self) -> f64 {
        self.overlapping as f64 / self.operations.max(1) as f64
    }

    /// The share of views that were read through while a batch was under way.
    #[must_use]
    pub fn share_over_batches(&self) -> f64 {
        self.views_over_batches as f64 / self.views.max(1) as f64
    }

    /// What is wrong with a campaign: a violation, an unchecked history, or too little at the same time to mean
    /// anything. At least three operations of ten must overlap with another thread's, and two views of ten with its
    /// batch.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.first.is_some() {
            self.first.clone()
        } else if self.given_up > 0 {
            Some(format!("{} histories were not checked", self.given_up))
        } else if self.share_overlapping() < 0.3 || self.share_over_batches() < 0.2 {
            Some("too little was at the same time".into())
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

/// A plan of which the number of threads and keys follows from the seed.
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

/// A plan for the black-box checker: some forty operations, more with those inside of views.
#[must_use]
pub fn short_plan(seed: u64) -> Plan {
    plan(seed, 36, Calls::Every)
}

/// A plan for the checker of revisions.
#[must_use]
pub fn long_plan(seed: u64, operations: usize) -> Plan {
    plan(seed, operations, Calls::WithRevisions)
}

/// When a campaign ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many histories, or at the first violation.
    Histories(usize),
    /// After so long, or at the first violation.
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

/// The map of a history: half of them with other entries, so that its table has some depth.
#[must_use]
pub fn untorn(seed: u64) -> Untorn {
    Untorn::new(if seed.is_multiple_of(2) { 0 } else { 700 })
}

/// Short histories of the maps that `subject` makes, checked as a black box.
pub fn short<S: Subject>(subject: impl Fn(u64) -> S, seed: u64, until: Until) -> Totals {
    let (mut totals, start) = (Totals::default(), Instant::now());
    while !until.is_over(&totals, start) {
        let seed = seed.wrapping_add(totals.histories as u64);
        let history = record(&subject(seed), &short_plan(seed));
        totals.add(&history);
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

/// Long histories of so many operations, checked by their revisions.
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
