//! The checker for long histories, which uses revisions as the witness.
//!
//! Revisions order the commits, so no search is needed. The commits are replayed in that order. The
//! results of each commit must agree with the state before it, each view must equal the state of
//! its revision, and the order of revisions must agree with the order of operations that did not
//! overlap. An operation without a revision (a `get`, a failed batch) must fit some state in its
//! interval: from the newest revision that is certain when it began to the newest that is possible
//! when it returned.

use std::collections::HashMap;
use std::fmt;

use super::model::{Contents, KEYS, Operation, Outcome, Step, Value};
use super::timeline::timeline;
use super::{initializers, subscriptions};

/// The anomalies, named as in the literature where it has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    /// G0: two commits overwrote each other.
    DirtyWrite,
    /// G1a: a read of a value that was never committed.
    AbortedRead,
    /// G1b: a read of a value that its own batch replaced before the commit.
    IntermediateRead,
    /// G1c: a commit reads from a later one that reads from it.
    CircularFlow,
    /// G-single, read skew: one view of several states, or of none.
    Torn,
    /// A commit based on an older state than the one that it replaced.
    LostUpdate,
    /// A state older than one that was certain before the call.
    StaleRead,
    /// A state newer than any that is possible.
    FutureRead,
    /// A thread read an older state than before.
    GoesBack,
    /// A value that was never written to that key.
    Garbage,
    /// A number of entries that does not agree with the entries.
    WrongCount,
    /// Two commits with one revision.
    DoubleRevision,
    /// A revision without a commit.
    MissingRevision,
    /// A commit with a smaller revision than one that had returned when it began.
    CommitOrder,
    /// `batch_if_unchanged` committed although the map had changed, or failed although it had not;
    /// or `batch_if_keys_unchanged` failed although its keys had not.
    WrongRevision,
    /// A subscription did not return a change of its keys.
    LostChange,
    /// A step of a subscription has other changes or values than its two revisions.
    WrongTransition,
    /// A step of a subscription counts another number of missed revisions.
    WrongMissed,
    /// Two initializers of one key ran at a time.
    TwoInitializers,
}

/// One anomaly and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The kind of anomaly.
    pub anomaly: Anomaly,
    /// The index of the operation in the history.
    pub operation: usize,
    /// The expected result.
    pub because: String,
}

/// The result of a replay.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// The number of commits.
    pub commits: usize,
    /// The number of operations compared with the state of their revision.
    pub witnessed: usize,
    /// The number of operations without a revision, compared with the possible states.
    pub unwitnessed: usize,
    /// The violations found.
    pub violations: Vec<Violation>,
}

/// Checks a history that is ordered by invocation and starts with an empty map at revision 0.
///
/// # Panics
/// Panics if a commit has no revision.
#[must_use]
pub fn replay(history: &[Operation]) -> Replay {
    let mut commits: Vec<usize> = (0..history.len())
        .filter(|&i| history[i].commits())
        .collect();
    for &i in &commits {
        assert!(history[i].revision.is_some(), "a commit without revision");
    }
    commits.sort_by_key(|&i| history[i].revision);
    let mut replay = Replay {
        commits: commits.len(),
        ..Replay::default()
    };
    if let Some(violation) = numbering(history, &commits) {
        // Without unique, dense revisions there is no order to replay.
        replay.violations.push(violation);
        return replay;
    }
    let mut states = vec![Contents::default()];
    for &i in &commits {
        states.push(history[i].apply_unchecked(&states[states.len() - 1]));
    }
    Checker {
        history,
        states: &states,
        writers: writers(history),
        bounds: Bounds::of(history, &commits),
    }
    .run(&mut replay);
    replay.violations.extend(initializers::check(history));
    replay
        .violations
        .extend(subscriptions::check(history, &states));
    replay
}

/// Returns the first error in the revisions of the commits, which are sorted by revision.
fn numbering(history: &[Operation], commits: &[usize]) -> Option<Violation> {
    let revision = |i: usize| history[i].revision.unwrap_or(0);
    let twice = commits.windows(2).find_map(|pair| {
        (revision(pair[0]) == revision(pair[1])).then(|| Violation {
            anomaly: Anomaly::DoubleRevision,
            operation: pair[1],
            because: format!("another commit has it: {}", history[pair[0]]),
        })
    });
    let missing = (1..).zip(commits).find_map(|(expected, &i)| {
        (revision(i) != expected).then(|| Violation {
            anomaly: Anomaly::MissingRevision,
            operation: i,
            because: format!("no commit has revision {expected}"),
        })
    });
    twice.or(missing)
}

/// Returns the writer of each value: the indices of the operation and of the step.
fn writers(history: &[Operation]) -> HashMap<Value, (usize, usize)> {
    let mut writers = HashMap::new();
    for (i, operation) in history.iter().enumerate() {
        for (j, step) in operation.steps.iter().enumerate() {
            match step {
                Step::Write {
                    value: Some(value), ..
                } => _ = writers.insert(*value, (i, j)),
                // A refresh may contain values that other operations wrote.
                Step::Refresh { to, .. } => {
                    for value in to.iter().flatten() {
                        writers.entry(*value).or_insert((i, j));
                    }
                }
                _ => {}
            }
        }
    }
    writers
}

/// Bounds on the revision of each operation, by real time.
struct Bounds {
    /// The newest revision of an operation that had returned before this one was invoked.
    certain: Vec<u64>,
    /// The newest revision of an operation of the same thread that had returned before.
    by_thread: Vec<u64>,
    /// The newest revision whose commit, like all before it, was invoked before this one returned.
    possible: Vec<u64>,
}

impl Bounds {
    fn of(history: &[Operation], commits: &[usize]) -> Self {
        let mut by_return: Vec<usize> = (0..history.len()).collect();
        by_return.sort_by_key(|&i| history[i].returned);
        let threads = history.iter().map(|operation| operation.thread).max();
        let mut newest_of = vec![0; threads.map_or(0, |thread| thread + 1)];
        let (mut newest, mut ended) = (0, by_return.iter().peekable());
        let (mut certain, mut by_thread) = (Vec::new(), Vec::new());
        for operation in history {
            while let Some(&i) = ended.next_if(|&&i| history[i].returned < operation.invoked) {
                let revision = history[i].revision.unwrap_or(0);
                newest = newest.max(revision);
                let of_thread = &mut newest_of[history[i].thread];
                *of_thread = revision.max(*of_thread);
            }
            certain.push(newest);
            by_thread.push(newest_of[operation.thread]);
        }
        // By revision: the moment by which its commit and all earlier ones had begun.
        let begun: Vec<u64> = commits
            .iter()
            .scan(0, |latest, &i| {
                *latest = history[i].invoked.max(*latest);
                Some(*latest)
            })
            .collect();
        let possible = history
            .iter()
            .map(|one| begun.partition_point(|moment| *moment < one.returned) as u64);
        Self {
            possible: possible.collect(),
            certain,
            by_thread,
        }
    }
}

struct Checker<'h> {
    history: &'h [Operation],
    /// The contents at each revision.
    states: &'h [Contents],
    writers: HashMap<Value, (usize, usize)>,
    bounds: Bounds,
}

impl Checker<'_> {
    fn run(&self, replay: &mut Replay) {
        for (i, operation) in self.history.iter().enumerate() {
            let found = if let Some(revision) = operation.revision {
                replay.witnessed += 1;
                self.witnessed(i, revision)
            } else {
                replay.unwitnessed += 1;
                self.unwitnessed(i)
            };
            replay
                .violations
                .extend(found.map(|(anomaly, because)| Violation {
                    anomaly,
                    operation: i,
                    because,
                }));
        }
    }

    /// Checks an operation with a revision.
    fn witnessed(&self, i: usize, revision: u64) -> Option<(Anomaly, String)> {
        let operation = &self.history[i];
        let commits = operation.commits();
        if let Some(only_at) = operation.only_at {
            let wrong = if operation.outcome == Outcome::Moved {
                revision == only_at
            } else {
                revision != only_at + u64::from(commits)
            };
            if wrong {
                let because = format!("it expected revision {only_at}");
                return Some((Anomaly::WrongRevision, because));
            }
        }
        let base = revision - u64::from(commits);
        let certain = self.bounds.certain[i];
        let Some(state) = self.states.get(base as usize) else {
            return Some((Anomaly::FutureRead, "no commit has that revision".into()));
        };
        if operation.after(state).is_none() {
            let because = format!("revision {base} is {}", format_contents(state));
            return Some((self.name(i, base, base), because));
        }
        if base < self.bounds.by_thread[i] {
            let because = format!("its thread had read revision {}", self.bounds.by_thread[i]);
            return Some((Anomaly::GoesBack, because));
        }
        if base < certain {
            let anomaly = if commits {
                Anomaly::CommitOrder
            } else {
                Anomaly::StaleRead
            };
            return Some((
                anomaly,
                format!("revision {certain} was certain before the call"),
            ));
        }
        if base > self.bounds.possible[i] {
            let because = format!("revision {base}, or one before it, began after the return");
            let anomaly = if commits {
                Anomaly::CommitOrder
            } else {
                Anomaly::FutureRead
            };
            return Some((anomaly, because));
        }
        None
    }

    /// Checks an operation without a revision: it must fit a state in its interval.
    fn unwitnessed(&self, i: usize) -> Option<(Anomaly, String)> {
        let (from, to) = (self.bounds.certain[i], self.bounds.possible[i]);
        let mut states = (from..=to).filter_map(|revision| self.states.get(revision as usize));
        if states.any(|state| self.history[i].after(state).is_some()) {
            return None;
        }
        let because = format!("no state of the revisions {from} to {to} fits");
        Some((self.name(i, from, to), because))
    }

    /// Returns the anomaly of an operation whose results contradict the states from `oldest` to
    /// `newest`.
    fn name(&self, i: usize, oldest: u64, newest: u64) -> Anomaly {
        let operation = &self.history[i];
        // The state that fits the longest prefix. Without one, another operation returned a
        // revision that does not exist, which is reported there.
        let misfits = (oldest..=newest)
            .filter_map(|revision| first_misfit(operation, self.states.get(revision as usize)?));
        let Some((step, now)) = misfits.max_by_key(|(step, _)| *step) else {
            return Anomaly::Torn;
        };
        match operation.steps[step] {
            Step::Differ { .. } => return Anomaly::WrongRevision,
            Step::Len { .. }
            | Step::Retain { .. }
            | Step::Clear { .. }
            | Step::Keep { .. }
            | Step::Refresh { .. } => {
                let fitting = self.fitting(operation, oldest);
                return fitting.unwrap_or(Anomaly::WrongCount);
            }
            _ => {}
        }
        for value in unexpected_values(&operation.steps[step], &now) {
            let Some(&(writer, write)) = self.writers.get(&value) else {
                return Anomaly::Garbage;
            };
            let writer_of = &self.history[writer];
            if writer_of.outcome != Outcome::Completed {
                return Anomaly::AbortedRead;
            }
            if writer != i && is_replaced(writer_of, write, value) {
                return Anomaly::IntermediateRead;
            }
            let later = writer_of.revision.is_some_and(|later| later > newest);
            if later && operation.commits() && reads_from(writer_of, operation) {
                return match operation.steps[step] {
                    Step::Write { .. } => Anomaly::DirtyWrite,
                    _ => Anomaly::CircularFlow,
                };
            }
            if later && writer_of.invoked > operation.returned {
                return Anomaly::FutureRead;
            }
            if !later && operation.commits() {
                return Anomaly::LostUpdate;
            }
        }
        self.fitting(operation, oldest).unwrap_or(Anomaly::Torn)
    }

    /// Searches the nearest other state that fits the operation.
    fn fitting(&self, operation: &Operation, base: u64) -> Option<Anomaly> {
        const NEAR: usize = 1_000;
        let base = base as usize;
        let fits = |revision: &usize| operation.after(&self.states[*revision]).is_some();
        let end = self.states.len().min(base + NEAR);
        if (base.saturating_sub(NEAR)..base).rev().any(|r| fits(&r)) {
            return Some(if operation.commits() {
                Anomaly::LostUpdate
            } else {
                Anomaly::StaleRead
            });
        }
        (base..end).any(|r| fits(&r)).then_some(Anomaly::FutureRead)
    }
}

/// Returns the first step that does not fit, and the contents before that step.
fn first_misfit(operation: &Operation, state: &Contents) -> Option<(usize, Contents)> {
    let mut now = *state;
    for (i, step) in operation.steps.iter().enumerate() {
        if !step.fits(&now) {
            return Some((i, now));
        }
        step.apply(&mut now);
    }
    None
}

/// Returns the values that a step read although they were not present.
fn unexpected_values(step: &Step, now: &Contents) -> Vec<Value> {
    let values = match step {
        Step::Get { saw, .. } => [*saw, None, None, None],
        Step::Write { old, .. } => [old.flatten(), None, None, None],
        Step::All { saw, .. } => *saw,
        _ => [None; KEYS],
    };
    let values = values.into_iter().flatten();
    values
        .filter(|value| !now.contains(&Some(*value)))
        .collect()
}

/// Returns whether an operation overwrote its own value.
fn is_replaced(operation: &Operation, write: usize, value: Value) -> bool {
    let mut contents = Contents::default();
    let steps = operation.steps.iter();
    steps.for_each(|step| step.apply(&mut contents));
    matches!(operation.steps[write], Step::Write { .. }) && !contents.contains(&Some(value))
}

/// Returns whether one operation read a value that the other wrote.
fn reads_from(one: &Operation, other: &Operation) -> bool {
    let wrote = other.steps.iter().filter_map(|step| match step {
        Step::Write { value, .. } => *value,
        _ => None,
    });
    let wrote: Vec<Value> = wrote.collect();
    let values = |step| unexpected_values(step, &Contents::default());
    let mut values = one.steps.iter().flat_map(values);
    values.any(|value| wrote.contains(&value))
}

fn format_contents(contents: &Contents) -> String {
    let all: Vec<String> = contents
        .iter()
        .map(|value| value.map_or("-".into(), |value: Value| value.to_string()))
        .collect();
    format!("[{}]", all.join(" "))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.anomaly, self.because)
    }
}

/// Formats a violation: the operation and the commits around it.
#[must_use]
pub fn explain(history: &[Operation], violation: &Violation) -> String {
    let operation = &history[violation.operation];
    let mut shown = vec![violation.operation];
    if let Some(revision) = operation.revision {
        let near = |i: &usize| {
            let other = history[*i].revision.unwrap_or(0);
            history[*i].commits() && other.abs_diff(revision) <= 2
        };
        shown.extend((0..history.len()).filter(near));
    }
    shown.sort_unstable();
    shown.dedup();
    let shown: Vec<Operation> = shown.iter().map(|&i| history[i].clone()).collect();
    format!("{violation}\n  {operation}\n{}", timeline(&shown))
}
