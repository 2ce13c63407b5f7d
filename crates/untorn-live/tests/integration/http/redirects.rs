//! Redirects: refused, followed, without secrets for another server.

use untorn_live::Store;
use untorn_live::layer::Http;

use super::server::{Server, answer, ok};
use super::{PERIOD, ready, refusal, wait_for_generation};
use crate::support::{LONG, generation, wait_for_refusal};

fn redirect(target: &str) -> Vec<u8> {
    answer("302 Found", &[&format!("Location: {target}")], "")
}

#[test]
fn redirects_are_refused_with_their_target() {
    let target = Server::of(ok(generation::toml(2)));
    let server = Server::of(ok(generation::toml(1)));
    let store = ready(Http::at(server.url("/app.toml")));
    server.answer(redirect(&target.url("/other.toml?token=hunter2")));
    let error = refusal(&store).to_string();
    let expected = format!("redirects to {}; set the URL", target.url("/other.toml"));
    assert!(
        error.contains(&expected) && !error.contains("hunter2"),
        "{error}"
    );
    assert!(target.requests().is_empty());
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
    server.answer(ok(generation::toml(3)));
    wait_for_generation(&store, 3);
}

#[test]
fn redirects_are_followed_as_often_as_allowed() {
    let server = Server::start(|head, connection| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        connection.write(match path {
            "/a/first.toml" => redirect("second.toml"),
            "/a/second.toml" => redirect("/b/third.toml?x=1"),
            "/b/third.toml?x=1" => ok(generation::toml(1)),
            _ => redirect("loop.toml"),
        });
    });
    let store = ready(Http::at(server.url("/a/first.toml")).follow_redirects(2));
    wait_for_generation(&store, 1);
    for (path, max, text) in [
        (
            "/a/first.toml",
            1,
            "third.toml: this is more than 1 redirects",
        ),
        ("/loop.toml", 5, "loop.toml: this is more than 5 redirects"),
    ] {
        let http = Http::at(server.url(path)).follow_redirects(max);
        let store = Store::builder().layer(http).start().expect("threads");
        wait_for_refusal(&store, |error| error.to_string().contains(text));
    }
}

#[test]
fn secrets_do_not_go_to_another_server() {
    let target = Server::of(ok(generation::toml(1)));
    let location = target.url("/app.toml");
    let server = Server::start(move |head, connection| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        connection.write(match path {
            "/app.toml" => redirect("/here.toml"),
            _ => redirect(&location),
        });
    });
    let http = Http::at(server.url("/app.toml"));
    let http = http.bearer("hunter2").header("X-Token", "hunter2");
    let store = ready(http.follow_redirects(2).period(PERIOD));
    store.refresh(LONG).expect("an answer");
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer hunter2"));
        assert_eq!(request.header("x-token"), Some("hunter2"));
    }
    let requests = target.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(!request.head.contains("hunter2"), "{}", request.head);
    }
    let endpoint = super::remote(&store).endpoint;
    assert_eq!(endpoint.as_deref(), Some(&*target.url("")));
}

#[test]
fn bad_targets_are_refused() {
    for (location, text) in [
        (
            "ftp://a.example/x",
            "redirects to ftp://a.example/x: the URL must begin",
        ),
        (
            "http://u:hunter2@a.example/x",
            "redirects to http://a.example/x: the URL has a user",
        ),
        ("http://[/", "not a URL"),
    ] {
        let server = Server::of(redirect(location));
        let http = Http::at(server.url("/app.toml")).follow_redirects(5);
        let store = Store::builder().layer(http).start().expect("threads");
        wait_for_refusal(&store, |error| {
            assert!(!error.to_string().contains("hunter2"), "{error}");
            error.to_string().contains(text)
        });
    }
}
