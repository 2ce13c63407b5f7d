//! Recording: threads that do random things to one map, and note what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value};
use super::subject::{Ending, Hold, How, Keep, Reading, Subject, Writing, Written};

/// Which calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All of them.
    Every,
    /// All reads, and the writes that tell their revision.
    WithRevisions,
}

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many threads there are.
    pub threads: usize,
    /// How many operations each of them begins, not counting those inside of views.
    pub operations: usize,
    /// How many keys are used, [`KEYS`] at most.
    pub keys: usize,
    /// Which calls are made.
    pub calls: Calls,
    /// What the choices of all threads come from. How they interleave is up to the machine.
    pub seed: u64,
}

/// Moments, in one order for all threads.
///
/// A counter and not the time: moments are distinct, and since each count synchronises with the one before, what the
/// history calls earlier has *happened before* in the sense of the memory model, on any machine. So a violation is one,
/// however clocks may differ. The price is a locked instruction before and after each call.
struct Clock(AtomicU64);

impl Clock {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Records a history, ordered by invocation.
///
/// # Panics
/// If the subject panics, and not because a closure did.
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
                    pause(&mut recorder.hand.rng);
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

/// What the closures that are to panic do it with.
struct Planned;

/// Lets others in, now and then.
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

/// What one thread chooses.
struct Hand {
    rng: fastrand::Rng,
    keys: usize,
    next: Value,
    threads: Value,
}

impl Hand {
    fn key(&mut self) -> Key {
        self.rng.usize(..self.keys) as Key
    }

    /// A value that nobody has written yet.
    fn fresh(&mut self) -> Value {
        self.next += self.threads;
        self.next
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    /// One read through a view.
    fn read(&mut self, view: &dyn Reading) -> Step {
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

    /// Every key, beginning anywhere.
    fn sweep(&mut self, view: &dyn Reading, steps: &mut Vec<Step>) {
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

    /// One thing in a batch.
    fn step(&mut self, batch: &mut dyn Writing, steps: &mut Vec<Step>) {
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

    /// `retain`, of a map or of a batch: what it showed and what went.
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

    /// What to refresh with: what is there, with some of it gone or new.
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

/// How the closure of a batch is to end.
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
    hand: Hand,
    /// Not there while it shows something.
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
            hand: Hand {
                rng: fastrand::Rng::with_seed(plan.seed.wrapping_mul(31) ^ thread as u64),
                keys: plan.keys,
                next: thread as Value,
                threads: plan.threads as Value,
            },
            reader: Some(subject.reader()),
            log: Vec::new(),
        }
    }

    /// Makes a call between two moments. It returns what it did and the revision that it told.
    fn call(
        &mut self,
        call: &'static str,
        body: impl FnOnce(&S, &mut Hand, &mut Vec<Step>) -> Option<u64>,
    ) {
        let mut steps = Vec::new();
        let invoked = self.clock.now();
        let revision = body(self.subject, &mut self.hand, &mut steps);
        let returned = self.clock.now();
        self.log.push(Operation {
            thread: self.thread,
            call,
            invoked,
            returned,
            until: returned,
            steps,
            outcome: Outcome::Took,
            revision,
            only_at: None,
        });
    }

    /// One operation, and perhaps others inside; `depth` is how many views are held.
    fn operation(&mut self, depth: usize) {
        let key = self.hand.key();
        let kinds = match self.calls {
            Calls::Every => 28,
            Calls::WithRevisions => 20,
        };
        match self.hand.rng.u8(..kinds) {
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
            10..12 if matches!(self.calls, Calls::WithRevisions) => self.batch(How::Begin, None),
            10..12 => self.update(key),
            12 | 13 => self.refresh(),
            14 | 15 => self.batch(How::Batch, None),
            16 => self.batch(How::Begin, None),
            17 => self.batch(How::Try, None),
            18 | 19 => self.view(depth, true),
            20..23 => self.call("insert", |map, hand, steps| {
                let value = hand.fresh();
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
            _ => self.call("retain", |map, hand, steps| {
                hand.retain(steps, &mut |keep| map.retain(keep));
                None
            }),
        }
    }

    fn update(&mut self, key: Key) {
        self.call("update", |map, hand, steps| {
            let made = !hand.one_in(4);
            let made = made.then(|| hand.fresh());
            let value = map.update(key, &mut |old| {
                pause(&mut hand.rng);
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
        self.call("get_or_insert_with", |map, hand, steps| {
            let saw = map.get_or_insert_with(key, &mut || {
                pause(&mut hand.rng);
                let fresh = hand.fresh();
                let (value, old) = (Some(fresh), Some(None));
                *steps = vec![Step::Write { key, value, old }];
                fresh
            });
            let saw = Some(saw);
            steps.push(Step::Get { key, saw });
            None
        });
    }

    fn refresh(&mut self) {
        let mut seen = Contents::default();
        self.subject
            .view(Hold::Pin, &mut |view| seen = view.all().0);
        let to = self.hand.contents(seen);
        self.call("refresh", |map, _, steps| {
            let (counts, revision) = map.refresh(&to);
            let counts = Some(counts);
            steps.push(Step::Refresh { to, counts });
            Some(revision)
        });
    }

    /// Takes a view and reads through it; other operations may come in between. In the end it may
    /// write, if nothing has changed since the view was taken.
    fn view(&mut self, depth: usize, writes: bool) {
        let hold = match self.hand.rng.u8(..3) {
            0 => Some(Hold::Pin),
            1 => Some(Hold::Snapshot),
            _ if self.reader.is_some() => None,
            _ => Some(Hold::Pin),
        };
        let call = match hold {
            Some(Hold::Pin) => "pin",
            Some(Hold::Snapshot) => "snapshot",
            None => "latest",
        };
        let (clock, subject) = (self.clock, self.subject);
        let (mut returned, mut revision) = (0, 0);
        let mut steps = Vec::new();
        let mut reader = if hold.is_none() {
            self.reader.take()
        } else {
            None
        };
        let invoked = clock.now();
        let mut body = |view: &dyn Reading| {
            returned = clock.now();
            revision = view.revision();
            self.hand.sweep(view, &mut steps);
            if depth < 2 && self.hand.one_in(6) {
                self.operation(depth + 1);
            }
            for _ in 0..self.hand.rng.u8(..4) {
                steps.push(self.hand.read(view));
                pause(&mut self.hand.rng);
            }
            let (all, entries) = view.all();
            steps.push(Step::All { saw: all, entries });
            if writes {
                pause(&mut self.hand.rng);
                self.batch(How::IfUnchanged(view), Some(all));
            }
        };
        match (hold, &mut reader) {
            (Some(hold), _) => subject.view(hold, &mut body),
            (None, Some(reader)) => subject.latest(reader, &mut body),
            (None, None) => unreachable!("a reader shows, or is there"),
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
            outcome: Outcome::Took,
            revision: Some(revision),
            only_at: None,
        });
    }

    /// A batch of any ending; `seen` is what the map must hold if it is still at the revision that is asked for.
    fn batch(&mut self, how: How<'_>, seen: Option<Contents>) {
        let (call, refused, only_at) = match how {
            How::Batch => ("batch", None, None),
            How::Begin => ("begin_batch", Some(Outcome::Aborted), None),
            How::Try => ("try_batch", Some(Outcome::Failed), None),
            How::IfUnchanged(view) => ("batch_if_unchanged", None, Some(view.revision())),
        };
        let end = match self.hand.rng.u8(..12) {
            0..6 if refused.is_some() => End::Fail,
            6 => End::Panic,
            _ => End::Commit,
        };
        let (clock, subject, hand) = (self.clock, self.subject, &mut self.hand);
        let mut steps = Vec::new();
        let invoked = clock.now();
        let written = catch_unwind(AssertUnwindSafe(|| {
            subject.write(how, &mut |batch| {
                steps.clear();
                if let Some(saw) = seen {
                    let entries = batch.len();
                    steps.push(Step::All { saw, entries });
                }
                for _ in 0..hand.rng.u8(1..6) {
                    hand.step(batch, &mut steps);
                    pause(&mut hand.rng);
                }
                match end {
                    End::Panic => resume_unwind(Box::new(Planned)),
                    End::Fail => Ending::Fail,
                    End::Commit => Ending::Commit,
                }
            })
        }));
        let returned = clock.now();
        let (outcome, revision) = match written {
            Ok(Written::Committed(revision)) => (Outcome::Took, Some(revision)),
            Ok(Written::Failed) => (refused.expect("it may be refused"), None),
            Ok(Written::Moved(newest)) => (Outcome::Moved, Some(newest)),
            Err(panic) if panic.is::<Planned>() => (Outcome::Panicked, None),
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
