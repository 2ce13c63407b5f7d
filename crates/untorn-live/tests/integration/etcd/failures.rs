//! Servers that are gone, begin anew, forget or hang.

use std::time::Duration;

use untorn_live::{ConfigError, ErrorKind, Store};

use super::server::{Server, program, programs};
use super::{
    LAYER, SHORT, assert_equal, endpoint, follow, followed, layer, resyncs, wait_for, write,
};
use crate::support::proxy::{Mode, Proxy};
use crate::support::readers::Readers;
use crate::support::{DEADLINE, HOUR, LONG, generation, wait_for_refusal, wait_until};

#[test]
fn compaction_loses_no_delete() {
    for program in programs() {
        let server = Server::start(&program);
        write(&server, 1);
        server.put("/app/gone", "1");
        let proxy = Proxy::start(server.address());
        let store = followed(proxy.url());
        let readers = Readers::start(&store);
        proxy.set(Mode::Cut);
        server.delete("/app/gone");
        let mut last = 0;
        for number in 2..302 {
            last = write(&server, number);
        }
        server.compact(last);
        proxy.set(Mode::Forward);
        wait_for(&store, 301);
        assert!(!store.pin().contains_key("gone"));
        assert_eq!(resyncs(&store), 1);
        readers.finish();
        assert_equal(&store, &server);
    }
}

#[test]
fn killed_server_goes_on_where_it_was() {
    let Some(program) = program() else { return };
    let mut server = Server::start(&program);
    write(&server, 1);
    let store = followed(server.url());
    let readers = Readers::start(&store);
    for number in 2..5 {
        server.kill();
        wait_for_refusal(&store, |error| error.kind() == ErrorKind::Unreachable);
        assert!(matches!(generation::of(&store.pin()), Ok(Some(_))));
        server.restart();
        write(&server, number);
        wait_for(&store, number);
        assert!(store.status().refusals().next().is_none());
    }
    assert_eq!(resyncs(&store), 0);
    readers.finish();
}

/// Two new servers can have one cluster id, and a watch from a revision of the future waits.
#[test]
fn server_that_begins_anew_empties_nothing() {
    for program in programs() {
        let mut server = Server::start(&program);
        write(&server, 1);
        write(&server, 2);
        let store = followed(server.url());
        let readers = Readers::start(&store);
        server.restart_empty();
        wait_for_refusal(&store, |error| error.kind() == ErrorKind::Guard);
        assert_eq!(generation::of(&store.pin()), Ok(Some(2)));
        assert!(resyncs(&store) > 0);
        write(&server, 3);
        wait_for(&store, 3);
        readers.finish();
        assert_equal(&store, &server);
    }
}

/// The new server has as many revisions as the old one, so nothing but its contents tells.
#[test]
fn restored_server_is_listed_again() {
    let Some(program) = program() else { return };
    let mut server = Server::start(&program);
    for number in 1..20 {
        write(&server, number);
    }
    let store = followed(server.url());
    server.restart_empty();
    write(&server, 20);
    wait_for(&store, 20);
    assert_equal(&store, &server);
}

#[test]
fn hanging_connection_is_noticed() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    write(&server, 1);
    let proxy = Proxy::start(server.address());
    let store = follow(layer(proxy.url()).timeout(SHORT));
    let readers = Readers::start(&store);
    proxy.set(Mode::Stall);
    write(&server, 2);
    wait_for_refusal(&store, |error| error.kind() == ErrorKind::Unreachable);
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
    proxy.set(Mode::Forward);
    wait_for(&store, 2);
    readers.finish();
}

#[test]
fn another_endpoint_takes_over() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    write(&server, 1);
    let (one, other) = (
        Proxy::start(server.address()),
        Proxy::start(server.address()),
    );
    let etcd = layer(String::new()).endpoints([one.url(), other.url()]);
    let store = Store::builder().layer(etcd).start().expect("threads");
    store.ready(LONG).expect("etcd answers");
    for number in 2..6 {
        let current = endpoint(&store).expect("one has answered");
        let (current, next) = match *current == *one.url() {
            true => (&one, &other),
            false => (&other, &one),
        };
        current.set(Mode::Cut);
        let revision = write(&server, number);
        store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert_eq!(endpoint(&store).as_deref(), Some(&*next.url()));
        current.set(Mode::Forward);
    }
}

#[test]
fn store_ends_soon_whatever_hangs() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    write(&server, 1);
    let proxy = Proxy::start(server.address());
    let store = followed(proxy.url());
    // A watch that waits without a limit.
    assert!(store.stop(2 * DEADLINE));
    // A request that hangs until a timeout that is longer than the wait below.
    proxy.set(Mode::Stall);
    let accepted = proxy.accepted();
    let etcd = layer(proxy.url()).timeout(HOUR);
    let store = Store::builder().layer(etcd).start().expect("threads");
    wait_until(LONG, "it asks", || proxy.accepted() > accepted);
    assert!(store.ready(Duration::from_millis(100)).is_err());
    assert!(store.stop(2 * DEADLINE));
}

/// What a check refuses is not lost: the next transaction is seen with it.
#[test]
fn refused_transaction_is_mended_by_the_next() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    server.change(&[("/app/low", Some("1")), ("/app/high", Some("9"))]);
    let store = Store::builder()
        .layer(layer(server.url()))
        .check(
            |new, _| match new.get_as::<u32>("low")? < new.get_as("high")? {
                true => Ok(()),
                false => Err(ConfigError::from("low is above high")),
            },
        )
        .start()
        .expect("threads");
    store.ready(LONG).expect("etcd answers");
    server.put("/app/low", "20");
    wait_for_refusal(&store, |error| error.kind() == ErrorKind::Check);
    assert_eq!(store.pin().get_as::<u32>("low"), Ok(1));
    let revision = server.put("/app/high", "30");
    let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
    assert_eq!(config.get_as::<u32>("low"), Ok(20));
    assert_eq!(config.get_as::<u32>("high"), Ok(30));
}
