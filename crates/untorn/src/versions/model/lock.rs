//! The writer lock.

use loom::sync::Arc;
use loom::thread;

use super::{Bound, check, join};
use crate::clock::Limit;
use crate::versions::writer_lock::WriterLock;

fn locked(threads: usize, body: fn(&WriterLock<u64>)) -> u64 {
    let lock = Arc::new(WriterLock::new(0));
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || body(&lock))
        })
        .collect();
    body(&lock);
    join(others);
    *lock.lock()
}

fn add(lock: &WriterLock<u64>) {
    *lock.lock() += 1;
}

#[test]
fn model_lock_excludes() {
    check("lock_excludes", Bound::None, || {
        assert_eq!(locked(2, add), 2)
    });
}

#[test]
fn model_lock_excludes_three() {
    check("lock_excludes_three", Bound::Preemptions(3), || {
        assert_eq!(locked(3, add), 3);
    });
}

/// One thread barges again and again: the lock is handed to the other.
#[test]
fn model_lock_is_handed_over() {
    check("lock_is_handed_over", Bound::Preemptions(4), || {
        let add_twice: fn(&WriterLock<u64>) = |lock| {
            add(lock);
            add(lock);
            add(lock);
        };
        assert_eq!(locked(2, add_twice), 6);
    });
}

/// Attempts that do not wait, and waits whose time is over at once: they leave the queue.
#[test]
fn model_lock_waiters_leave() {
    check("lock_waiters_leave", Bound::Preemptions(5), || {
        let body: fn(&WriterLock<u64>) = |lock| {
            if let Some(mut value) = lock.lock_until(|| Limit::Now) {
                *value += 1;
            }
            if let Some(mut value) = lock.try_lock() {
                *value += 1;
            }
            add(lock);
        };
        assert!((2..=6).contains(&locked(2, body)));
    });
}

/// A third thread takes the lock that a waiter has left.
#[test]
fn model_lock_after_a_waiter_left() {
    check("lock_after_a_waiter_left", Bound::Preemptions(4), || {
        let lock = Arc::new(WriterLock::new(0));
        let leaves = Arc::clone(&lock);
        let leaves = thread::spawn(move || {
            drop(leaves.lock_until(|| Limit::Now));
        });
        let adds = Arc::clone(&lock);
        let adds = thread::spawn(move || add(&adds));
        if let Some(mut value) = lock.try_lock() {
            *value += 1;
        }
        join([leaves, adds]);
        assert!(*lock.lock() >= 1);
    });
}
