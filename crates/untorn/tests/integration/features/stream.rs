//! Streams: which tasks a commit wakes, what a dropped stream releases, and reentrant wakers.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures_core::{FusedStream, Stream};
use futures_executor::{LocalPool, block_on, block_on_stream};
use untorn::{Map, Published, Snapshot, SubscriptionStream, Transition};

use crate::watchdog::{Progress, wait_until, with_timeout};

/// An action that a task runs when it is woken.
type Action = Box<dyn FnOnce() + Send>;

/// A task that counts its wakeups. Each stored waker of it holds one reference of its `Arc`.
#[derive(Default)]
struct Task {
    woken: AtomicUsize,
    action: Mutex<Option<Action>>,
}

impl Task {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Creates a task that runs `action` at its first wakeup.
    fn with_action(action: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            action: Mutex::new(Some(Box::new(action))),
            ..Self::default()
        })
    }

    fn woken(&self) -> usize {
        self.woken.load(Ordering::Relaxed)
    }

    /// Polls `stream` with a waker of this task.
    fn poll<T>(
        self: &Arc<Self>,
        stream: &mut SubscriptionStream<T>,
    ) -> Poll<Option<Transition<T>>> {
        let waker = Waker::from(Arc::clone(self));
        Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
    }
}

/// Returns the number of stored wakers of this task.
fn wakers(task: &Arc<Task>) -> usize {
    Arc::strong_count(task) - 1
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        let action = self.action.lock().expect("not poisoned").take();
        if let Some(action) = action {
            action();
        }
    }
}

/// Returns the transition of a poll that must be ready.
fn step<T>(polled: Poll<Option<Transition<T>>>) -> Transition<T> {
    match polled {
        Poll::Ready(Some(step)) => step,
        Poll::Ready(None) => panic!("the stream has ended"),
        Poll::Pending => panic!("no transition is ready"),
    }
}

fn is_end<T>(polled: &Poll<Option<T>>) -> bool {
    matches!(polled, Poll::Ready(None))
}

#[test]
fn each_commit_of_another_thread_wakes_the_task() {
    const ROUNDS: u64 = 10_000;
    let value = Published::new(0);
    let seen = AtomicU64::new(0);
    let mut stream = value.subscribe().into_stream();
    let shown = with_timeout("a task that observes each commit of a handshake", || {
        thread::scope(|scope| {
            let seen = Progress(&seen);
            let reached = seen.0;
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    value.publish(round);
                    wait_until(reached, round);
                }
                drop(value);
            });
            let mut shown = 0;
            for step in block_on_stream(&mut stream) {
                assert_eq!((*step.from, *step.to, step.missed), (shown, shown + 1, 0));
                shown = *step.to;
                seen.set(shown);
            }
            shown
        })
    });
    assert_eq!(shown, ROUNDS, "the stream ends when the value is dropped");
    assert!(stream.is_terminated());
}

#[test]
fn transitions_add_up_for_two_streams_on_one_thread() {
    const COMMITS: u64 = 3_000;
    let map = Map::from([("n", 0)]);
    let mut streams = [map.subscribe().into_stream(), map.subscribe().into_stream()];
    let mut sums = [0; 2];
    let both = std::future::poll_fn(|context| {
        for (stream, sum) in streams.iter_mut().zip(&mut sums) {
            while !stream.is_terminated() {
                match Pin::new(&mut *stream).poll_next(context) {
                    Poll::Ready(Some(step)) => {
                        assert_eq!(step.from["n"], *sum);
                        *sum += 1 + step.missed;
                        assert_eq!(step.to["n"], *sum);
                    }
                    Poll::Ready(None) => {}
                    Poll::Pending => break,
                }
            }
        }
        if streams.iter().all(FusedStream::is_terminated) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    with_timeout("two streams that end with the map", || {
        thread::scope(|scope| {
            scope.spawn(move || {
                for n in 1..=COMMITS {
                    map.insert("n", n);
                }
            });
            LocalPool::new().run_until(both);
        });
    });
    assert_eq!(sums, [COMMITS; 2]);
}

#[test]
fn stream_ends_after_the_last_version() {
    let map = Map::from([("n", 0)]);
    let mut stream = map.subscribe().into_stream();
    let task = Task::new();
    assert!(task.poll(&mut stream).is_pending());
    map.insert("n", 1);
    map.insert("n", 2);
    assert_eq!(task.woken(), 1, "once, since it was not polled again");
    assert!(!stream.is_terminated());
    drop(map);
    let last = step(task.poll(&mut stream));
    assert_eq!((last.to["n"], last.missed), (2, 1));
    assert!(!stream.is_terminated());
    for _ in 0..3 {
        assert!(is_end(&task.poll(&mut stream)));
        assert!(stream.is_terminated());
    }
    assert_eq!(stream.get_ref().last_received()["n"], 2);
    assert_eq!((task.woken(), wakers(&task)), (1, 0));
}

#[test]
fn dropping_the_map_or_closing_wakes_the_task() {
    let map = Map::from([("n", 0)]);
    let (mut closed, mut open) = (map.subscribe().into_stream(), map.subscribe().into_stream());
    let (first, second) = (Task::new(), Task::new());
    assert!(first.poll(&mut closed).is_pending() && second.poll(&mut open).is_pending());
    map.insert("n", 1);
    closed.get_ref().handle().close();
    assert!(is_end(&first.poll(&mut closed)), "at once");
    assert_eq!(first.woken(), 1);
    assert_eq!(step(second.poll(&mut open)).to["n"], 1);
    assert!(second.poll(&mut open).is_pending());
    let woken = second.woken();
    drop(map);
    assert_eq!(second.woken(), woken + 1);
    assert!(is_end(&second.poll(&mut open)));
    // A stream that is closed while a task waits.
    let map = Map::from([("n", 0)]);
    let mut closed = map.subscribe().into_stream();
    let task = Task::new();
    assert!(task.poll(&mut closed).is_pending());
    closed.get_ref().handle().close();
    assert_eq!(task.woken(), 1);
    assert!(is_end(&task.poll(&mut closed)));
    assert_eq!((wakers(&first), wakers(&second), wakers(&task)), (0, 0, 0));
}

#[test]
fn only_the_last_polled_waker_is_kept_and_woken() {
    let value = Published::new(0);
    let mut stream = value.subscribe().into_stream();
    let tasks = [Task::new(), Task::new(), Task::new()];
    for (n, task) in tasks.iter().enumerate() {
        for _ in 0..3 {
            assert!(task.poll(&mut stream).is_pending());
        }
        let kept = [0, 1, 2].map(|other| wakers(&tasks[other]));
        let expected = [0, 1, 2].map(|other| usize::from(other == n));
        assert_eq!(kept, expected);
    }
    value.publish(1);
    let woken = [0, 1, 2].map(|n| tasks[n].woken());
    assert_eq!(woken, [0, 0, 1]);
    assert!(
        tasks.iter().all(|task| wakers(task) == 0),
        "no waker is stored"
    );
    // A pending transition needs no waker.
    assert_eq!(*step(tasks[0].poll(&mut stream)).to, 1);
    assert_eq!(wakers(&tasks[0]), 0);
}

#[test]
fn each_stream_is_woken_once_per_commit() {
    let map = Map::from([("n", 0)]);
    let mut streams: Vec<_> = (0..50).map(|_| map.subscribe().into_stream()).collect();
    let tasks: Vec<_> = streams.iter().map(|_| Task::new()).collect();
    for n in 1..=3 {
        for (stream, task) in streams.iter_mut().zip(&tasks) {
            assert!(task.poll(stream).is_pending());
        }
        map.remove("nothing");
        let mut batch = map.begin_batch();
        batch.insert("n", 77);
        drop(batch);
        assert!(tasks.iter().all(|task| task.woken() + 1 == n));
        map.insert("n", n);
        assert!(tasks.iter().all(|task| task.woken() == n));
        for (stream, task) in streams.iter_mut().zip(&tasks) {
            assert_eq!(step(task.poll(stream)).to["n"], n);
        }
    }
}

#[test]
fn dropped_stream_leaves_no_waker_and_no_version() {
    let payload = Arc::new(());
    let value = Published::new(Arc::clone(&payload));
    let (task, other) = (Task::new(), Task::new());
    let mut stays = value.subscribe().into_stream();
    assert!(other.poll(&mut stays).is_pending());
    for _ in 0..100 {
        let mut stream = value.subscribe().into_stream();
        assert!(task.poll(&mut stream).is_pending());
        assert_eq!(wakers(&task), 1);
        drop(stream);
        assert_eq!(wakers(&task), 0);
    }
    value.publish(Arc::new(()));
    assert_eq!((task.woken(), other.woken()), (0, 1));
    // After a wakeup, and after the end.
    let mut stream = value.subscribe().into_stream();
    assert!(task.poll(&mut stream).is_pending());
    value.publish(Arc::new(()));
    assert_eq!((task.woken(), wakers(&task)), (1, 0));
    drop(stream);
    let mut stream = value.subscribe().into_stream();
    assert!(task.poll(&mut stream).is_pending());
    drop(value);
    assert_eq!((task.woken(), wakers(&task)), (2, 0));
    drop(stream);
    assert_eq!(
        Arc::strong_count(&payload),
        2,
        "received last by the remaining stream"
    );
    drop(stays);
    assert_eq!((Arc::strong_count(&payload), wakers(&other)), (1, 0));
}

#[test]
fn commit_is_visible_and_unlocked_at_wakeup() {
    with_timeout("a waker that reads and writes the map from `wake`", || {
        let map = Arc::new(Map::from([("n", 0), ("again", 0)]));
        let mut stream = map.subscribe().into_stream();
        let mut inside = map.subscribe();
        let task = Task::with_action({
            let map = Arc::clone(&map);
            move || {
                assert_eq!(map.get("n"), Some(1));
                assert_eq!(inside.try_recv().expect("the commit is visible").to["n"], 1);
                map.insert("again", 1);
                map.batch(|batch| _ = batch.insert("again", 2));
                assert!(map.stats().commits == 3 && map.reclaim() <= 2);
            }
        });
        assert!(task.poll(&mut stream).is_pending());
        map.insert("n", 1);
        assert_eq!((task.woken(), map.revision().get()), (1, 3));
        let step = step(task.poll(&mut stream));
        assert_eq!((step.to["again"], step.missed), (2, 2));
    });
}

#[test]
fn waker_may_drop_poll_and_subscribe() {
    with_timeout("a waker that drops and polls streams from `wake`", || {
        let value = Arc::new(Published::new(0));
        let mut streams: Vec<_> = (0..3).map(|_| value.subscribe().into_stream()).collect();
        let other = Task::new();
        for stream in &mut streams {
            assert!(other.poll(stream).is_pending());
        }
        let mut own = value.subscribe().into_stream();
        let task = Task::with_action({
            let (value, other) = (Arc::clone(&value), Arc::clone(&other));
            move || {
                drop(streams);
                let mut late = value.subscribe().into_stream();
                assert!(other.poll(&mut late).is_pending());
                drop(late);
                value.publish(2);
            }
        });
        assert!(task.poll(&mut own).is_pending());
        value.publish(1);
        assert_eq!((task.woken(), value.revision().get()), (1, 2));
        assert_eq!(*step(task.poll(&mut own)).to, 2);
        assert_eq!(wakers(&other), 0);
    });
}

#[test]
fn panicking_waker_loses_no_other_wakeup() {
    let map = Map::from([("n", 0)]);
    let mut streams: Vec<_> = (0..5).map(|_| map.subscribe().into_stream()).collect();
    // Zero-sized, so that forgetting it leaks nothing.
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            resume_unwind(Box::new("a bad payload"));
        }
    }
    let broken = || Task::with_action(|| resume_unwind(Box::new(PanicOnDrop)));
    let tasks = [Task::new(), broken(), Task::new(), broken(), Task::new()];
    for (stream, task) in streams.iter_mut().zip(&tasks) {
        assert!(task.poll(stream).is_pending());
    }
    let caught = catch_unwind(AssertUnwindSafe(|| map.insert("n", 1)));
    let payload = caught.expect_err("the panic is not swallowed");
    assert!(payload.is::<PanicOnDrop>());
    mem::forget(payload);
    assert_eq!(map.get("n"), Some(1), "the commit is visible");
    for (stream, task) in streams.iter_mut().zip(&tasks) {
        assert_eq!(task.woken(), 1);
        assert_eq!(step(task.poll(stream)).to["n"], 1);
        assert!(task.poll(stream).is_pending());
    }
    map.insert("n", 2);
    assert!(tasks.iter().all(|task| task.woken() == 2));
}

#[test]
fn waker_and_drop_may_panic_in_one_commit() {
    struct PanicOnFirstDrop(Arc<AtomicUsize>);
    impl Drop for PanicOnFirstDrop {
        fn drop(&mut self) {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                resume_unwind(Box::new("a bad drop"));
            }
        }
    }
    let dropped = Arc::default();
    let bad = || PanicOnFirstDrop(Arc::clone(&dropped));
    let value = Published::new(bad());
    let kept = value.snapshot();
    value.publish(bad());
    // The next commit frees it.
    drop(kept);
    let task = Task::with_action(|| resume_unwind(Box::new("a bad waker")));
    let mut stream = value.subscribe().into_stream();
    assert!(task.poll(&mut stream).is_pending());
    let caught = catch_unwind(AssertUnwindSafe(|| value.publish(bad())));
    let payload = caught.expect_err("one of the two panics resumes");
    println!("{:?} resumed", payload.downcast_ref::<&str>());
    assert_eq!((task.woken(), value.revision().get()), (1, 2));
}

#[test]
fn waker_may_drop_the_last_map() {
    with_timeout("a waker that drops what it waits for", || {
        let map = Arc::new(Map::from([("n", 0)]));
        let follower = Map::from([("n", 0)]);
        // The task that waits on one map owns the other.
        let mut stream = follower.subscribe().into_stream();
        let mut ends = map.subscribe().into_stream();
        let waits = Task::new();
        assert!(waits.poll(&mut ends).is_pending());
        let task = Task::with_action(move || drop(map));
        assert!(task.poll(&mut stream).is_pending());
        follower.insert("n", 1);
        assert_eq!((task.woken(), waits.woken()), (1, 1));
        assert!(is_end(&waits.poll(&mut ends)));
    });
}

#[test]
fn stream_can_be_awaited() {
    let map = Map::from([("n", 0)]);
    let mut stream = map.subscribe().into_stream();
    let (first, ended) = with_timeout("a future over a stream", || {
        thread::scope(|scope| {
            scope.spawn(move || map.insert("n", 1));
            block_on(async {
                let mut next =
                    async || std::future::poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await;
                (next().await, next().await)
            })
        })
    });
    let first = first.expect("a commit was made");
    assert_eq!((first.to["n"], Snapshot::revision(&first.to).get()), (1, 1));
    assert!(ended.is_none());
}

#[test]
fn a_stream_of_a_key_has_its_changes_only() {
    let map = Map::from([("a", 1), ("b", 1)]);
    let mut changes = map.subscribe_key("a").into_stream();
    let task = Task::new();
    let waker = Waker::from(Arc::clone(&task));
    let mut context = Context::from_waker(&waker);
    assert!(Pin::new(&mut changes).poll_next(&mut context).is_pending());
    map.insert("b", 2);
    assert_eq!(task.woken(), 1);
    assert!(Pin::new(&mut changes).poll_next(&mut context).is_pending());
    map.insert("a", 2);
    assert_eq!(task.woken(), 2);
    let Poll::Ready(Some(step)) = Pin::new(&mut changes).poll_next(&mut context) else {
        unreachable!("the value has changed");
    };
    assert_eq!(
        (step.old(), step.new(), step.missed),
        (Some(&1), Some(&2), 0)
    );
    assert!(Pin::new(&mut changes).poll_next(&mut context).is_pending());
    map.insert("b", 3);
    drop(map);
    let ended = Pin::new(&mut changes).poll_next(&mut context);
    assert!(matches!(ended, Poll::Ready(None)) && changes.is_terminated());
    drop(changes);
    drop(waker);
    assert_eq!(wakers(&task), 0);
}
