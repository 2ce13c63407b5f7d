//! The bell: who waits for the next commit, asleep or as a task, and is woken by it.
//!
//! Whoever waits looks at the newest revision while holding the bell's lock, and a commit takes that lock after its
//! revision is out: so nobody falls asleep past one. A commit for which nobody waits pays for an uncontended lock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use self::tasks::{Tasks, Woken};
use crate::clock::Limit;

mod tasks;

#[derive(Default)]
pub(super) struct Bell {
    waiting: Mutex<Waiting>,
    rung: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Threads asleep.
    asleep: usize,
    tasks: Tasks,
    /// Nobody publishes any more.
    ended: bool,
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

    /// Wakes everybody, also if a waker panics.
    pub(super) fn ring(&self) -> Woken {
        self.wake(self.lock())
    }

    /// Wakes everybody for the last time. A waker's panic is not news in a drop.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        drop(self.wake(waiting));
    }

    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) -> Woken {
        let tasks = waiting.tasks.take();
        let asleep = waiting.asleep > 0;
        drop(waiting);
        if asleep {
            self.rung.notify_all();
        }
        // Last: a waker is foreign code.
        tasks.wake()
    }

    /// Sleeps until `answer` gives one. It is asked at once, after each commit and once more at the end.
    pub(super) fn wait<A>(
        &self,
        limit: Limit,
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
            let left = limit.left();
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
        let before = waiting.tasks.insert(number, waker);
        drop(waiting);
        drop(before);
        Poll::Pending
    }

    /// Forgets the task of this number.
    #[cfg(feature = "stream")]
    pub(super) fn forget_task(&self, number: usize) {
        let mut waiting = self.lock();
        let forgotten = waiting.tasks.remove(number);
        drop(waiting);
        drop(forgotten);
    }
}
