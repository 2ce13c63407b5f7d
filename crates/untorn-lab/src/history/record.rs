//! Recording: threads that run random operations on one map and record the results.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value};
use super::subject::{
    BatchEnd, BatchOps, Keep, Subject, ViewKind, ViewOps, WriteKind, WriteResult,
};

/// The methods to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All methods.
    Every,
    /// All reads, and the writes that return their revision.
    WithRevisions,
}

/// The parameters of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The number of threads.
    pub threads: usize,
    /// The number of operations of each thread, without those inside views.
    pub operations: usize,
    /// The number of keys, [`KEYS`] at most.
    pub keys: usize,
    /// The methods to call.
    pub calls: Calls,
    /// The seed of all random choices. The interleaving depends on the machine.
    pub seed: u64,
}

/// Moments, in a total order over all threads.
///
/// A counter instead of the time: moments are distinct, and each increment synchronizes with the
/// previous one. Therefore the order in the history is *happens-before* in the sense of the memory
/// model, on any machine, and a reported violation is real even if clocks differ. The cost is one
/// locked instruction before and after each call.
struct Clock(AtomicU64);

impl Clock {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Records a history, ordered by invocation.
///
/// # Panics
/// Panics if the subject panics for another reason than a closure that panics on purpose.
pub fn record<S: Subject>(subject: &S, plan: &Plan) -> Vec<Operation> {
    let (clock, start) = (Clock(AtomicU64::new(0)), Barrier::new(plan.threads));
    let mut history: Vec<Operation> = thread::scope(|scope| {
        let run = |thread| {
            let (clock, start) = (&clock, &start);
            scope.spawn(move || {
                let mut recorder = Recorder::new(subject, clock, plan, thread);
                start.wait();
                for _ in 0..plan.operations {
                    recorder.operation(0);
                    pause(&mut recorder.generator.rng);
                }
                recorder.log
            })
        };
        let threads: Vec<_> = (0..plan.threads).map(run).collect();
        let logs = threads.into_iter().map(|thread| thread.join());
        logs.flat_map(|log| log.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    history.sort_by_key(|operation| operation.invoked);
    history
}

/// The payload of a panic on purpose.
struct ExpectedPanic;

/// Yields or spins at random, to vary the interleaving.
fn pause(rng: &mut fastrand::Rng) {
    match rng.u8(..8) {
        0..3 => thread::yield_now(),
        3 => {
            for _ in 0..rng.u32(..500) {
                std::hint::spin_loop();
            }
        }
        _ => {}
    }
}

/// The random choices of one thread.
struct Generator {
    rng: fastrand::Rng,
    keys: usize,
    next: Value,
    threads: Value,
}

impl Generator {
    fn key(&mut self) -> Key {
        self.rng.usize(..self.keys) as Key
    }

    /// Returns a value that was never written before.
    fn fresh(&mut self) -> Value {
        self.next += self.threads;
        self.next
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    /// Makes one read through a view.
    fn read(&mut self, view: &dyn ViewOps) -> Step {
        let key = self.key();
        match self.rng.u8(..10) {
            0 => Step::Contains {
                key,
                saw: view.contains_key(key),
            },
            1 => Step::Len { saw: view.len() },
            2 => {
                let (saw, entries) = view.all();
                Step::All { saw, entries }
            }
            _ => Step::Get {
                key,
                saw: view.get(key),
            },
        }
    }

    /// Reads every key, starting at a random one.
    fn sweep(&mut self, view: &dyn ViewOps, steps: &mut Vec<Step>) {
        let first = self.key() as usize;
        for i in 0..self.keys {
            let key = ((first + i) % self.keys) as Key;
            steps.push(Step::Get {
                key,
                saw: view.get(key),
            });
            pause(&mut self.rng);
        }
    }

    /// Makes one step of a batch.
    fn step(&mut self, batch: &mut dyn BatchOps, steps: &mut Vec<Step>) {
        let key = self.key();
        steps.push(match self.rng.u8(..16) {
            0..3 => Step::Get {
                key,
                saw: batch.get(key),
            },
            3 => Step::Contains {
                key,
                saw: batch.contains_key(key),
            },
            4 => Step::Len { saw: batch.len() },
            5 => {
                let of = Some(batch.len());
                batch.clear();
                Step::Clear { of }
            }
            6 => return self.retain(steps, &mut |keep| batch.retain(keep)),
            7 | 8 => Step::Write {
                key,
                value: None,
                old: Some(batch.remove(key)),
            },
            _ => {
                let value = self.fresh();
                Step::Write {
                    key,
                    value: Some(value),
                    old: Some(batch.insert(key, value)),
                }
            }
        });
    }

    /// Calls `retain` of a map or of a batch; records the entries that it passed and the number
    /// removed.
    fn retain(&mut self, steps: &mut Vec<Step>, retain: &mut dyn FnMut(&mut Keep<'_>)) {
        let rest = self.rng.u32(..2);
        let (mut saw, mut entries, mut gone) = (Contents::default(), 0, 0);
        retain(&mut |key, value| {
            pause(&mut self.rng);
            let keep = value % 2 == rest;
            saw[usize::from(key)] = Some(value);
            entries += 1;
            gone += usize::from(!keep);
            keep
        });
        let gone = Some(gone);
        steps.extend([Step::All { saw, entries }, Step::Retain { rest, gone }]);
    }

    /// Returns contents for a refresh: the current ones with some keys removed or changed.
    fn contents(&mut self, mut contents: Contents) -> Contents {
        for value in &mut contents[..self.keys] {
            match self.rng.u8(..4) {
                0 => *value = None,
                1 => {}
                _ => *value = Some(self.fresh()),
            }
        }
        contents
    }
}

/// The end of a batch's closure.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Commit,
    Fail,
    Panic,
}

/// One thread.
struct Recorder<'r, S: Subject> {
    subject: &'r S,
    clock: &'r Clock,
    calls: Calls,
    thread: usize,
    generator: Generator,
    /// `None` while its view is in use.
    reader: Option<S::Reader>,
    log: Vec<Operation>,
}

impl<'r, S: Subject> Recorder<'r, S> {
    fn new(subject: &'r S, clock: &'r Clock, plan: &Plan, thread: usize) -> Self {
        assert!((1..=KEYS).contains(&plan.keys), "too many keys, or none");
        Self {
            subject,
            clock,
            calls: plan.calls,
            thread,
            generator: Generator {
                rng: fastrand::Rng::with_seed(plan.seed.wrapping_mul(31) ^ thread as u64),
                keys: plan.keys,
                next: thread as Value,
                threads: plan.threads as Value,
            },
            reader: Some(subject.reader()),
            log: Vec::new(),
        }
    }

    /// Makes a call between two moments. `body` records its steps and returns the revision, if the
    /// call returns one.
    fn call(
        &mut self,
        call: &'static str,
        body: impl FnOnce(&S, &mut Generator, &mut Vec<Step>) -> Option<u64>,
    ) {
        let mut steps = Vec::new();
        let invoked = self.clock.now();
        let revision = body(self.subject, &mut self.generator, &mut steps);
        let returned = self.clock.now();
        self.log.push(Operation {
            thread: self.thread,
            call,
            invoked,
            returned,
            until: returned,
            steps,
            outcome: Outcome::Completed,
            revision,
            only_at: None,
        });
    }

    /// Makes one operation, possibly with others inside; `depth` is the number of views held.
    fn operation(&mut self, depth: usize) {
        let key = self.generator.key();
        let kinds = match self.calls {
            Calls::Every => 28,
            Calls::WithRevisions => 20,
        };
        match self.generator.rng.u8(..kinds) {
            0 | 1 => self.call("get", |map, _, steps| {
                let saw = map.get(key);
                steps.push(Step::Get { key, saw });
                None
            }),
            2 => self.call("contains_key", |map, _, steps| {
                let saw = map.contains_key(key);
                steps.push(Step::Contains { key, saw });
                None
            }),
            3 => self.call("len", |map, _, steps| {
                steps.push(Step::Len { saw: map.len() });
                None
            }),
            4 => self.call("revision", |map, _, _| Some(map.revision())),
            5..10 => self.view(depth, false),
            // `update` returns no revision; a batch by its guard does.
            10..12 if matches!(self.calls, Calls::WithRevisions) => {
                self.batch(WriteKind::Begin, None);
            }
            10..12 => self.update(key),
            12 | 13 => self.refresh(),
            14 | 15 => self.batch(WriteKind::Batch, None),
            16 => self.batch(WriteKind::Begin, None),
            17 => self.batch(WriteKind::Try, None),
            18 | 19 => self.view(depth, true),
            20..23 => self.call("insert", |map, generator, steps| {
                let value = generator.fresh();
                let old = Some(map.insert(key, value));
                let value = Some(value);
                steps.push(Step::Write { key, value, old });
                None
            }),
            23 | 24 => self.call("remove", |map, _, steps| {
                let old = Some(map.remove(key));
                let value = None;
                steps.push(Step::Write { key, value, old });
                None
            }),
            25 => self.get_or_insert_with(key),
            26 => self.call("clear", |map, _, steps| {
                map.clear();
                steps.push(Step::Clear { of: None });
                None
            }),
            _ => self.call("retain", |map, generator, steps| {
                generator.retain(steps, &mut |keep| map.retain(keep));
                None
            }),
        }
    }

    fn update(&mut self, key: Key) {
        self.call("update", |map, generator, steps| {
            let made = !generator.one_in(4);
            let made = made.then(|| generator.fresh());
            let value = map.update(key, &mut |old| {
                pause(&mut generator.rng);
                let value = made;
                let old = Some(old);
                *steps = vec![Step::Write { key, value, old }];
                made
            });
            if value != made {
                steps.push(Step::Get { key, saw: value });
            }
            None
        });
    }

    fn get_or_insert_with(&mut self, key: Key) {
        self.call("get_or_insert_with", |map, generator, steps| {
            let mut made = None;
            let saw = map.get_or_insert_with(key, &mut || {
                pause(&mut generator.rng);
                *made.insert(generator.fresh())
            });
            let saw = Some(saw);
            // A value that was computed is not written if another writer inserts the key first.
            if made == saw {
                let (value, old) = (made, Some(None));
                steps.push(Step::Write { key, value, old });
            }
            steps.push(Step::Get { key, saw });
            None
        });
    }

    fn refresh(&mut self) {
        let mut seen = Contents::default();
        self.subject
            .view(ViewKind::Pin, &mut |view| seen = view.all().0);
        let to = self.generator.contents(seen);
        self.call("refresh", |map, _, steps| {
            let (counts, revision) = map.refresh(&to);
            let counts = Some(counts);
            steps.push(Step::Refresh { to, counts });
            Some(revision)
        });
    }

    /// Takes a view and reads through it; other operations may run in between. At the end it may
    /// write, on condition that the map is unchanged since the view was taken.
    fn view(&mut self, depth: usize, writes: bool) {
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
            if depth < 2 && self.generator.one_in(6) {
                self.operation(depth + 1);
            }
            for _ in 0..self.generator.rng.u8(..4) {
                steps.push(self.generator.read(view));
                pause(&mut self.generator.rng);
            }
            let (all, entries) = view.all();
            steps.push(Step::All { saw: all, entries });
            if writes {
                pause(&mut self.generator.rng);
                self.batch(WriteKind::IfUnchanged(view), Some(all));
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
            thread: self.thread,
            call,
            invoked,
            returned,
            until,
            steps,
            outcome: Outcome::Completed,
            revision: Some(revision),
            only_at: None,
        });
    }

    /// Makes a batch with a random end; `seen` is the contents of the view that the batch expects.
    fn batch(&mut self, kind: WriteKind<'_>, seen: Option<Contents>) {
        let (call, refused, only_at) = match kind {
            WriteKind::Batch => ("batch", None, None),
            WriteKind::Begin => ("begin_batch", Some(Outcome::Aborted), None),
            WriteKind::Try => ("try_batch", Some(Outcome::Failed), None),
            WriteKind::IfUnchanged(view) => ("batch_if_unchanged", None, Some(view.revision())),
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
                steps.clear();
                if let Some(saw) = seen {
                    let entries = batch.len();
                    steps.push(Step::All { saw, entries });
                }
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
            Ok(WriteResult::Committed(revision)) => (Outcome::Completed, Some(revision)),
            Ok(WriteResult::Failed) => (refused.expect("this kind of batch can fail"), None),
            Ok(WriteResult::Moved(newest)) => (Outcome::Moved, Some(newest)),
            Err(panic) if panic.is::<ExpectedPanic>() => (Outcome::Panicked, None),
            Err(panic) => resume_unwind(panic),
        };
        self.log.push(Operation {
            thread: self.thread,
            call,
            invoked,
            returned,
            until: returned,
            steps,
            outcome,
            revision,
            only_at,
        });
    }
}
