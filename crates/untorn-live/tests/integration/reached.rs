//! Waits for a revision of a source, by threads and by tasks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn_live::layer::Custom;
use untorn_live::{Cache, Config, ConfigError, ErrorKind, Snapshot, Store, StoreBuilder, Value};

use crate::support::{HOUR, LONG, answered_before_the_cache, folder, wait_for_refusal};

const LAYER: &str = "server";

/// A server with one key, whose value is the revision of the server; it has none while that is 0.
#[derive(Clone, Default)]
struct Server(Arc<AtomicU64>);

impl Server {
    fn put(&self, revision: u64) {
        self.0.store(revision, Ordering::SeqCst);
    }

    fn layer(&self) -> Custom {
        Custom::source(LAYER, Duration::from_millis(2), self.clone())
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
        let revision = self.0.load(Ordering::SeqCst);
        match token.and_then(ResumeToken::to_u64) {
            _ if revision == 0 => Err("the server has no revision".into()),
            Some(known) if known == revision => Ok(FetchedAfter::Unchanged),
            _ => Ok(FetchedAfter::Contents {
                contents: vec![("revision".into(), Value::Integer(revision as i64))],
                token: Some(revision.into()),
            }),
        }
    }
}

type Waited = Result<Snapshot<Config>, ConfigError>;

/// Waits on a thread and in a task; returns the results as they come.
fn both(store: &Store, revision: u64) -> mpsc::Receiver<Waited> {
    let (sender, results) = mpsc::channel();
    let (blocked, task) = (store.clone(), store.clone());
    let of_task = sender.clone();
    thread::spawn(move || sender.send(blocked.wait_for(LAYER, revision, LONG)));
    thread::spawn(move || {
        let wait = task.wait_for_async(LAYER, revision);
        of_task.send(futures_executor::block_on(wait))
    });
    results
}

#[test]
fn waits_end_when_the_revision_is_served() {
    let server = Server::default();
    server.put(1);
    let store = Store::builder().layer(server.layer()).start();
    let store = store.expect("a thread");
    for revision in 2..50 {
        let results = both(&store, revision);
        server.put(revision);
        for _ in 0..2 {
            let config = results.recv_timeout(LONG).expect("it is woken");
            let config = config.expect("the revision came");
            assert!(config.get_as::<u64>("revision").expect("a number") >= revision);
        }
    }
    // An earlier one is served.
    assert!(store.wait_for(LAYER, 1, Duration::ZERO).is_ok());
}

#[test]
fn late_revision_is_an_error_with_the_newest_one() {
    let server = Server::default();
    let store = Store::builder().layer(server.layer()).start();
    let store = store.expect("a thread");
    let wait = |timeout| store.wait_for(LAYER, 8, timeout).expect_err("not yet");
    wait_for_refusal(&store, |_| true);
    let error = wait(Duration::from_millis(1));
    assert_eq!(
        error.message(),
        "the server has no revision",
        "the refusal says more than the wait"
    );
    server.put(7);
    store.wait_for(LAYER, 7, LONG).expect("it answers");
    let error = wait(Duration::from_millis(5));
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert_eq!(
        error.to_string(),
        "server: timed out waiting for revision 8: the source is at 7; use a longer timeout"
    );
}

#[test]
fn waits_end_with_the_store() {
    let server = Server::default();
    server.put(1);
    let store = Store::builder().layer(server.layer()).start();
    let store = store.expect("a thread");
    store.wait_for(LAYER, 1, LONG).expect("it answers");
    let results = both(&store, 2);
    // Most often they wait by then; the result is the same if they do not yet.
    thread::sleep(Duration::from_millis(50));
    store.close();
    for _ in 0..2 {
        let result = results.recv_timeout(LONG).expect("it is woken");
        let error = result.expect_err("it never comes");
        assert_eq!(error.kind(), ErrorKind::Ended);
        assert_eq!(
            error.to_string(),
            "server: the store has ended before revision 2 came"
        );
    }
    // The revision that was served before is still there.
    let results = both(&store, 1);
    for _ in 0..2 {
        let config = results.recv_timeout(LONG).expect("at once");
        assert!(config.is_ok());
    }
}

/// The revision of the source is not served before the other layers have answered.
#[test]
fn waits_include_the_first_revision_of_the_store() {
    let server = Server::default();
    server.put(3);
    let (resume, wait) = mpsc::channel::<()>();
    let silent = Custom::closure("silent", HOUR, move || {
        _ = wait.recv();
        Ok::<_, ConfigError>(BTreeMap::from([("x", 1)]))
    });
    let builder = Store::builder().layer(server.layer()).layer(silent);
    let store = builder.start().expect("threads");
    let results = both(&store, 3);
    let early = results.recv_timeout(Duration::from_millis(100));
    assert!(early.is_err(), "{early:?}");
    drop(resume);
    for _ in 0..2 {
        let config = results.recv_timeout(LONG).expect("it is woken");
        assert!(config.expect("all have answered").contains_key("x"));
    }
}

#[test]
fn unknown_layer_is_an_error_with_the_list() {
    let server = Server::default();
    let builder = Store::builder().text("app.toml", "port = 80");
    let store = builder.layer(server.layer()).start().expect("a thread");
    let waits = [
        store.wait_for("servers", 1, LONG),
        futures_executor::block_on(store.wait_for_async("servers", 1)),
    ];
    for waited in waits {
        let error = waited.expect_err("unknown");
        assert_eq!(
            error.message(),
            "no source has the name `servers`; there are: server"
        );
    }
}

/// A builder for a store that refuses revision 13.
fn refusing_13(server: &Server) -> StoreBuilder {
    let builder = Store::builder().layer(server.layer());
    builder.check(|new, _| match new.get_as("revision") {
        Ok(13) => Err("13 is not served"),
        _ => Ok(()),
    })
}

/// The refused contents are taken with those of another layer, without a poll of their own.
#[test]
fn revision_taken_with_another_layer_is_reached() {
    let server = Server::default();
    server.put(1);
    let store = Store::builder()
        .layer(Custom::source(LAYER, HOUR, server.clone()))
        .manual()
        .check(
            |new, _| match new.get_as::<u64>("revision").ok() <= new.get_as("newest").ok() {
                true => Ok(()),
                false => Err("too new"),
            },
        )
        .start()
        .expect("a thread");
    let allow = |newest: u64| store.publish(&BTreeMap::from([("newest", newest)]));
    allow(1).expect("no revision yet");
    store.ready(LONG).expect("both have answered");
    for revision in 2..12 {
        server.put(revision);
        store.refresh(LONG).expect_err("it is too new");
        store
            .wait_for(LAYER, revision, LONG)
            .expect_err("it was refused");
        allow(revision).expect("both are right");
        let config = store.wait_for(LAYER, revision, Duration::ZERO);
        assert_eq!(config.expect("in force").get_as("revision"), Ok(revision));
        assert_eq!(store.status().layers[0].revision, Some(revision));
    }
}

/// Contents that were taken, never served, and replaced by those of the cache.
#[test]
fn revision_replaced_by_the_cache_is_not_reached() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let server = Server::default();
    let start = |is_silent: bool| {
        let other = Custom::closure("other", HOUR, move || match is_silent {
            true => Err(ConfigError::new(ErrorKind::Source, "the server is down")),
            false => Ok(BTreeMap::from([("newest", 1)])),
        });
        let cache = Cache::at(&path).after(Duration::from_millis(200));
        let builder = Store::builder().layer(server.layer()).layer(other);
        let builder = builder.cache(cache).check(|new, _| {
            match new.get_as::<u64>("revision").ok() <= new.get_as("newest").ok() {
                true => Ok(()),
                false => Err("too new"),
            }
        });
        builder.start().expect("threads")
    };
    server.put(1);
    let store = start(false);
    store.ready(LONG).expect("both have answered");
    assert!(store.stop(LONG), "its end writes the cache");
    server.put(7);
    let store = answered_before_the_cache(|| start(true));
    let error = store.wait_for(LAYER, 7, LONG).expect_err("it is too new");
    assert!(error.message().contains("too new"), "{error}");
    assert_eq!(store.status().layers[0].revision, None);
    assert_eq!(store.pin().get_as("revision"), Ok(1));
}

/// A wait ends when its revision is served, not when the callbacks for it have returned.
#[test]
fn waits_do_not_wait_for_callbacks() {
    let server = Server::default();
    server.put(12);
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let builder =
        refusing_13(&server).on_recovery(move |_| _ = held.lock().expect("no panic").recv());
    let store = builder.start().expect("a thread");
    store.ready(LONG).expect("it answers");
    server.put(13);
    wait_for_refusal(&store, |_| true);
    server.put(14);
    let config = store.wait_for(LAYER, 14, LONG).expect("it is served");
    assert_eq!(config.get_as("revision"), Ok(14));
    drop(release);
}

#[test]
fn refused_revision_ends_the_waits_at_once() {
    let server = Server::default();
    server.put(12);
    let store = refusing_13(&server).start().expect("a thread");
    store.ready(LONG).expect("it answers");
    let results = both(&store, 13);
    server.put(13);
    for _ in 0..2 {
        let result = results.recv_timeout(LONG).expect("before its timeout");
        let error = result.expect_err("it is refused");
        assert!(error.message().contains("13 is not served"), "{error}");
    }
    let status = &store.status().layers[0];
    assert_eq!(status.revision, Some(12));
    // A later one is waited for, and has all before it.
    let results = both(&store, 14);
    server.put(14);
    for _ in 0..2 {
        let config = results.recv_timeout(LONG).expect("it is woken");
        assert!(config.is_ok(), "{config:?}");
    }
    assert!(store.wait_for(LAYER, 13, Duration::ZERO).is_ok());
    assert_eq!(store.status().layers[0].revision, Some(14));
}

/// A server that has begun anew counts from small numbers, which are not those that are served.
#[test]
fn revisions_of_a_new_beginning_are_waited_for() {
    let server = Server::default();
    server.put(79);
    let store = refusing_13(&server).start().expect("a thread");
    store.ready(LONG).expect("it answers");
    server.put(13);
    wait_for_refusal(&store, |_| true);
    assert_eq!(store.status().layers[0].revision, None);
    let results = both(&store, 20);
    let early = results.recv_timeout(Duration::from_millis(50));
    assert!(early.is_err(), "79 is of another beginning: {early:?}");
    server.put(20);
    for _ in 0..2 {
        let config = results.recv_timeout(LONG).expect("it is woken");
        let config = config.expect("the revision came");
        assert_eq!(config.get_as("revision"), Ok(20));
    }
}
