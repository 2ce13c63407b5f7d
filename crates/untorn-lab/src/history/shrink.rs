//! Reduces a violation to a shorter one.
//!
//! Removing an operation can turn a correct history into a violation, if another operation read
//! what it wrote. Therefore only things are removed whose absence cannot do that: results (which
//! removes a constraint), operations without effect, and writes that no remaining operation can
//! have observed, by real time and by its results. (The write of a value that was read remains, so
//! that its origin is visible.) The result is a violation by itself.

use super::linearizability::{Verdict, linearize};
use super::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value};

/// Removes as much of a violation as possible.
#[must_use]
pub fn shrink(history: &[Operation]) -> Vec<Operation> {
    let mut history = history.to_vec();
    loop {
        let before = history.clone();
        for i in (0..history.len()).rev() {
            attempt(&mut history, |shorter| {
                let operation = shorter.remove(i);
                operation.outcome != Outcome::Completed || operation.steps.iter().all(Step::is_read)
            });
        }
        for i in (0..history.len()).rev() {
            for step in (0..history[i].steps.len()).rev() {
                attempt(&mut history, |shorter| leave_out(shorter, i, step));
            }
        }
        if history == before {
            return history;
        }
    }
}

/// Makes a change if it is permitted and the result is still a violation.
fn attempt(history: &mut Vec<Operation>, change: impl FnOnce(&mut Vec<Operation>) -> bool) {
    let mut shorter = history.clone();
    if change(&mut shorter) && linearize(&shorter) == Verdict::Violation {
        *history = shorter;
    }
}

/// Removes a step or its result, or splits it into smaller ones; returns whether that is permitted.
fn leave_out(history: &mut [Operation], i: usize, step: usize) -> bool {
    let steps = &mut history[i].steps;
    match steps[step].clone() {
        // The preceding step contains the entries, so the removed ones are known.
        Step::Retain { rest, .. } => match step.checked_sub(1).map(|before| &steps[before]) {
            Some(Step::All { saw, .. }) => {
                let gone = saw.map(|value| value.filter(|value| value % 2 != rest));
                let gone = keys(&gone).filter(|(_, value)| value.is_some());
                let writes = gone.map(|(key, value)| write(key, None, Some(value)));
                let writes: Vec<Step> = writes.collect();
                steps.splice(step..=step, writes);
                true
            }
            _ => false,
        },
        // Before a `retain` it determines the effect of that step.
        Step::All { .. } if matches!(steps.get(step + 1), Some(Step::Retain { .. })) => false,
        Step::All { saw, .. } => {
            let gets = keys(&saw).map(|(key, saw)| Step::Get { key, saw });
            steps.splice(step..=step, gets.collect::<Vec<_>>());
            true
        }
        Step::Clear { of: Some(_) } => {
            steps[step] = Step::Clear { of: None };
            true
        }
        Step::Refresh {
            to,
            counts: Some(_),
        } => {
            steps[step] = Step::Refresh { to, counts: None };
            true
        }
        Step::Keep {
            keys,
            gone: Some(_),
        } => {
            steps[step] = Step::Keep { keys, gone: None };
            true
        }
        Step::Keep { keys, gone: None } => {
            let removed = (0..).zip(keys).filter(|(_, keep)| !keep);
            let writes = removed.map(|(key, _)| write(key, None, None));
            steps.splice(step..=step, writes.collect::<Vec<_>>());
            true
        }
        Step::Clear { of: None } => {
            let writes = keys(&Contents::default()).map(|(key, value)| write(key, value, None));
            steps.splice(step..=step, writes.collect::<Vec<_>>());
            true
        }
        Step::Refresh { to, counts: None } => {
            let writes = keys(&to).map(|(key, value)| write(key, value, None));
            steps.splice(step..=step, writes.collect::<Vec<_>>());
            true
        }
        Step::Write {
            key,
            value,
            old: Some(_),
        } => {
            steps[step] = write(key, value, None);
            true
        }
        Step::Write {
            key,
            value,
            old: None,
        } => {
            let unobserved = is_unobserved(history, i, step, key, value);
            history[i].steps.remove(step);
            unobserved
        }
        Step::Get { .. } | Step::Contains { .. } | Step::Len { .. } | Step::Differ { .. } => {
            steps.remove(step);
            true
        }
    }
}

fn keys(contents: &Contents) -> impl Iterator<Item = (Key, Option<Value>)> + use<> {
    (0..KEYS as Key).zip(*contents)
}

fn write(key: Key, value: Option<Value>, old: Option<Option<Value>>) -> Step {
    Step::Write { key, value, old }
}

/// Returns whether each order that explains the history also explains it without this write.
fn is_unobserved(
    history: &[Operation],
    i: usize,
    step: usize,
    key: Key,
    value: Option<Value>,
) -> bool {
    let operation = &history[i];
    let later = &operation.steps[step + 1..];
    if later.iter().any(|step| may_depend(step, key, value)) {
        return false;
    }
    if operation.outcome != Outcome::Completed || later.iter().any(|step| writes(step, key)) {
        return true;
    }
    let others = || (0..history.len()).filter(|&j| j != i).map(|j| &history[j]);
    let any = |other: &Operation, depends: fn(&Step, Key, Option<Value>) -> bool| {
        other.steps.iter().any(|step| depends(step, key, value))
    };
    if value.is_some() && others().any(|other| any(other, reads_value)) {
        return false;
    }
    // The operations that cannot precede the write.
    let dependents: Vec<&Operation> = others()
        .filter(|other| other.returned > operation.invoked && any(other, may_depend))
        .collect();
    // No operation remains, or all come after another write that follows this one.
    dependents.is_empty()
        || others().any(|next| {
            next.outcome == Outcome::Completed
                && next.invoked > operation.returned
                && next.steps.iter().any(|step| writes(step, key))
                && dependents.iter().all(|other| other.invoked > next.returned)
        })
}

/// Returns whether a step sets a key independently of its old value.
fn writes(step: &Step, key: Key) -> bool {
    match step {
        Step::Write { key: written, .. } => *written == key,
        Step::Keep { keys, .. } => !keys[usize::from(key)],
        Step::Clear { .. } | Step::Refresh { .. } => true,
        _ => false,
    }
}

/// Returns whether a step read this value of `key`.
fn reads_value(step: &Step, key: Key, value: Option<Value>) -> bool {
    match step {
        Step::Get { key: read, saw } => *read == key && *saw == value,
        Step::All { saw, .. } => saw[usize::from(key)] == value,
        Step::Write { key: read, old, .. } => *read == key && *old == Some(value),
        _ => false,
    }
}

/// Returns whether a step read this value, or has a result or an effect that depends on it.
fn may_depend(step: &Step, key: Key, value: Option<Value>) -> bool {
    match step {
        Step::Contains { key: read, .. } => *read == key,
        Step::Len { .. } | Step::Retain { .. } => true,
        Step::Clear { of } => of.is_some(),
        Step::Keep { gone, .. } => gone.is_some(),
        Step::Refresh { counts, .. } => counts.is_some(),
        Step::Differ { from } => from[usize::from(key)].is_some(),
        _ => reads_value(step, key, value),
    }
}
