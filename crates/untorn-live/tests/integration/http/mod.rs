//! Documents of HTTP servers: nginx, and a server that breaks the protocol in each way that a test
//! wants. The last good configuration stays in all of them.

mod documents;
mod ends;
mod hostile;
mod nginx;
mod pauses;
mod redirects;
mod server;
mod tls;
mod tokens;

use std::time::Duration;

use untorn_live::layer::Http;
use untorn_live::{ConfigError, Remote, Store};

use crate::support::{LONG, generation, wait_until};

/// A period for tests that wait for polls.
const PERIOD: Duration = Duration::from_millis(20);

/// Starts a store of one layer, and waits for its first contents.
fn ready(http: Http) -> Store {
    let store = Store::builder().layer(http.period(PERIOD)).start();
    let store = store.expect("threads");
    store.ready(LONG).expect("an answer");
    store
}

#[track_caller]
fn wait_for_generation(store: &Store, number: u64) {
    wait_until(LONG, "the generation is served", || {
        generation::of(&store.pin()) == Ok(Some(number))
    });
}

/// Fetches now, and returns why the answer was refused.
#[track_caller]
fn refusal(store: &Store) -> ConfigError {
    store.refresh(LONG).expect_err("it must be refused")
}

fn remote(store: &Store) -> Remote {
    store.status().layers[0].remote.clone().expect("a server")
}
