//! The shortest violation that can be found in a violation.
//!
//! Leaving out an operation can make a violation out of a good history: somebody may have read what it wrote. So only such
//! things are left out whose absence cannot: answers (that asks for less), what took no effect, and writes that nobody
//! in the rest can have noticed, going by real time and by what they were told. (A value that is told keeps its write, so
//! that it can be seen where it comes from.) What is left is a violation in its own
//! right.

use super::linear::{Verdict, linearize};
use super::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value};

/// Leaves out of a violation what can be left out.
#[must_use]
pub fn shrink(history: &[Operation]) -> Vec<Operation> {
    let mut history = history.to_vec();
    loop {
        let before = history.clone();
        for i in (0..history.len()).rev() {
            attempt(&mut history, |shorter| {
                let operation = shorter.remove(i);
                operation.outcome != Outcome::Took || operation.steps.iter().all(Step::is_read)
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

/// Makes a change if it is allowed and what is left is still a violation.
fn attempt(history: &mut Vec<Operation>, change: impl FnOnce(&mut Vec<Operation>) -> bool) {
    let mut shorter = history.clone();
    if change(&mut shorter) && linearize(&shorter) == Verdict::Violation {
        *history = shorter;
    }
}

/// Leaves out a step or what it was told, or makes smaller ones of it; whether that is allowed.
fn leave_out(history: &mut [Operation], i: usize, step: usize) -> bool {
    let steps = &mut history[i].steps;
    match steps[step].clone() {
        // What was kept and what went is known from what it saw.
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
        // Before a `retain`, it says what that did.
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
            let unnoticed = is_unnoticed(history, i, step, key, value);
            history[i].steps.remove(step);
            unnoticed
        }
        Step::Get { .. } | Step::Contains { .. } | Step::Len { .. } => {
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

/// Whether each order that explains the history would also explain it without this write.
fn is_unnoticed(
    history: &[Operation],
    i: usize,
    step: usize,
    key: Key,
    value: Option<Value>,
) -> bool {
    let operation = &history[i];
    let later = &operation.steps[step + 1..];
    if later.iter().any(|step| may_notice(step, key, value)) {
        return false;
    }
    if operation.outcome != Outcome::Took || later.iter().any(|step| writes(step, key)) {
        return true;
    }
    let others = || (0..history.len()).filter(|&j| j != i).map(|j| &history[j]);
    let any = |other: &Operation, notices: fn(&Step, Key, Option<Value>) -> bool| {
        other.steps.iter().any(|step| notices(step, key, value))
    };
    if value.is_some() && others().any(|other| any(other, was_told)) {
        return false;
    }
    // Those that cannot come before it.
    let noticing: Vec<&Operation> = others()
        .filter(|other| other.returned > operation.invoked && any(other, may_notice))
        .collect();
    // Nobody is left, or all come after another write that comes after this one.
    noticing.is_empty()
        || others().any(|next| {
            next.outcome == Outcome::Took
                && next.invoked > operation.returned
                && next.steps.iter().any(|step| writes(step, key))
                && noticing.iter().all(|other| other.invoked > next.returned)
        })
}

/// Whether a step gives a key a value of its own.
fn writes(step: &Step, key: Key) -> bool {
    match step {
        Step::Write { key: written, .. } => *written == key,
        Step::Clear { .. } | Step::Refresh { .. } => true,
        _ => false,
    }
}

/// Whether a step was told that `key` has this value.
fn was_told(step: &Step, key: Key, value: Option<Value>) -> bool {
    match step {
        Step::Get { key: read, saw } => *read == key && *saw == value,
        Step::All { saw, .. } => saw[usize::from(key)] == value,
        Step::Write { key: read, old, .. } => *read == key && *old == Some(value),
        _ => false,
    }
}

/// Whether a step was told so, or told or did something that depends on it.
fn may_notice(step: &Step, key: Key, value: Option<Value>) -> bool {
    match step {
        Step::Contains { key: read, .. } => *read == key,
        Step::Len { .. } | Step::Retain { .. } => true,
        Step::Clear { of } => of.is_some(),
        Step::Refresh { counts, .. } => counts.is_some(),
        _ => was_told(step, key, value),
    }
}
