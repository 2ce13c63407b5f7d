//! The checker of subscriptions: what each received, compared with the log of commits.
//!
//! The states of all revisions are known. A subscription compares some of them, in order, and
//! returns a step whenever one of its keys differs from the state that it compared before. So
//! between two steps its keys have the values of the first, and each step starts with these; the
//! other revisions are counted as missed.

use std::collections::HashMap;

use super::detail::{Changes, Detail, Follows, Transition};
use super::model::{Contents, Operation};
use super::revisions::{Anomaly, Violation};

/// The progress of a subscription.
struct Progress {
    follows: Follows,
    /// The revision of the last step, at first that of the beginning.
    stepped: u64,
    /// The revision that was compared last.
    compared: u64,
    /// The number of revisions since the last step that were not compared.
    pending: u64,
}

/// A result with the reason why it is wrong.
type Found = Result<(), (Anomaly, String)>;

/// Checks the subscriptions of a history that is ordered by invocation, given the contents at each
/// revision. The interval of each revision is checked elsewhere.
pub(super) fn check(history: &[Operation], states: &[Contents]) -> Vec<Violation> {
    let mut all: HashMap<usize, Progress> = HashMap::new();
    let mut violations = Vec::new();
    for (operation, one) in history.iter().enumerate() {
        let revision = one.revision.unwrap_or(0);
        match &one.detail {
            Some(Detail::Subscribed {
                subscriber,
                follows,
            }) => {
                let progress = Progress {
                    follows: *follows,
                    stepped: revision,
                    compared: revision,
                    pending: 0,
                };
                all.insert(*subscriber, progress);
            }
            Some(Detail::Received {
                subscriber,
                waited,
                step,
                pending,
            }) => {
                let Some(progress) = all.get_mut(subscriber) else {
                    continue;
                };
                let reception = Reception {
                    states,
                    revision,
                    waited: *waited,
                    step: step.as_deref(),
                    pending: *pending,
                };
                if let Err((anomaly, because)) = reception.check(progress) {
                    violations.push(Violation {
                        anomaly,
                        operation,
                        because,
                    });
                    // What follows may be wrong because of this.
                    all.remove(subscriber);
                }
            }
            _ => {}
        }
    }
    violations
}

/// A call that received.
struct Reception<'h> {
    states: &'h [Contents],
    /// The revision that was compared last.
    revision: u64,
    waited: bool,
    step: Option<&'h Transition>,
    pending: u64,
}

impl Reception<'_> {
    fn check(&self, progress: &mut Progress) -> Found {
        if self.revision < progress.compared {
            let because = format!("it had compared revision {}", progress.compared);
            return Err((Anomaly::GoesBack, because));
        }
        match self.step {
            None => self.check_none(progress)?,
            Some(step) => self.check_step(step, progress)?,
        }
        progress.compared = self.revision;
        Ok(())
    }

    /// Returns whether the followed keys are equal at two revisions, which exist.
    fn are_equal(&self, follows: Follows, one: u64, other: u64) -> bool {
        self.changes(follows, one, other)
            .is_some_and(|changes| changes == Changes::default())
    }

    /// Returns the changes of the followed keys between two revisions, if both exist.
    fn changes(&self, follows: Follows, one: u64, other: u64) -> Option<Changes> {
        let state = |revision: u64| self.states.get(usize::try_from(revision).ok()?);
        Some(follows.changes(state(one)?, state(other)?))
    }

    /// Checks a call that returned no step.
    fn check_none(&self, progress: &mut Progress) -> Found {
        let &mut Progress {
            follows,
            stepped,
            compared,
            ..
        } = progress;
        let is_lost = match follows {
            // Each version is a step.
            Follows::All => self.revision != compared,
            _ => !self.are_equal(follows, stepped, self.revision),
        };
        if is_lost {
            let because = format!("the keys had changed since revision {stepped}");
            return Err((Anomaly::LostChange, because));
        }
        let skipped = skipped(compared, self.revision);
        let least = if self.waited { 0 } else { skipped };
        let range = progress.pending + least..=progress.pending + skipped;
        if follows != Follows::All && !range.contains(&self.pending) {
            let because = format!("{range:?} revisions since the last step were not compared");
            return Err((Anomaly::WrongMissed, because));
        }
        progress.pending = self.pending;
        Ok(())
    }

    /// Checks a step.
    fn check_step(&self, step: &Transition, progress: &mut Progress) -> Found {
        let &mut Progress {
            follows,
            stepped,
            compared,
            pending,
        } = progress;
        // A call that waits compares several versions, but each version of all keys is a step.
        let several = self.waited && follows != Follows::All;
        let starts_right = if several {
            (compared..self.revision).contains(&step.from)
        } else {
            step.from == compared && step.from < self.revision
        };
        if !starts_right || !self.are_equal(follows, stepped, step.from) {
            let because = format!("the step before led to revision {stepped}");
            return Err((Anomaly::LostChange, because));
        }
        let expected = self.changes(follows, step.from, self.revision);
        let is_empty = expected == Some(Changes::default());
        // Each version of all keys is a step, even one that rewrites an equal value.
        if expected != Some(step.changes) || (is_empty && follows != Follows::All) {
            let because = format!("the changes are {expected:?}");
            return Err((Anomaly::WrongTransition, because));
        }
        if self.states.get(step.from as usize) != Some(&step.before) {
            let because = format!("its first view is not that of revision {}", step.from);
            return Err((Anomaly::WrongTransition, because));
        }
        // The last comparison was with `from`; earlier ones within this call are not known.
        let most = pending + skipped(compared, step.from) + skipped(step.from, self.revision);
        let least = pending + skipped(step.from, self.revision);
        if !(least..=most).contains(&step.missed) || self.pending != 0 {
            let because = format!("{least} to {most} revisions were not compared");
            return Err((Anomaly::WrongMissed, because));
        }
        progress.stepped = self.revision;
        progress.pending = 0;
        Ok(())
    }
}

/// Returns the number of revisions between two.
fn skipped(from: u64, to: u64) -> u64 {
    to.saturating_sub(from).saturating_sub(1)
}
