//! A real etcd: what a store makes of its transactions, its failures and its restarts.

mod failures;
mod fleet;
mod following;
mod histories;
mod history;
mod lies;
mod listings;
mod login;
mod server;
mod silence;
mod soak;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use untorn_live::layer::Etcd;
use untorn_live::{Config, Store, Value};

use self::server::Server;
use crate::support::gateway::Gateway;
use crate::support::{LONG, generation, wait_until};

/// The name of the layer.
const LAYER: &str = "etcd:/app/";

/// The timeout of a layer whose server is silent.
const SHORT: Duration = Duration::from_secs(2);

/// A layer that notices in little time what it notices late by default. Its timeout is long: a
/// server that is late must cause no request and no refusal that a test does not expect.
fn layer(endpoint: String) -> Etcd {
    Etcd::prefix("/app/")
        .endpoints([endpoint])
        .timeout(LONG)
        .probe_after(Duration::from_secs(1))
}

/// Starts a store for a server, and waits for its keys.
fn followed(endpoint: String) -> Store {
    follow(layer(endpoint))
}

/// Starts a store, and waits for its keys.
fn follow(etcd: Etcd) -> Store {
    let store = Store::builder().layer(etcd).start().expect("threads");
    store.ready(LONG).expect("the server answers");
    store
}

/// Writes a generation in one transaction, and returns its revision.
fn write(server: &Server, number: u64) -> u64 {
    let keys = generation::keys(number).into_iter();
    let pairs: Vec<_> = keys
        .map(|(key, value)| (format!("/app/{}", key.replace('.', "/")), value.to_string()))
        .collect();
    let changes: Vec<_> = pairs
        .iter()
        .map(|(key, value)| (&**key, Some(&**value)))
        .collect();
    server.change(&changes)
}

/// Waits for a generation. An attempt after many failures may come half a minute later.
#[track_caller]
fn wait_for(store: &Store, number: u64) {
    let is_served = || generation::of(&store.pin()) == Ok(Some(number));
    wait_until(LONG, "the last transaction is served", is_served);
}

/// Returns the keys and values of a configuration, by the names that etcd has for them.
fn contents(config: &Config) -> BTreeMap<String, String> {
    let name = |key: &str| format!("/app/{}", key.replace('.', "/"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    config
        .iter()
        .map(|(key, value)| (name(key), text(value)))
        .collect()
}

/// Checks that the configuration is what the server has.
#[track_caller]
fn assert_equal(store: &Store, server: &Server) {
    let (pairs, revision) = server.list("/app/");
    // The last change below the prefix may be an earlier one.
    let is_equal = || contents(&store.pin()) == pairs.iter().cloned().collect();
    wait_until(LONG, "the configuration is that of the server", is_equal);
    let reached = store.status().layers[0]
        .remote
        .as_ref()
        .and_then(|remote| remote.revision);
    assert!(reached <= Some(revision), "{reached:?} of {revision}");
}

/// Returns the address of the server that answered last.
fn endpoint(store: &Store) -> Option<Arc<str>> {
    let status = store.status();
    let remote = status.layers[0].remote.as_ref();
    remote.and_then(|remote| remote.endpoint.clone())
}

/// Returns how much a number grows in a time. The thread may wake late, so it is measured.
fn growth(time: Duration, number: impl Fn() -> usize) -> f64 {
    let (began, before) = (Instant::now(), number());
    thread::sleep(time);
    let growth = number() - before;
    growth as f64 * time.as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Returns the number of requests for a path.
fn count(gateway: &Gateway, path: &str) -> usize {
    let requests = gateway.requests();
    requests.iter().filter(|asked| *asked == path).count()
}

/// Returns how often all keys were listed since changes may have been missed.
fn resyncs(store: &Store) -> u64 {
    let status = store.status();
    status.layers[0].remote.as_ref().expect("a server").resyncs
}
