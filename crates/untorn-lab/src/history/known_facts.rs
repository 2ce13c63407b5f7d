//! Facts that hold in a correct history for every order of its operations.

use std::collections::{HashMap, HashSet};

use super::inject_detail::{Initialized, Received, initialized, received};
use super::model::{Contents, KEYS, Key, Operation, Step, Value};

/// A replaced value: it was written once, and a commit returned it as the old value.
#[derive(Clone, Copy)]
pub(super) struct Replaced {
    pub(super) key: Key,
    pub(super) from: Value,
    /// The value of the key after the commit.
    pub(super) to: Option<Value>,
    pub(super) by: usize,
    /// The step that returned the old value.
    pub(super) step: usize,
}

/// The facts about a history.
pub(super) struct Facts<'h> {
    pub(super) history: &'h [Operation],
    /// Values written by exactly one step.
    pub(super) once: HashSet<Value>,
    pub(super) replaced: Vec<Replaced>,
    /// Keyed by the replaced value.
    pub(super) replaced_value: HashMap<Value, Replaced>,
    /// Views and gets, each with a key that it reads.
    pub(super) reads: Vec<(usize, Key)>,
    /// All writes of a value: the operation, the key and the value.
    pub(super) writes: Vec<(usize, Key, Value)>,
    /// Commits in the order of their revisions, if each returned one; and the contents after each.
    pub(super) commits: Vec<usize>,
    pub(super) states: Vec<Contents>,
    /// Calls that returned a step of a subscription, and those that ran an initializer.
    pub(super) received: Vec<Received<'h>>,
    pub(super) initialized: Vec<Initialized>,
}

pub(super) fn choose<T: Copy>(rng: &mut fastrand::Rng, from: &[T]) -> Option<T> {
    rng.choice(from).copied()
}

/// Returns the value that an operation leaves in a key that it writes, whatever the state
/// before.
pub(super) fn final_value(operation: &Operation, key: Key) -> Option<Value> {
    operation.apply_unchecked(&Contents::default())[usize::from(key)]
}

impl<'h> Facts<'h> {
    pub(super) fn of(history: &'h [Operation]) -> Self {
        let (mut times, mut writes, mut reads) = (HashMap::new(), Vec::new(), Vec::new());
        for (i, operation) in history.iter().enumerate() {
            for step in &operation.steps {
                match *step {
                    Step::Write {
                        key,
                        value: Some(value),
                        ..
                    } => {
                        *times.entry(value).or_insert(0) += 1;
                        writes.push((i, key, value));
                    }
                    Step::Refresh { to, .. } => {
                        for value in to.iter().flatten() {
                            *times.entry(*value).or_insert(0) += 1;
                        }
                    }
                    Step::Get { key, .. } if operation.is_view() || operation.call == "get" => {
                        reads.push((i, key));
                    }
                    _ => {}
                }
            }
        }
        let once = times.into_iter().filter(|(_, times)| *times == 1);
        let once: HashSet<Value> = once.map(|(value, _)| value).collect();
        let mut replaced = Vec::new();
        for (i, operation) in history.iter().enumerate() {
            replaced.extend(replaced_by(operation, i).filter(|one| once.contains(&one.from)));
        }
        let mut commits: Vec<usize> = (0..history.len())
            .filter(|&i| history[i].commits())
            .collect();
        if commits.iter().any(|&i| history[i].revision.is_none()) {
            commits.clear();
        }
        commits.sort_by_key(|&i| history[i].revision);
        let mut states = vec![Contents::default()];
        for &i in &commits {
            states.push(history[i].apply_unchecked(&states[states.len() - 1]));
        }
        Self {
            replaced_value: replaced.iter().map(|one| (one.from, *one)).collect(),
            history,
            once,
            replaced,
            reads,
            writes,
            commits,
            states,
            received: received(history),
            initialized: initialized(history),
        }
    }

    /// Chooses a value that is written once and remains after its commit.
    pub(super) fn surviving_write(&self, rng: &mut fastrand::Rng) -> Option<(usize, Key, Value)> {
        let (i, key, value) = choose(rng, &self.writes)?;
        let operation = &self.history[i];
        let kept =
            operation.commits() && is_state_independent(operation) && self.once.contains(&value);
        (kept && final_value(operation, key) == Some(value)).then_some((i, key, value))
    }

    /// Chooses a value of this operation in another key that is written once and remains.
    pub(super) fn other_write(
        &self,
        i: usize,
        except: Key,
        rng: &mut fastrand::Rng,
    ) -> Option<(Key, Value)> {
        let key = rng.usize(..KEYS) as Key;
        let value = final_value(&self.history[i], key)?;
        (key != except && is_state_independent(&self.history[i]) && self.once.contains(&value))
            .then_some((key, value))
    }
}

/// Returns whether the result of an operation is independent of the state before.
pub(super) fn is_state_independent(operation: &Operation) -> bool {
    let is_retain = |step: &Step| matches!(step, Step::Retain { .. });
    !operation.steps.iter().any(is_retain)
}

/// Returns the values that a commit replaced: the old values of its first write to each key.
pub(super) fn replaced_by(operation: &Operation, by: usize) -> impl Iterator<Item = Replaced> {
    let mut touched = [!operation.commits() || !is_state_independent(operation); KEYS];
    let steps = operation.steps.iter().enumerate();
    steps.filter_map(move |(step, did)| match *did {
        Step::Write {
            key,
            old: Some(Some(from)),
            ..
        } if !std::mem::replace(&mut touched[usize::from(key)], true) => Some(Replaced {
            key,
            from,
            to: final_value(operation, key),
            by,
            step,
        }),
        Step::Write { key, .. } => {
            touched[usize::from(key)] = true;
            None
        }
        Step::Clear { .. } | Step::Keep { .. } | Step::Refresh { .. } => {
            touched = [true; KEYS];
            None
        }
        _ => None,
    })
}

/// Returns the value of a key that a view or a get read.
pub(super) fn value_read(operation: &Operation, key: Key) -> Option<Option<Value>> {
    operation.steps.iter().find_map(|step| match step {
        Step::Get { key: of, saw } if *of == key => Some(*saw),
        _ => None,
    })
}
