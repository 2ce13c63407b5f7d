//! Notifies the threads and tasks that wait for a revision, and no others.
//!
//! ```text
//!   waiters, by the revision that each waits for:
//!
//!   7 thread │ 7 task │ 8 task │ 1000 thread │ 1000 thread
//!   ─────────────────────────┘
//!   a commit of revision 8 takes these out and notifies them
//! ```
//!
//! No wakeup is lost. A waiter reads the newest revision and enters the list in one critical section; a commit
//! publishes its revision before it locks the list. If the commit locks it first, the waiter reads that revision; if the
//! waiter does, the commit finds it in the list. A handle that closes a subscription stores its flag before it locks the
//! list, for the same reason. Each waiter has a condition variable of its own, so that a notification reaches no other
//! thread. One that comes late, after its thread has timed out, is a spurious wakeup of the next wait at most: a waiter
//! that was woken checks again.
//!
//! A commit for which no waiter is due pays for an uncontended lock and one comparison.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub(super) use self::target::Panicked;
use self::target::{Target, Targets};
use super::revision::Revision;
use crate::clock::Limit;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

mod target;
#[cfg(test)]
mod tests;

#[derive(Default)]
pub(super) struct Notifier {
    waiters: Mutex<Waiters>,
    /// How many threads and tasks were notified.
    #[cfg(test)]
    notified: crate::sync::Counter,
}

/// The revision that is waited for, and the address of the [`Waiter`].
type Key = (Revision, usize);

#[derive(Default)]
struct Waiters {
    list: BTreeMap<Key, Target>,
    /// There will be no more commits.
    ended: bool,
}

/// One that waits, as a thread or as a task: a single call, or a subscription with its handles. It is in the list at most
/// once.
#[derive(Default)]
pub(super) struct Waiter {
    notified: Condvar,
    /// The revision under which it was last put into the list. Stored and loaded under the lock of the list.
    wanted: AtomicU64,
    closed: AtomicBool,
}

/// Why a wait ended without an answer.
pub(super) enum Unanswered {
    /// The timeout has passed.
    TimedOut,
    /// There will be no more commits.
    Ended,
}

impl Waiter {
    fn key(self: &Arc<Self>, wanted: Revision) -> Key {
        (wanted, Arc::as_ptr(self).addr())
    }

    /// Whether [`Notifier::close`] was called for it.
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: the lock of the list, which `close` takes after its store, orders it.
        self.closed.load(Ordering::Relaxed)
    }
}

impl Waiters {
    /// Puts a waiter into the list, and returns the target that was there for it.
    fn insert(&mut self, waiter: &Arc<Waiter>, wanted: Revision, target: Target) -> Option<Target> {
        waiter.wanted.store(wanted.get(), Ordering::Relaxed);
        self.list.insert(waiter.key(wanted), target)
    }

    /// Takes out all that wait for this revision or an earlier one.
    fn take_reached(&mut self, revision: Revision) -> Targets {
        let mut targets = Targets::default();
        while let Some(first) = self.list.first_entry()
            && first.key().0 <= revision
        {
            targets.push(first.remove());
        }
        targets
    }
}

impl Notifier {
    fn lock(&self) -> MutexGuard<'_, Waiters> {
        // Nothing panics under it.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies those that wait for this revision or an earlier one, also if a waker panics.
    pub(super) fn notify(&self, revision: Revision) -> Panicked {
        let mut waiters = self.lock();
        let targets = waiters.take_reached(revision);
        drop(waiters);
        self.wake(targets)
    }

    /// Notifies all for the last time. The panic of a waker is dropped, since this runs in a `Drop`.
    pub(super) fn end(&self) {
        let mut waiters = self.lock();
        waiters.ended = true;
        let targets = std::mem::take(&mut waiters.list).into_values().collect();
        drop(waiters);
        drop(self.wake(targets));
    }

    /// Closes a waiter and notifies it, and no other.
    pub(super) fn close(&self, waiter: &Arc<Waiter>) -> Panicked {
        waiter.closed.store(true, Ordering::Relaxed);
        let mut waiters = self.lock();
        let wanted = Revision::from(waiter.wanted.load(Ordering::Relaxed));
        let target = waiters.list.remove(&waiter.key(wanted));
        drop(waiters);
        self.wake(target.into_iter().collect())
    }

    /// Called without the lock: a waker is foreign code.
    fn wake(&self, targets: Targets) -> Panicked {
        #[cfg(test)]
        self.notified
            .fetch_add(targets.len() as u64, Ordering::Relaxed);
        targets.wake()
    }

    /// Blocks until `answer` returns one. It is called at once, after a notification and at the end, and has an answer when
    /// revision `wanted` is reached or the waiter is closed.
    pub(super) fn wait<A>(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        limit: Limit,
        mut answer: impl FnMut() -> Option<A>,
    ) -> Result<A, Unanswered> {
        let mut waiters = self.lock();
        let answered = loop {
            if let Some(answer) = answer() {
                break Ok(answer);
            }
            if waiters.ended {
                break Err(Unanswered::Ended);
            }
            let left = limit.left();
            if left.is_some_and(|left| left.is_zero()) {
                break Err(Unanswered::TimedOut);
            }
            // After a spurious wakeup it is still there, and is replaced by itself.
            waiters.insert(waiter, wanted, Target::Thread(Arc::clone(waiter)));
            waiters = match left {
                Some(left) => {
                    let woken = waiter.notified.wait_timeout(waiters, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = waiter.notified.wait(waiters);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        };
        waiters.list.remove(&waiter.key(wanted));
        answered
    }

    /// Returns an answer if there is one; otherwise the task of `waker` is woken as [`wait`](Self::wait) describes.
    #[cfg(feature = "stream")]
    pub(super) fn poll<A>(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        waker: &std::task::Waker,
        answer: impl FnOnce() -> Option<A>,
    ) -> std::task::Poll<Result<A, Unanswered>> {
        use std::task::Poll;

        // A waker is foreign code: it is cloned before the lock is taken, and dropped after it was released.
        let target = Target::Task(waker.clone());
        let mut waiters = self.lock();
        let (answered, unused) = match answer() {
            Some(answer) => (Some(Ok(answer)), Some(target)),
            None if waiters.ended => (Some(Err(Unanswered::Ended)), Some(target)),
            None => (None, waiters.insert(waiter, wanted, target)),
        };
        let before = match answered {
            Some(_) => waiters.list.remove(&waiter.key(wanted)),
            None => None,
        };
        drop(waiters);
        drop((before, unused));
        answered.map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes out the task that waits for `wanted`.
    #[cfg(feature = "stream")]
    pub(super) fn forget(&self, waiter: &Arc<Waiter>, wanted: Revision) {
        if crate::mutants::mutant("dropped_stream_keeps_its_waker") {
            return;
        }
        let mut waiters = self.lock();
        let target = waiters.list.remove(&waiter.key(wanted));
        drop(waiters);
        drop(target);
    }
}
