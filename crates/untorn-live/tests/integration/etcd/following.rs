//! Changes that arrive as they should.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use untorn_live::layer::Etcd;
use untorn_live::{ErrorKind, Store};

use super::server::{Server, program, programs};
use super::{LAYER, assert_equal, contents, follow, followed, layer, resyncs, wait_for, write};
use crate::support::readers::Readers;
use crate::support::{HOUR, LONG, generation, wait_for_refusal};

#[test]
fn keys_follow_puts_and_deletes() {
    for program in programs() {
        let server = Server::start(&program);
        server.put("/app/http/port", "80");
        server.put("/app/name", "one");
        server.put("/apple", "not below the prefix");
        let store = followed(server.url());
        assert_eq!(store.pin().get_as::<u16>("http.port"), Ok(80));
        assert_eq!(store.pin().len(), 2);
        let revision = server.put("/app/http/port", "81");
        let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert_eq!(config.get_as::<u16>("http.port"), Ok(81));
        let explanation = config.explain("http.port").expect("there");
        assert_eq!(explanation.winner.place.revision, Some(revision));
        let revision = server.delete("/app/name");
        let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert!(!config.contains_key("name"));
        assert_equal(&store, &server);
        assert_eq!(resyncs(&store), 0);
    }
}

/// A key that ends with the separator has a value, or is a directory of another tool.
#[test]
fn keys_that_become_directories_are_gone() {
    for program in programs() {
        let server = Server::start(&program);
        server.put("/app/name", "one");
        let store = followed(server.url());
        let has_key = |revision| {
            let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
            config.contains_key("dir.\"\"")
        };
        for _ in 0..2 {
            assert!(has_key(server.put("/app/dir/", "1")));
            assert!(!has_key(server.put("/app/dir/", "")), "it is empty");
            assert!(has_key(server.put("/app/dir/", "1")));
            assert!(!has_key(server.delete("/app/dir/")), "it is deleted");
        }
        server.put("/app/", "");
        assert!(!has_key(server.delete("/app/")));
        assert_eq!(store.pin().len(), 1);
        assert_eq!(resyncs(&store), 0);
    }
}

#[test]
fn transactions_are_never_split() {
    for program in programs() {
        let server = Server::start(&program);
        write(&server, 1);
        // Without probes: one that finds more than the watch has brought lists all keys, and makes
        // several revisions one.
        let store = follow(layer(server.url()).probe_after(HOUR));
        let readers = Readers::start(&store);
        let first = store.pin().revision().get();
        let mut last = 0;
        for number in 2..400 {
            last = write(&server, number);
        }
        store.wait_for(LAYER, last, LONG).expect("it comes");
        wait_for(&store, 399);
        // Each revision of etcd is one of the store.
        assert_eq!(store.pin().revision().get(), first + 398);
        readers.finish();
        assert_equal(&store, &server);
    }
}

/// Puts so many hundreds of keys.
pub(super) fn fill(server: &Server, hundreds: usize) {
    for batch in 0..hundreds {
        let keys: Vec<_> = (0..100)
            .map(|key| format!("/app/many/{batch}/{key}"))
            .collect();
        let changes: Vec<_> = keys.iter().map(|key| (&**key, Some("0"))).collect();
        server.change(&changes);
    }
}

/// Of ten thousand keys a thousand a second are put or deleted, if the machine can, beside
/// transactions. `just etcd-changes` does so for a minute.
#[test]
fn steady_changes_are_followed() {
    const WRITERS: u32 = 4;
    let seconds = std::env::var("UNTORN_ETCD_SECONDS").ok();
    let seconds = seconds.map_or(2, |seconds| seconds.parse().expect("a number"));
    let length = Duration::from_secs(seconds);
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    write(&server, 1);
    fill(&server, 100);
    let store = followed(server.url());
    let readers = Readers::start(&store);
    let (start, changes) = (Instant::now(), AtomicUsize::new(0));
    let change = |writer: u32| {
        for step in 0.. {
            let due = Duration::from_millis(4) * step;
            if due.max(start.elapsed()) > length {
                break;
            }
            thread::sleep(due.saturating_sub(start.elapsed()));
            let key = format!("/app/many/{}/{}", (step * 7 + writer) % 100, step % 100);
            match step % 10 {
                9 => server.delete(&key),
                _ => server.put(&key, &step.to_string()),
            };
            changes.fetch_add(1, Ordering::Relaxed);
        }
    };
    let number = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let change = &change;
                scope.spawn(move || change(writer))
            })
            .collect();
        let mut number = 1;
        while writers.iter().any(|writer| !writer.is_finished()) {
            number += 1;
            write(&server, number);
            thread::sleep(Duration::from_millis(50));
        }
        number
    });
    println!("{changes:?} changes and {number} transactions in {length:?}");
    let last = server.put("/app/last", "1");
    store.wait_for(LAYER, last, LONG).expect("it comes");
    wait_for(&store, number);
    readers.finish();
    assert_equal(&store, &server);
    assert_eq!(resyncs(&store), 0);
}

#[test]
fn keys_of_many_pages_are_of_one_revision() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    write(&server, 1);
    fill(&server, 110);
    // Transactions while the pages are fetched.
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 2..150 {
                write(&server, number);
            }
        });
        for _ in 0..4 {
            let store = followed(server.url());
            assert!(matches!(generation::of(&store.pin()), Ok(Some(_))));
            assert!(store.pin().len() > 11_000);
        }
        writer.join().expect("no panic");
    });
    let store = followed(server.url());
    assert_eq!(generation::of(&store.pin()), Ok(Some(149)));
    assert_equal(&store, &server);
}

/// Answers with more than a request may have come in parts.
#[test]
fn large_values_come_in_parts() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    let large = |letter: char| letter.to_string().repeat(900 << 10);
    server.put("/app/a", &large('a'));
    let proxy = crate::support::proxy::Proxy::start(server.address());
    let store = followed(proxy.url());
    proxy.set(crate::support::proxy::Mode::Cut);
    for letter in 'b'..'h' {
        server.put(&format!("/app/{letter}"), &large(letter));
    }
    let last = server.put("/app/a", "small");
    proxy.set(crate::support::proxy::Mode::Forward);
    let config = store.wait_for(LAYER, last, LONG).expect("it comes");
    assert_eq!(config.len(), 7);
    assert_equal(&store, &server);
    assert_eq!(resyncs(&store), 0);
}

#[test]
fn documents_take_the_place_of_their_keys() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    server.put(
        "/app/web/app.json",
        r#"{"port": 80, "tls": {"is_on": true}}"#,
    );
    server.put("/app/name", "one");
    let etcd = layer(server.url()).documents();
    let store = Store::builder().layer(etcd).start().expect("threads");
    store.ready(LONG).expect("etcd answers");
    assert_eq!(store.pin().get_as::<u16>("web.port"), Ok(80));
    assert_eq!(store.pin().len(), 3);
    let revision = server.put("/app/web/app.json", r#"{"port": 81}"#);
    let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
    assert_eq!(config.get_as::<u16>("web.port"), Ok(81));
    assert_eq!(config.len(), 2);
    // Half of a document is refused, with its key and line.
    server.put("/app/web/app.json", "{\n\"port\": ");
    wait_for_refusal(&store, |error| {
        let is_of_the_line = error.to_string().starts_with("/app/web/app.json:2: ");
        error.kind() == ErrorKind::Syntax && is_of_the_line
    });
    let revision = server.delete("/app/web/app.json");
    let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
    assert_eq!(contents(&config).len(), 1);
    assert!(store.status().refusals().next().is_none());
}

#[test]
fn wrong_settings_are_errors_at_the_start() {
    let settings = [
        (Etcd::prefix("/app"), "`/apple`"),
        (
            Etcd::prefix("/app/").endpoints(["127.0.0.1:2379"]),
            "http://",
        ),
        (
            Etcd::prefix("/app/").endpoints(["http://me:secret@localhost"]),
            "`Etcd::user`",
        ),
        (
            Etcd::prefix("/app/").endpoints(Vec::<String>::new()),
            "no endpoints",
        ),
        (Etcd::prefix("/app/").separator(""), "separator"),
    ];
    for (etcd, expected) in settings {
        let error = Store::builder().layer(etcd).start().expect_err("wrong");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
