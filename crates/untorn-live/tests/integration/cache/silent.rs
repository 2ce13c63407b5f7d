//! Sources that are silent when a store starts, or answer with something else than before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn_live::layer::Custom;
use untorn_live::{Cache, ConfigError, ErrorKind, Store, StoreBuilder, Value};

use crate::support::{LONG, answer_with_position, answered_before_the_cache, folder, wait_until};

type Contents = BTreeMap<&'static str, i64>;

/// A source that the test changes; `None` is silent.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Option<Contents>>>);

impl Server {
    fn set(&self, contents: Option<Contents>) {
        *self.0.lock().expect("no panic") = contents;
    }

    fn layer(&self, name: &str) -> Custom {
        let server = self.clone();
        Custom::closure(name, Duration::from_millis(1), move || {
            let contents = server.0.lock().expect("no panic").clone();
            contents.ok_or_else(|| ConfigError::new(ErrorKind::Source, "the server is down"))
        })
    }

    /// A layer whose contents have a position, which is their text.
    fn layer_with_position(&self, name: &str) -> Custom {
        Custom::source(name, Duration::from_millis(1), self.clone())
    }
}

impl DeltaSource for Server {
    type Contents = Vec<(&'static str, Value)>;
    type Deltas = Vec<Delta<&'static str, Value>>;
    type Error = ConfigError;

    fn fetch_after(
        &mut self,
        last: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, ConfigError> {
        let contents = self.0.lock().expect("no panic").clone();
        let down = || ConfigError::new(ErrorKind::Source, "the server is down");
        let contents = contents.ok_or_else(down)?.into_iter();
        let contents = contents.map(|(key, number)| (key, number.into()));
        Ok(answer_with_position(last, contents.collect()))
    }
}

/// Returns a builder for a store that takes the cache if a layer has not answered after a time.
fn two_layers(path: &Path, layers: [Custom; 2], after: Duration) -> StoreBuilder {
    let [one, two] = layers;
    let builder = Store::builder().layer(one).layer(two);
    builder.cache(Cache::at(path).after(after))
}

/// Waits until the newest revision is written. The one before may be written first, with the time
/// of the new answer.
fn wait_until_written(store: &Store) {
    wait_until(LONG, "it is written", || {
        let written = store.status().cache.expect("one").written;
        written == Some(store.pin().revision().get())
    });
}

/// Waits for the first revision of a store, and ends it, so that the cache has it.
#[track_caller]
fn write(store: &Store, expected: &str) {
    store.ready(LONG).expect(expected);
    assert!(store.stop(LONG), "its end writes the cache");
}

/// Both sources are up again, one with contents that no revision can have: the last good ones are
/// served, and it takes over when it is mended.
#[test]
fn wrong_answer_at_a_start_does_not_spoil_the_cache() {
    check_wrong_answer(Server::layer);
}

/// The position of an answer that was replaced says nothing of what is in force.
#[test]
fn answer_replaced_by_the_cache_is_fetched_again() {
    check_wrong_answer(Server::layer_with_position);
}

fn check_wrong_answer(layer: fn(&Server, &str) -> Custom) {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let (one, two) = (Server::default(), Server::default());
    let start = || {
        let layers = [layer(&one, "one"), layer(&two, "two")];
        let builder = two_layers(&path, layers, Duration::from_millis(200));
        let checked = builder.check(|new, _| {
            let value = |key| new.get(key).and_then(|value| value.as_integer());
            match value("a") == value("b") {
                true => Ok(()),
                false => Err("a and b differ"),
            }
        });
        checked.start().expect("a store")
    };
    let value = |store: &Store| store.pin().get("a").and_then(|value| value.as_integer());
    one.set(Some(Contents::from([("a", 1)])));
    two.set(Some(Contents::from([("b", 1)])));
    write(&start(), "both agree");

    one.set(Some(Contents::from([("a", 2)])));
    two.set(None);
    let store = answered_before_the_cache(start);
    assert_eq!(value(&store), Some(1));
    // Refused more than once, since the second source is silent.
    let refusals = || store.status().layers[0].refusal.as_ref().map(|r| r.times);
    wait_until(LONG, "refusals", || refusals() > Some(2));
    two.set(Some(Contents::from([("b", 2)])));
    wait_until(LONG, "both are up", || value(&store) == Some(2));
    assert!(store.status().cache.expect("one").in_use_since.is_none());
}

/// The guard knows from the cache what a source had before the program was started.
#[test]
fn source_that_was_emptied_meanwhile_is_refused() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let server = Server::default();
    let start = || {
        let cache = Cache::at(&path).after(Duration::from_millis(1));
        let builder = Store::builder().layer(server.layer("server"));
        builder.cache(cache).start().expect("a store")
    };
    server.set(Some(Contents::from([("a", 1), ("b", 2)])));
    write(&start(), "an answer");
    let written = fs::read(&path).expect("a file");

    server.set(Some(Contents::new()));
    let store = start();
    let config = store.ready(LONG).expect("the cache");
    assert_eq!(config.len(), 2);
    let refused = || {
        store
            .status()
            .refusals()
            .next()
            .map(|refusal| refusal.error.kind())
    };
    wait_until(LONG, "a refusal", || refused() == Some(ErrorKind::Guard));
    assert!(store.stop(LONG));
    assert_eq!(fs::read(&path).expect("a file"), written);
}

/// The callback for an answer that the cache replaces runs without a lock, so it can use the store.
#[test]
fn callback_at_a_cached_start_can_use_the_store() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let (one, two) = (Server::default(), Server::default());
    let shared: Arc<Mutex<Option<Store>>> = Arc::default();
    let (send, answers) = mpsc::channel();
    let start = || {
        let (shared, send) = (Arc::clone(&shared), send.clone());
        let layers = [one.layer("one"), two.layer("two")];
        let builder = two_layers(&path, layers, Duration::from_millis(1));
        let builder = builder.check(|new, _| match new.get("a") == new.get("b") {
            true => Ok(()),
            false => Err("a and b differ"),
        });
        let builder = builder.on_refusal(move |refusal| {
            if refusal.error.kind() == ErrorKind::Check {
                let store = || shared.lock().expect("no panic").clone();
                wait_until(LONG, "the store", || store().is_some());
                let store = store().expect("it was there");
                _ = send.send(store.typed::<BTreeMap<String, i64>>("").is_ok());
            }
        });
        builder.start().expect("a store")
    };
    one.set(Some(Contents::from([("a", 1)])));
    two.set(Some(Contents::from([("b", 1)])));
    write(&start(), "both agree");

    one.set(Some(Contents::from([("a", 2)])));
    two.set(None);
    let store = start();
    *shared.lock().expect("no panic") = Some(store.clone());
    assert_eq!(answers.recv_timeout(LONG), Ok(true));
    *shared.lock().expect("no panic") = None;
}

/// A layer is served from the cache for long, and another one changes: that is written, and the age
/// of the cache stays that of the silent one.
#[test]
fn changes_are_written_while_a_source_is_silent() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let (one, two) = (Server::default(), Server::default());
    let start = || {
        let layers = [one.layer("one"), two.layer("two")];
        let builder = two_layers(&path, layers, Duration::from_millis(1));
        builder.start().expect("a store")
    };
    let since = |store: &Store| store.status().cache.expect("one").in_use_since;
    one.set(Some(Contents::from([("a", 1)])));
    two.set(Some(Contents::from([("b", 1)])));
    write(&start(), "both answer");

    one.set(None);
    let store = start();
    store.ready(LONG).expect("the cache");
    let first = since(&store).expect("one is silent");
    two.set(Some(Contents::from([("b", 2)])));
    let is_changed = || store.pin().get("b") == Some(&Value::from(2));
    wait_until(LONG, "a change", is_changed);
    wait_until_written(&store);
    assert!(store.stop(LONG));

    two.set(None);
    // The time of a cache has whole seconds.
    thread::sleep(Duration::from_millis(1_100));
    let store = start();
    let config = store.ready(LONG).expect("the cache");
    assert_eq!(config.get("a"), Some(&Value::from(1)));
    assert_eq!(config.get("b"), Some(&Value::from(2)));
    assert_eq!(since(&store), Some(first));

    one.set(Some(Contents::from([("a", 3)])));
    two.set(Some(Contents::from([("b", 3)])));
    wait_until(LONG, "both", || since(&store).is_none());
    wait_until_written(&store);
    two.set(Some(Contents::from([("b", 4)])));
    let is_changed = || store.pin().get("b") == Some(&Value::from(4));
    wait_until(LONG, "a change", is_changed);
    assert!(store.stop(LONG));
    one.set(None);
    two.set(None);
    let store = start();
    store.ready(LONG).expect("the cache");
    assert!(since(&store) > Some(first), "both are new");
}
