//! A source that returns changes: their cost, gaps, deletes, and several changes of one key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stats_alloc::Stats;
use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn_live::layer::Custom;
use untorn_live::{ErrorKind, Store, Value};

use crate::ALLOCATOR;
use crate::support::child::alone;
use crate::support::readers::Readers;
use crate::support::{HOUR, LONG, generation};

type Change = Delta<String, Value>;

/// A server whose history the test writes. Its oldest changes can be compacted away.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Value>,
    history: Vec<Change>,
    compacted: usize,
    /// How often all contents were fetched.
    lists: usize,
}

impl Server {
    fn with(keys: impl IntoIterator<Item = (String, i64)>) -> Self {
        let keys = keys.into_iter().map(|(key, value)| (key, value.into()));
        let state = State {
            keys: keys.collect(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn change(&self, changes: impl IntoIterator<Item = Change>) {
        let mut state = self.0.lock().expect("not poisoned");
        for change in changes {
            match &change {
                Delta::Put(key, value) => _ = state.keys.insert(key.clone(), value.clone()),
                Delta::Delete(key) => _ = state.keys.remove(key),
            }
            state.history.push(change);
        }
    }

    fn compact(&self) {
        let mut state = self.0.lock().expect("not poisoned");
        state.compacted = state.history.len();
    }

    fn lists(&self) -> usize {
        self.0.lock().expect("not poisoned").lists
    }

    fn started(&self) -> Store {
        let layer = Custom::source("server", HOUR, self.clone());
        let store = Store::builder().layer(layer).start().expect("a thread");
        store.ready(LONG).expect("contents");
        store
    }
}

impl DeltaSource for Server {
    type Contents = Vec<(String, Value)>;
    type Deltas = Vec<Change>;
    type Error = String;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
        let mut state = self.0.lock().expect("not poisoned");
        let newest = ResumeToken::from(state.history.len() as u64);
        match token.and_then(ResumeToken::to_u64) {
            None => {
                state.lists += 1;
                let keys = state.keys.iter();
                Ok(FetchedAfter::Contents {
                    contents: keys
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect(),
                    token: Some(newest),
                })
            }
            Some(seen) if (seen as usize) < state.compacted => Ok(FetchedAfter::Gap),
            Some(seen) => Ok(FetchedAfter::Deltas {
                deltas: state.history[seen as usize..].to_vec(),
                token: newest,
            }),
        }
    }
}

fn put(key: impl Into<String>, value: i64) -> Change {
    Delta::Put(key.into(), value.into())
}

fn refresh(store: &Store) {
    store.refresh(LONG).expect("the server answers");
}

/// Returns the allocations of the cheapest of some changes of one key.
fn cost_of_a_change(keys: usize) -> Stats {
    let key = |number: usize| format!("section{}.key{number}", number % 100);
    let server = Server::with((0..keys).map(|number| (key(number), 0)));
    let store = server.started();
    let mut changes = store.subscribe_key(&key(7));
    let costs = (1..30).map(|round| {
        server.change([put(key(7), round)]);
        let before = ALLOCATOR.stats();
        refresh(&store);
        let cost = ALLOCATOR.stats() - before;
        let step = changes.try_recv().expect("a change");
        assert_eq!(step.changes().count(), 1);
        cost
    });
    let cheapest = costs.min_by_key(|cost| cost.allocations).expect("some");
    assert_eq!((store.pin().len(), server.lists()), (keys, 1));
    cheapest
}

/// Counts, not times: the cost of a change is that of the change.
#[test]
fn one_key_of_100_000_costs_what_one_key_costs() {
    alone(
        "deltas::one_key_of_100_000_costs_what_one_key_costs",
        || {
            let few = cost_of_a_change(100);
            let many = cost_of_a_change(100_000);
            println!("100 keys: {few:?}\n100,000 keys: {many:?}");
            // The tables are deeper, not longer.
            assert!(many.allocations <= few.allocations + 50, "{few:?} {many:?}");
            assert!(
                many.bytes_allocated <= 4 * few.bytes_allocated,
                "{few:?} {many:?}"
            );
            // The counter counts: all contents are another matter.
            let server = Server::with((0..100_000).map(|number| (format!("key{number}"), 0)));
            let store = server.started();
            server.change([put("key7", 1)]);
            server.compact();
            let before = ALLOCATOR.stats();
            refresh(&store);
            let cost = ALLOCATOR.stats() - before;
            assert!(cost.allocations > 100_000, "{cost:?}");
        },
    );
}

#[test]
fn generations_of_deltas_are_never_mixed() {
    let server = Server::with(generation::keys(1));
    let store = server.started();
    let readers = Readers::start(&store);
    for number in 2..200 {
        let keys = generation::keys(number).into_iter();
        server.change(keys.map(|(key, value)| put(key, value)));
        if number % 50 == 0 {
            server.compact();
        }
        if number % 3 == 0 {
            refresh(&store);
        }
    }
    refresh(&store);
    assert_eq!(generation::of(&store.pin()), Ok(Some(199)));
    readers.finish();
}

#[test]
fn last_delta_of_a_key_counts() {
    let server = Server::with([("a".into(), 1), ("b".into(), 1)]);
    let store = server.started();
    let old = store.snapshot();
    server.change([
        put("a", 2),
        Delta::Delete("a".into()),
        put("a", 3),
        put("c", 1),
    ]);
    server.change([
        Delta::Delete("b".into()),
        put("b", 1),
        Delta::Delete("c".into()),
    ]);
    refresh(&store);
    let config = store.pin();
    let changes: Vec<_> = config
        .changes_since(&old)
        .map(|change| change.to_string())
        .collect();
    assert_eq!(changes, ["~ a: 1 → 3"]);
    assert_eq!(
        config.revision().get(),
        old.revision().get() + 1,
        "one answer, one revision"
    );
    // A key that is not there can be deleted.
    server.change([Delta::Delete("nothing".into())]);
    refresh(&store);
    assert_eq!(store.pin().revision(), config.revision());
}

#[test]
fn gap_leads_to_all_contents_and_the_right_diff() {
    let server = Server::with((0..1000).map(|number| (format!("k{number}"), 0)));
    let store = server.started();
    let old = store.snapshot();
    let mut changes = store.subscribe();
    server.change((0..100).map(|number| Delta::Delete(format!("k{number}"))));
    server.change((100..150).map(|number| put(format!("k{number}"), 1)));
    server.change((0..50).map(|number| put(format!("new{number}"), 1)));
    server.compact();
    refresh(&store);
    assert_eq!(server.lists(), 2);
    let config = store.pin();
    assert_eq!(
        (config.len(), config.changes_since(&old).count()),
        (950, 200)
    );
    assert_eq!(changes.try_recv().expect("a change").changes().count(), 200);
    assert!(changes.try_recv().is_err());
    // From here on there are changes again.
    server.change([put("k500", 7)]);
    refresh(&store);
    assert_eq!((server.lists(), store.pin().get_as("k500")), (2, Ok(7)));
}

/// A transaction of which a part is wrong is refused as a whole.
#[test]
fn refused_deltas_are_fetched_again() {
    let server = Server::with([("limits.low".into(), 1), ("limits.high".into(), 9)]);
    let layer = Custom::source("server", HOUR, server.clone());
    let builder = Store::builder().layer(layer).check(|new, _| {
        let [low, high] = ["limits.low", "limits.high"].map(|key| new.get_as::<i64>(key).ok());
        if low < high {
            Ok(())
        } else {
            Err("low must be below high")
        }
    });
    let store = builder.start().expect("a thread");
    store.ready(LONG).expect("contents");
    server.change([put("limits.high", 20), put("limits.low", 30)]);
    let error = store.refresh(LONG).expect_err("it is wrong");
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Check, "low must be below high")
    );
    assert_eq!(store.pin().get_as("limits.high"), Ok(9));
    server.change([put("limits.low", 10)]);
    refresh(&store);
    assert_eq!(store.pin().get_as("limits.high"), Ok(20));
}

#[test]
fn keys_that_are_no_paths_are_refused() {
    for wrong in ["", "a..b", ".a", "\"a", "\"plain\".b"] {
        let server = Server::with([("a".into(), 1)]);
        let store = server.started();
        server.change([put("a", 2), put(wrong, 1)]);
        let error = store.refresh(LONG).expect_err("no path");
        assert_eq!(
            (error.kind(), error.key()),
            (ErrorKind::Syntax, Some(wrong)),
            "{error}"
        );
        assert_eq!(store.pin().get_as("a"), Ok(1));
        server.change([Delta::Delete(wrong.into())]);
        server.compact();
        refresh(&store);
        assert_eq!(store.pin().get_as("a"), Ok(2));
        server.change([put("a", 3), Delta::Delete(wrong.into())]);
        let error = store.refresh(LONG).expect_err("no path");
        assert_eq!(error.key(), Some(wrong), "{error}");
        assert_eq!(store.pin().get_as("a"), Ok(2));
    }
}

/// Without a position there is nothing that could have stayed, or changed.
#[test]
fn answers_without_contents_are_refused_at_first() {
    type Answer = FetchedAfter<Vec<(String, Value)>, Vec<Change>>;

    struct Wrong(fn() -> Answer);

    impl DeltaSource for Wrong {
        type Contents = Vec<(String, Value)>;
        type Deltas = Vec<Change>;
        type Error = String;

        fn fetch_after(&mut self, _: Option<&ResumeToken>) -> Result<Answer, String> {
            Ok((self.0)())
        }
    }

    let answers: [(fn() -> _, _); 3] = [
        (|| FetchedAfter::Unchanged, "that nothing has changed"),
        (|| FetchedAfter::Gap, "that it does not have the changes"),
        (
            || FetchedAfter::Deltas {
                deltas: vec![put("a", 1)],
                token: 1.into(),
            },
            "with changes",
        ),
    ];
    for (answer, what) in answers {
        let layer = Custom::source("server", HOUR, Wrong(answer));
        let store = Store::builder().layer(layer).start().expect("a thread");
        let error = store.refresh(LONG).expect_err("no contents");
        assert_eq!(
            error.to_string(),
            format!(
                "server: the source answered {what} when it was asked for all contents; let it \
                 return `FetchedAfter::Contents` for a token of `None`"
            )
        );
        let error = store.ready(Duration::ZERO).expect_err("no configuration");
        assert!(error.to_string().contains(what), "{error}");
        assert!(store.status().layers[0].refusal.is_some());
    }
}
