//! Subscriptions to some keys: each step beside the recorded states of every revision.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use untorn::map::{Filter, KeysWhere};
use untorn::{
    Change, FilteredSubscription, FilteredTransition, KeySubscription, KeyTransition, Map,
    RecvTimeoutError, TryRecvError, View,
};

use crate::watchdog::with_timeout;

type State = BTreeMap<u64, u64>;

/// More keys than one segment has, of which few change.
const KEYS: u64 = 1_000;
const CHANGING: u64 = 6;

fn is_even(key: &u64) -> bool {
    key.is_multiple_of(2)
}

/// Commits a random batch of a few writes, and returns the state after it.
fn commit(map: &Map<u64, u64>, state: &mut State, random: &mut fastrand::Rng) {
    map.batch(|batch| {
        for _ in 0..random.u64(1..4) {
            let (key, value) = (random.u64(..CHANGING), random.u64(..3));
            if random.u64(..4) == 0 {
                batch.remove(&key);
                state.remove(&key);
            } else {
                batch.insert(key, value);
                state.insert(key, value);
            }
        }
    });
}

/// Creates a map with its states by revision.
fn recorded() -> (Map<u64, u64>, Vec<State>) {
    let map: Map<_, _> = (0..KEYS).map(|key| (key, 0)).collect();
    let state = (0..CHANGING).map(|key| (key, 0)).collect();
    (map, vec![state])
}

/// The numbers and the contents of a step.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    from: u64,
    to: u64,
    missed: u64,
    /// The keys that changed, with the old and the new value.
    changed: BTreeMap<u64, (Option<u64>, Option<u64>)>,
}

fn of_key(step: &KeyTransition<u64, u64>) -> Step {
    let values = (step.old().copied(), step.new().copied());
    step_of(step, [(*step.key(), values)].into())
}

fn of_keys<P: Fn(&u64) -> bool>(step: &FilteredTransition<u64, u64, KeysWhere<P>>) -> Step {
    let values = |change| match change {
        Change::Added { key, new } => (*key, (None, Some(*new))),
        Change::Changed { key, old, new } => (*key, (Some(*old), Some(*new))),
        Change::Removed { key, old } => (*key, (Some(*old), None)),
    };
    step_of(step, step.changes().map(values).collect())
}

fn step_of<F>(
    step: &FilteredTransition<u64, u64, F>,
    changed: BTreeMap<u64, (Option<u64>, Option<u64>)>,
) -> Step {
    Step {
        from: step.from.revision().get(),
        to: step.to.revision().get(),
        missed: step.missed,
        changed,
    }
}

/// Returns the difference between two revisions for the chosen keys.
fn expected(
    states: &[State],
    from: u64,
    to: u64,
    chosen: impl Fn(&u64) -> bool,
) -> BTreeMap<u64, (Option<u64>, Option<u64>)> {
    let (from, to) = (&states[from as usize], &states[to as usize]);
    let values = |key: u64| (key, (from.get(&key).copied(), to.get(&key).copied()));
    let keys = (0..CHANGING).filter(|key| chosen(key)).map(values);
    keys.filter(|(_, (old, new))| old != new).collect()
}

/// The subscription as a model: the revision compared last, and the revisions missed since the last
/// step.
struct Model<C> {
    compared: u64,
    missed: u64,
    chosen: C,
}

impl<C: Fn(&u64) -> bool> Model<C> {
    fn new(chosen: C) -> Self {
        let (compared, missed) = (0, 0);
        Self {
            compared,
            missed,
            chosen,
        }
    }

    /// Returns what a `try_recv` must return.
    fn receive(&mut self, states: &[State]) -> Option<Step> {
        let (from, to) = (self.compared, states.len() as u64 - 1);
        if from == to {
            return None;
        }
        self.missed += to - from - 1;
        self.compared = to;
        let changed = expected(states, from, to, &self.chosen);
        (!changed.is_empty()).then(|| Step {
            from,
            to,
            missed: std::mem::take(&mut self.missed),
            changed,
        })
    }
}

#[test]
fn steps_are_those_of_a_model_in_any_order_of_calls() {
    let mut received = 0;
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (map, mut states) = recorded();
        let mut one = map.subscribe_key(1);
        let mut even = map.subscribe_where(is_even);
        let mut model_of_one = Model::new(|key: &u64| *key == 1);
        let mut model_of_even = Model::new(is_even);
        for _ in 0..100 {
            match random.u64(..4) {
                0 => {
                    let step = one.try_recv().ok().map(|step| of_key(&step));
                    assert_eq!(step, model_of_one.receive(&states), "seed {seed}");
                    received += 1;
                }
                1 => {
                    let step = even.try_recv().ok().map(|step| of_keys(&step));
                    assert_eq!(step, model_of_even.receive(&states), "seed {seed}");
                    received += 1;
                }
                _ => {
                    let mut state = states[states.len() - 1].clone();
                    commit(&map, &mut state, &mut random);
                    // Removing an absent key makes no revision.
                    if map.revision().get() == states.len() as u64 {
                        states.push(state);
                    }
                }
            }
        }
    }
    assert!(received > 5_000);
}

/// Follows until the end, at its own pace.
fn follow<F: Filter<u64, u64, untorn::map::DefaultHashBuilder>>(
    subscription: FilteredSubscription<u64, u64, F>,
    pause: u64,
    step: impl Fn(&FilteredTransition<u64, u64, F>) -> Step,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (number, received) in (1..).zip(subscription) {
        steps.push(step(&received));
        if pause > 0 && number % pause == 0 {
            thread::yield_now();
            thread::sleep(Duration::from_micros(50));
        }
    }
    steps
}

/// Checks the steps of one subscription against the states.
fn check(states: &[State], steps: &[Step], chosen: impl Fn(&u64) -> bool + Copy) {
    let (mut last, mut skipped) = (0, 0);
    for step in steps {
        assert!(last <= step.from && step.from < step.to, "{step:?}");
        assert!(!step.changed.is_empty());
        assert_eq!(step.changed, expected(states, step.from, step.to, chosen));
        // From the step before to the view that was compared last nothing differs.
        assert_eq!(expected(states, last, step.from, chosen), [].into());
        assert!(step.missed < step.to - last, "{step:?}");
        assert!(step.missed >= step.to - step.from - 1, "{step:?}");
        if step.missed == 0 {
            for between in last..step.to {
                assert_eq!(expected(states, last, between, chosen), [].into());
            }
        }
        (last, skipped) = (step.to, skipped + step.missed);
    }
    let end = states.len() as u64 - 1;
    assert_eq!(
        expected(states, last, end, chosen),
        [].into(),
        "the last change was lost"
    );
    assert!(skipped < end);
}

#[test]
fn no_change_is_lost_beside_a_writer() {
    const COMMITS: u64 = 5_000;
    with_timeout("followers of keys", || {
        let (map, mut states) = recorded();
        let followers = thread::scope(|scope| {
            let mut followers = Vec::new();
            for pause in [0, 1, 20] {
                for key in 0..CHANGING {
                    let one = map.subscribe_key(key);
                    let steps = scope.spawn(move || follow(one, pause, of_key));
                    followers.push((Some(key), steps));
                }
                let even = map.subscribe_where(is_even);
                followers.push((None, scope.spawn(move || follow(even, pause, of_keys))));
            }
            let mut random = fastrand::Rng::with_seed(265);
            let mut state = states[0].clone();
            while (states.len() as u64) < COMMITS {
                commit(&map, &mut state, &mut random);
                if map.revision().get() == states.len() as u64 {
                    states.push(state.clone());
                }
                if random.u64(..32) == 0 {
                    thread::yield_now();
                }
            }
            // Values of no earlier commit: without them, a follower that was delayed until now
            // has no step if its keys have their first values again.
            map.batch(|batch| (0..CHANGING).for_each(|key| _ = batch.insert(key, 3)));
            state.extend((0..CHANGING).map(|key| (key, 3)));
            states.push(state);
            drop(map);
            let steps = |(key, steps): (_, thread::ScopedJoinHandle<'_, _>)| {
                (key, steps.join().expect("no panic"))
            };
            followers.into_iter().map(steps).collect::<Vec<_>>()
        });
        for (key, steps) in followers {
            match key {
                Some(key) => check(&states, &steps, |one| *one == key),
                None => check(&states, &steps, is_even),
            }
            assert!(!steps.is_empty());
        }
    });
}

#[test]
fn tasks_and_timeouts_lose_no_change() {
    with_timeout("a task and timeouts", || {
        let (map, mut states) = recorded();
        let mut task = map.subscribe_key(0);
        let mut timed = map.subscribe_key(1);
        let (of_task, of_timed) = thread::scope(|scope| {
            let task = scope.spawn(move || {
                let mut steps = Vec::new();
                while let Ok(step) = block_on(task.recv_async()) {
                    steps.push(of_key(&step));
                }
                steps
            });
            let timed = scope.spawn(move || {
                let mut steps = Vec::new();
                loop {
                    match timed.recv_timeout(Duration::from_micros(20)) {
                        Ok(step) => steps.push(of_key(&step)),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Closed) => return steps,
                    }
                }
            });
            let mut random = fastrand::Rng::with_seed(17);
            let mut state = states[0].clone();
            for _ in 0..3_000 {
                commit(&map, &mut state, &mut random);
                if map.revision().get() == states.len() as u64 {
                    states.push(state.clone());
                }
            }
            drop(map);
            (
                task.join().expect("no panic"),
                timed.join().expect("no panic"),
            )
        });
        check(&states, &of_task, |key| *key == 0);
        check(&states, &of_timed, |key| *key == 1);
    });
}

#[test]
fn change_that_is_reverted_is_only_counted() {
    let map = Map::from([("a", 1), ("b", 1)]);
    let mut changes = map.subscribe_key("a");
    map.insert("a", 2);
    map.insert("a", 1);
    assert_eq!(changes.try_recv().unwrap_err(), TryRecvError::Empty);
    map.insert("a", 3);
    let step = changes.try_recv().expect("a change");
    assert_eq!((step.old(), step.new()), (Some(&1), Some(&3)));
    // Revision 1 was replaced before it was compared.
    assert_eq!((step.from.revision().get(), step.missed), (2, 1));
    map.insert("b", 2);
    map.insert("a", 4);
    drop(map);
    let last = changes.next().expect("the last version");
    assert_eq!((last.missed, last.to["b"]), (1, 2));
    assert!(changes.next().is_none());
}

#[test]
fn closed_is_returned_after_unrelated_commits() {
    let (map, mut other) = (Map::from([("a", 1)]), None);
    let mut changes = map.subscribe_key("a");
    for key in ["b", "c"] {
        map.insert(key, 1);
        other = Some(map.subscribe_where(|key| *key == "a"));
    }
    drop(map);
    assert_eq!(changes.try_recv().unwrap_err(), TryRecvError::Closed);
    let late = other.expect("one").recv_timeout(Duration::from_secs(60));
    assert_eq!(late.unwrap_err(), RecvTimeoutError::Closed);
}

#[test]
fn timeout_passes_beside_unrelated_commits() {
    with_timeout("a timeout", || {
        let (map, done) = (Map::from([("a", 1)]), AtomicBool::new(false));
        let mut changes = map.subscribe_key("a");
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    map.insert("b", 1);
                }
            });
            let late = changes.recv_timeout(Duration::from_millis(20));
            done.store(true, Ordering::Relaxed);
            assert_eq!(late.unwrap_err(), RecvTimeoutError::Timeout);
        });
    });
}

#[test]
fn a_handle_closes_a_blocked_subscription() {
    with_timeout("a closed subscription", || {
        let map = Map::from([("a", 1)]);
        let changes = map.subscribe_key("a");
        let handle = changes.handle();
        let follower = thread::spawn(move || changes.count());
        map.insert("b", 1);
        handle.close();
        assert_eq!(follower.join().expect("no panic"), 0);
    });
}

/// A value whose comparison panics as often as a test wants.
#[derive(Clone, Debug)]
struct Fragile(u32);

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Panics if a test wants that.
fn may_panic() {
    if PANICS.get() > 0 {
        PANICS.set(PANICS.get() - 1);
        panic!("foreign code");
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        may_panic();
        self.0 == other.0
    }
}

#[test]
fn panic_in_foreign_code_loses_no_change() {
    let map = Map::from([("a", Fragile(1))]);
    let mut by_value = map.subscribe_key("a");
    let mut by_closure = map.subscribe_where(|_| {
        may_panic();
        true
    });
    map.insert("a", Fragile(2));
    PANICS.set(1);
    assert!(catch_unwind(AssertUnwindSafe(|| by_value.try_recv())).is_err());
    let step = by_value.try_recv().expect("a change");
    assert_eq!((step.old().map(|old| old.0), step.missed), (Some(1), 0));
    // The comparison of the view panics first, then the closure.
    PANICS.set(1);
    assert!(catch_unwind(AssertUnwindSafe(|| by_closure.try_recv())).is_err());
    assert_eq!(
        by_closure.try_recv().expect("a change").changes().count(),
        1
    );
}

/// Each comparison meets a newer revision, as beside a fast writer.
#[test]
fn a_poll_compares_one_version() {
    with_timeout("polls beside a fast writer", || {
        let map = Arc::new(Map::from([(0, 0)]));
        let compared = Arc::new(AtomicU64::new(0));
        let changes = || {
            let (map, compared) = (Arc::clone(&map), Arc::clone(&compared));
            map.clone().subscribe_where(move |_: &u64| {
                let n = compared.fetch_add(1, Ordering::Relaxed) + 1;
                map.insert(0, n);
                n.is_multiple_of(3)
            })
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut by_future = changes();
        let mut future = pin!(by_future.recv_async());
        #[cfg(feature = "stream")]
        let mut stream = changes().into_stream();
        map.insert(0, 1_000);
        for poll in 1..=3 {
            assert_eq!(future.as_mut().poll(&mut context).is_ready(), poll == 3);
            assert_eq!(compared.load(Ordering::Relaxed), poll);
        }
        #[cfg(feature = "stream")]
        for poll in 4..=6 {
            let polled = futures_core::Stream::poll_next(pin!(&mut stream), &mut context);
            assert_eq!(polled.is_ready(), poll == 6);
            assert_eq!(compared.load(Ordering::Relaxed), poll);
        }
    });
}

#[test]
fn subscriptions_to_keys_have_names() {
    type Prefixed = KeysWhere<fn(&String) -> bool>;
    struct Service {
        limit: KeySubscription<String, u64>,
        prefix: FilteredSubscription<String, u64, Prefixed>,
    }
    let map: Map<String, u64> = Map::new();
    let mut service = Service {
        limit: map.subscribe_key("limit".to_owned()),
        prefix: map.subscribe_where(|key| key.starts_with("db/")),
    };
    map.insert("db/limit".to_owned(), 1);
    assert!(service.limit.try_recv().is_err());
    let step = service.prefix.try_recv().expect("a change");
    let changes: Vec<_> = step.changes().map(|change| change.key().as_str()).collect();
    assert_eq!((changes, View::len(&step.to)), (vec!["db/limit"], 1));
    assert_eq!(
        format!("{step:?} {:?}", service.limit),
        "FilteredTransition { from: 0, to: 1, missed: 0, .. } \
         FilteredSubscription { last_compared: 1, missed: 0, .. }"
    );
}
