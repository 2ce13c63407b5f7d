//! Batches.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::whole::with_contents;
use super::{End, ExpectedPanic, Recorder, pause};
use crate::history::model::{Contents, KEYS, Operation, Outcome, Step};
use crate::history::subject::{BatchEnd, CommitKind, Subject, WriteKind, WriteResult};

impl<S: Subject> Recorder<'_, S> {
    /// Makes a batch with a random end; `seen` is the contents of the view that the batch expects.
    pub(super) fn batch(&mut self, kind: WriteKind<'_>, seen: Option<Contents>) {
        let (call, refused, only_at) = match kind {
            WriteKind::Batch => ("batch", None, None),
            WriteKind::Begin(CommitKind::Plain) => ("begin_batch", Some(Outcome::Aborted), None),
            WriteKind::Begin(CommitKind::Snapshot) => {
                ("commit_snapshot", Some(Outcome::Aborted), None)
            }
            WriteKind::Begin(CommitKind::Transition) => {
                ("commit_transition", Some(Outcome::Aborted), None)
            }
            WriteKind::Try => ("try_batch", Some(Outcome::Failed), None),
            WriteKind::IfUnchanged(view) => ("batch_if_unchanged", None, Some(view.revision())),
            WriteKind::IfKeysUnchanged(..) => ("batch_if_keys_unchanged", None, None),
        };
        let end = match self.generator.rng.u8(..12) {
            0..6 if refused.is_some() => End::Fail,
            6 => End::Panic,
            _ => End::Commit,
        };
        let (clock, subject, generator) = (self.clock, self.subject, &mut self.generator);
        let mut steps = Vec::new();
        let invoked = clock.now();
        let written = catch_unwind(AssertUnwindSafe(|| {
            subject.write(kind, &mut |batch| {
                steps = seen.map_or(Vec::new(), |seen| expected(kind, &seen, batch.len()));
                for _ in 0..generator.rng.u8(1..6) {
                    generator.step(batch, &mut steps);
                    pause(&mut generator.rng);
                }
                match end {
                    End::Panic => resume_unwind(Box::new(ExpectedPanic)),
                    End::Fail => BatchEnd::Fail,
                    End::Commit => BatchEnd::Commit,
                }
            })
        }));
        let returned = clock.now();
        let (outcome, revision) = match written {
            Ok(WriteResult::Committed(commit)) => {
                with_contents(&commit, &mut steps);
                (Outcome::Completed, Some(commit.revision))
            }
            Ok(WriteResult::Failed) => (refused.expect("this kind of batch can fail"), None),
            Ok(WriteResult::Moved(newest)) => {
                steps.extend(difference(kind, seen));
                (Outcome::Moved, Some(newest))
            }
            Err(panic) if panic.is::<ExpectedPanic>() => (Outcome::Panicked, None),
            Err(panic) => resume_unwind(panic),
        };
        self.log.push(Operation {
            steps,
            outcome,
            revision,
            only_at,
            ..Operation::new(self.thread, call, (invoked, returned))
        });
    }
}

/// Returns the state that a conditional batch found: that of its view, or that of its keys.
fn expected(kind: WriteKind<'_>, seen: &Contents, len: usize) -> Vec<Step> {
    match kind {
        WriteKind::IfKeysUnchanged(_, keys) => {
            let gets = keys.iter().map(|&key| Step::Get {
                key,
                saw: seen[usize::from(key)],
            });
            gets.collect()
        }
        _ => vec![Step::All {
            saw: *seen,
            entries: len,
        }],
    }
}

/// Returns the state that a refused batch found, if its keys were compared.
fn difference(kind: WriteKind<'_>, seen: Option<Contents>) -> Option<Step> {
    let (WriteKind::IfKeysUnchanged(_, keys), Some(seen)) = (kind, seen) else {
        return None;
    };
    let mut from = [None; KEYS];
    for key in keys.iter().copied().map(usize::from) {
        from[key] = Some(seen[key]);
    }
    Some(Step::Differ { from })
}
