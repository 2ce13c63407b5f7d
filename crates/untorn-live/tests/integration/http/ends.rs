//! The end of a store while a request hangs.

use std::time::{Duration, Instant};

use untorn_live::layer::Http;
use untorn_live::{Config, Store};

use super::server::{Connection, Server, head, ok};
use crate::support::{LONG, wait_until};

/// Shorter than the time after which a store gives up on a source.
const SHORT: Duration = Duration::from_secs(3);

fn ends(begin: &'static str) {
    let server = Server::start(move |_, connection: &mut Connection| {
        connection.write(begin);
        connection.hang();
    });
    let is_short = |is_closed| {
        let before = server.requests().len();
        let http = Http::at(server.url("/app.toml"));
        let store = Store::builder().layer(http).start().expect("threads");
        wait_until(LONG, "a request", || server.requests().len() > before);
        let began = Instant::now();
        if is_closed {
            let other = store.clone();
            store.close();
            drop(other);
        }
        let last = store.snapshot();
        drop(store);
        let is_short = began.elapsed() < SHORT;
        assert_eq!(last.len(), 0, "half of an answer was taken");
        is_short
    };
    for is_closed in [true, false] {
        // The threads may have had no processor. Without an interruption, all ends are late.
        let is_short = (0..5).any(|_| is_short(is_closed));
        assert!(is_short, "{begin:?}: the end waits for the request");
    }
}

#[test]
fn end_interrupts_a_request() {
    ends("");
    ends("HTTP/1.1 200 OK\r\n");
    ends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na = 1\n");
}

/// To the client, the end of the store is the end of such an answer.
#[test]
fn end_does_not_complete_an_answer() {
    ends("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na = 1\n");
    let server = Server::start(|_, connection| {
        connection.write(head("200 OK", &[]) + "a = 1\n");
        connection.hang();
    });
    let http = Http::at(server.url("/app.toml"));
    let store = Store::builder().layer(http).start().expect("threads");
    wait_until(LONG, "a request", || !server.requests().is_empty());
    store.close();
    wait_until(LONG, "the end", || {
        let polls = store.status().layers[0].polls.clone();
        polls.is_some_and(|polls| polls.fetching.is_none())
    });
    assert_eq!(store.pin().len(), 0, "half of an answer was taken");
    assert!(
        store.status().refusals().next().is_none(),
        "{}",
        store.status()
    );
}

#[test]
fn hang_is_shown_and_stops_no_other_layer() {
    let silent = Server::start(|_, connection| connection.hang());
    let good = Server::of(ok("b = 2"));
    let store = Store::builder()
        .layer(Http::at(silent.url("/a.toml")))
        .layer(Http::at(good.url("/b.toml")))
        .start()
        .expect("threads");
    wait_until(LONG, "the other layer answers", || {
        store.status().layers[1].has_answered
    });
    wait_until(LONG, "the hang is shown", || {
        let polls = store.status().layers[0].polls.clone();
        polls.is_some_and(|polls| polls.fetching.is_some())
    });
    assert!(
        store.pin().is_empty(),
        "without the first layer: {:?}",
        Config::clone(&store.pin())
    );
}
