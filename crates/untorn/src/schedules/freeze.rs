//! Tasks that stand still: schedules in which one task does not run any more from one of its steps on.
//!
//! A round draws one schedule. Each task of the scenario in turn is frozen in it at each of its steps: before the first,
//! before the second, and so on to the last that it has. The others go on, and each has to come to its end. When all of
//! them have, the frozen task may go on, so that nothing is left over for the next execution; if the others wait for it,
//! by blocking or by going round and round, the execution fails.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::thread::JoinHandle;
use shuttle::{FailurePersistence, Runner};

use super::{begin_anew, config, silence_reports, spawn};

/// Far more steps than any execution has in which nobody waits.
const AT_MOST: usize = 50_000;

/// How it goes in this execution, told by the scheduler and by the tasks.
#[derive(Default)]
struct Course {
    /// The steps that each task has made.
    steps: Vec<usize>,
    /// The tasks that have come to their end.
    ended: Vec<usize>,
}

// All tasks of an execution run on one thread of the system, one at a time, and so does the scheduler.
std::thread_local! {
    static COURSE: RefCell<Course> = RefCell::default();
    /// Where a task has stood still, in all executions.
    static POINTS: Cell<usize> = const { Cell::new(0) };
}

/// The steps that the task which asks has made.
pub(super) fn steps() -> usize {
    let me = usize::from(shuttle::thread::current().id());
    COURSE.with_borrow(|course| course.steps[me])
}

/// Starts a task of a scenario, by the main task, which starts nothing else.
pub(super) fn task<T: Sync + Send + 'static>(
    name: &str,
    shared: &Arc<T>,
    body: fn(&T),
) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    spawn(name, move || {
        body(&shared);
        let me = usize::from(shuttle::thread::current().id());
        COURSE.with_borrow_mut(|course| course.ended.push(me));
    })
}

/// Freezes each of so many tasks at each of its steps, in so many rounds; at how many points that was.
pub(super) fn freeze_each(tasks: usize, rounds: u64, body: fn()) -> usize {
    silence_reports();
    POINTS.set(0);
    let mut config = config();
    // What fails says where by itself.
    config.failure_persistence = FailurePersistence::None;
    let scheduler = Freezing {
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
        begin_anew();
        body();
    });
    POINTS.get()
}

/// Draws the tasks at random, but for the one that is frozen. The main task is 0; the others count from 1.
struct Freezing {
    tasks: usize,
    rounds: u64,
    round: u64,
    victim: usize,
    /// How many steps the victim makes.
    at: usize,
    /// Whether it has been frozen in this execution; `None` before the first.
    frozen: Option<bool>,
    random: u64,
    last: usize,
}

impl Freezing {
    /// Goes on to the next point. Whether there is one.
    fn advance(&mut self) -> bool {
        match self.frozen {
            None => {}
            Some(true) => {
                POINTS.set(POINTS.get() + 1);
                self.at += 1;
            }
            // It has no more steps than that.
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
        panic!("round {round}, task {victim} stands still after {at} steps: {complaint}");
    }
}

impl Scheduler for Freezing {
    fn new_execution(&mut self) -> Option<Schedule> {
        if !self.advance() {
            return None;
        }
        COURSE.take();
        // The same schedule in all of a round, up to the step at which the victim stands still.
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
        let steps = |task: usize| COURSE.with_borrow(|course| course.steps.get(task).copied());
        if steps(self.victim).unwrap_or(0) >= self.at && ids.contains(&self.victim) {
            self.frozen = Some(true);
        }
        let frozen = self.frozen == Some(true);
        let mut choice: Vec<_> = (0..ids.len())
            .filter(|&place| !frozen || ids[place] != self.victim)
            .collect();
        if choice.is_empty() {
            let is_other = |&&task: &&usize| task != self.victim;
            let ended = COURSE.with_borrow(|course| course.ended.iter().filter(is_other).count());
            if ended < self.tasks - 1 {
                self.fail("others wait for it");
            }
            choice = vec![0];
        }
        // In one round of three all are drawn alike; in the others the last one mostly goes on.
        let stays = [1, 4, 16][usize::try_from(self.round % 3).expect("below 3")];
        let last = choice.iter().find(|&&place| ids[place] == self.last);
        let place = match last {
            Some(&last) if self.draw(stays) != 0 => last,
            _ => choice[self.draw(choice.len())],
        };
        self.last = ids[place];
        let total: usize = COURSE.with_borrow_mut(|course| {
            if course.steps.len() <= self.last {
                course.steps.resize(self.last + 1, 0);
            }
            course.steps[self.last] += 1;
            course.steps.iter().sum()
        });
        if total > AT_MOST {
            self.fail("the others never come to their end");
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
