//! The bell: who waits for the next commit, asleep or as a task, and is woken by it.
//!
//! Whoever waits looks at the newest revision while holding the bell's lock, and a commit takes that lock after its
//! revision is out: so nobody falls asleep past one. A commit for which nobody waits pays for an uncontended lock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[cfg(feature = "stream")]
use crate::planted::planted;

#[derive(Default)]
pub(super) struct Bell {
    waiting: Mutex<Waiting>,
    rung: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Threads asleep.
    asleep: usize,
    /// Tasks to be woken, each once, by the number of whoever left its waker here.
    #[cfg(feature = "stream")]
    tasks: Vec<(usize, std::task::Waker)>,
    /// Nobody publishes any more.
    ended: bool,
}

/// Wakes all of them, also if a waker panics; then the first panic goes on.
#[cfg(feature = "stream")]
fn wake(tasks: impl Iterator<Item = std::task::Waker>) {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    let mut panic = None;
    for task in tasks {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task.wake())) {
            panic.get_or_insert(payload);
        }
    }
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}

/// What was waited for did not come.
pub(super) enum Unanswered {
    /// The time is over.
    Late,
    /// Nobody publishes any more.
    Ended,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics under it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody.
    pub(super) fn ring(&self) {
        self.ring_for(self.lock());
    }

    /// Wakes everybody for the last time.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        self.ring_for(waiting);
    }

    fn ring_for(&self, waiting: MutexGuard<'_, Waiting>) {
        #[cfg(feature = "stream")]
        let mut waiting = waiting;
        #[cfg(feature = "stream")]
        let tasks = std::mem::take(&mut waiting.tasks);
        let asleep = waiting.asleep > 0;
        drop(waiting);
        if asleep {
            self.rung.notify_all();
        }
        // Last: a waker is foreign code.
        #[cfg(feature = "stream")]
        wake(tasks.into_iter().map(|(_, task)| task));
    }

    /// Sleeps until `answer` gives one. It is asked at once, after each commit and once more at the end.
    pub(super) fn wait<A>(
        &self,
        until: Option<Instant>,
        mut answer: impl FnMut() -> Option<A>,
    ) -> Result<A, Unanswered> {
        let mut waiting = self.lock();
        loop {
            if let Some(answer) = answer() {
                return Ok(answer);
            }
            if waiting.ended {
                return Err(Unanswered::Ended);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Unanswered::Late);
            }
            waiting.asleep += 1;
            waiting = match left {
                Some(left) => {
                    let woken = self.rung.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.rung.wait(waiting);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
            waiting.asleep -= 1;
        }
    }

    /// Looks, and has the task of `waker` woken by the next commit if there is no answer yet.
    #[cfg(feature = "stream")]
    pub(super) fn wait_as_task<A>(
        &self,
        number: usize,
        waker: &std::task::Waker,
        answer: impl FnOnce() -> Option<A>,
    ) -> std::task::Poll<Result<A, Unanswered>> {
        use std::task::Poll;

        // A waker is foreign code: it is cloned before the lock is taken, and dropped after it was given back.
        let waker = waker.clone();
        let mut waiting = self.lock();
        if let Some(answer) = answer() {
            return Poll::Ready(Ok(answer));
        }
        if waiting.ended {
            return Poll::Ready(Err(Unanswered::Ended));
        }
        let before = waiting.tasks.iter_mut().find(|task| task.0 == number);
        let before = match before {
            Some(task) => Some(std::mem::replace(&mut task.1, waker)),
            None => {
                waiting.tasks.push((number, waker));
                None
            }
        };
        drop(waiting);
        drop(before);
        Poll::Pending
    }

    /// Forgets the task of this number.
    #[cfg(feature = "stream")]
    pub(super) fn forget_task(&self, number: usize) {
        if planted("dropped_stream_keeps_its_waker") {
            return;
        }
        let mut waiting = self.lock();
        let place = waiting.tasks.iter().position(|task| task.0 == number);
        let forgotten = place.map(|place| waiting.tasks.swap_remove(place));
        drop(waiting);
        drop(forgotten);
    }
}
