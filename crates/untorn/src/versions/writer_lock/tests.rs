//! The bound of the lock, and waits that end.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::Duration;

use super::{MAX_OVERTAKEN, Ordering, WriterLock};
use crate::clock::Limit;

/// Blocks until this number of threads wait.
fn until_waiting<T>(lock: &WriterLock<T>, threads: usize) {
    while lock.queue().waiters.len() < threads {
        thread::yield_now();
    }
}

/// Counts exactly: the holder releases and acquires the lock again while another thread waits.
#[test]
fn first_waiter_is_overtaken_at_most_16_times() {
    let lock = WriterLock::new(());
    for _ in 0..20 {
        let (has_it, overtaken) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            let mut held = Some(lock.lock());
            scope.spawn(|| {
                let _guard = lock.lock();
                has_it.store(true, Ordering::Relaxed);
            });
            until_waiting(&lock, 1);
            while !has_it.load(Ordering::Relaxed) {
                drop(held.take());
                if has_it.load(Ordering::Relaxed) {
                    break;
                }
                held = lock.lock_until(|| Limit::Now);
                if held.is_some() && !has_it.load(Ordering::Relaxed) {
                    overtaken.fetch_add(1, Ordering::Relaxed);
                }
            }
            drop(held);
        });
        let overtaken = overtaken.into_inner();
        assert!(overtaken <= MAX_OVERTAKEN, "overtaken {overtaken} times");
    }
}

#[test]
fn waits_end_at_their_limit_and_leave_the_queue() {
    let lock = WriterLock::new(0);
    let mut held = lock.lock();
    thread::scope(|scope| {
        let waits: Vec<_> = (1..=8)
            .map(|n| {
                let lock = &lock;
                scope.spawn(move || {
                    let limit = || Limit::after(Duration::from_millis(n));
                    lock.lock_until(limit).is_some()
                })
            })
            .collect();
        assert!(
            waits
                .into_iter()
                .all(|wait| !wait.join().expect("no panic"))
        );
    });
    assert!(lock.queue().waiters.is_empty());
    *held += 1;
    drop(held);
    assert_eq!(*lock.try_lock().expect("it is free"), 1);
}

#[test]
fn lock_excludes_under_contention() {
    let lock = WriterLock::new((0_u64, 0_u64));
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    thread::scope(|scope| {
        for thread in 0..4 {
            let lock = &lock;
            scope.spawn(move || {
                for round in 0..rounds {
                    let limit = || Limit::after(Duration::from_nanos(round % 1_000));
                    let guard = match thread {
                        0 => lock.lock_until(limit),
                        1 => lock.try_lock(),
                        _ => Some(lock.lock()),
                    };
                    if let Some(mut pair) = guard {
                        pair.0 += 1;
                        pair.1 += 1;
                    }
                }
            });
        }
    });
    let pair = *lock.lock();
    assert!(pair.0 == pair.1 && pair.0 >= 2 * rounds);
}
