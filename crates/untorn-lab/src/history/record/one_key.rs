//! Writes of one key, with conditions, and initializers.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::{Calls, DEPTH, End, ExpectedPanic, Recorder, pause};
use crate::history::detail::Detail;
use crate::history::model::{Key, Operation, Outcome, Step, Value};
use crate::history::subject::{InitializeKind, Subject};

/// Returns the step that a write of one key made.
fn write(key: Key, value: Option<Value>, old: Option<Value>) -> Step {
    let old = Some(old);
    Step::Write { key, value, old }
}

/// Returns the step that a condition made: it read the value.
fn get(key: Key, saw: Option<Value>) -> Step {
    Step::Get { key, saw }
}

impl<S: Subject> Recorder<'_, S> {
    pub(super) fn insert(&mut self, key: Key) {
        self.call("insert", |map, generator, steps| {
            let value = generator.fresh();
            let old = map.insert(key, value);
            steps.push(write(key, Some(value), old));
            None
        });
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.call("remove", |map, _, steps| {
            let old = map.remove(key);
            steps.push(write(key, None, old));
            None
        });
    }

    pub(super) fn update(&mut self, key: Key) {
        self.call("update", |map, generator, steps| {
            let made = !generator.one_in(4);
            let made = made.then(|| generator.fresh());
            let value = map.update(key, &mut |old| {
                pause(&mut generator.rng);
                *steps = vec![write(key, made, old)];
                made
            });
            if value != made {
                steps.push(get(key, value));
            }
            None
        });
    }

    pub(super) fn update_if_present(&mut self, key: Key) {
        self.call("update_if_present", |map, generator, steps| {
            let made = !generator.one_in(4);
            let made = made.then(|| generator.fresh());
            steps.push(get(key, None));
            let mut expected = None;
            let value = map.update_if_present(key, &mut |old| {
                pause(&mut generator.rng);
                *steps = vec![write(key, made, Some(old))];
                expected = made;
                made
            });
            if value != expected {
                steps.push(get(key, value));
            }
            None
        });
    }

    pub(super) fn update_if(&mut self, key: Key) {
        self.call("update_if", |map, generator, steps| {
            let (made, rest) = (generator.fresh(), generator.rng.u32(..2));
            let (mut saw, mut passed) = (None, false);
            let mut replaced = None;
            let value = map.update_if(
                key,
                &mut |old| {
                    pause(&mut generator.rng);
                    saw = Some(old);
                    passed = old % 2 == rest;
                    passed
                },
                &mut |old| {
                    replaced = Some(old);
                    made
                },
            );
            steps.push(get(key, saw));
            if passed {
                steps.push(write(key, Some(made), replaced));
            }
            let expected = passed.then_some(made);
            if value != expected {
                steps.extend([get(key, expected), get(key, value)]);
            }
            None
        });
    }

    pub(super) fn remove_if(&mut self, key: Key) {
        self.call("remove_if", |map, generator, steps| {
            let rest = generator.rng.u32(..2);
            let (mut saw, mut passed) = (None, false);
            let old = map.remove_if(key, &mut |old| {
                pause(&mut generator.rng);
                saw = Some(old);
                passed = old % 2 == rest;
                passed
            });
            steps.push(get(key, saw));
            if passed {
                steps.push(write(key, None, old));
            } else if old.is_some() {
                steps.extend([get(key, None), get(key, old)]);
            }
            None
        });
    }

    /// Initializes a key. In a history with revisions each initializer fails, since the call
    /// returns no revision.
    pub(super) fn initialize(&mut self, key: Key, depth: usize) {
        if self.is_initializing {
            return self.get_instead(key);
        }
        let always_fails = self.calls == Calls::WithRevisions;
        let generator = &mut self.generator;
        let (kind, call) = match generator.rng.u8(..4) {
            0 if !always_fails => (InitializeKind::Plain, "get_or_insert_with"),
            1 if !always_fails => (InitializeKind::ByRef, "get_or_insert_with_by_ref"),
            0 | 2 => (InitializeKind::Try, "try_get_or_insert_with"),
            _ => (InitializeKind::TryByRef, "try_get_or_insert_with_by_ref"),
        };
        let can_fail = matches!(kind, InitializeKind::Try | InitializeKind::TryByRef);
        let end = match generator.rng.u8(..12) {
            0 => End::Panic,
            1..6 if can_fail => End::Fail,
            _ if always_fails => End::Fail,
            _ => End::Commit,
        };
        let value = generator.fresh();
        let (clock, subject) = (self.clock, self.subject);
        let mut ran = None;
        let invoked = clock.now();
        let initialized = catch_unwind(AssertUnwindSafe(|| {
            subject.initialize(kind, key, &mut || {
                let began = clock.now();
                pause(&mut self.generator.rng);
                if depth < DEPTH && self.generator.one_in(3) {
                    self.is_initializing = true;
                    self.operation(depth + 1);
                    self.is_initializing = false;
                }
                ran = Some((began, clock.now()));
                match end {
                    End::Commit => Ok(value),
                    End::Fail => Err(value),
                    End::Panic => resume_unwind(Box::new(ExpectedPanic)),
                }
            })
        }));
        let returned = clock.now();
        let inserted = [write(key, Some(value), None), get(key, Some(value))];
        let (outcome, steps) = match initialized {
            // A value that was computed is not inserted if another writer inserts the key first.
            Ok(Ok(saw)) if ran.is_some() && saw == value => (Outcome::Completed, inserted.into()),
            Ok(Ok(saw)) => (Outcome::Completed, vec![get(key, Some(saw))]),
            Ok(Err(error)) => {
                assert_eq!(error, value, "the error of another initializer");
                (Outcome::Failed, inserted.into())
            }
            Err(panic) if panic.is::<ExpectedPanic>() => (Outcome::Panicked, inserted.into()),
            Err(panic) => resume_unwind(panic),
        };
        self.log.push(Operation {
            steps,
            outcome,
            detail: ran.map(|(began, ended)| Detail::Initializer { key, began, ended }),
            ..Operation::new(self.thread, call, (invoked, returned))
        });
    }

    fn get_instead(&mut self, key: Key) {
        self.call("get", |map, _, steps| {
            steps.push(get(key, map.get(key)));
            None
        });
    }
}
