//! Pauses that a server asks for, and conditional requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use untorn_live::layer::Http;
use untorn_live::{ConfigError, ErrorKind, Store};

use super::server::{Server, answer, head, ok};
use super::{PERIOD, ready, refusal, wait_for_generation};
use crate::support::{DEADLINE, HOUR, LONG, generation, wait_until};

#[test]
fn no_request_comes_before_retry_after() {
    let server = Server::of(ok(generation::toml(1)));
    let store = ready(Http::at(server.url("/app.toml")));
    // Longer than this thread may be without a processor.
    server.answer(answer("503 Service Unavailable", &["Retry-After: 60"], ""));
    let error = refusal(&store);
    assert!(
        error.to_string().contains("; the server asks for a pause"),
        "{error}"
    );
    let busy = server.requests().last().expect("one").clone();
    server.answer(ok(generation::toml(2)));
    let all = server.requests().len();
    while busy.at.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(refusal(&store), error, "not the error that says until when");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.requests().len(), all, "requests before the time");
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
}

/// Checks that the request after a pause of some seconds comes after it, and is served.
fn check_pause(status: &str, seconds: u64, wait: fn(&Store)) {
    let server = Server::of(ok(generation::toml(1)));
    let store = ready(Http::at(server.url("/app.toml")));
    let retry_after = format!("Retry-After: {seconds}");
    server.answer(answer(status, &[&retry_after], ""));
    refusal(&store);
    let busy = server.requests().len() - 1;
    server.answer(ok(generation::toml(2)));
    wait(&store);
    assert_eq!(generation::of(&store.pin()), Ok(Some(2)));
    let requests = server.requests();
    let pause = requests[busy + 1].at.duration_since(requests[busy].at);
    let least = Duration::from_secs(seconds) - Duration::from_millis(100);
    assert!(pause >= least, "a request after {pause:?}");
}

#[test]
fn requests_in_a_pause_lead_to_one_after_it() {
    check_pause("503 Service Unavailable", 2, |store| {
        wait_until(LONG, "the end of the pause", || store.refresh(LONG).is_ok());
    });
}

#[test]
fn pause_of_a_server_ends_by_itself() {
    check_pause("429 Too Many Requests", 1, |store| {
        wait_for_generation(store, 2);
    });
}

/// A poll in the pause would be a failure, and make the next one later.
#[test]
fn nothing_is_polled_in_a_pause() {
    let server = Server::of(ok(generation::toml(1)));
    let store = ready(Http::at(server.url("/app.toml")));
    // Longer than this thread may be without a processor.
    server.answer(answer("429 Too Many Requests", &["Retry-After: 30"], ""));
    refusal(&store);
    let polls = || store.status().layers[0].polls.clone().expect("polls");
    wait_until(LONG, "the end of the poll", || polls().next.is_some());
    let before = polls();
    let next = before.next.expect("a poll is due");
    let range = Duration::from_secs(20)..Duration::from_secs(34);
    assert!(range.contains(&next), "{next:?}");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(polls().ended, before.ended);
}

/// A server in maintenance sends the same for hours.
#[test]
fn pauses_for_the_same_reason_are_one_refusal() {
    let server = Server::of(ok(generation::toml(1)));
    let reports = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reports);
    let store = Store::builder()
        .layer(Http::at(server.url("/app.toml")).period(PERIOD))
        .on_refusal(move |_| _ = counted.fetch_add(1, Ordering::SeqCst))
        .start()
        .expect("threads");
    store.ready(LONG).expect("an answer");
    server.answer(answer("503 Service Unavailable", &["Retry-After: 1"], ""));
    let before = server.requests().len();
    wait_until(LONG, "two pauses", || server.requests().len() > before + 2);
    assert_eq!(reports.load(Ordering::SeqCst), 1);
}

/// A random part of a day is longer than the test, but for one run in 200,000.
#[test]
fn first_request_can_be_delayed() {
    let server = Server::of(ok(generation::toml(1)));
    let http = Http::at(server.url("/app.toml")).initial_delay(24 * HOUR);
    let store = Store::builder().layer(http).start().expect("threads");
    let waited = store.ready(Duration::from_millis(300));
    assert_eq!(waited.expect_err("it waits").kind(), ErrorKind::NotReady);
    assert!(server.requests().is_empty());
    assert!(store.stop(DEADLINE), "the end does not wait for it");
}

/// A server whose document has an `ETag`, and that obeys conditions.
fn tagged(tag: &'static str, body: String) -> impl Fn(&str, &mut super::server::Connection) {
    let etag = format!("ETag: \"{tag}\"");
    let condition = format!("if-none-match: \"{tag}\"");
    move |head_of_request, connection| {
        let is_same = head_of_request.to_lowercase().contains(&condition);
        let bytes = match is_same {
            true => head("304 Not Modified", &[&etag]).into_bytes(),
            false => answer("200 OK", &[&etag], &body),
        };
        connection.write(bytes);
    }
}

#[test]
fn etag_of_a_refused_answer_is_not_sent() {
    let server = Server::start(tagged("good", generation::toml(1)));
    let store = Store::builder()
        .layer(Http::at(server.url("/app.toml")).period(PERIOD))
        .check(|new, _| match generation::of(new) {
            Ok(Some(2)) => Err(ConfigError::new(ErrorKind::Check, "not this one")),
            _ => Ok(()),
        })
        .start()
        .expect("threads");
    store.ready(LONG).expect("an answer");
    store.refresh(LONG).expect("unchanged");
    let conditions = || {
        let requests = server.requests().into_iter();
        let sent =
            requests.filter_map(|request| Some(request.header("if-none-match")?.to_string()));
        sent.collect::<Vec<_>>()
    };
    assert!(conditions().contains(&"\"good\"".into()));
    server.respond(tagged("bad", generation::toml(2)));
    for _ in 0..3 {
        assert_eq!(refusal(&store).message(), "not this one");
    }
    assert!(
        !conditions().contains(&"\"bad\"".into()),
        "{:?}",
        conditions()
    );
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
    server.respond(tagged("mended", generation::toml(3)));
    store.refresh(LONG).expect("a good answer");
    wait_for_generation(&store, 3);
}

#[test]
fn same_contents_by_another_etag_are_unchanged() {
    let server = Server::start(tagged("one", generation::toml(1)));
    let store = ready(Http::at(server.url("/app.toml")));
    let revision = store.pin().revision();
    server.respond(tagged("two", generation::toml(1)));
    store.refresh(LONG).expect("unchanged");
    store.refresh(LONG).expect("unchanged");
    assert_eq!(store.pin().revision(), revision);
    let requests = server.requests();
    let is_sent = requests
        .iter()
        .any(|request| request.header("if-none-match") == Some("\"two\""));
    assert!(is_sent, "the newer ETag is not sent");
}

/// The server says that nothing has changed, and is wrong.
#[test]
fn each_tenth_request_has_no_etag() {
    let server = Server::start(tagged("same", generation::toml(1)));
    let store = ready(Http::at(server.url("/app.toml")));
    store.refresh(LONG).expect("unchanged");
    server.respond(tagged("same", generation::toml(2)));
    wait_for_generation(&store, 2);
    assert!(super::remote(&store).resyncs > 0);
    let requests = server.requests();
    let conditional =
        |request: &&super::server::Recorded| request.header("if-none-match").is_some();
    let conditional = requests.iter().filter(conditional).count();
    assert!(
        conditional >= 9,
        "{conditional} of {} requests",
        requests.len()
    );
}
