//! Anomalies in conditional calls, in initializers and in what subscriptions received.

use super::detail::{Detail, Follows, Transition};
use super::inject::{Edit, Injection, edit};
use super::known_facts::{Facts, choose};
use super::model::{Contents, KEYS, Key, Operation, Step, Value};

/// A call that returned a step.
#[derive(Clone, Copy)]
pub(super) struct Received<'h> {
    operation: usize,
    subscriber: usize,
    waited: bool,
    step: &'h Transition,
}

/// A call that ran an initializer.
#[derive(Clone, Copy)]
pub(super) struct Initialized {
    operation: usize,
    key: Key,
    began: u64,
    ended: u64,
}

/// Returns the calls that returned a step.
pub(super) fn received(history: &[Operation]) -> Vec<Received<'_>> {
    let calls = history.iter().enumerate();
    let received = calls.filter_map(|(operation, call)| match &call.detail {
        Some(Detail::Received {
            subscriber,
            waited,
            step: Some(step),
            ..
        }) => Some(Received {
            operation,
            subscriber: *subscriber,
            waited: *waited,
            step,
        }),
        _ => None,
    });
    received.collect()
}

/// Returns the calls that ran an initializer.
pub(super) fn initialized(history: &[Operation]) -> Vec<Initialized> {
    let calls = history.iter().enumerate();
    let initialized = calls.filter_map(|(operation, call)| match call.detail {
        Some(Detail::Initializer { key, began, ended }) => Some(Initialized {
            operation,
            key,
            began,
            ended,
        }),
        _ => None,
    });
    initialized.collect()
}

impl Facts<'_> {
    /// Makes one attempt at an anomaly that contradicts itself.
    pub(super) fn edit_call(&self, injection: Injection, rng: &mut fastrand::Rng) -> Option<Edit> {
        let i = rng.usize(..self.history.len());
        let operation = &self.history[i];
        match (injection, operation.steps.first()?) {
            (Injection::UnmetCondition, &Step::Contains { key, saw })
                if operation.call == "wait_until" =>
            {
                let condition = Step::Contains { key, saw: !saw };
                Some(edit(move |history: &mut Vec<Operation>| {
                    history[i].steps[0] = condition;
                }))
            }
            (Injection::RefusedUnchanged, Step::Differ { from }) => {
                // Without states: as if it had compared no key.
                let state = self.state(operation.revision);
                let mut equal = [None; KEYS];
                for key in (0..KEYS).filter(|key| from[*key].is_some()) {
                    equal[key] = state.map(|state| state[key]);
                }
                Some(edit(move |history: &mut Vec<Operation>| {
                    history[i].steps[0] = Step::Differ { from: equal };
                }))
            }
            _ => None,
        }
    }

    /// Lets two initializers of a key run at a time: the one of a caller that waited, too.
    pub(super) fn edit_initializers(&self, rng: &mut fastrand::Rng) -> Option<Edit> {
        let one = choose(rng, &self.initialized)?;
        let other = choose(rng, &self.initialized)?;
        let caller = &self.history[other.operation];
        let fits = one.operation != other.operation
            && one.key == other.key
            && caller.invoked < one.began
            && one.ended < caller.returned;
        fits.then(|| {
            edit(move |history: &mut Vec<Operation>| {
                history[other.operation].detail = Some(Detail::Initializer {
                    key: one.key,
                    began: one.began,
                    ended: one.ended,
                });
            })
        })
    }

    /// Makes one attempt at an anomaly of a subscription.
    pub(super) fn edit_reception(
        &self,
        injection: Injection,
        rng: &mut fastrand::Rng,
    ) -> Option<Edit> {
        let one = choose(rng, &self.received)?;
        let (i, follows) = (one.operation, self.follows(one.subscriber)?);
        let mut step = one.step.clone();
        match injection {
            Injection::LostChange => {
                let mut later = self.history[i + 1..].iter();
                let again = later.any(|other| subscriber_of(other) == Some(one.subscriber));
                return again.then(|| edit(move |history| _ = history.remove(i)));
            }
            Injection::WrongTransition => {
                let key = rng.usize(..KEYS);
                let (_, new) = step.changes[key]?;
                if rng.bool() {
                    step.changes[key] = Some((Some(Value::MAX), new));
                } else {
                    step.before[key] = Some(Value::MAX);
                }
            }
            // A call that waited may have compared the earlier version, or any number of them.
            _ if one.waited => return None,
            Injection::EarlyStep => {
                let to = *self.state(self.history[i].revision)?;
                step.from = step.from.checked_sub(1)?;
                step.before = *self.state(Some(step.from))?;
                step.changes = follows.changes(&step.before, &to);
                step.missed += 1;
            }
            _ => step.missed += 1,
        }
        Some(edit(move |history: &mut Vec<Operation>| {
            if let Some(Detail::Received { step: received, .. }) = &mut history[i].detail {
                *received = Some(Box::new(step));
            }
        }))
    }

    /// Returns the contents at a revision, if the revision of each commit is known.
    fn state(&self, revision: Option<u64>) -> Option<&Contents> {
        let known = !self.commits.is_empty();
        self.states.get(revision? as usize).filter(|_| known)
    }

    fn follows(&self, number: usize) -> Option<Follows> {
        self.history.iter().find_map(|call| match call.detail {
            Some(Detail::Subscribed {
                subscriber,
                follows,
            }) if subscriber == number => Some(follows),
            _ => None,
        })
    }
}

/// Returns the number of the subscription that a call received from.
fn subscriber_of(call: &Operation) -> Option<usize> {
    match call.detail {
        Some(Detail::Received { subscriber, .. }) => Some(subscriber),
        _ => None,
    }
}
