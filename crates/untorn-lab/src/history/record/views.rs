//! Views, and what is written from them; waits for a condition.

use super::{DEPTH, Recorder, pause};
use crate::history::model::{Contents, Key, Operation, Outcome, Step};
use crate::history::subject::{Entries, Subject, ViewKind, ViewOps, WriteKind};

impl<S: Subject> Recorder<'_, S> {
    /// Takes a view and reads through it; other operations may run in between. At the end it may
    /// write what depends on the view.
    pub(super) fn view(&mut self, depth: usize, writes: bool) {
        let kind = match self.generator.rng.u8(..3) {
            0 => Some(ViewKind::Pin),
            1 => Some(ViewKind::Snapshot),
            _ if self.reader.is_some() => None,
            _ => Some(ViewKind::Pin),
        };
        let call = match kind {
            Some(ViewKind::Pin) => "pin",
            Some(ViewKind::Snapshot) => "snapshot",
            None => "latest",
        };
        let (clock, subject) = (self.clock, self.subject);
        let (mut returned, mut revision) = (0, 0);
        let mut steps = Vec::new();
        let mut reader = if kind.is_none() {
            self.reader.take()
        } else {
            None
        };
        let invoked = clock.now();
        let mut body = |view: &dyn ViewOps| {
            returned = clock.now();
            revision = view.revision();
            self.generator.sweep(view, &mut steps);
            if depth < DEPTH && self.generator.one_in(6) {
                self.operation(depth + 1);
            }
            if self.generator.one_in(12) {
                self.fork(view, (invoked, returned), false);
            }
            for _ in 0..self.generator.rng.u8(..4) {
                steps.push(self.generator.read(view));
                pause(&mut self.generator.rng);
            }
            let (all, entries) = view.all();
            steps.push(Step::All { saw: all, entries });
            if writes {
                pause(&mut self.generator.rng);
                self.write_from(view, &all, (invoked, returned));
            }
        };
        match (kind, &mut reader) {
            (Some(kind), _) => subject.view(kind, &mut body),
            (None, Some(reader)) => subject.latest(reader, &mut body),
            (None, None) => unreachable!("without a view kind there is a reader"),
        }
        let until = clock.now();
        self.reader = reader.or(self.reader.take());
        self.log.push(Operation {
            until,
            steps,
            revision: Some(revision),
            ..Operation::new(self.thread, call, (invoked, returned))
        });
    }

    /// Makes a write that depends on a view with these contents.
    fn write_from(&mut self, view: &dyn ViewOps, all: &Contents, moments: (u64, u64)) {
        match self.generator.rng.u8(..8) {
            0..3 => self.batch(WriteKind::IfUnchanged(view), Some(*all)),
            3..6 => {
                let chosen = self.generator.some_keys();
                let keys = (0..self.generator.keys as Key).filter(|key| chosen[usize::from(*key)]);
                let keys: Vec<Key> = keys.collect();
                self.batch(WriteKind::IfKeysUnchanged(view, &keys), Some(*all));
            }
            6 => {
                let to = *all;
                self.call("restore", |map, _, steps| {
                    let restored = map.restore(view);
                    let counts = Some(restored.counts);
                    steps.push(Step::Refresh { to, counts });
                    Some(restored.commit.revision)
                });
            }
            _ => self.fork(view, moments, true),
        }
    }

    /// Forks a view that was taken between two moments, and writes to the fork; restores the fork
    /// if `restores` is set.
    ///
    /// For the map the batch of the fork is as one that was aborted: it reads the state of the
    /// view, and has no effect.
    fn fork(&mut self, view: &dyn ViewOps, moments: (u64, u64), restores: bool) {
        let (mut to, _) = view.all();
        let (clock, generator) = (self.clock, &mut self.generator);
        let mut steps = Vec::new();
        let invoked = clock.now();
        let restored = self.subject.fork(
            view,
            &mut |fork| {
                for _ in 0..generator.rng.u8(..4) {
                    generator.step(fork, &mut steps);
                }
                generator.sweep_batch(fork, &mut steps);
            },
            restores,
        );
        let returned = clock.now();
        steps.iter().for_each(|step| step.apply(&mut to));
        self.log.push(Operation {
            until: returned,
            steps,
            outcome: Outcome::Aborted,
            revision: Some(view.revision()),
            ..Operation::new(self.thread, "fork", moments)
        });
        if let Some(restored) = restored {
            let counts = Some(restored.counts);
            self.log.push(Operation {
                steps: vec![Step::Refresh { to, counts }],
                revision: Some(restored.commit.revision),
                ..Operation::new(self.thread, "restore", (invoked, returned))
            });
        }
    }

    /// Waits until a key is present, or absent. The first step is the condition; if the time is
    /// over, the state is the last one for which the condition was called.
    pub(super) fn wait_until(&mut self, key: Key) {
        let present = self.generator.rng.bool();
        let timeout = self.generator.timeout();
        let rng = &mut self.generator.rng;
        let mut checked: Option<(Entries, u64)> = None;
        let mut returned_view = None;
        let invoked = self.clock.now();
        let satisfied = self.subject.wait_until(
            &mut |view| {
                pause(rng);
                checked = Some((view.all(), view.revision()));
                view.contains_key(key) == present
            },
            timeout,
            &mut |view| returned_view = Some((view.all(), view.revision())),
        );
        let returned = self.clock.now();
        let state = if satisfied { returned_view } else { checked };
        let ((saw, entries), revision) = state.expect("the condition was called");
        let condition = Step::Contains {
            key,
            saw: present == satisfied,
        };
        self.log.push(Operation {
            steps: vec![condition, Step::All { saw, entries }],
            outcome: if satisfied {
                Outcome::Completed
            } else {
                Outcome::Failed
            },
            revision: Some(revision),
            ..Operation::new(self.thread, "wait_until", (invoked, returned))
        });
    }
}
