//! When all keys are listed, and what a listing that fails leaves.

use std::time::Duration;

use untorn_live::layer::Etcd;
use untorn_live::{ConfigError, ErrorKind, Store};

use super::{LAYER, count, growth, layer, resyncs};
use crate::support::gateway::{Answer, Gateway, Keys, Request};
use crate::support::{HOUR, LONG, wait_for_refusal, wait_until};

/// The time for which requests are counted.
const WHILE: Duration = Duration::from_secs(4);

/// The most listings in that time.
const MOST: f64 = 10.0;

fn start() -> Gateway {
    let gateway = Gateway::start();
    gateway.put("/app/limit", "1");
    gateway
}

/// Starts a store that checks the type of the value.
fn start_store(etcd: Etcd) -> Store {
    let builder = Store::builder().layer(etcd);
    let builder = builder.check(|new, _| new.get_as::<u32>("limit").map(|_| ()));
    builder.start().expect("threads")
}

fn follow(etcd: Etcd) -> Store {
    let store = start_store(etcd);
    store.ready(LONG).expect("the server answers");
    store
}

/// Returns how often the last answer was refused in a row.
fn times(store: &Store) -> u64 {
    let status = store.status();
    status.refusals().next().map_or(0, |refusal| refusal.times)
}

fn fail_listings(request: &Request, _: &Keys) -> Option<Answer> {
    (request.path == "/v3/kv/range").then(|| Answer::Whole(500, "not now".into()))
}

/// Puts a value, and checks that it arrives.
fn check_watch(gateway: &Gateway, store: &Store, value: u32) {
    let revision = gateway.put("/app/limit", &value.to_string());
    let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
    assert_eq!(config.get_as("limit"), Ok(value));
}

#[test]
fn failed_sweep_leaves_the_watch() {
    let gateway = start();
    let store = follow(layer(gateway.url()).sweep(Duration::from_secs(1)));
    gateway.lie(fail_listings);
    for value in 2..5 {
        wait_for_refusal(&store, |error| error.message().contains("not now"));
        check_watch(&gateway, &store, value);
    }
}

#[test]
fn failed_refresh_leaves_the_watch() {
    let gateway = start();
    let store = follow(layer(gateway.url()).probe_after(HOUR));
    gateway.lie(fail_listings);
    for value in 2..5 {
        // A later poll may succeed before this thread wakes.
        wait_until(LONG, "it fails", || {
            let refreshed = store.refresh(LONG);
            refreshed.is_err_and(|error| error.message().contains("not now"))
        });
        check_watch(&gateway, &store, value);
    }
}

#[test]
fn sweep_after_any_time_is_accepted() {
    let gateway = start();
    let store = follow(layer(gateway.url()).sweep(Duration::MAX));
    for _ in 0..20 {
        store.refresh(LONG).expect("it is listed");
    }
}

/// Neither the watch nor the contents are good: attempts have pauses all the same.
#[test]
fn refused_keys_without_a_watch_have_pauses() {
    for (key, wrong, right) in [("/app/limit", "no number", "2"), ("/app/", "a value", "")] {
        let gateway = start();
        gateway.put(key, wrong);
        gateway.lie(|request, _| {
            (request.path == "/v3/watch").then(|| Answer::Whole(500, "not now".into()))
        });
        let store = start_store(layer(gateway.url()));
        wait_for_refusal(&store, |error| error.kind() != ErrorKind::Unreachable);
        let listings = growth(WHILE, || count(&gateway, "/v3/kv/range"));
        assert!(listings < MOST, "{listings} listings");
        gateway.tell_truth();
        let revision = gateway.put(key, right);
        store.wait_for(LAYER, revision, LONG).expect("it comes");
    }
}

/// A value that the store refuses is kept, and tried again without asking the server.
#[test]
fn refused_value_is_listed_once() {
    for (key, wrong, right) in [("/app/limit", "no number", "2"), ("/app/", "a value", "")] {
        let gateway = start();
        let store = follow(layer(gateway.url()).probe_after(HOUR));
        let before = count(&gateway, "/v3/kv/range");
        let listings = || count(&gateway, "/v3/kv/range") - before;
        gateway.put(key, wrong);
        wait_until(LONG, "it is tried again", || times(&store) >= 4);
        assert_eq!(listings(), 1);
        // A change may mend it.
        gateway.put(key, wrong);
        wait_until(LONG, "it is listed again", || listings() == 2);
        let revision = gateway.put(key, right);
        store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert_eq!(resyncs(&store), 0);
    }
}

/// Such a value has no contents, but a revision.
#[test]
fn waits_end_at_a_value_that_cannot_be_read() {
    let gateway = start();
    let store = follow(layer(gateway.url()));
    for _ in 0..3 {
        let revision = gateway.put("/app/", "a value");
        let waited = store.wait_for(LAYER, revision, LONG);
        let error = waited.expect_err("it cannot be read");
        assert_eq!(error.kind(), ErrorKind::Syntax, "{error}");
        let awaited = futures_executor::block_on(store.wait_for_async(LAYER, revision));
        assert_eq!(awaited.expect_err("the same").kind(), error.kind());
        let revision = gateway.put("/app/", "");
        store.wait_for(LAYER, revision, LONG).expect("it comes");
    }
}

/// Two layers that are right only together, long after the first was refused.
#[test]
fn refused_listing_is_taken_with_another_layer() {
    let gateway = start();
    gateway.put("/other/most", "9");
    let builder = Store::builder()
        .layer(layer(gateway.url()).probe_after(HOUR))
        .layer(Etcd::prefix("/other/").endpoints([gateway.url()]));
    let builder =
        builder.check(
            |new, _| match new.get_as::<u32>("limit")? <= new.get_as("most")? {
                true => Ok(()),
                false => Err(ConfigError::from("the limit is above the most")),
            },
        );
    let store = builder.start().expect("threads");
    store.ready(LONG).expect("the server answers");
    let limit = gateway.put("/app/limit", "20");
    wait_until(LONG, "it is tried again", || times(&store) >= 3);
    let most = gateway.put("/other/most", "30");
    let config = store.wait_for("etcd:/other/", most, LONG);
    assert_eq!(config.expect("it comes").get_as("limit"), Ok(20));
    store.wait_for(LAYER, limit, LONG).expect("it is taken");
    let revision = gateway.put("/app/limit", "21");
    store.wait_for(LAYER, revision, LONG).expect("it comes");
}
