//! The subscriptions of a map behind a lock, with and without mistakes.

use super::detail::{Follows, Transition};
use super::faulty_maps::{Mistake, State};
use super::subject::{Reception, ViewOps};

/// A subscription that compares the newest state whenever it is asked.
pub struct LockedSubscriber {
    follows: Follows,
    /// The state that was compared last.
    last: State,
    /// The state that was compared before that.
    before_last: State,
    pending: u64,
    steps: u64,
}

impl LockedSubscriber {
    pub(super) fn new(first: State, follows: Follows) -> Self {
        Self {
            follows,
            before_last: first.clone(),
            last: first,
            pending: 0,
            steps: 0,
        }
    }

    /// Compares the newest state.
    pub(super) fn receive(&mut self, newest: State, mistake: Mistake) -> Reception {
        let mut step = None;
        if newest.revision > self.last.revision {
            let (from, to) = (self.last.all().0, newest.all());
            let missed = newest.revision - self.last.revision - 1;
            if mistake == Mistake::ForgetsMissed {
                self.pending = 0;
            }
            self.pending += missed;
            let changes = self.follows.changes(&from, &to.0);
            if self.follows == Follows::All || changes.iter().any(Option::is_some) {
                self.steps += 1;
                let is_every_third = self.steps.is_multiple_of(3);
                if !(is_every_third && mistake == Mistake::LosesChanges) {
                    let is_old = is_every_third && mistake == Mistake::OldSteps;
                    let first = if is_old {
                        &self.before_last
                    } else {
                        &self.last
                    };
                    let transition = Transition {
                        from: first.revision,
                        before: first.all().0,
                        changes: self.follows.changes(&first.all().0, &to.0),
                        missed: std::mem::take(&mut self.pending),
                    };
                    step = Some((transition, to));
                }
            }
            self.before_last = std::mem::replace(&mut self.last, newest);
        }
        Reception {
            step,
            compared: self.last.revision,
            pending: if self.follows == Follows::All {
                0
            } else {
                self.pending
            },
        }
    }
}
