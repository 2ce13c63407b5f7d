//! Anomalies injected into correct histories, which show that the checkers detect them.
//!
//! Each injection certainly contradicts the rest of the history: it uses values that were written
//! once, and writes that returned what they replaced. An injected view is consistent in itself: all
//! its results are changed together.

use super::known_facts::{
    Facts, Replaced, choose, final_value, is_state_independent, replaced_by, value_read,
};
use super::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value, len};
use super::revisions::Anomaly;

/// The anomalies that can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// A read of a value that was replaced before the read began.
    StaleRead,
    /// A thread reads a value older than one that it has read before.
    GoesBack,
    /// A read of a value whose write began after the read.
    FutureRead,
    /// A read of a value of a batch that was aborted, failed or panicked.
    AbortedRead,
    /// A read of a value that its own batch replaced.
    IntermediateRead,
    /// A read of a value that was never written.
    Garbage,
    /// A view with one write of a batch and without another.
    TornPair,
    /// Two views: each contains one of two commits and not the other.
    LongFork,
    /// Two commits that replaced the same value.
    LostUpdate,
    /// Two commits that overwrote each other.
    DirtyWrite,
    /// Two commits that read from each other.
    CircularFlow,
    /// A number of entries that exceeds the number of keys.
    Count,
    /// A batch whose writes were read is recorded as aborted.
    AbortSeen,
    /// A commit whose writes were read is missing.
    CommitLost,
    /// Two commits with one revision.
    DoubleRevision,
    /// A missing revision.
    MissingRevision,
    /// Two commits in sequence with different keys, whose order no read observed; the later one has
    /// the smaller revision.
    CommitOrder,
    /// A view that is correct in itself, one revision older than the oldest permitted one.
    OldView,
    /// A view that is correct in itself, of the first revision whose commit began after it.
    FutureView,
    /// A `batch_if_unchanged` that expected another revision than the newest.
    WrongRevision,
    /// A wait that returned a view for which the condition is false.
    UnmetCondition,
    /// A `batch_if_keys_unchanged` that was refused although no key had changed.
    RefusedUnchanged,
    /// A step of a subscription is missing.
    LostChange,
    /// A step of a subscription with another value than that of its revision.
    WrongTransition,
    /// A step of a subscription that is correct in itself and starts one revision too early.
    EarlyStep,
    /// A step of a subscription that counts one missed revision too many.
    WrongMissed,
    /// Two initializers of a key that ran at a time.
    TwoInitializers,
}

impl Injection {
    /// The anomalies that are detectable without revisions.
    pub const BLACK_BOX: [Self; 16] = [
        Self::StaleRead,
        Self::GoesBack,
        Self::FutureRead,
        Self::AbortedRead,
        Self::IntermediateRead,
        Self::Garbage,
        Self::TornPair,
        Self::LongFork,
        Self::LostUpdate,
        Self::DirtyWrite,
        Self::CircularFlow,
        Self::Count,
        Self::AbortSeen,
        Self::CommitLost,
        Self::UnmetCondition,
        Self::RefusedUnchanged,
    ];

    /// The anomalies of revisions, of subscriptions and of initializers.
    pub const WITH_REVISIONS: [Self; 11] = [
        Self::DoubleRevision,
        Self::MissingRevision,
        Self::CommitOrder,
        Self::OldView,
        Self::FutureView,
        Self::WrongRevision,
        Self::LostChange,
        Self::WrongTransition,
        Self::EarlyStep,
        Self::WrongMissed,
        Self::TwoInitializers,
    ];

    /// Returns the names that the checker of revisions may report. One change can violate several
    /// rules; the first one detected determines the name.
    #[must_use]
    pub fn names(self) -> &'static [Anomaly] {
        use Anomaly as A;
        match self {
            // Everything else that the view contains is of another state.
            Self::StaleRead => &[A::Torn, A::StaleRead],
            Self::GoesBack => &[A::Torn, A::StaleRead, A::GoesBack],
            Self::FutureRead => &[A::FutureRead],
            Self::AbortedRead => &[A::AbortedRead],
            Self::IntermediateRead => &[A::IntermediateRead],
            Self::Garbage => &[A::Garbage],
            // As if one write were not there yet, which may have been so.
            Self::TornPair | Self::LongFork => &[A::Torn, A::StaleRead, A::FutureRead],
            Self::LostUpdate => &[A::LostUpdate],
            Self::DirtyWrite => &[A::DirtyWrite],
            Self::CircularFlow => &[A::CircularFlow],
            Self::Count => &[A::WrongCount],
            // An aborted batch has no revision of its own.
            Self::AbortSeen => &[A::MissingRevision, A::AbortedRead, A::FutureRead],
            Self::CommitLost => &[A::MissingRevision, A::Garbage, A::FutureRead],
            Self::DoubleRevision => &[A::DoubleRevision],
            Self::MissingRevision => &[A::MissingRevision],
            Self::CommitOrder => &[A::CommitOrder, A::GoesBack],
            Self::OldView => &[A::StaleRead, A::GoesBack],
            Self::FutureView => &[A::FutureRead],
            Self::WrongRevision | Self::RefusedUnchanged => &[A::WrongRevision],
            Self::UnmetCondition => &[A::Torn],
            Self::LostChange | Self::EarlyStep => &[A::LostChange],
            Self::WrongTransition => &[A::WrongTransition],
            Self::WrongMissed => &[A::WrongMissed],
            Self::TwoInitializers => &[A::TwoInitializers],
        }
    }
}

pub(super) type Edit = Box<dyn FnOnce(&mut Vec<Operation>)>;

/// Injects one anomaly at a random place of a correct history; `None` if no suitable place is
/// found.
#[must_use]
pub fn inject(
    history: &[Operation],
    injection: Injection,
    rng: &mut fastrand::Rng,
) -> Option<Vec<Operation>> {
    const TRIES: usize = 2_000;
    let facts = Facts::of(history);
    let edit = (0..TRIES).find_map(|_| facts.edit(injection, rng))?;
    let mut injected = history.to_vec();
    edit(&mut injected);
    Some(injected)
}

impl Facts<'_> {
    /// Makes one attempt.
    fn edit(&self, injection: Injection, rng: &mut fastrand::Rng) -> Option<Edit> {
        let history = self.history;
        match injection {
            Injection::StaleRead => {
                let gone = choose(rng, &self.replaced)?;
                let (read, key) = choose(rng, &self.reads)?;
                let after = history[read].invoked > history[gone.by].returned;
                (after && key == gone.key).then(|| set_reads(read, &[(key, Some(gone.from))]))
            }
            Injection::GoesBack => {
                let gone = choose(rng, &self.replaced)?;
                let (first, key) = choose(rng, &self.reads)?;
                let (second, again) = choose(rng, &self.reads)?;
                let new = gone.to.filter(|new| self.once.contains(new))?;
                let saw = value_read(&history[first], key) == Some(Some(new));
                let in_order = history[first].returned < history[second].invoked
                    && history[first].thread == history[second].thread;
                (saw && in_order && key == gone.key && again == key)
                    .then(|| set_reads(second, &[(key, Some(gone.from))]))
            }
            Injection::FutureRead => {
                let (write, key, value) = self.surviving_write(rng)?;
                let (read, of) = choose(rng, &self.reads)?;
                let before = history[read].returned < history[write].invoked;
                (before && key == of).then(|| set_reads(read, &[(key, Some(value))]))
            }
            Injection::AbortedRead => {
                let (write, key, value) = choose(rng, &self.writes)?;
                let (read, of) = choose(rng, &self.reads)?;
                // A write to a fork may have been restored.
                let none = history[write].outcome != Outcome::Completed;
                (none && key == of && self.once.contains(&value))
                    .then(|| set_reads(read, &[(key, Some(value))]))
            }
            Injection::IntermediateRead => {
                let (write, key, value) = choose(rng, &self.writes)?;
                let (read, of) = choose(rng, &self.reads)?;
                let operation = &history[write];
                let replaced = operation.commits()
                    && is_state_independent(operation)
                    && final_value(operation, key) != Some(value);
                (replaced && key == of).then(|| set_reads(read, &[(key, Some(value))]))
            }
            Injection::Garbage => {
                let (read, key) = choose(rng, &self.reads)?;
                Some(set_reads(read, &[(key, Some(Value::MAX))]))
            }
            Injection::TornPair => {
                let gone = choose(rng, &self.replaced)?;
                let (key, new) = self.other_write(gone.by, gone.key, rng)?;
                let (view, _) = choose(rng, &self.reads)?;
                let saw = value_read(&history[view], key) == Some(Some(new));
                (saw && history[view].is_view())
                    .then(|| set_reads(view, &[(gone.key, Some(gone.from))]))
            }
            Injection::LongFork => {
                let (one, two) = (choose(rng, &self.replaced)?, choose(rng, &self.replaced)?);
                let (i, _) = choose(rng, &self.reads)?;
                let (j, _) = choose(rng, &self.reads)?;
                let new = |one: Replaced| one.to.filter(|new| self.once.contains(new));
                let (new_one, new_two) = (new(one)?, new(two)?);
                let fits = one.key != two.key && one.by != two.by && i != j;
                let views = history[i].is_view() && history[j].is_view();
                (fits && views).then(|| {
                    let first = [(one.key, Some(new_one)), (two.key, Some(two.from))];
                    let second = [(one.key, Some(one.from)), (two.key, Some(new_two))];
                    let (first, second) = (set_reads(i, &first), set_reads(j, &second));
                    edit(move |history| {
                        first(history);
                        second(history);
                    })
                })
            }
            Injection::LostUpdate => {
                let gone = choose(rng, &self.replaced)?;
                let next = *self.replaced_value.get(&gone.to?)?;
                (next.by != gone.by).then(|| set_old(next.by, next.step, gone.from))
            }
            Injection::DirtyWrite => {
                let (first, _, value) = self.surviving_write(rng)?;
                let second = *self.replaced_value.get(&value)?;
                let (key, new) = self.other_write(second.by, second.key, rng)?;
                let other = replaced_by(&history[first], first).find(|one| one.key == key)?;
                (first != second.by).then(|| set_old(first, other.step, new))
            }
            Injection::CircularFlow => {
                let (first, _, value) = self.surviving_write(rng)?;
                let second = *self.replaced_value.get(&value)?;
                let (key, new) = self.other_write(second.by, Key::MAX, rng)?;
                let steps = history[first].steps.iter();
                let mut steps = steps.take_while(|step| step.is_read());
                let is_get = |step: &Step| matches!(step, Step::Get { key: of, .. } if *of == key);
                let step = steps.position(is_get)?;
                (first != second.by).then(|| {
                    edit(move |history: &mut Vec<Operation>| {
                        let saw = Some(new);
                        history[first].steps[step] = Step::Get { key, saw };
                    })
                })
            }
            Injection::Count => {
                let i = rng.usize(..history.len());
                let is_len = |step: &Step| matches!(step, Step::Len { .. });
                let step = history[i].steps.iter().position(is_len)?;
                Some(edit(move |history: &mut Vec<Operation>| {
                    history[i].steps[step] = Step::Len { saw: KEYS + 1 };
                }))
            }
            Injection::AbortSeen | Injection::CommitLost => {
                let (write, key, value) = self.surviving_write(rng)?;
                let (read, _) = choose(rng, &self.reads)?;
                let seen = value_read(&history[read], key) == Some(Some(value));
                seen.then(|| match injection {
                    Injection::AbortSeen => edit(move |history: &mut Vec<Operation>| {
                        history[write].outcome = Outcome::Aborted;
                    }),
                    _ => edit(move |history: &mut Vec<Operation>| _ = history.remove(write)),
                })
            }
            Injection::UnmetCondition | Injection::RefusedUnchanged => {
                self.edit_call(injection, rng)
            }
            Injection::TwoInitializers => self.edit_initializers(rng),
            Injection::LostChange
            | Injection::WrongTransition
            | Injection::EarlyStep
            | Injection::WrongMissed => self.edit_reception(injection, rng),
            _ => self.edit_revision(injection, rng),
        }
    }

    /// Makes one attempt at an anomaly of revisions.
    fn edit_revision(&self, injection: Injection, rng: &mut fastrand::Rng) -> Option<Edit> {
        let (history, count) = (self.history, self.commits.len());
        let place = rng.usize(..count.checked_sub(1)?);
        let (one, two) = (self.commits[place], self.commits[place + 1]);
        let (view, _) = choose(rng, &self.reads)?;
        match injection {
            Injection::DoubleRevision => {
                let revision = history[self.commits[rng.usize(..count)]].revision;
                (history[one].revision != revision).then(|| {
                    edit(move |history: &mut Vec<Operation>| history[one].revision = revision)
                })
            }
            Injection::MissingRevision => {
                let left_out = history[one].revision?;
                Some(edit(move |history| {
                    let revisions = history.iter_mut().flat_map(|operation| {
                        [&mut operation.revision, &mut operation.only_at]
                            .into_iter()
                            .flatten()
                    });
                    revisions
                        .filter(|revision| **revision >= left_out)
                        .for_each(|revision| *revision += 1);
                }))
            }
            Injection::CommitOrder => {
                let (first, second) = (history[one].revision, history[two].revision);
                let in_order = history[one].returned < history[two].invoked;
                let writes = |i: usize| &history[i].steps[..];
                let apart = match (writes(one), writes(two)) {
                    ([Step::Write { key: one, .. }], [Step::Write { key: two, .. }]) => one != two,
                    _ => false,
                };
                let tells = |operation: &&Operation| operation.revision == first;
                let seen = history.iter().filter(tells).count() > 1;
                (in_order && apart && !seen).then(|| {
                    edit(move |history: &mut Vec<Operation>| {
                        history[one].revision = second;
                        history[two].revision = first;
                    })
                })
            }
            Injection::OldView | Injection::FutureView => {
                let operation = &history[view];
                // The oldest permitted revision is the newest one whose commit had returned.
                let returned = |i: &usize| history[*i].returned < operation.invoked;
                let later = |i: &usize| history[*i].invoked > operation.returned;
                let revision = match injection {
                    Injection::OldView => self.commits.iter().rposition(returned)?,
                    _ => self.commits.iter().position(later)? + 1,
                };
                operation.is_view().then(|| {
                    let state = self.states[revision];
                    edit(move |history: &mut Vec<Operation>| {
                        let view = &mut history[view];
                        view.revision = Some(revision as u64);
                        set_results(&mut view.steps, &state);
                    })
                })
            }
            Injection::WrongRevision => {
                let i = rng.usize(..history.len());
                let wrong = history[i].only_at?.checked_sub(1)?;
                (history[i].outcome == Outcome::Completed).then(|| {
                    edit(move |history: &mut Vec<Operation>| {
                        history[i].only_at = Some(wrong);
                    })
                })
            }
            _ => None,
        }
    }
}

pub(super) fn edit(edit: impl FnOnce(&mut Vec<Operation>) + 'static) -> Edit {
    Box::new(edit)
}

/// Sets the values that a view or a get read.
fn set_reads(operation: usize, values: &[(Key, Option<Value>)]) -> Edit {
    let values = values.to_vec();
    edit(move |history| {
        let steps = &mut history[operation].steps;
        let mut contents = Contents::default();
        for step in &*steps {
            match step {
                Step::All { saw, .. } => contents = *saw,
                Step::Get { key, saw } => contents[usize::from(*key)] = *saw,
                _ => {}
            }
        }
        for &(key, value) in &values {
            contents[usize::from(key)] = value;
        }
        set_results(steps, &contents);
    })
}

/// Sets the old value that a write returned.
fn set_old(operation: usize, step: usize, value: Value) -> Edit {
    edit(move |history| {
        if let Step::Write { old, .. } = &mut history[operation].steps[step] {
            *old = Some(Some(value));
        }
    })
}

/// Sets the results of a view's reads to those of the given contents.
fn set_results(steps: &mut [Step], contents: &Contents) {
    for step in steps {
        match step {
            Step::Get { key, saw } => *saw = contents[usize::from(*key)],
            Step::Contains { key, saw } => *saw = contents[usize::from(*key)].is_some(),
            Step::Len { saw } => *saw = len(contents),
            Step::All { saw, entries } => (*saw, *entries) = (*contents, len(contents)),
            _ => {}
        }
    }
}
