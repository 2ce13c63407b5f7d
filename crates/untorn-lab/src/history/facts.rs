//! What is certain in a good history, whatever the order of its operations was.

use std::collections::{HashMap, HashSet};

use super::model::{Contents, KEYS, Key, Operation, Step, Value};

/// A value that went: it was written once, and a commit told that it replaced it.
#[derive(Clone, Copy)]
pub(super) struct Replaced {
    pub(super) key: Key,
    pub(super) from: Value,
    /// What the commit left in the key.
    pub(super) to: Option<Value>,
    pub(super) by: usize,
    /// The step that told.
    pub(super) step: usize,
}

/// What is certain in a history.
pub(super) struct Facts<'h> {
    pub(super) history: &'h [Operation],
    /// Values that one step wrote.
    pub(super) once: HashSet<Value>,
    pub(super) replaced: Vec<Replaced>,
    /// By the value that went.
    pub(super) replaced_value: HashMap<Value, Replaced>,
    /// Views and gets, and a key that they read.
    pub(super) reads: Vec<(usize, Key)>,
    /// Writes of a value, all of them: the operation, the key and the value.
    pub(super) writes: Vec<(usize, Key, Value)>,
    /// Commits in the order of their revisions, if they all tell them, and what the map held after each.
    pub(super) commits: Vec<usize>,
    pub(super) states: Vec<Contents>,
}

pub(super) fn choose<T: Copy>(rng: &mut fastrand::Rng, from: &[T]) -> Option<T> {
    rng.choice(from).copied()
}

/// What an operation certainly leaves in a key that it writes to.
pub(super) fn leaves(operation: &Operation, key: Key) -> Option<Value> {
    operation.forced(&Contents::default())[usize::from(key)]
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
            states.push(history[i].forced(&states[states.len() - 1]));
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
        }
    }

    /// A value that is written once and stays after its commit.
    pub(super) fn kept_write(&self, rng: &mut fastrand::Rng) -> Option<(usize, Key, Value)> {
        let (i, key, value) = choose(rng, &self.writes)?;
        let operation = &self.history[i];
        let kept = operation.commits() && is_certain(operation) && self.once.contains(&value);
        (kept && leaves(operation, key) == Some(value)).then_some((i, key, value))
    }

    /// A value of this operation that is written once and stays, in another key.
    pub(super) fn other_write(
        &self,
        i: usize,
        but: Key,
        rng: &mut fastrand::Rng,
    ) -> Option<(Key, Value)> {
        let key = rng.usize(..KEYS) as Key;
        let value = leaves(&self.history[i], key)?;
        (key != but && is_certain(&self.history[i]) && self.once.contains(&value))
            .then_some((key, value))
    }
}

/// Whether what an operation leaves does not depend on what was there.
pub(super) fn is_certain(operation: &Operation) -> bool {
    let is_retain = |step: &Step| matches!(step, Step::Retain { .. });
    !operation.steps.iter().any(is_retain)
}

/// The values that a commit told it replaced: the first thing it did to their keys.
pub(super) fn replaced_by(operation: &Operation, by: usize) -> impl Iterator<Item = Replaced> {
    let mut touched = [!operation.commits() || !is_certain(operation); KEYS];
    let steps = operation.steps.iter().enumerate();
    steps.filter_map(move |(step, did)| match *did {
        Step::Write {
            key,
            old: Some(Some(from)),
            ..
        } if !std::mem::replace(&mut touched[usize::from(key)], true) => Some(Replaced {
            key,
            from,
            to: leaves(operation, key),
            by,
            step,
        }),
        Step::Write { key, .. } => {
            touched[usize::from(key)] = true;
            None
        }
        Step::Clear { .. } | Step::Refresh { .. } => {
            touched = [true; KEYS];
            None
        }
        _ => None,
    })
}

/// What a view or a get was told of a key.
pub(super) fn shows(operation: &Operation, key: Key) -> Option<Option<Value>> {
    operation.steps.iter().find_map(|step| match step {
        Step::Get { key: of, saw } if *of == key => Some(*saw),
        _ => None,
    })
}
