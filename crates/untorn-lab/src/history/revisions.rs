//! The checker for long histories: revisions are the witness.
//!
//! They order the commits, so nothing has to be searched. The commits are replayed in that order: each must have been told
//! what the state before it says, each view must show exactly the state of its revision, and the order of revisions must
//! agree with that of operations that did not overlap. An operation that tells no revision (a `get`, a batch that
//! failed) must fit some state between the newest that was known for sure when it began and the newest that can have
//! been there when it returned.

use std::collections::HashMap;
use std::fmt;

use super::model::{Contents, KEYS, Operation, Outcome, Step, Value};
use super::timeline::timeline;

/// What can be wrong, by the names that the field has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    /// G0: of two commits each overwrote the other.
    DirtyWrite,
    /// G1a: a read of something that was never committed.
    AbortedRead,
    /// G1b: a read of something that its batch had replaced before it was committed.
    IntermediateRead,
    /// G1c: a commit knows of one that comes after it and knows of it.
    CircularFlow,
    /// G-single, read skew: one view, several states; or none.
    Torn,
    /// A commit made from an older state than the one that it replaced.
    LostUpdate,
    /// A state older than one that was certain before the call.
    StaleRead,
    /// A state newer than any that can have been there.
    FutureRead,
    /// A thread saw an older state than before.
    GoesBack,
    /// A value that nobody wrote to that key.
    Garbage,
    /// A number of entries that does not agree with the entries.
    WrongCount,
    /// Two commits with one revision.
    DoubleRevision,
    /// A revision that no commit has.
    MissingRevision,
    /// A commit numbered before one that had returned when it began.
    CommitOrder,
    /// `batch_if_unchanged` committed although the map had moved on, or said that it had when it
    /// had not.
    WrongRevision,
}

/// One anomaly and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub anomaly: Anomaly,
    /// The place of the operation in the history.
    pub operation: usize,
    /// What it should have been.
    pub because: String,
}

/// What replaying came to.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// How many commits there were.
    pub commits: usize,
    /// How many operations were compared with the state of their revision.
    pub witnessed: usize,
    /// How many operations told no revision and were compared with those that are possible.
    pub unwitnessed: usize,
    /// What was wrong.
    pub violations: Vec<Violation>,
}

/// Checks a history that is ordered by invocation and begins with an empty map at revision 0.
///
/// # Panics
/// If a commit tells no revision.
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
        // There is no order to replay.
        replay.violations.push(violation);
        return replay;
    }
    let mut states = vec![Contents::default()];
    for &i in &commits {
        states.push(history[i].forced(&states[states.len() - 1]));
    }
    Checker {
        history,
        states: &states,
        writers: writers(history),
        known: Known::of(history, &commits),
    }
    .run(&mut replay);
    replay
}

/// What is wrong with the revisions of the commits, ordered by them.
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

/// Who wrote a value: the place of the operation and of the step.
fn writers(history: &[Operation]) -> HashMap<Value, (usize, usize)> {
    let mut writers = HashMap::new();
    for (i, operation) in history.iter().enumerate() {
        for (j, step) in operation.steps.iter().enumerate() {
            match step {
                Step::Write {
                    value: Some(value), ..
                } => _ = writers.insert(*value, (i, j)),
                // A refresh may hold values that others have written.
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

/// What is certain about each operation, by real time.
struct Known {
    /// The newest revision that an operation told that had returned before this one was invoked.
    certain: Vec<u64>,
    /// The same of the operation's own thread.
    by_thread: Vec<u64>,
    /// The newest revision whose commit, like all before it, was invoked before this one returned.
    possible: Vec<u64>,
}

impl Known {
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
        // By revision: the moment by which it and all before it had begun.
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
    /// What the map held at each revision.
    states: &'h [Contents],
    writers: HashMap<Value, (usize, usize)>,
    known: Known,
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

    /// An operation that told a revision.
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
                let because = format!("it was for revision {only_at}");
                return Some((Anomaly::WrongRevision, because));
            }
        }
        let base = revision - u64::from(commits);
        let certain = self.known.certain[i];
        let Some(state) = self.states.get(base as usize) else {
            return Some((Anomaly::FutureRead, "no commit has that revision".into()));
        };
        if operation.after(state).is_none() {
            let because = format!("revision {base} is {}", show(state));
            return Some((self.name(i, base, base), because));
        }
        if base < self.known.by_thread[i] {
            let because = format!("its thread knew revision {}", self.known.by_thread[i]);
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
        if base > self.known.possible[i] {
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

    /// An operation that told none: it must fit some state of its time.
    fn unwitnessed(&self, i: usize) -> Option<(Anomaly, String)> {
        let (from, to) = (self.known.certain[i], self.known.possible[i]);
        let mut states = (from..=to).filter_map(|revision| self.states.get(revision as usize));
        if states.any(|state| self.history[i].after(state).is_some()) {
            return None;
        }
        let because = format!("none of the revisions {from} to {to} is like that");
        Some((self.name(i, from, to), because))
    }

    /// What to call it that an operation was told something that the states from `oldest` to `newest` do not say.
    fn name(&self, i: usize, oldest: u64, newest: u64) -> Anomaly {
        let operation = &self.history[i];
        // The state that it fits for longest. Without one somebody else told a revision that there is not, which is
        // named there.
        let misfits = (oldest..=newest)
            .filter_map(|revision| first_misfit(operation, self.states.get(revision as usize)?));
        let Some((step, now)) = misfits.max_by_key(|(step, _)| *step) else {
            return Anomaly::Torn;
        };
        if let Step::Len { .. } | Step::Retain { .. } | Step::Clear { .. } | Step::Refresh { .. } =
            operation.steps[step]
        {
            return self
                .fitting(operation, oldest)
                .unwrap_or(Anomaly::WrongCount);
        }
        for value in values_told(&operation.steps[step], &now) {
            let Some(&(writer, write)) = self.writers.get(&value) else {
                return Anomaly::Garbage;
            };
            let writer_of = &self.history[writer];
            if writer_of.outcome != Outcome::Took {
                return Anomaly::AbortedRead;
            }
            if writer != i && is_replaced(writer_of, write, value) {
                return Anomaly::IntermediateRead;
            }
            let later = writer_of.revision.is_some_and(|later| later > newest);
            if later && operation.commits() && knows_of(writer_of, operation) {
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

    /// The nearest other state that an operation would fit.
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

/// The first step that does not fit, and what the map would have held then.
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

/// The values that a step was told and that were not there.
fn values_told(step: &Step, now: &Contents) -> Vec<Value> {
    let told = match step {
        Step::Get { saw, .. } => [*saw, None, None, None],
        Step::Write { old, .. } => [old.flatten(), None, None, None],
        Step::All { saw, .. } => *saw,
        _ => [None; KEYS],
    };
    let told = told.into_iter().flatten();
    told.filter(|value| !now.contains(&Some(*value))).collect()
}

/// Whether an operation wrote over its own value.
fn is_replaced(operation: &Operation, write: usize, value: Value) -> bool {
    let mut contents = Contents::default();
    let steps = operation.steps.iter();
    steps.for_each(|step| step.apply(&mut contents));
    matches!(operation.steps[write], Step::Write { .. }) && !contents.contains(&Some(value))
}

/// Whether one operation was told a value that the other wrote.
fn knows_of(one: &Operation, other: &Operation) -> bool {
    let wrote = other.steps.iter().filter_map(|step| match step {
        Step::Write { value, .. } => *value,
        _ => None,
    });
    let wrote: Vec<Value> = wrote.collect();
    let told = |step| values_told(step, &Contents::default());
    let mut told = one.steps.iter().flat_map(told);
    told.any(|value| wrote.contains(&value))
}

fn show(contents: &Contents) -> String {
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

/// A violation on paper: the operation and the commits around it.
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
