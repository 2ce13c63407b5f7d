//! The wakeups of a subscriber that follows one key, in 100,000 commits of which 100 write it.
//!
//! Nothing is timed. A task counts the calls of its waker; it is polled after each of them, before
//! the next commit. A thread counts how often it has blocked and was woken: on Linux its voluntary
//! context switches. Between the commits either the writer waits until that thread sleeps, or not.
//! In the second case commits are merged, and the number depends on the machine.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use std::{fs, thread};

use untorn::map::{KeySubscription, KeysWhere};
use untorn::{FilteredSubscription, Map, Subscription, View};
use untorn_lab::markdown::{MarkdownTable, thousands};

const COMMITS: u64 = 100_000;

/// One of so many commits writes the followed key.
const EVERY: u64 = 1_000;

const FOLLOWED: u64 = 0;

/// Other keys, which the remaining commits write in turn.
const OTHERS: u64 = 1_000;

const TIMEOUT: Duration = Duration::from_secs(60);

type Numbers = Map<u64, u64>;

/// The filter of a subscription with a closure.
type Selected = KeysWhere<fn(&u64) -> bool>;

/// Returns the map before the first commit.
fn numbers() -> Arc<Numbers> {
    Arc::new((0..=OTHERS).map(|key| (key, 0)).collect())
}

/// Makes the commits; calls `between` before each.
fn commit(map: &Numbers, mut between: impl FnMut()) {
    for i in 1..=COMMITS {
        between();
        if i.is_multiple_of(EVERY) {
            map.insert(FOLLOWED, i / EVERY);
        } else {
            map.insert(1 + i % OTHERS, i);
        }
    }
}

/// A subscriber that counts the steps with a new value of the key, until it has the last value.
enum Follower {
    /// Follows the map, and compares the key itself.
    Whole(Subscription<View<u64, u64>>),
    Key(KeySubscription<u64, u64>),
    Where(FilteredSubscription<u64, u64, Selected>),
    /// Waits for a condition on the key.
    Condition(Arc<Numbers>),
}

/// The last value of the followed key.
const LAST: u64 = COMMITS / EVERY;

/// What a follower did.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The steps, or the waits, that it returned from.
    returned: u64,
    /// The steps with a new value of the key.
    steps: u64,
    /// The newest value of the key.
    value: u64,
}

impl Seen {
    fn step(&mut self, value: Option<u64>) {
        let value = value.unwrap_or(self.value);
        self.returned += 1;
        self.steps += u64::from(value != self.value);
        self.value = value;
    }
}

type Create = fn(&Arc<Numbers>) -> Follower;

const FOLLOWERS: [(&str, Create); 4] = [
    ("a subscription to the map, filtered", |map| {
        Follower::Whole(map.subscribe())
    }),
    ("a subscription to the key", |map| {
        Follower::Key(map.subscribe_key(FOLLOWED))
    }),
    ("a subscription with a closure", |map| {
        Follower::Where(map.subscribe_where(|key| *key == FOLLOWED))
    }),
    ("waits for a condition on the key", |map| {
        Follower::Condition(Arc::clone(map))
    }),
];

fn value(view: &View<u64, u64>) -> Option<u64> {
    view.get(&FOLLOWED).copied()
}

impl Follower {
    fn follow(&mut self) -> Seen {
        let mut seen = Seen::default();
        while seen.value < LAST {
            let expected = "the map is not dropped";
            seen.step(match self {
                Self::Whole(subscription) => value(&subscription.recv().expect(expected).to),
                Self::Key(subscription) => subscription.recv().expect(expected).new().copied(),
                Self::Where(subscription) => value(&subscription.recv().expect(expected).to),
                Self::Condition(map) => {
                    let is_new = |view: &View<u64, u64>| value(view) > Some(seen.value);
                    let view = map.wait_until(is_new, TIMEOUT);
                    value(&view.expect("the key is written"))
                }
            });
        }
        seen
    }

    async fn follow_async(&mut self) -> Seen {
        let mut seen = Seen::default();
        while seen.value < LAST {
            let expected = "the map is not dropped";
            seen.step(match self {
                Self::Whole(subscription) => {
                    value(&subscription.recv_async().await.expect(expected).to)
                }
                Self::Key(subscription) => {
                    let step = subscription.recv_async().await.expect(expected);
                    step.new().copied()
                }
                Self::Where(subscription) => {
                    value(&subscription.recv_async().await.expect(expected).to)
                }
                Self::Condition(map) => {
                    let is_new = |view: &View<u64, u64>| value(view) > Some(seen.value);
                    let view = map.wait_until_async(is_new).await;
                    value(&view)
                }
            });
        }
        seen
    }
}

/// A waker that counts its calls.
#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Polls a task after each wakeup, before the next commit; returns the number of wakeups.
fn of_a_task(create: Create) -> (u64, Seen) {
    let map = numbers();
    let mut follower = create(&map);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut task = pin!(follower.follow_async());
    let mut poll = || task.as_mut().poll(&mut Context::from_waker(&waker));
    let mut polled = None;
    commit(&map, || {
        let wakeups = count.0.load(Relaxed);
        if polled != Some(wakeups) {
            polled = Some(wakeups);
            assert!(poll().is_pending(), "the last commit writes the key");
        }
    });
    match poll() {
        Poll::Ready(seen) => (count.0.load(Relaxed), seen),
        Poll::Pending => panic!("the last value was not received"),
    }
}

/// Follows on a thread; returns the number of times that it was woken, if the system counts that.
fn of_a_thread(create: Create, writer_waits: bool) -> (Option<u64>, Seen) {
    let map = numbers();
    let mut follower = create(&map);
    let id = Arc::new(AtomicU64::new(0));
    let of_thread = Arc::clone(&id);
    let thread = thread::spawn(move || {
        of_thread.store(thread_id().unwrap_or(u64::MAX), Relaxed);
        let before = context_switches();
        let seen = follower.follow();
        let switches = context_switches().zip(before);
        (switches.map(|(after, before)| after - before), seen)
    });
    while id.load(Relaxed) == 0 {
        thread::yield_now();
    }
    let id = id.load(Relaxed);
    commit(&map, || {
        while writer_waits && is_running(id) {
            thread::yield_now();
        }
    });
    thread.join().expect("no follower panics")
}

/// Returns the number that Linux gives this thread.
fn thread_id() -> Option<u64> {
    let path = fs::read_link("/proc/thread-self").ok()?;
    path.file_name()?.to_str()?.parse().ok()
}

/// Returns how often this thread has given up its processor by itself.
fn context_switches() -> Option<u64> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let mut lines = status.lines();
    let switches = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    switches.trim().parse().ok()
}

/// Returns whether a thread of this process neither sleeps nor has ended.
fn is_running(id: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state == Some('R')
}

pub(super) fn print() {
    let mut table = MarkdownTable::new(format!(
        "{} commits, {} of them of the followed key",
        thousands(COMMITS as usize),
        thousands(LAST as usize)
    ));
    let rows: Vec<_> = FOLLOWERS
        .iter()
        .map(|(name, create)| {
            let (wakeups, seen) = of_a_task(*create);
            let cells = [
                thousands(wakeups as usize),
                thousands(seen.returned as usize),
                thousands(seen.steps as usize),
                thread_cell(*create, true),
                thread_cell(*create, false),
            ];
            ((*name).to_owned(), cells)
        })
        .collect();
    let columns = [
        "wakeups of a task",
        "steps it received",
        "with a new value",
        "wakeups of a thread that slept before each commit",
        "of a thread beside a writer without pause",
    ];
    for (i, column) in columns.into_iter().enumerate() {
        let cells = rows
            .iter()
            .map(|(name, cells)| (name.clone(), cells[i].clone()));
        table.cells(column, cells);
    }
    table.print();
}

fn thread_cell(create: Create, writer_waits: bool) -> String {
    let (wakeups, seen) = of_a_thread(create, writer_waits);
    assert_eq!(seen.value, LAST, "the last value is received");
    wakeups.map_or_else(
        || "not counted".into(),
        |wakeups| thousands(wakeups as usize),
    )
}
