//! The guard: an update that would remove too much is refused until it is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn_live::layer::{Custom, File};
use untorn_live::{Config, ErrorKind, Refusal, Store, Value};

use crate::support::readers::Readers;
use crate::support::{DEADLINE, HOUR, LONG, folder, place, wait_until};

/// The keys of a layer, all of which have the number of its generation.
type Keys = BTreeMap<String, i64>;

fn keys(count: usize, generation: i64) -> Keys {
    let keys = (0..count).map(|number| (format!("k{number:03}"), generation));
    keys.collect()
}

fn toml(keys: &Keys) -> String {
    let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
    lines.collect()
}

/// Returns the generation of a configuration. Its number says how many keys there are.
fn check(config: &Config) -> Result<Option<u64>, String> {
    let values: Vec<i64> = config
        .iter()
        .filter_map(|(_, value)| value.as_integer())
        .collect();
    let Some(&first) = values.first() else {
        return Ok(None);
    };
    match values.iter().all(|value| *value == first) && values.len() as i64 == first / 10 {
        true => Ok(Some(first as u64)),
        false => Err(format!("{values:?}")),
    }
}

fn refusal(store: &Store) -> Refusal {
    let status = store.status();
    let refusal = status.refusals().next().expect("a refusal").clone();
    assert_eq!(refusal.error.kind(), ErrorKind::Guard, "{}", refusal.error);
    refusal
}

#[track_caller]
fn wait_for(store: &Store, generation: u64) {
    wait_until(DEADLINE, "it is accepted", || {
        check(&store.pin()) == Ok(Some(generation))
    });
}

fn started(path: &Path) -> Store {
    let builder = Store::builder()
        .layer(File::at(path).period(HOUR))
        .max_removed(0.5);
    let store = builder.start().expect("threads");
    store.ready(LONG).expect("a file");
    store
}

#[test]
fn file_without_most_keys_is_refused_until_accepted() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, toml(&keys(100, 1000)));
    let store = started(&path);
    let readers = Readers::with_check(&store, check);

    place(&path, toml(&keys(40, 400)));
    let error = store.refresh(LONG).expect_err("60 % are missing");
    assert!(
        error
            .message()
            .starts_with("refused to remove 60 of 100 keys"),
        "{error}"
    );
    assert_eq!(
        error.place().expect("one").layer.as_ref(),
        path.display().to_string()
    );
    wait_for(&store, 1000);
    store.accept(&refusal(&store));
    wait_for(&store, 400);

    // Half is not too much.
    place(&path, toml(&keys(20, 200)));
    store.refresh(LONG).expect("it passes");
    wait_for(&store, 200);

    place(&path, "");
    store.refresh(LONG).expect_err("it is empty");
    wait_for(&store, 200);
    store.accept(&refusal(&store));
    wait_until(DEADLINE, "it is accepted", || store.pin().is_empty());
    readers.finish();
}

/// An operator accepts what was refused, but the file was mended before.
#[test]
fn acceptance_ends_with_the_next_success() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, toml(&keys(100, 1000)));
    let store = started(&path);
    let readers = Readers::with_check(&store, check);

    place(&path, toml(&keys(40, 400)));
    store.refresh(LONG).expect_err("60 % are missing");
    let refused = refusal(&store);
    place(&path, toml(&keys(100, 1001)));
    store.refresh(LONG).expect("it passes");
    store.accept(&refused);
    store.refresh(LONG).expect("there is nothing new");
    // As many keys as in the refusal that was accepted.
    place(&path, toml(&keys(40, 401)));
    let error = store.refresh(LONG).expect_err("60 % are missing");
    assert_eq!(error, refused.error);
    wait_for(&store, 1001);
    readers.finish();
}

#[test]
fn acceptance_is_for_one_loss() {
    let store = Store::builder().manual().max_removed(0.5).start();
    let store = store.expect("no thread");
    store.publish(&keys(100, 1000)).expect("good");
    store.publish(&keys(40, 400)).expect_err("60 % are missing");
    store.accept(&refusal(&store));
    let error = store.publish(&Keys::new()).expect_err("all are missing");
    assert_eq!(error.kind(), ErrorKind::Guard, "{error}");
    store.publish(&keys(40, 401)).expect("it is accepted");
    store.publish(&keys(10, 100)).expect_err("75 % are missing");
    assert_eq!(check(&store.pin()), Ok(Some(401)));
}

/// As many keys are missing, but others.
#[test]
fn acceptance_is_for_the_keys_that_were_lost() {
    let reported = Arc::new(Mutex::new(0));
    let reports = Arc::clone(&reported);
    let builder = Store::builder().manual().max_removed(0.5);
    let builder = builder.on_refusal(move |_| *reports.lock().expect("no panic") += 1);
    let store = builder.start().expect("no thread");
    let of = |keys: &[&str]| BTreeMap::from_iter(keys.iter().map(|key| (key.to_string(), 1)));
    store.publish(&of(&["a", "b", "c", "d"])).expect("good");
    let first = store.publish(&of(&["a"])).expect_err("b, c and d are gone");
    let first_refusal = refusal(&store);
    let second = store.publish(&of(&["d"])).expect_err("others are gone");
    assert_eq!(first.message(), second.message());
    assert_eq!(*reported.lock().expect("no panic"), 2);
    store.accept(&first_refusal);
    store
        .publish(&of(&["d"]))
        .expect_err("that was not accepted");
    store
        .publish(&of(&["a", "e"]))
        .expect("the others are as before");
    let config = store.pin();
    assert_eq!(BTreeSet::from_iter(config.keys()), ["a", "e"].into());
}

/// Refused contents are in no later revision, which another layer causes.
#[test]
fn refused_loss_is_not_in_the_next_revision() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, toml(&keys(100, 1000)));
    let file = File::at(&path).period(HOUR);
    let builder = Store::builder().layer(file).manual().max_removed(0.5);
    let store = builder.start().expect("threads");
    let publish = |step: &str| store.publish(&BTreeMap::from([("step", step)]));
    publish("one").expect("good");
    store.ready(LONG).expect("both have answered");
    for (generation, step) in [(1000, "two"), (1001, "three")] {
        place(&path, toml(&keys(40, 400)));
        store.refresh(LONG).expect_err("60 % are missing");
        publish(step).expect("good");
        let config = store.pin();
        let numbers = config.iter().filter_map(|(_, value)| value.as_integer());
        let numbers: Vec<_> = numbers.collect();
        assert_eq!(numbers, [generation; 100]);
        assert_eq!(config.get_as("step"), Ok(step.to_string()));
        place(&path, toml(&keys(100, generation + 1)));
        store.refresh(LONG).expect("it passes");
    }
}

/// A server that has keys and a history.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<History>>);

#[derive(Default)]
struct History {
    keys: Keys,
    changes: Vec<Delta<String, Value>>,
}

impl Server {
    fn set(&self, keys: Keys) {
        let mut history = self.0.lock().expect("not poisoned");
        let gone: Vec<String> = history
            .keys
            .keys()
            .filter(|key| !keys.contains_key(*key))
            .cloned()
            .collect();
        history.changes.extend(gone.into_iter().map(Delta::Delete));
        for (key, value) in &keys {
            if history.keys.get(key) != Some(value) {
                history
                    .changes
                    .push(Delta::Put(key.clone(), (*value).into()));
            }
        }
        history.keys = keys;
    }
}

impl DeltaSource for Server {
    type Contents = Vec<(String, Value)>;
    type Deltas = Vec<Delta<String, Value>>;
    type Error = String;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
        let history = self.0.lock().expect("not poisoned");
        let newest = ResumeToken::from(history.changes.len() as u64);
        Ok(match token.and_then(ResumeToken::to_u64) {
            None => FetchedAfter::Contents {
                contents: history
                    .keys
                    .iter()
                    .map(|(key, value)| (key.clone(), (*value).into()))
                    .collect(),
                token: Some(newest),
            },
            Some(seen) => FetchedAfter::Deltas {
                deltas: history.changes[seen as usize..].to_vec(),
                token: newest,
            },
        })
    }
}

#[test]
fn deltas_that_remove_too_much_are_refused() {
    let server = Server::default();
    server.set(keys(100, 1000));
    let layer = Custom::source("server", HOUR, server.clone());
    let builder = Store::builder().layer(layer).max_removed(0.5);
    let store = builder.start().expect("a thread");
    store.ready(LONG).expect("contents");
    let readers = Readers::with_check(&store, check);

    server.set(keys(40, 400));
    let error = store.refresh(LONG).expect_err("60 % are missing");
    assert!(
        error
            .message()
            .starts_with("refused to remove 60 of 100 keys"),
        "{error}"
    );
    wait_for(&store, 1000);
    store.accept(&refusal(&store));
    wait_for(&store, 400);

    server.set(Keys::new());
    store.refresh(LONG).expect_err("it is empty");
    wait_for(&store, 400);
    // The server has its keys again: the deltas amount to a change.
    server.set(keys(30, 300));
    store.refresh(LONG).expect("it passes");
    wait_for(&store, 300);
    readers.finish();
}
