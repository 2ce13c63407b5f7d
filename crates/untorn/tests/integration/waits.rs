//! Waits for a condition and for a change, on threads and in tasks.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use untorn::{Map, Published, Snapshot, View, WaitError};

use crate::watchdog::with_timeout;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn wait_until_checks_at_once_and_times_out() {
    let map = Map::from([("a", 1)]);
    let satisfied = map.wait_until(|view| view["a"] == 1, Duration::ZERO);
    assert!(satisfied.is_ok_and(|view| view.len() == 1));
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        let mut checks = 0;
        let never = map.wait_until(
            |_| {
                checks += 1;
                false
            },
            timeout,
        );
        assert_eq!((never, checks), (Err(WaitError::Timeout), 1));
    }
}

/// A commit that satisfies the condition, and then one that does not any more, may be merged, so
/// these conditions stay satisfied.
#[test]
fn no_condition_is_missed() {
    const COMMITS: u64 = 2_000;
    with_timeout("waits for growing values", || {
        let value = Published::new(0);
        let unsatisfied = AtomicU64::new(0);
        thread::scope(|scope| {
            for step in [1, 7] {
                let (value, unsatisfied) = (&value, &unsatisfied);
                scope.spawn(move || {
                    for wanted in (step..=COMMITS).step_by(step as usize) {
                        let check = |now: &u64| {
                            unsatisfied.fetch_add(u64::from(*now < wanted), Ordering::Relaxed);
                            *now >= wanted
                        };
                        let reached = value.wait_until(check, LONG).expect("a later commit");
                        assert!(*reached >= wanted);
                    }
                });
                scope.spawn(move || {
                    for wanted in (step..=COMMITS).step_by(step as usize) {
                        let reached = block_on(value.wait_until_async(|now| *now >= wanted));
                        assert!(*reached >= wanted);
                    }
                });
            }
            for commit in 1..=COMMITS {
                value.publish(commit);
                if commit % 16 == 0 {
                    thread::yield_now();
                }
                // The waiters may have been delayed until now.
                while commit == COMMITS / 2 && unsatisfied.load(Ordering::Relaxed) == 0 {
                    thread::yield_now();
                }
            }
        });
    });
}

#[test]
fn a_panic_in_a_condition_ends_its_wait_only() {
    let map = Map::from([("a", 1)]);
    let wait = || map.wait_until(|_| panic!("the condition"), LONG);
    assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
    map.insert("a", 2);
    assert!(
        map.wait_until(|view| view["a"] == 2, Duration::ZERO)
            .is_ok()
    );
}

#[test]
fn a_condition_may_write_to_its_map() {
    let map = Map::new();
    let view = map.wait_until(
        |view| {
            if view.len() < 3 {
                map.insert(view.len(), ());
            }
            view.len() == 3
        },
        LONG,
    );
    assert_eq!(view.expect("three entries").len(), 3);
}

/// Each check meets a newer revision, as beside a fast writer.
#[test]
fn commits_do_not_extend_a_timeout() {
    with_timeout("waits beside a fast writer", || {
        let map = Map::from([("checks", 0)]);
        let value = Published::new(0);
        let never = |view: &View<&str, u64>| {
            map.insert("checks", view["checks"] + 1);
            false
        };
        assert_eq!(
            map.wait_until(never, Duration::ZERO),
            Err(WaitError::Timeout)
        );
        assert_eq!(map.get("checks"), Some(2), "before and after the wait");
        for timeout in [Duration::ZERO, Duration::from_millis(2)] {
            assert!(map.wait_until(never, timeout).is_err());
            let never = |now: &u64| {
                value.publish(now + 1);
                false
            };
            assert!(value.wait_until(never, timeout).is_err());
        }
    });
}

/// The runtime's timer cannot end a wait while the wait is being polled.
#[test]
fn a_poll_of_a_wait_checks_once() {
    with_timeout("a wait beside a fast writer", || {
        let map = Map::from([("checks", 0)]);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut wait = pin!(map.wait_until_async(|view| {
            map.insert("checks", view["checks"] + 1);
            view["checks"] == 3
        }));
        for poll in 1..4 {
            assert!(wait.as_mut().poll(&mut context).is_pending());
            assert_eq!(map.get("checks"), Some(poll));
            assert_eq!(woken.0.swap(0, Ordering::Relaxed), 1, "it wants a poll");
        }
        assert!(wait.poll(&mut context).is_ready());
    });
}

#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waker that publishes when it is dropped.
struct Publishing(Arc<Published<u32>>);

impl Wake for Publishing {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.update(|n| n + 1);
    }
}

/// A future that is leaked leaves its waker in the list of waiters.
#[test]
fn a_leaked_waker_is_dropped_without_a_lock() {
    with_timeout("receives after a leaked future", || {
        for is_newer in [false, true] {
            let value = Arc::new(Published::new(0));
            let mut changes = value.subscribe();
            let waker = Waker::from(Arc::new(Publishing(Arc::clone(&value))));
            let mut leaked = ManuallyDrop::new(Box::pin(changes.recv_async()));
            let poll = leaked.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
            drop(waker);
            if is_newer {
                value.publish(10); // takes the waker out
            }
            let received = changes.recv_timeout(Duration::from_millis(1));
            assert_eq!(received.is_ok(), is_newer);
            assert_eq!(*value.pin(), if is_newer { 11 } else { 1 });
        }
    });
}

/// No commit can come while this thread holds the writer lock.
#[test]
fn wait_until_inside_a_batch_panics_if_it_must_wait() {
    let map = Map::from([("a", 1)]);
    let batch = map.begin_batch();
    assert!(map.wait_until(|view| view["a"] == 1, LONG).is_ok());
    assert!(map.wait_until(|_| false, Duration::ZERO).is_err());
    let wait = || map.wait_until(|_| false, LONG);
    let panic = catch_unwind(AssertUnwindSafe(wait)).expect_err("it would deadlock");
    let message = panic.downcast_ref::<String>().expect("a text");
    assert!(message.starts_with("cannot wait for a commit"), "{message}");
    drop(batch);
}

/// A wait must not retain versions that are replaced meanwhile.
#[test]
fn a_waiting_thread_retains_no_version() {
    let value = Published::new(0);
    let mut context = Context::from_waker(Waker::noop());
    let mut wait = pin!(value.wait_until_async(|now| *now == 9));
    assert!(wait.as_mut().poll(&mut context).is_pending());
    for commit in 1..9 {
        value.publish(commit);
        assert!(wait.as_mut().poll(&mut context).is_pending());
        value.reclaim();
        assert_eq!(value.retained(), 0);
    }
    value.publish(9);
    let Poll::Ready(newest) = wait.poll(&mut context) else {
        unreachable!("the condition is satisfied");
    };
    assert_eq!((*newest, Snapshot::revision(&newest).get()), (9, 9));
}

#[test]
fn recv_async_returns_each_step_once() {
    let value = Published::new(0);
    let mut changes = value.subscribe();
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(changes.recv_async()).poll(&mut context).is_pending());
    value.publish(1);
    // The future that was dropped has taken nothing.
    let step = block_on(changes.recv_async()).expect("the value is alive");
    assert_eq!((*step.from, *step.to, step.missed), (0, 1, 0));
    value.publish(2);
    value.publish(3);
    drop(value);
    let step = block_on(changes.recv_async()).expect("the last version");
    assert_eq!((*step.from, *step.to, step.missed), (1, 3, 1));
    assert!(block_on(changes.recv_async()).is_err());
}

#[test]
fn futures_of_waits_can_be_sent() {
    fn assert_send<F: Send>(future: F) -> F {
        future
    }
    let map = Arc::new(Map::from([("a", 1)]));
    let mut changes = map.subscribe();
    let view = block_on(assert_send(map.wait_until_async(|view| view.len() == 1)));
    assert_eq!(view["a"], 1);
    drop(assert_send(changes.recv_async()));
    let mut of_key = map.subscribe_key("a");
    drop(assert_send(of_key.recv_async()));
}

/// A program that only waits needs no snapshot of what it waited for.
#[test]
#[deny(unused_must_use)]
fn results_of_waits_may_be_ignored() {
    async fn ready(map: &Map<&str, u32>) {
        map.wait_until_async(|view| view.len() == 1).await;
    }
    fn committed(map: &Map<&str, u32>) -> Result<(), WaitError> {
        map.wait_for(map.revision(), LONG)?;
        map.wait_until(|view| view.len() == 1, LONG)?;
        Ok(())
    }
    let map = Map::from([("a", 1)]);
    block_on(ready(&map));
    assert_eq!(committed(&map), Ok(()));
}
