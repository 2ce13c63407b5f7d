//! Writes of the whole map.

use super::{Recorder, pause};
use crate::history::model::{Contents, Operation, Outcome, Step};
use crate::history::subject::{Committed, Entries, RefreshKind, Refreshed, Subject, ViewKind};

fn all((saw, entries): Entries) -> Step {
    Step::All { saw, entries }
}

/// Puts the contents before and after a commit around its steps, as far as the call returned them.
pub(super) fn with_contents(commit: &Committed, steps: &mut Vec<Step>) {
    steps.splice(0..0, commit.before.map(all));
    steps.extend(commit.after.map(all));
}

impl<S: Subject> Recorder<'_, S> {
    pub(super) fn clear(&mut self) {
        self.call("clear", |map, _, steps| {
            map.clear();
            steps.push(Step::Clear { of: None });
            None
        });
    }

    pub(super) fn retain(&mut self) {
        self.call("retain", |map, generator, steps| {
            generator.retain(steps, &mut |keep| map.retain(keep));
            None
        });
    }

    /// Records the entries that were passed, and a removal of each that was returned.
    pub(super) fn extract_if(&mut self) {
        self.call("extract_if", |map, generator, steps| {
            let rest = generator.rng.u32(..2);
            let (mut saw, mut entries) = (Contents::default(), 0);
            let gone = map.extract_if(&mut |key, value| {
                pause(&mut generator.rng);
                saw[usize::from(key)] = Some(value);
                entries += 1;
                value % 2 == rest
            });
            let kept = saw.map(|value| value.filter(|value| value % 2 != rest));
            steps.push(all((saw, entries)));
            steps.extend(gone.into_iter().map(|(key, value)| Step::Write {
                key,
                value: None,
                old: Some(Some(value)),
            }));
            steps.push(all((kept, kept.iter().flatten().count())));
            None
        });
    }

    pub(super) fn drain(&mut self) {
        self.call("drain", |map, _, steps| {
            let commit = map.drain();
            let of = commit.before.map(|(_, entries)| entries);
            steps.push(Step::Clear { of });
            with_contents(&commit, steps);
            Some(commit.revision)
        });
    }

    pub(super) fn refresh(&mut self) {
        let mut seen = Contents::default();
        self.subject
            .view(ViewKind::Pin, &mut |view| seen = view.all().0);
        let to = self.generator.contents(seen);
        let twice = (0..).zip(to).find_map(|(key, value)| value.map(|_| key));
        match self.generator.rng.u8(..6) {
            0 | 1 => self.refresh_to(RefreshKind::Plain, "refresh", &to),
            2 => self.refresh_to(RefreshKind::Transition, "refresh_transition", &to),
            3 if twice.is_some() => {
                self.refresh_to(RefreshKind::Unique(twice), "refresh_unique", &to);
            }
            3 | 4 => self.refresh_to(RefreshKind::Unique(None), "refresh_unique", &to),
            _ => self.refresh_with(),
        }
    }

    fn refresh_to(&mut self, kind: RefreshKind, call: &'static str, to: &Contents) {
        let to = *to;
        let invoked = self.clock.now();
        let refreshed = self.subject.refresh(kind, &to);
        let returned = self.clock.now();
        let mut operation = Operation::new(self.thread, call, (invoked, returned));
        if let Some(Refreshed { counts, commit }) = refreshed {
            let counts = Some(counts);
            operation.steps.push(Step::Refresh { to, counts });
            with_contents(&commit, &mut operation.steps);
            operation.revision = Some(commit.revision);
        } else {
            operation.outcome = Outcome::Failed;
            let counts = None;
            operation.steps.push(Step::Refresh { to, counts });
        }
        self.log.push(operation);
    }

    /// Records a removal of all other keys, and for each key what the closure read and returned.
    fn refresh_with(&mut self) {
        self.call("refresh_with", |map, generator, steps| {
            let keys = generator.some_keys();
            let mut counts = [0; 2];
            let done = map.refresh_with(&keys, &mut |key, saw| {
                pause(&mut generator.rng);
                steps.push(Step::Get { key, saw });
                let made = generator.rng.bool();
                let value = Some(made.then(|| generator.fresh())?);
                counts[usize::from(saw.is_some())] += 1;
                let old = Some(saw);
                steps.push(Step::Write { key, value, old });
                value
            });
            let [added, changed, removed] = done.counts;
            assert_eq!([added, changed], counts, "counts of a refresh");
            let gone = Some(removed);
            steps.insert(0, Step::Keep { keys, gone });
            Some(done.commit.revision)
        });
    }
}
