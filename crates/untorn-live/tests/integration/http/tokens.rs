//! Bearer tokens and headers, which no output shows.

use std::fs;

use untorn_live::layer::{Http, Layer};
use untorn_live::{ErrorKind, Store};

use super::server::{Server, answer, ok};
use super::{ready, refusal};
use crate::support::{LONG, folder, generation, wait_until};

/// A server that wants a token.
fn guarded() -> Server {
    Server::start(|head, connection| {
        let head = head.to_lowercase();
        let is_known = head.contains("bearer one\r\n") || head.contains("bearer two\r\n");
        connection.write(match is_known {
            true => ok(generation::toml(1)),
            false => answer("401 Unauthorized", &[], ""),
        });
    })
}

#[test]
fn token_is_read_again_for_each_request() {
    let server = guarded();
    let folder = folder();
    let path = folder.path().join("token");
    fs::write(&path, "one\n").expect("written");
    let store = ready(Http::at(server.url("/app.toml")).bearer_file(&path));
    fs::write(&path, "two").expect("written");
    store.refresh(LONG).expect("an answer");
    let requests = server.requests();
    let token = requests.last().expect("one").header("authorization");
    assert_eq!(token, Some("Bearer two"));
    for (token, text) in [
        (Some("three"), "401 Unauthorized: check the credentials"),
        (Some(""), "is empty"),
        (Some("a\u{1}b"), "a character that no header can have"),
        (None, "cannot read the secret in"),
    ] {
        match token {
            Some(token) => fs::write(&path, token).expect("written"),
            None => fs::remove_file(&path).expect("removed"),
        }
        let error = refusal(&store).to_string();
        assert!(error.contains(text), "{token:?}: {error}");
    }
    fs::write(&path, "one").expect("written");
    store.refresh(LONG).expect("an answer");
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
}

#[test]
fn token_is_not_shown() {
    let http = Http::at("http://a.example/x.toml?key=hunter2");
    let http = http.bearer("hunter2").header("X-Token", "hunter2");
    let shown = format!("{http:?} {:?}", Layer::from(http.clone()));
    assert!(
        !shown.contains("hunter2") && shown.contains("X-Token"),
        "{shown}"
    );
}

#[test]
fn token_of_a_variable_is_sent() {
    let server = guarded();
    // One that each process of a test has.
    let http = Http::at(server.url("/app.toml")).bearer_variable("PATH");
    let store = Store::builder().layer(http).start().expect("threads");
    wait_until(LONG, "a request", || !server.requests().is_empty());
    drop(store);
    let path = std::env::var("PATH").expect("set");
    let requests = server.requests();
    let token = requests.first().expect("one").header("authorization");
    assert_eq!(token, Some(&*format!("Bearer {path}")));
}

#[test]
fn wrong_settings_are_refused_at_the_start() {
    let good = || Http::at("http://a.example/x.toml");
    for (http, text) in [
        (
            Http::at("http://u:hunter2@a.example/x.toml"),
            "`Http::bearer_file`",
        ),
        (Http::at("/x.toml"), "must begin with http://"),
        (good().header("Host", "hunter2"), "the layer sets it itself"),
        (
            good().header("If-None-Match", "hunter2"),
            "the layer sets it itself",
        ),
        (
            good().header("a b", "hunter2"),
            "no header can have this name",
        ),
        (
            good().header("a", "hunter2\n"),
            "no header can have its value",
        ),
        (
            good().header("authorization", "x").bearer("hunter2"),
            "use one of the two",
        ),
    ] {
        let error = Store::builder().layer(http).start().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        let error = error.to_string();
        assert!(
            error.contains(text) && !error.contains("hunter2"),
            "{error}"
        );
    }
}
