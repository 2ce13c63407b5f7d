//! Frozen tasks: schedules in which one task does not run from one of its steps on.
//!
//! A round draws one schedule. In it each task of the scenario in turn is frozen at each of its
//! steps: before the first, before the second, and so on to its last. The others continue, and each
//! must finish. When all of them have, the frozen task resumes, so that no task is left for the
//! next execution. If the others wait for it, by blocking or by spinning, the execution fails.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::thread::JoinHandle;
use shuttle::{FailurePersistence, Runner};

use super::{config, reset, silence_reports, spawn};

/// A limit of the steps of an execution: far more than any has in which no task waits.
const MAX_STEPS: usize = 50_000;

/// The progress of an execution, recorded by the scheduler and by the tasks.
#[derive(Default)]
struct Progress {
    /// The steps that each task has made.
    steps: Vec<usize>,
    /// The tasks that have finished.
    ended: Vec<usize>,
}

// All tasks of an execution, and the scheduler, run on one thread of the system, one at a time.
std::thread_local! {
    static PROGRESS: RefCell<Progress> = RefCell::default();
    /// The number of points at which a task was frozen, in all executions.
    static POINTS: Cell<usize> = const { Cell::new(0) };
}

/// Returns the steps that the calling task has made.
pub(super) fn steps() -> usize {
    let me = usize::from(shuttle::thread::current().id());
    PROGRESS.with_borrow(|progress| progress.steps[me])
}

/// Starts a task of a scenario. Only the main task calls this, and it starts no other tasks.
pub(super) fn task<T: Sync + Send + 'static>(
    name: &str,
    shared: &Arc<T>,
    body: fn(&T),
) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    spawn(name, move || {
        body(&shared);
        let me = usize::from(shuttle::thread::current().id());
        PROGRESS.with_borrow_mut(|progress| progress.ended.push(me));
    })
}

/// Freezes each of the tasks at each of its steps, in each of the rounds. Returns the number of
/// points at which a task was frozen.
pub(super) fn freeze_each(tasks: usize, rounds: u64, body: fn()) -> usize {
    silence_reports();
    POINTS.set(0);
    let mut config = config();
    // `fail` prints the point instead.
    config.failure_persistence = FailurePersistence::None;
    let scheduler = FreezeScheduler {
        tasks,
        rounds,
        round: 0,
        victim: 1,
        at: 0,
        frozen: None,
        random: 0,
        last: 0,
    };
    Runner::new(scheduler, config).run(move || {
        reset();
        body();
    });
    POINTS.get()
}

/// A scheduler that draws tasks at random, except the frozen one. The main task is 0; the others
/// are numbered from 1.
struct FreezeScheduler {
    tasks: usize,
    rounds: u64,
    round: u64,
    victim: usize,
    /// The number of steps that the victim makes.
    at: usize,
    /// True once the victim was frozen in this execution; `None` before the first execution.
    frozen: Option<bool>,
    random: u64,
    last: usize,
}

impl FreezeScheduler {
    /// Advances to the next point, and returns whether there is one.
    fn advance(&mut self) -> bool {
        match self.frozen {
            None => {}
            Some(true) => {
                POINTS.set(POINTS.get() + 1);
                self.at += 1;
            }
            // The victim has no more steps.
            Some(false) => {
                self.at = 0;
                self.victim += 1;
                if self.victim > self.tasks {
                    self.victim = 1;
                    self.round += 1;
                }
            }
        }
        self.frozen = Some(false);
        self.round < self.rounds
    }

    fn draw(&mut self, below: usize) -> usize {
        let random = self.next_u64();
        usize::try_from(random % below as u64).expect("below a usize")
    }

    /// Fails the execution.
    fn fail(&self, complaint: &str) -> ! {
        let Self { victim, at, .. } = self;
        let round = self.round;
        panic!("round {round}, task {victim} frozen after {at} steps: {complaint}");
    }
}

impl Scheduler for FreezeScheduler {
    fn new_execution(&mut self) -> Option<Schedule> {
        if !self.advance() {
            return None;
        }
        PROGRESS.take();
        // All executions of a round have one schedule, up to the step at which the victim is
        // frozen.
        self.random = self.round;
        self.last = 0;
        Some(Schedule::new(self.round))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        _current: Option<TaskId>,
        _is_yielding: bool,
    ) -> Option<TaskId> {
        let ids: Vec<_> = runnable.iter().map(|task| usize::from(task.id())).collect();
        let steps =
            |task: usize| PROGRESS.with_borrow(|progress| progress.steps.get(task).copied());
        if steps(self.victim).unwrap_or(0) >= self.at && ids.contains(&self.victim) {
            self.frozen = Some(true);
        }
        let frozen = self.frozen == Some(true);
        let mut choice: Vec<_> = (0..ids.len())
            .filter(|&place| !frozen || ids[place] != self.victim)
            .collect();
        if choice.is_empty() {
            let is_other = |&&task: &&usize| task != self.victim;
            let ended =
                PROGRESS.with_borrow(|progress| progress.ended.iter().filter(is_other).count());
            if ended < self.tasks - 1 {
                self.fail("others wait for it");
            }
            choice = vec![0];
        }
        // In one round of three, all tasks are equally likely. In the others the last one mostly
        // continues.
        let stays = [1, 4, 16][usize::try_from(self.round % 3).expect("below 3")];
        let last = choice.iter().find(|&&place| ids[place] == self.last);
        let place = match last {
            Some(&last) if self.draw(stays) != 0 => last,
            _ => choice[self.draw(choice.len())],
        };
        self.last = ids[place];
        let total: usize = PROGRESS.with_borrow_mut(|progress| {
            if progress.steps.len() <= self.last {
                progress.steps.resize(self.last + 1, 0);
            }
            progress.steps[self.last] += 1;
            progress.steps.iter().sum()
        });
        if total > MAX_STEPS {
            self.fail("the others never finish");
        }
        Some(runnable[place].id())
    }

    fn next_u64(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
