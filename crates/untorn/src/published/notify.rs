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
//! No wakeup is lost. A waiter reads the newest revision and enters the list in one critical
//! section; a commit publishes its revision before it locks the list. If the commit locks it first,
//! the waiter reads that revision; if the waiter does, the commit finds it in the list. A handle
//! that closes a subscription stores its flag before it locks the list, for the same reason.
//!
//! Each waiter has a condition variable of its own, so that a notification reaches no other thread.
//! A notification that arrives after its thread has timed out is at most a spurious wakeup of the
//! next wait: a woken waiter checks its condition again.
//!
//! A commit that reaches no waiter costs an uncontended lock and one comparison.

use std::collections::BTreeMap;
use std::sync::PoisonError;

pub(super) use self::target::Panicked;
use self::target::{Target, Targets};
use super::revision::Revision;
use crate::clock::Limit;
use crate::sync::{Arc, AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, Ordering};

mod target;
#[cfg(test)]
mod tests;

/// The waiters of a cell.
#[derive(Default)]
pub(super) struct Notifier {
    waiters: Mutex<Waiters>,
    /// The number of threads and tasks that were notified.
    #[cfg(test)]
    notified: crate::sync::Counter,
}

/// A revision, and the address of a [`Waiter`] that waits for it.
type Key = (Revision, usize);

#[derive(Default)]
struct Waiters {
    list: BTreeMap<Key, Target>,
    /// Set when no more commits can come.
    ended: bool,
}

/// A waiter, as a thread or as a task: a single call, or a subscription with its handles. It is in
/// the list at most once.
#[derive(Default)]
pub(super) struct Waiter {
    notified: Condvar,
    /// The revision under which it was last put into the list. Stored and loaded while the list is
    /// locked.
    wanted: AtomicU64,
    closed: AtomicBool,
}

/// The reason why a wait ended before its condition was met.
pub(super) enum Unresolved {
    /// The timeout has passed.
    TimedOut,
    /// No more commits can come.
    Ended,
}

impl Waiter {
    fn key(self: &Arc<Self>, wanted: Revision) -> Key {
        (wanted, Arc::as_ptr(self).addr())
    }

    /// Returns whether [`Notifier::close`] was called for this waiter.
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: the lock of the list, which `close` acquires after its store, orders it.
        self.closed.load(Ordering::Relaxed)
    }
}

impl Waiters {
    /// Puts a waiter into the list, and returns the target that it replaces.
    fn insert(&mut self, waiter: &Arc<Waiter>, wanted: Revision, target: Target) -> Option<Target> {
        waiter.wanted.store(wanted.get(), Ordering::Relaxed);
        self.list.insert(waiter.key(wanted), target)
    }

    /// Removes and returns all that wait for this revision or an earlier one.
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
        // Poisoning cannot occur: nothing panics while the list is locked.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies all that wait for this revision or an earlier one, even if a waker panics.
    pub(super) fn notify(&self, revision: Revision) -> Panicked {
        let mut waiters = self.lock();
        let targets = waiters.take_reached(revision);
        drop(waiters);
        self.wake(targets)
    }

    /// Ends all waits, present and future. The panic of a waker is dropped, since this runs in a
    /// `Drop`.
    pub(super) fn end(&self) {
        let mut waiters = self.lock();
        waiters.ended = true;
        let targets = std::mem::take(&mut waiters.list).into_values().collect();
        drop(waiters);
        drop(self.wake(targets));
    }

    /// Closes a waiter and notifies it, but no other.
    pub(super) fn close(&self, waiter: &Arc<Waiter>) -> Panicked {
        waiter.closed.store(true, Ordering::Relaxed);
        let mut waiters = self.lock();
        let wanted = Revision::from(waiter.wanted.load(Ordering::Relaxed));
        let target = waiters.list.remove(&waiter.key(wanted));
        drop(waiters);
        self.wake(target.into_iter().collect())
    }

    /// Wakes targets without holding the lock: a waker is foreign code.
    fn wake(&self, targets: Targets) -> Panicked {
        #[cfg(test)]
        self.notified
            .fetch_add(targets.len() as u64, Ordering::Relaxed);
        targets.wake()
    }

    /// Blocks until `condition` returns a value. It must do so when revision `wanted` is reached or
    /// the waiter is closed. It is checked at once, after each wakeup and at the end.
    pub(super) fn wait<R>(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        limit: Limit,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R, Unresolved> {
        // The waker of a future that was leaked: foreign code, dropped after the lock is released.
        let mut leaked = None;
        let mut waiters = self.lock();
        let result = loop {
            if let Some(value) = condition() {
                break Ok(value);
            }
            if waiters.ended {
                break Err(Unresolved::Ended);
            }
            let left = limit.left();
            if left.is_some_and(|left| left.is_zero()) {
                break Err(Unresolved::TimedOut);
            }
            // After a spurious wakeup this replaces an equal entry.
            let replaced = waiters.insert(waiter, wanted, Target::Thread(Arc::clone(waiter)));
            leaked = leaked.or(replaced);
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
        let own = waiters.list.remove(&waiter.key(wanted));
        drop(waiters);
        drop((leaked, own));
        result
    }

    /// Returns the value of `condition`, or registers `waker` to be woken when a thread in
    /// [`wait`](Self::wait) would be.
    pub(super) fn poll<R>(
        &self,
        waiter: &Arc<Waiter>,
        wanted: Revision,
        waker: &std::task::Waker,
        condition: impl FnOnce() -> Option<R>,
    ) -> std::task::Poll<Result<R, Unresolved>> {
        use std::task::Poll;

        // A waker is foreign code: it is cloned before the lock is acquired, and dropped after the
        // lock is released.
        let target = Target::Task(waker.clone());
        let mut waiters = self.lock();
        let (result, unused) = match condition() {
            Some(value) => (Some(Ok(value)), Some(target)),
            None if waiters.ended => (Some(Err(Unresolved::Ended)), Some(target)),
            None => (None, waiters.insert(waiter, wanted, target)),
        };
        let replaced = match result {
            Some(_) => waiters.list.remove(&waiter.key(wanted)),
            None => None,
        };
        drop(waiters);
        drop((replaced, unused));
        result.map_or(Poll::Pending, Poll::Ready)
    }

    /// Removes the task that waits for `wanted` from the list.
    pub(super) fn unregister(&self, waiter: &Arc<Waiter>, wanted: Revision) {
        if crate::mutants::mutant("dropped_stream_keeps_its_waker") {
            return;
        }
        let mut waiters = self.lock();
        let target = waiters.list.remove(&waiter.key(wanted));
        drop(waiters);
        drop(target);
    }
}
