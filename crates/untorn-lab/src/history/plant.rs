//! Anomalies planted in good histories: what shows that the checkers see.
//!
//! Each plant makes a contradiction for certain, whatever else is in the history: it goes by values that were written once
//! and by writes that told what they replaced. A planted view stays consistent in itself: all its answers are changed
//! together.

use super::facts::{Facts, Replaced, choose, is_certain, leaves, replaced_by, shows};
use super::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value, len};
use super::revisions::Anomaly;

/// What can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A read of a value that was replaced before the read began.
    StaleRead,
    /// A thread reads the value before one that it has read.
    GoesBack,
    /// A read of a value whose write began after the read.
    FutureRead,
    /// A read of a value of a batch that was aborted, failed or panicked.
    AbortedRead,
    /// A read of a value that its batch replaced.
    IntermediateRead,
    /// A read of a value that nobody wrote.
    Garbage,
    /// A view with one write of a batch and without another.
    TornPair,
    /// Two views: each shows one of two commits and not the other.
    LongFork,
    /// Two commits that replaced the same value.
    LostUpdate,
    /// Two commits that overwrote each other.
    DirtyWrite,
    /// Two commits that knew of each other.
    CircularFlow,
    /// A number of entries that no map with so few keys can have.
    Count,
    /// A batch whose writes were seen is said to have been aborted.
    AbortSeen,
    /// A commit whose writes were seen is missing.
    CommitLost,
    /// Two commits with one revision.
    DoubleRevision,
    /// A revision is left out.
    MissingRevision,
    /// Two commits, one after the other, that touch different keys and that nobody saw apart, the later one numbered first.
    CommitOrder,
    /// A view that is right in itself, one revision older than the oldest that it may show.
    OldView,
    /// A view that is right in itself, of the first revision whose commit began after it.
    FutureView,
    /// A `batch_if_unchanged` that was for another revision than the newest.
    WrongRevision,
}

impl Plant {
    /// Those that need no revision to be seen.
    pub const BLACK_BOX: [Self; 14] = [
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
    ];

    /// Those that are about revisions.
    pub const WITH_REVISIONS: [Self; 6] = [
        Self::DoubleRevision,
        Self::MissingRevision,
        Self::CommitOrder,
        Self::OldView,
        Self::FutureView,
        Self::WrongRevision,
    ];

    /// What the checker of revisions may call it. One change can break several rules; the first that is noticed
    /// gives the name.
    #[must_use]
    pub fn names(self) -> &'static [Anomaly] {
        use Anomaly as A;
        match self {
            // Whatever else the view shows is of another state.
            Self::StaleRead => &[A::Torn, A::StaleRead],
            Self::GoesBack => &[A::Torn, A::StaleRead, A::GoesBack],
            Self::FutureRead => &[A::FutureRead],
            Self::AbortedRead => &[A::AbortedRead],
            Self::IntermediateRead => &[A::IntermediateRead],
            Self::Garbage => &[A::Garbage],
            // As if a single write had not been there yet, which may have been so.
            Self::TornPair | Self::LongFork => &[A::Torn, A::StaleRead, A::FutureRead],
            Self::LostUpdate => &[A::LostUpdate],
            Self::DirtyWrite => &[A::DirtyWrite],
            Self::CircularFlow => &[A::CircularFlow],
            Self::Count => &[A::WrongCount],
            // A batch that was aborted has no revision of its own.
            Self::AbortSeen => &[A::MissingRevision, A::AbortedRead, A::FutureRead],
            Self::CommitLost => &[A::MissingRevision, A::Garbage, A::FutureRead],
            Self::DoubleRevision => &[A::DoubleRevision],
            Self::MissingRevision => &[A::MissingRevision],
            Self::CommitOrder => &[A::CommitOrder, A::GoesBack],
            Self::OldView => &[A::StaleRead, A::GoesBack],
            Self::FutureView => &[A::FutureRead],
            Self::WrongRevision => &[A::WrongRevision],
        }
    }
}

type Edit = Box<dyn FnOnce(&mut Vec<Operation>)>;

/// Plants one anomaly somewhere in a good history; `None` if no place for it is found.
#[must_use]
pub fn plant(
    history: &[Operation],
    plant: Plant,
    rng: &mut fastrand::Rng,
) -> Option<Vec<Operation>> {
    const TRIES: usize = 2_000;
    let facts = Facts::of(history);
    let edit = (0..TRIES).find_map(|_| facts.edit(plant, rng))?;
    let mut planted = history.to_vec();
    edit(&mut planted);
    Some(planted)
}

impl Facts<'_> {
    /// One try.
    fn edit(&self, plant: Plant, rng: &mut fastrand::Rng) -> Option<Edit> {
        let history = self.history;
        match plant {
            Plant::StaleRead => {
                let gone = choose(rng, &self.replaced)?;
                let (read, key) = choose(rng, &self.reads)?;
                let after = history[read].invoked > history[gone.by].returned;
                (after && key == gone.key).then(|| tell(read, &[(key, Some(gone.from))]))
            }
            Plant::GoesBack => {
                let gone = choose(rng, &self.replaced)?;
                let (first, key) = choose(rng, &self.reads)?;
                let (second, again) = choose(rng, &self.reads)?;
                let new = gone.to.filter(|new| self.once.contains(new))?;
                let saw = shows(&history[first], key) == Some(Some(new));
                let in_order = history[first].returned < history[second].invoked
                    && history[first].thread == history[second].thread;
                (saw && in_order && key == gone.key && again == key)
                    .then(|| tell(second, &[(key, Some(gone.from))]))
            }
            Plant::FutureRead => {
                let (write, key, value) = self.kept_write(rng)?;
                let (read, of) = choose(rng, &self.reads)?;
                let before = history[read].returned < history[write].invoked;
                (before && key == of).then(|| tell(read, &[(key, Some(value))]))
            }
            Plant::AbortedRead => {
                let (write, key, value) = choose(rng, &self.writes)?;
                let (read, of) = choose(rng, &self.reads)?;
                let none = history[write].outcome != Outcome::Took;
                (none && key == of).then(|| tell(read, &[(key, Some(value))]))
            }
            Plant::IntermediateRead => {
                let (write, key, value) = choose(rng, &self.writes)?;
                let (read, of) = choose(rng, &self.reads)?;
                let operation = &history[write];
                let replaced = operation.commits()
                    && is_certain(operation)
                    && leaves(operation, key) != Some(value);
                (replaced && key == of).then(|| tell(read, &[(key, Some(value))]))
            }
            Plant::Garbage => {
                let (read, key) = choose(rng, &self.reads)?;
                Some(tell(read, &[(key, Some(Value::MAX))]))
            }
            Plant::TornPair => {
                let gone = choose(rng, &self.replaced)?;
                let (key, new) = self.other_write(gone.by, gone.key, rng)?;
                let (view, _) = choose(rng, &self.reads)?;
                let saw = shows(&history[view], key) == Some(Some(new));
                (saw && history[view].is_view()).then(|| tell(view, &[(gone.key, Some(gone.from))]))
            }
            Plant::LongFork => {
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
                    let (first, second) = (tell(i, &first), tell(j, &second));
                    edit(move |history| {
                        first(history);
                        second(history);
                    })
                })
            }
            Plant::LostUpdate => {
                let gone = choose(rng, &self.replaced)?;
                let next = *self.replaced_value.get(&gone.to?)?;
                (next.by != gone.by).then(|| told_old(next.by, next.step, gone.from))
            }
            Plant::DirtyWrite => {
                let (first, _, value) = self.kept_write(rng)?;
                let second = *self.replaced_value.get(&value)?;
                let (key, new) = self.other_write(second.by, second.key, rng)?;
                let other = replaced_by(&history[first], first).find(|one| one.key == key)?;
                (first != second.by).then(|| told_old(first, other.step, new))
            }
            Plant::CircularFlow => {
                let (first, _, value) = self.kept_write(rng)?;
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
            Plant::Count => {
                let i = rng.usize(..history.len());
                let is_len = |step: &Step| matches!(step, Step::Len { .. });
                let step = history[i].steps.iter().position(is_len)?;
                Some(edit(move |history: &mut Vec<Operation>| {
                    history[i].steps[step] = Step::Len { saw: KEYS + 1 };
                }))
            }
            Plant::AbortSeen | Plant::CommitLost => {
                let (write, key, value) = self.kept_write(rng)?;
                let (read, _) = choose(rng, &self.reads)?;
                let seen = shows(&history[read], key) == Some(Some(value));
                seen.then(|| match plant {
                    Plant::AbortSeen => edit(move |history: &mut Vec<Operation>| {
                        history[write].outcome = Outcome::Aborted;
                    }),
                    _ => edit(move |history: &mut Vec<Operation>| _ = history.remove(write)),
                })
            }
            _ => self.edit_revision(plant, rng),
        }
    }

    /// One try at an anomaly of revisions.
    fn edit_revision(&self, plant: Plant, rng: &mut fastrand::Rng) -> Option<Edit> {
        let (history, count) = (self.history, self.commits.len());
        let place = rng.usize(..count.checked_sub(1)?);
        let (one, two) = (self.commits[place], self.commits[place + 1]);
        let (view, _) = choose(rng, &self.reads)?;
        match plant {
            Plant::DoubleRevision => {
                let revision = history[self.commits[rng.usize(..count)]].revision;
                (history[one].revision != revision).then(|| {
                    edit(move |history: &mut Vec<Operation>| history[one].revision = revision)
                })
            }
            Plant::MissingRevision => {
                let left_out = history[one].revision?;
                Some(edit(move |history| {
                    let told = history.iter_mut().flat_map(|operation| {
                        [&mut operation.revision, &mut operation.only_at]
                            .into_iter()
                            .flatten()
                    });
                    told.filter(|revision| **revision >= left_out)
                        .for_each(|revision| *revision += 1);
                }))
            }
            Plant::CommitOrder => {
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
            Plant::OldView | Plant::FutureView => {
                let operation = &history[view];
                // The oldest that it may show is the newest that had returned.
                let returned = |i: &usize| history[*i].returned < operation.invoked;
                let later = |i: &usize| history[*i].invoked > operation.returned;
                let revision = match plant {
                    Plant::OldView => self.commits.iter().rposition(returned)?,
                    _ => self.commits.iter().position(later)? + 1,
                };
                operation.is_view().then(|| {
                    let state = self.states[revision];
                    edit(move |history: &mut Vec<Operation>| {
                        let view = &mut history[view];
                        view.revision = Some(revision as u64);
                        show(&mut view.steps, &state);
                    })
                })
            }
            Plant::WrongRevision => {
                let i = rng.usize(..history.len());
                let wrong = history[i].only_at?.checked_sub(1)?;
                (history[i].outcome == Outcome::Took).then(|| {
                    edit(move |history: &mut Vec<Operation>| {
                        history[i].only_at = Some(wrong);
                    })
                })
            }
            _ => None,
        }
    }
}

fn edit(edit: impl FnOnce(&mut Vec<Operation>) + 'static) -> Edit {
    Box::new(edit)
}

/// Tells a view or a get that these keys have these values.
fn tell(operation: usize, values: &[(Key, Option<Value>)]) -> Edit {
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
        show(steps, &contents);
    })
}

/// Lets a write tell that it replaced something else.
fn told_old(operation: usize, step: usize, value: Value) -> Edit {
    edit(move |history| {
        if let Step::Write { old, .. } = &mut history[operation].steps[step] {
            *old = Some(Some(value));
        }
    })
}

/// What the reads of a view are told if the map holds this.
fn show(steps: &mut [Step], contents: &Contents) {
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
