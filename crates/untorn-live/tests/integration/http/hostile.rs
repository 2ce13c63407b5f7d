//! Answers that are broken, wrong, late or too large: refused with a reason, while the last good
//! generation is served.

use std::time::Duration;

use untorn_live::layer::Http;
use untorn_live::{ErrorKind, Store};

use super::server::{Connection, Server, answer, head, ok};
use super::{PERIOD, ready, refusal, wait_for_generation};
use crate::support::readers::Readers;
use crate::support::{LONG, generation, wait_until};

/// A server whose first answer was good, and a store of it.
struct Victim {
    server: Server,
    store: Store,
    readers: Readers,
}

impl Victim {
    fn start(configure: impl FnOnce(Http) -> Http) -> Self {
        let server = Server::of(ok(generation::toml(1)));
        let store = ready(configure(Http::at(server.url("/app.toml"))));
        let readers = Readers::start(&store);
        Self {
            server,
            store,
            readers,
        }
    }

    /// Checks that an answer is refused, with a text in the error.
    #[track_caller]
    fn refuses(
        &self,
        text: &str,
        kind: ErrorKind,
        respond: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) {
        let mut changes = self.store.subscribe();
        self.server
            .respond(move |_, connection| respond(connection));
        let error = refusal(&self.store);
        let shown = error.to_string();
        assert!(shown.contains(text), "not {text:?}: {shown}");
        assert_eq!(error.kind(), kind, "{shown}");
        let place = error.place().expect("a place");
        assert_eq!(&*place.layer, self.server.url("/app.toml"), "{shown}");
        assert_eq!(generation::of(&self.store.pin()), Ok(Some(1)));
        assert!(changes.try_recv().is_err(), "a change");
    }

    #[track_caller]
    fn refuses_bytes(&self, text: &str, kind: ErrorKind, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.refuses(text, kind, move |connection| _ = connection.write(&bytes));
    }

    /// Sends a good answer again.
    fn recovers(self) {
        self.server.answer(ok(generation::toml(2)));
        // A good answer may come late too.
        wait_until(LONG, "a good answer", || self.store.refresh(LONG).is_ok());
        wait_for_generation(&self.store, 2);
        self.readers.finish();
    }
}

/// The first half of a generation, up to the end of a line: a document that can be parsed.
fn half() -> String {
    let text = generation::toml(2);
    let end = text[..text.len() / 2].rfind('\n').expect("lines") + 1;
    text[..end].into()
}

use ErrorKind::{Syntax, Unreachable, Unreadable, Unstable};

#[test]
fn answers_that_are_cut_off_are_refused() {
    let victim = Victim::start(|http| http);
    let length = format!("Content-Length: {}", generation::toml(2).len());
    let short = head("200 OK", &[&length]) + &half();
    victim.refuses_bytes("the response is cut off", Unreachable, short);
    let chunk = format!("{:x}\r\n{}\r\n", half().len(), half());
    let chunked = head("200 OK", &["Transfer-Encoding: chunked"]) + &chunk;
    victim.refuses_bytes("the response is cut off", Unreachable, chunked.clone());
    let in_chunk = chunked[..chunked.len() - 20].to_string();
    victim.refuses_bytes("the response is cut off", Unreachable, in_chunk);
    victim.refuses_bytes(
        "Peer disconnected",
        Unreachable,
        "HTTP/1.1 200 OK\r\nContent-",
    );
    victim.refuses_bytes("Peer disconnected", Unreachable, "");
    // A length within the document: what it announces cannot be parsed.
    let within = format!("Content-Length: {}", half().len() + 3);
    let within = head("200 OK", &[&within]) + &generation::toml(2);
    victim.refuses_bytes("app.toml:", Syntax, within);
    let two = [length.as_str(), "Content-Length: 7"];
    let two = head("200 OK", &two) + &generation::toml(2);
    victim.refuses_bytes("the request failed", Unreachable, two);
    victim.recovers();
}

#[test]
fn answer_without_length_must_come_twice() {
    let victim = Victim::start(|http| http);
    let numbers = std::sync::atomic::AtomicUsize::new(0);
    victim.refuses("two responses differ", Unstable, move |connection| {
        let number = numbers.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let text = match number % 2 {
            0 => half(),
            _ => generation::toml(2),
        };
        connection.write(head("200 OK", &[]) + &text);
    });
    let whole = head("200 OK", &[]) + &generation::toml(2);
    victim.server.answer(whole.clone());
    victim.store.refresh(LONG).expect("both are the same");
    wait_for_generation(&victim.store, 2);
    // The contents in force need no second request.
    let before = victim.server.requests().len();
    victim.store.refresh(LONG).expect("unchanged");
    let after = victim.server.requests().len();
    victim.readers.finish();
    assert!(after > before, "no request");
}

#[test]
fn only_status_200_has_contents() {
    let victim = Victim::start(|http| http);
    for (status, text) in [
        ("204 No Content", "204 No Content: there are no contents"),
        ("206 Partial Content", "206 Partial Content: it sent a part"),
        (
            "304 Not Modified",
            "304 Not Modified: not modified, although",
        ),
        (
            "401 Unauthorized",
            "401 Unauthorized: check the credentials",
        ),
        ("404 Not Found", "404 Not Found: there is no such document"),
        ("302 Found", "302 Found: a redirect without a target"),
        (
            "500 Internal Server Error",
            "the server or a proxy has failed",
        ),
        ("999 Odd", "answered 999"),
    ] {
        let bytes = match status.starts_with("204") || status.starts_with("304") {
            true => head(status, &[]).into_bytes(),
            false => answer(status, &[], generation::toml(2)),
        };
        victim.refuses_bytes(text, Unreachable, bytes);
    }
    victim.recovers();
}

#[test]
fn wrong_contents_are_refused_with_a_line() {
    let victim = Victim::start(|http| http);
    victim.refuses_bytes("app.toml: the response is empty", Unreachable, ok(""));
    victim.refuses_bytes("app.toml: the response is empty", Unreachable, ok(" \n"));
    victim.refuses_bytes(
        "app.toml:2: the response is not UTF-8",
        Syntax,
        ok(b"a = 1\nb = \"\xff\""),
    );
    victim.refuses_bytes("app.toml:2: ", Syntax, ok("a = 1\nb = "));
    victim.refuses_bytes("app.toml:1: ", Syntax, ok("<html>error</html>"));
    victim.refuses_bytes("remove all", ErrorKind::Guard, ok("# nothing"));
    let gzip = answer("200 OK", &["Content-Encoding: gzip"], b"\x1f\x8b");
    victim.refuses_bytes("the encoding \"gzip\"", Unreachable, gzip);
    victim.refuses_bytes("the request failed", Unreachable, "SSH-2.0-OpenSSH\r\n\r\n");
    victim.recovers();
}

#[test]
fn large_answers_are_refused() {
    let victim = Victim::start(|http| http.max_size(1 << 16));
    let huge = head("200 OK", &["Content-Length: 1099511627776"]);
    victim.refuses_bytes("1099511627776 bytes; the limit is 65536", Unreadable, huge);
    let endless = |connection: &mut Connection| while connection.write([b'#'; 4096]) {};
    victim.refuses(
        "has more bytes; the limit is 65536",
        Unreadable,
        move |connection| {
            connection.write(head("200 OK", &[]));
            endless(connection);
        },
    );
    victim.refuses(
        "has more bytes; the limit is 65536",
        Unreadable,
        |connection| {
            connection.write(head("200 OK", &["Transfer-Encoding: chunked"]));
            let chunk = format!("1000\r\n{}\r\n", "#".repeat(4096));
            while connection.write(&chunk) {}
        },
    );
    let header = format!("X-Long: {}", "x".repeat(1 << 17));
    let headers = answer("200 OK", &[&header], generation::toml(2));
    victim.refuses_bytes("header is too big", Unreachable, headers);
    // Exactly as large as allowed.
    let text = generation::toml(2);
    let padded = format!("{text}#{}", "x".repeat((1 << 16) - text.len() - 1));
    victim.server.answer(ok(padded));
    victim.store.refresh(LONG).expect("not too large");
    wait_for_generation(&victim.store, 2);
    victim.readers.finish();
}

#[test]
fn limit_may_be_the_longest_time() {
    let victim = Victim::start(|http| http.timeout(Duration::MAX));
    victim.server.answer(ok(generation::toml(2)));
    victim.store.refresh(LONG).expect("an answer");
    wait_for_generation(&victim.store, 2);
    victim.readers.finish();
}

#[test]
fn slow_answers_are_given_up() {
    let victim = Victim::start(|http| http.timeout(Duration::from_millis(300)));
    victim.refuses("in time", Unreachable, |connection| connection.hang());
    victim.refuses("in time", Unreachable, |connection| {
        connection.write(head("200 OK", &["Content-Length: 1000000"]));
        while connection.write("#") && connection.sleep(Duration::from_millis(10)) {}
    });
    victim.refuses("in time", Unreachable, |connection| {
        connection.write("HTTP/1.1 200 OK\r\nX-Long: ");
        while connection.write("x") && connection.sleep(Duration::from_millis(10)) {}
    });
    victim.recovers();
}

#[test]
fn server_that_comes_back_is_served() {
    let server = Server::of(ok(generation::toml(1)));
    let address = server.address.to_string();
    let store = ready(Http::at(server.url("/app.toml")).period(PERIOD));
    let readers = Readers::start(&store);
    drop(server);
    let error = refusal(&store);
    assert_eq!(error.kind(), Unreachable);
    assert!(
        error.to_string().contains("cannot reach the server"),
        "{error}"
    );
    assert_eq!(super::remote(&store).reconnects, 0);
    let answer = ok(generation::toml(2));
    let _server = Server::at(&address, move |_, connection| _ = connection.write(&answer));
    store.refresh(LONG).expect("it is back");
    wait_for_generation(&store, 2);
    assert_eq!(super::remote(&store).reconnects, 1);
    readers.finish();
}
