//! Recording: threads that run random operations on one map and record the results.
//!
//! | file | contents |
//! |---|---|
//! | `generator.rs` | the random choices of a thread, and the steps inside views and batches |
//! | `one_key.rs` | writes of one key, with conditions, and initializers |
//! | `whole.rs` | writes of the whole map |
//! | `batches.rs` | batches |
//! | `views.rs` | views, and what is written from them; waits for a condition |
//! | `subscribers.rs` | subscriptions |

mod batches;
mod generator;
mod one_key;
mod subscribers;
mod views;
mod whole;

use std::panic::resume_unwind;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use self::generator::Generator;
use self::subscribers::{FORMS, Held};
use super::model::{KEYS, Operation, Step, Value};
use super::subject::{CommitKind, Subject, WriteKind};

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
    /// The number of operations of each thread, without those inside others.
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

/// Records a history, ordered by invocation. It ends with a call for each subscription that is
/// still open, after the last commit.
///
/// # Panics
/// Panics if the subject panics for another reason than a closure that panics on purpose.
pub fn record<S: Subject>(subject: &S, plan: &Plan) -> Vec<Operation> {
    let (clock, start) = (Clock(AtomicU64::new(0)), Barrier::new(plan.threads));
    let ended: Vec<_> = thread::scope(|scope| {
        let run = |thread| {
            let (clock, start) = (&clock, &start);
            scope.spawn(move || {
                let mut recorder = Recorder::new(subject, clock, plan, thread);
                start.wait();
                for _ in 0..plan.operations {
                    recorder.operation(0);
                    pause(&mut recorder.generator.rng);
                }
                (recorder.log, recorder.subscribers)
            })
        };
        let threads: Vec<_> = (0..plan.threads).map(run).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended
            .map(|ended| ended.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let mut history = Vec::new();
    for (thread, (log, subscribers)) in ended.into_iter().enumerate() {
        history.extend(log);
        for mut held in subscribers.into_iter().flatten() {
            history.push(held.receive(subject, &clock, thread, None));
        }
    }
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

/// The end of a closure.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Commit,
    Fail,
    Panic,
}

/// The maximum number of operations inside each other.
const DEPTH: usize = 2;

/// One thread.
struct Recorder<'r, S: Subject> {
    subject: &'r S,
    clock: &'r Clock,
    calls: Calls,
    thread: usize,
    generator: Generator,
    /// `None` while its view is in use.
    reader: Option<S::Reader>,
    subscribers: [Option<Held<S>>; FORMS],
    /// An initializer is running on this thread: another one could wait for it.
    is_initializing: bool,
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
            subscribers: [const { None }; FORMS],
            is_initializing: false,
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
            steps,
            revision,
            ..Operation::new(self.thread, call, (invoked, returned))
        });
    }

    /// Makes one operation, possibly with others inside; `depth` is the number of those that it is
    /// inside of.
    fn operation(&mut self, depth: usize) {
        let key = self.generator.key();
        let kinds = match self.calls {
            Calls::Every => 44,
            Calls::WithRevisions => 31,
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
            10..12 if matches!(self.calls, Calls::WithRevisions) => self.guard(),
            10..12 => self.update(key),
            12..15 => self.refresh(),
            15..18 => self.batch(WriteKind::Batch, None),
            18 | 19 => self.guard(),
            20 | 21 => self.batch(WriteKind::Try, None),
            22..27 => self.view(depth, true),
            27 => self.drain(),
            28 => self.wait_until(key),
            29 => self.subscription(key),
            30 => self.initialize(key, depth),
            31..34 => self.insert(key),
            34 | 35 => self.remove(key),
            36 | 37 => self.initialize(key, depth),
            38 => self.clear(),
            39 => self.retain(),
            40 => self.extract_if(),
            41 => self.update_if_present(key),
            42 => self.update_if(key),
            _ => self.remove_if(key),
        }
    }

    /// Makes a batch by its guard, with a random form of commit.
    fn guard(&mut self) {
        let kinds = [
            CommitKind::Plain,
            CommitKind::Snapshot,
            CommitKind::Transition,
        ];
        let kind = kinds[self.generator.rng.usize(..kinds.len())];
        self.batch(WriteKind::Begin(kind), None);
    }
}
