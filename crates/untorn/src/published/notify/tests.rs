//! Counts of notifications, since a spurious wakeup has no other effect than its cost.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::published::cell::VersionedCell;
use crate::published::error::WaitError;
use crate::published::revision::Revision;
use crate::published::subscription::Subscription;
use crate::sync::Ordering;

const LONG: Duration = Duration::from_secs(60);

fn publish(cell: &VersionedCell<u64>, commits: u64) {
    for _ in 0..commits {
        let revision = cell.revision();
        cell.write("a test").publish(revision.get() + 1);
    }
}

fn waiting(cell: &VersionedCell<u64>) -> usize {
    cell.notifier.lock().list.len()
}

/// Blocks until this number of threads wait.
fn until_waiting(cell: &VersionedCell<u64>, threads: usize) {
    let start = Instant::now();
    while waiting(cell) < threads {
        assert!(start.elapsed() < LONG, "{} wait", waiting(cell));
        thread::yield_now();
    }
}

fn notified(cell: &VersionedCell<u64>) -> u64 {
    cell.notifier.notified.load(Ordering::Relaxed)
}

fn cell() -> Arc<VersionedCell<u64>> {
    Arc::new(VersionedCell::new(0))
}

/// Ends the waits of a test, even if the test panics.
struct EndOnDrop<'c>(&'c VersionedCell<u64>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[test]
fn a_commit_notifies_no_waiter_of_a_later_revision() {
    let cell = cell();
    let far = Revision::from(1_000_000);
    thread::scope(|scope| {
        let end = EndOnDrop(&cell);
        let waiters: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| cell.wait_for(far, LONG)))
            .collect();
        until_waiting(&cell, 200);
        publish(&cell, 50);
        assert_eq!((notified(&cell), waiting(&cell)), (0, 200));
        drop(end);
        assert_eq!(notified(&cell), 200, "the end notifies all");
        for waiter in waiters {
            let closed = waiter.join().expect("no panic").expect_err("the end");
            assert_eq!(closed, WaitError::Closed);
        }
    });
    assert_eq!(waiting(&cell), 0);
}

#[test]
fn a_commit_notifies_each_waiter_that_it_reached() {
    let cell = cell();
    thread::scope(|scope| {
        let _end = EndOnDrop(&cell);
        for wanted in [3, 1, 5, 2, 3, 3] {
            let cell = &cell;
            scope.spawn(move || cell.wait_for(Revision::from(wanted), LONG));
        }
        until_waiting(&cell, 6);
        for (revision, sum) in [(1, 1), (2, 2), (3, 5), (4, 5), (5, 6)] {
            publish(&cell, 1);
            assert_eq!(notified(&cell), sum, "by revision {revision}");
            assert_eq!(waiting(&cell) as u64, 6 - sum);
        }
    });
}

#[test]
fn close_notifies_its_own_subscription_only() {
    let cell = cell();
    thread::scope(|scope| {
        let _end = EndOnDrop(&cell);
        let subscriptions: Vec<_> = (0..10)
            .map(|_| Subscription::new(Arc::clone(&cell)))
            .collect();
        let handles: Vec<_> = subscriptions.iter().map(Subscription::handle).collect();
        let mut threads: Vec<_> = subscriptions
            .into_iter()
            .map(|mut changes| Some(scope.spawn(move || changes.recv().is_err())))
            .collect();
        until_waiting(&cell, 10);
        for (n, place) in [(1, 4), (2, 0), (3, 9)] {
            handles[place].close();
            let thread = threads[place].take().expect("it is closed once");
            assert!(thread.join().expect("no panic"), "the subscription ended");
            assert_eq!((notified(&cell), waiting(&cell)), (n, 10 - n as usize));
            handles[place].close();
            assert_eq!(notified(&cell), n, "a closed subscription does not wait");
        }
        publish(&cell, 1);
        assert_eq!((notified(&cell), waiting(&cell)), (10, 0));
    });
}

#[test]
fn a_wait_that_times_out_is_removed_from_the_list() {
    let cell = cell();
    let mut changes = Subscription::new(Arc::clone(&cell));
    for _ in 0..10 {
        let short = Duration::from_micros(50);
        assert!(cell.wait_for(Revision::from(1), short).is_err());
        assert!(changes.recv_timeout(short).is_err());
        assert!(changes.try_recv().is_err());
        assert_eq!(waiting(&cell), 0);
    }
    publish(&cell, 1);
    assert_eq!(notified(&cell), 0);
}

#[test]
fn a_wait_for_a_condition_is_woken_by_each_commit() {
    let cell = cell();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| cell.wait_until(|value| *value == 3, LONG));
        for value in 1..=3 {
            until_waiting(&cell, 1);
            assert_eq!(notified(&cell), value - 1);
            publish(&cell, 1);
        }
        assert!(waiter.join().unwrap().is_ok_and(|newest| *newest == 3));
    });
    assert_eq!((notified(&cell), waiting(&cell)), (3, 0));
    // One that need not wait is no waiter.
    assert!(cell.wait_until(|value| *value == 3, Duration::ZERO).is_ok());
}

#[test]
fn a_dropped_future_is_removed_from_the_list() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let cell = cell();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut wait = pin!(cell.wait_until_async(|value| *value > 1));
        let mut changes = Subscription::new(Arc::clone(&cell));
        let mut step = pin!(changes.recv_async());
        for _ in 0..3 {
            assert!(wait.as_mut().poll(&mut context).is_pending());
            assert!(step.as_mut().poll(&mut context).is_pending());
            assert_eq!(waiting(&cell), 2);
        }
        publish(&cell, 1);
        assert_eq!((notified(&cell), waiting(&cell)), (2, 0));
        assert!(wait.as_mut().poll(&mut context).is_pending());
        assert!(step.as_mut().poll(&mut context).is_ready());
        assert_eq!(waiting(&cell), 1);
    }
    assert_eq!(waiting(&cell), 0);
    publish(&cell, 1);
    let wait = pin!(cell.wait_until_async(|value| *value > 1));
    assert!(matches!(wait.poll(&mut context), Poll::Ready(newest) if *newest == 2));
    assert_eq!((notified(&cell), waiting(&cell)), (2, 0));
}

#[cfg(feature = "stream")]
#[test]
fn a_task_is_in_the_list_once() {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use futures_core::Stream;

    let cell = cell();
    let mut context = Context::from_waker(Waker::noop());
    let mut changes = pin!(Subscription::new(Arc::clone(&cell)).into_stream());
    let other = Subscription::new(Arc::clone(&cell)).into_stream();
    for revision in 1..5 {
        for _ in 0..3 {
            assert!(changes.as_mut().poll_next(&mut context).is_pending());
        }
        assert_eq!(waiting(&cell), 1);
        publish(&cell, 1);
        assert_eq!((notified(&cell), waiting(&cell)), (revision, 0));
        assert!(changes.as_mut().poll_next(&mut context).is_ready());
        assert_eq!(waiting(&cell), 0);
    }
    // Closing a stream wakes its own task only.
    assert!(changes.as_mut().poll_next(&mut context).is_pending());
    other.get_ref().handle().close();
    assert_eq!((notified(&cell), waiting(&cell)), (4, 1));
    changes.get_ref().handle().close();
    assert_eq!((notified(&cell), waiting(&cell)), (5, 0));
}
