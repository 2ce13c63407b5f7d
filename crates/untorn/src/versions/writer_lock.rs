//! The writer lock: fair within a bound.
//!
//! A thread may take a free lock before the threads that wait (barging), which is cheaper than a
//! context switch. But once the first waiter has been overtaken [`MAX_OVERTAKEN`] times, the
//! lock is handed to it.
//!
//! # Invariants
//!
//! 1. The thread that set `HELD` has access to the value until it clears the bit, or hands it over.
//! 2. `QUEUED` is set exactly while there are waiters. It changes, and while it is set so does
//!    `HELD`, only while the queue is locked.
//! 3. While `HELD` is clear and there are waiters, the first one has been notified.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::PoisonError;

use crate::clock::Limit;
use crate::ordering_mutants::{acquire, release};
use crate::sync::{
    Arc, AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, UnsafeCell, spin_loop,
};

#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests;

const HELD: usize = 1;
const QUEUED: usize = 2;

/// The most times that the first waiter is overtaken.
pub(crate) const MAX_OVERTAKEN: u32 = if cfg!(untorn_loom) { 1 } else { 16 };

/// The attempts to take a held lock before a thread waits. A commit takes about as long.
const SPINS: u32 = if cfg!(any(untorn_loom, untorn_shuttle, miri)) {
    0
} else {
    100
};

/// A lock around a value, for one writer at a time.
pub(crate) struct WriterLock<T> {
    word: AtomicUsize,
    queue: Mutex<Queue>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives access to one thread at a time (invariant 1).
unsafe impl<T: Send> Sync for WriterLock<T> {}

// As for a `Mutex`, although a panic does not poison this lock: the owner of the value makes each
// change whole before foreign code runs.
impl<T> UnwindSafe for WriterLock<T> {}
impl<T> RefUnwindSafe for WriterLock<T> {}

#[derive(Default)]
struct Queue {
    waiters: VecDeque<Arc<Waiter>>,
    /// The times that the first waiter was overtaken.
    overtaken: u32,
    /// Set while the first waiter has been notified and has not run since.
    notified: bool,
}

#[derive(Default)]
struct Waiter {
    wake: Condvar,
    /// Set when the lock was handed to this waiter. Stored and loaded while the queue is locked.
    has_lock: AtomicBool,
}

/// A guard of a [`WriterLock`].
pub(crate) struct WriterGuard<'l, T> {
    lock: &'l WriterLock<T>,
    /// `MutexGuard` is `Sync` but not `Send`, and so is this.
    _not_send: PhantomData<std::sync::MutexGuard<'l, T>>,
}

impl<T> WriterLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            word: AtomicUsize::new(0),
            queue: Mutex::default(),
            value: UnsafeCell::new(value),
        }
    }

    /// Acquires the lock if it is free and no thread waits for it. Does not block.
    pub(crate) fn try_lock(&self) -> Option<WriterGuard<'_, T>> {
        self.take().then(|| self.guard())
    }

    /// Acquires the lock, blocking until `limit` returns. Returns `None` if the time is over.
    /// `limit` is called only if the lock is not free.
    pub(crate) fn lock_until(&self, limit: impl FnOnce() -> Limit) -> Option<WriterGuard<'_, T>> {
        (self.take() || self.wait(limit())).then(|| self.guard())
    }

    /// Acquires the lock, blocking until it is free.
    pub(crate) fn lock(&self) -> WriterGuard<'_, T> {
        while !self.take() {
            // Returns false only at the end of a limit.
            if self.wait(Limit::Never) {
                break;
            }
        }
        self.guard()
    }

    fn guard(&self) -> WriterGuard<'_, T> {
        WriterGuard {
            lock: self,
            _not_send: PhantomData,
        }
    }

    /// Takes the lock if it is free and no thread waits for it.
    #[inline]
    fn take(&self) -> bool {
        // Acquire: the value (Release in `release` and `release_to_waiter`).
        let taken = self
            .word
            .compare_exchange(0, HELD, acquire("take.word"), Ordering::Relaxed);
        taken.is_ok()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Poisoning cannot occur: nothing panics while the queue is locked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_held(&self) -> bool {
        // Relaxed: while there are waiters the lock of the queue orders all changes (invariant 2).
        self.word.load(Ordering::Relaxed) & HELD != 0
    }

    /// Waits for the lock, and returns whether this thread has it.
    #[cold]
    fn wait(&self, limit: Limit) -> bool {
        for _ in 0..SPINS {
            if self.take() {
                return true;
            }
            spin_loop();
        }
        let mut queue = self.queue();
        if queue.waiters.is_empty() {
            // Takes the lock, or sets the bit that makes its holder look into the queue.
            loop {
                if self.take() {
                    return true;
                }
                let marked = self.word.compare_exchange(
                    HELD,
                    HELD | QUEUED,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                if marked.is_ok() {
                    break;
                }
            }
        } else if !self.is_held() && queue.overtaken < MAX_OVERTAKEN {
            queue.overtaken += 1;
            // Relaxed: as in `is_held`.
            self.word.store(HELD | QUEUED, Ordering::Relaxed);
            return true;
        }
        let waiter = Arc::<Waiter>::default();
        queue.waiters.push_back(Arc::clone(&waiter));
        loop {
            let Some(left) = limit.left() else {
                let woken = waiter.wake.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
                if self.take_as_waiter(&mut queue, &waiter) {
                    return true;
                }
                continue;
            };
            if left.is_zero() {
                self.leave(&mut queue, &waiter);
                return false;
            }
            let woken = waiter.wake.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
            if self.take_as_waiter(&mut queue, &waiter) {
                return true;
            }
        }
    }

    /// Takes the lock if it was handed to this waiter, or if it is free and this is the first one.
    fn take_as_waiter(&self, queue: &mut Queue, waiter: &Arc<Waiter>) -> bool {
        if waiter.has_lock.load(Ordering::Relaxed) {
            return true;
        }
        if !queue.is_first(waiter) {
            return false;
        }
        queue.notified = false;
        if self.is_held() {
            return false;
        }
        queue.remove_first();
        // Relaxed: as in `is_held`.
        self.word.store(queue.bit() | HELD, Ordering::Relaxed);
        true
    }

    /// Removes a waiter whose time is over. If it was the first one, the lock is held, so that its
    /// release notifies the next one.
    fn leave(&self, queue: &mut Queue, waiter: &Arc<Waiter>) {
        if queue.is_first(waiter) {
            queue.remove_first();
        } else {
            queue.waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        }
        if queue.waiters.is_empty() {
            // Relaxed: part of the release sequence of the store in `release_to_waiter`.
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }

    /// Releases the lock: hands it over, or notifies the first waiter.
    #[inline]
    fn release(&self) {
        // Release: the value (Acquire in `take`).
        let released =
            self.word
                .compare_exchange(HELD, 0, release("release.word"), Ordering::Relaxed);
        if released.is_err() {
            self.release_to_waiter();
        }
    }

    #[cold]
    fn release_to_waiter(&self) {
        let mut queue = self.queue();
        if queue.overtaken >= MAX_OVERTAKEN
            && let Some(first) = queue.remove_first()
        {
            // Relaxed: as in `is_held`.
            self.word.store(queue.bit() | HELD, Ordering::Relaxed);
            first.has_lock.store(true, Ordering::Relaxed);
            first.wake.notify_one();
        } else {
            // Release: the value, if no waiter is left (Acquire in `take`).
            self.word
                .fetch_and(!HELD, release("release_to_waiter.word"));
            queue.notify_first();
        }
    }
}

impl Queue {
    fn is_first(&self, waiter: &Arc<Waiter>) -> bool {
        let first = self.waiters.front();
        first.is_some_and(|first| Arc::ptr_eq(first, waiter))
    }

    fn remove_first(&mut self) -> Option<Arc<Waiter>> {
        self.overtaken = 0;
        self.notified = false;
        self.waiters.pop_front()
    }

    /// Returns the bit that says whether there are waiters.
    fn bit(&self) -> usize {
        if self.waiters.is_empty() { 0 } else { QUEUED }
    }

    /// Notifies the first waiter, unless it has been notified and has not run since.
    fn notify_first(&mut self) {
        if let Some(first) = self.waiters.front()
            && !self.notified
        {
            self.notified = true;
            first.wake.notify_one();
        }
    }
}

impl<T> Deref for WriterGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: invariant 1.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for WriterGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: invariant 1; the guard is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for WriterGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.release();
    }
}
