//! When all keys are listed, and what a listing that fails leaves.

use std::time::Duration;

use untorn_live::Store;
use untorn_live::layer::Etcd;

use super::{LAYER, layer};
use crate::support::gateway::{Answer, Gateway, Keys, Request};
use crate::support::{DEADLINE, HOUR, LONG, wait_for_refusal};

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

fn fail_listings(request: &Request, _: &Keys) -> Option<Answer> {
    (request.path == "/v3/kv/range").then(|| Answer::Whole(500, "not now".into()))
}

#[test]
fn failed_sweep_leaves_the_watch() {
    let gateway = start();
    let store = follow(layer(gateway.url()).sweep(Duration::from_secs(1)));
    gateway.lie(fail_listings);
    for value in 2..5 {
        wait_for_refusal(&store, |error| error.message().contains("not now"));
        let revision = gateway.put("/app/limit", &value.to_string());
        let config = store.wait_for(LAYER, revision, DEADLINE).expect("it comes");
        assert_eq!(config.get_as("limit"), Ok(value));
    }
}

#[test]
fn failed_refresh_leaves_the_watch() {
    let gateway = start();
    let store = follow(layer(gateway.url()).probe_after(HOUR));
    gateway.lie(fail_listings);
    for value in 2..5 {
        let error = store.refresh(LONG).expect_err("it fails");
        assert!(error.message().contains("not now"), "{error}");
        let revision = gateway.put("/app/limit", &value.to_string());
        let config = store.wait_for(LAYER, revision, DEADLINE).expect("it comes");
        assert_eq!(config.get_as("limit"), Ok(value));
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
