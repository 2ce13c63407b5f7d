//! A server that lies: the last good configuration stays, the status says what is wrong, the server
//! is not flooded with requests, and honest answers are taken again.

use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};
use untorn_live::layer::Etcd;

use super::{LAYER, SHORT, contents, count, follow, growth, layer, resyncs};
use crate::support::gateway::{Answer, Gateway, Keys, Request, answer, event, line, number, pair};
use crate::support::{LONG, wait_for_refusal, wait_until};

/// The time for which a lie is repeated while requests are counted.
const WHILE: Duration = Duration::from_secs(2);

/// The most requests in that time: pauses grow from 0.2 s, and each attempt may list and watch. In
/// a loop without a pause there are thousands.
const MOST: f64 = 60.0;

/// Answers each watch.
type WatchLie = fn(&Keys) -> Answer;

/// Answers each request for keys.
type PageLie = fn(&Request, &Keys) -> Answer;

/// Starts a server that has two keys.
fn start() -> Gateway {
    let gateway = Gateway::start();
    gateway.put("/app/a", "1");
    gateway.put("/app/b", "1");
    gateway
}

/// Checks a lie: `expected` is a part of the error.
#[track_caller]
fn check(
    etcd: impl FnOnce(Etcd) -> Etcd,
    lie: impl Fn(&Request, &Keys) -> Option<Answer> + Send + Sync + 'static,
    expected: &str,
) {
    let gateway = start();
    let store = follow(etcd(layer(gateway.url())));
    let good = contents(&store.pin());
    assert_eq!(good.len(), 2);
    gateway.lie(lie);
    // The longest lie has 64 MiB, and comes again after a pause if it was too slow.
    wait_until(3 * LONG, expected, || {
        let status = store.status();
        let mut refusals = status.refusals();
        refusals.any(|refusal| refusal.error.message().contains(expected))
    });
    let requests = growth(WHILE, || gateway.requests().len());
    assert!(requests < MOST, "{expected}: {:?}", gateway.requests());
    assert_eq!(contents(&store.pin()), good, "{expected}");
    gateway.tell_truth();
    let revision = gateway.put("/app/a", "2");
    let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
    assert_eq!(config.get_as::<u8>("a"), Ok(2), "{expected}");
    let is_mended = || store.status().refusals().next().is_none();
    wait_until(LONG, "the error is gone", is_mended);
}

/// Checks lies of a watch, beside each other.
fn check_watches(lies: Vec<(&'static str, WatchLie)>) {
    thread::scope(|scope| {
        for (expected, lie) in lies {
            scope.spawn(move || {
                let lie = move |request: &Request, keys: &Keys| {
                    (request.path == "/v3/watch").then(|| lie(keys))
                };
                check(|etcd| etcd, lie, expected);
            });
        }
    });
}

/// Sets how often all keys are listed.
fn often(etcd: Etcd) -> Etcd {
    etcd.sweep(Duration::from_millis(300))
}

/// Checks lies of listings, beside each other. All keys are listed again and again.
fn check_listings(lies: Vec<(&'static str, PageLie)>) {
    thread::scope(|scope| {
        for (expected, lie) in lies {
            scope.spawn(move || {
                let lie = move |request: &Request, keys: &Keys| {
                    (request.path == "/v3/kv/range").then(|| lie(request, keys))
                };
                check(often, lie, expected);
            });
        }
    });
}

fn held(results: &[Json]) -> Answer {
    Answer::Parts(results.iter().map(line).collect(), true)
}

fn raw(parts: &[&[u8]]) -> Answer {
    Answer::Parts(parts.iter().map(|part| part.to_vec()).collect(), true)
}

fn page(revision: u64, kvs: &[Json], more: bool) -> Answer {
    let body = json!({
        "header": {"revision": revision.to_string()}, "kvs": kvs, "more": more
    });
    Answer::Whole(200, body.to_string())
}

fn whole(status: u16, body: &str) -> Answer {
    Answer::Whole(status, body.into())
}

#[test]
fn revisions_out_of_order_are_refused() {
    check_watches(vec![
        ("out of order", |keys| {
            let event = |after| event("/app/a", Some("lie"), keys.revision + after);
            held(&[answer(keys.revision + 9, &[event(2), event(1)])])
        }),
        ("out of order", |keys| {
            let event = event("/app/a", Some("lie"), keys.revision);
            held(&[answer(keys.revision, &[event])])
        }),
        ("out of order", |keys| {
            let event = event("/app/a", Some("lie"), 0);
            held(&[answer(keys.revision, &[event])])
        }),
        ("older revision 1:", |_| held(&[answer(1, &[])])),
        ("a revision is too large", |keys| {
            let event = event("/app/a", Some("lie"), i64::MAX as u64);
            held(&[answer(keys.revision, &[event])])
        }),
    ]);
}

#[test]
fn lines_that_are_no_answers_are_refused() {
    check_watches(vec![
        ("not in base64", |keys| {
            let mut event = event("/app/a", Some("lie"), keys.revision + 1);
            event["kv"]["value"] = json!("?");
            held(&[answer(keys.revision + 1, &[event])])
        }),
        ("cannot be parsed", |_| raw(&[b"<html>no</html>\n"])),
        ("cannot be parsed", |_| raw(&[b"\xff\xfe\n"])),
        ("cannot be parsed", |_| whole(200, "<html>\n</html>\n")),
        ("neither a result nor an error", |_| raw(&[b"{}\n"])),
        ("neither a result nor an error", |_| {
            raw(&[b"{\"result\": null}\n"])
        }),
        // A line that is cut in the middle: the answer ends, or the connection.
        ("cannot be parsed", |keys| {
            let event = event("/app/a", Some("lie"), keys.revision + 1);
            let line = line(&answer(keys.revision + 1, &[event]));
            let end = b"0\r\n\r\n".to_vec();
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            let half = &line[..line.len() / 2];
            let length = format!("{:x}\r\n", half.len()).into_bytes();
            Answer::Raw([&*head, &length, half, b"\r\n", &end].concat())
        }),
        ("the connection was cut", |keys| {
            let event = event("/app/a", Some("lie"), keys.revision + 1);
            let mut line = line(&answer(keys.revision + 1, &[event]));
            line.truncate(line.len() / 2);
            Answer::Parts(vec![line], false)
        }),
        ("closed the connection", |_| whole(200, "")),
        ("answered 204 to a watch", |_| {
            Answer::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".into())
        }),
    ]);
}

#[test]
fn line_without_an_end_is_refused() {
    check_watches(vec![("a line has more than", |_| {
        Answer::Parts(vec![vec![b'a'; 1 << 20]; 66], true)
    })]);
}

#[test]
fn watch_that_is_canceled_again_and_again() {
    check_watches(vec![
        ("canceled the watch: permission denied", |keys| {
            held(&[json!({
                "header": {"revision": keys.revision.to_string()},
                "created": true, "canceled": true, "cancel_reason": "permission denied"
            })])
        }),
        ("canceled the watch, without a reason", |_| {
            held(&[json!({"canceled": true})])
        }),
        ("has compacted the revisions", |keys| {
            let revision = (keys.revision + 1).to_string();
            held(&[json!({"canceled": true, "compact_revision": revision})])
        }),
        ("has compacted the revisions", |_| {
            let reason = "etcdserver: mvcc: required revision has been compacted";
            held(&[json!({"canceled": true, "cancel_reason": reason})])
        }),
        // The errors of a stream of two versions.
        ("canceled the watch: no leader", |_| {
            raw(&[
                br#"{"error":{"grpc_code":14,"http_code":503,"message":"no leader"}}"#,
                b"\n",
            ])
        }),
        ("canceled the watch: no leader", |_| {
            raw(&[
                br#"{"error":{"code":14,"message":"no leader","details":[]}}"#,
                b"\n",
            ])
        }),
        ("answered with an error: no leader", |_| {
            whole(503, r#"{"code":14,"message":"no leader","details":[]}"#)
        }),
    ]);
}

#[test]
fn wrong_pages_are_refused() {
    check_listings(vec![
        ("out of order", |_, keys| {
            let pair = |key| pair(key, Some("lie"), 2);
            page(keys.revision, &[pair("/app/b"), pair("/app/a")], false)
        }),
        ("out of order", |_, keys| {
            let pair = pair("/app/a", Some("lie"), 2);
            page(keys.revision, &[pair.clone(), pair], false)
        }),
        ("not asked for", |_, keys| {
            page(keys.revision, &[pair("/apple", Some("lie"), 2)], false)
        }),
        ("promises more keys and sends none", |_, keys| {
            page(keys.revision, &[], true)
        }),
        ("has no revision", |_, _| {
            page(0, &[pair("/app/a", Some("lie"), 2)], false)
        }),
        ("not of the revision", |_, keys| {
            let pair = pair("/app/a", Some("lie"), keys.revision + 1);
            page(keys.revision, &[pair], false)
        }),
        ("older revision than before", |request, keys| {
            match number(&request.body["revision"]) {
                0 => page(keys.revision, &[pair("/app/a", Some("lie"), 2)], true),
                _ => page(2, &[pair("/app/b", Some("lie"), 2)], false),
            }
        }),
        ("has been compacted", |request, keys| {
            match number(&request.body["revision"]) {
                0 => page(keys.revision, &[pair("/app/a", Some("lie"), 2)], true),
                _ => whole(
                    400,
                    r#"{"code":11,"error":"etcdserver: mvcc: required revision has been compacted"}"#,
                ),
            }
        }),
    ]);
}

#[test]
fn answers_of_other_servers_are_refused() {
    check_listings(vec![
        ("cannot be parsed", |_, _| whole(200, "<html>no</html>")),
        ("cannot be parsed", |_, _| whole(200, "")),
        ("cannot be parsed", |_, keys| {
            let wrong = json!({"key": "?", "mod_revision": "2"});
            page(keys.revision, &[wrong], false)
        }),
        ("redirects (301", |_, _| {
            Answer::Raw(
                b"HTTP/1.1 301 Moved\r\nLocation: /v3/other\r\nContent-Length: 0\r\n\r\n".into(),
            )
        }),
        ("--enable-grpc-gateway", |_, _| whole(404, "Not Found")),
        ("503 Service Unavailable: not yet", |_, _| {
            whole(503, "not yet\nnor soon")
        }),
        ("the server answered 502", |_, _| {
            whole(502, "<html>Bad Gateway</html>")
        }),
        ("the response was cut off", |_, _| {
            Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"header\":".into())
        }),
        ("the request failed", |_, _| {
            Answer::Raw(b"SSH-2.0\r\n\r\n".into())
        }),
    ]);
}

#[test]
fn silent_listing_is_an_error() {
    let lie =
        |request: &Request, _: &Keys| (request.path == "/v3/kv/range").then_some(Answer::Silence);
    let expected = "no response began in time";
    check(|etcd| often(etcd).timeout(SHORT), lie, expected);
}

/// A watch that says nothing is asked for, also if the server takes it.
#[test]
fn silent_watch_is_an_error() {
    let lie =
        |request: &Request, _: &Keys| (request.path == "/v3/watch").then_some(Answer::Silence);
    let expected = "no response began in time";
    check(|etcd| etcd.timeout(SHORT), lie, expected);
}

#[test]
fn token_that_is_always_refused() {
    let lie = |request: &Request, _: &Keys| {
        let refused = r#"{"error":"etcdserver: invalid auth token","code":16}"#;
        (request.path != "/v3/auth/authenticate").then(|| whole(401, refused))
    };
    let user = |etcd: Etcd| etcd.user("app", "secret");
    check(user, lie, "refused the token");
    // In the watch alone, by an error of the stream.
    let lie = |request: &Request, _: &Keys| {
        let refused = br#"{"error":{"code":16,"message":"etcdserver: invalid auth token"}}"#;
        (request.path == "/v3/watch").then(|| raw(&[refused, b"\n"]))
    };
    check(user, lie, "invalid auth token");
    let lie = |request: &Request, _: &Keys| match &*request.path {
        "/v3/auth/authenticate" => Some(whole(200, "{}")),
        _ => Some(whole(401, r#"{"error":"invalid auth token","code":16}"#)),
    };
    check(user, lie, "has no token");
}

/// The server takes the tokens of one kind, and then only those of another: the old ones have
/// ended, or rights have changed since.
#[test]
fn token_that_ends_is_renewed() {
    for refused in [
        r#"{"error":"etcdserver: invalid auth token","code":16}"#,
        r#"{"error":"etcdserver: revision of auth store is old","code":3}"#,
    ] {
        let gateway = start();
        let store = follow(layer(gateway.url()).user("app", "secret"));
        gateway.lie(|request, _| match (&*request.path, &request.token) {
            ("/v3/auth/authenticate", _) => Some(whole(200, r#"{"token": "new"}"#)),
            (_, Some(token)) if token == "new" => None,
            _ => Some(whole(401, refused)),
        });
        let revision = gateway.put("/app/a", "2");
        store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert_eq!(count(&gateway, "/v3/auth/authenticate"), 2);
    }
}

/// The server has begun anew, with fewer revisions. The watch waits for one of the future.
#[test]
fn silent_watch_from_the_future_is_found() {
    let gateway = start();
    for number in 0..50 {
        gateway.put("/app/a", &number.to_string());
    }
    let store = follow(layer(gateway.url()));
    let mut keys = Keys::new();
    keys.change("/app/a", Some("new"));
    keys.change("/app/b", Some("new"));
    gateway.replace(keys);
    let is_new = || contents(&store.pin()).values().all(|value| value == "new");
    wait_until(LONG, "the new keys are served", is_new);
    assert_eq!(resyncs(&store), 1);
    let revision = gateway.put("/app/a", "newer");
    store.wait_for(LAYER, revision, LONG).expect("it comes");
}

/// The watch loses changes; asking for the revision finds them, and another watch is opened.
#[test]
fn watch_that_loses_changes_is_replaced() {
    let gateway = start();
    let store = follow(layer(gateway.url()));
    let watches = || count(&gateway, "/v3/watch");
    assert_eq!(watches(), 1);
    let mut keys = Keys::new();
    for (key, value) in [("/app/a", "1"), ("/app/b", "1"), ("/app/a", "lost")] {
        keys.change(key, Some(value));
    }
    let lost = keys.revision;
    gateway.replace(keys);
    let config = store.wait_for(LAYER, lost, LONG).expect("it is found");
    assert_eq!(contents(&config)["/app/a"], "lost");
    wait_until(LONG, "another watch is opened", || watches() == 2);
}

/// The server changes behind its revision, which only a listing can find.
#[test]
fn sweep_finds_what_nothing_else_does() {
    let gateway = start();
    let store = follow(layer(gateway.url()).sweep(Duration::from_secs(1)));
    let mut keys = Keys::new();
    keys.change("/app/a", Some("other"));
    keys.change("/app/b", Some("other"));
    gateway.replace(keys);
    let is_new = || {
        contents(&store.pin())
            .values()
            .all(|value| value == "other")
    };
    wait_until(LONG, "the other keys are served", is_new);
    assert_eq!(resyncs(&store), 0);
}

/// A watch that has lost changes, and a caller who does not wait for the sweep.
#[test]
fn refresh_lists_all_keys() {
    let gateway = start();
    let store = follow(layer(gateway.url()));
    let mut keys = Keys::new();
    keys.change("/app/a", Some("other"));
    keys.change("/app/b", Some("other"));
    gateway.replace(keys);
    store.refresh(LONG).expect("an answer");
    let contents = contents(&store.pin());
    assert!(
        contents.values().all(|value| value == "other"),
        "{contents:?}"
    );
    assert_eq!(resyncs(&store), 0);
}

/// Pages after the first are of its revision, whatever is changed meanwhile.
#[test]
fn pages_ask_for_one_revision() {
    let gateway = start();
    gateway.lie(|request, keys| {
        let is_first = request.body["key"] == json!("L2FwcC8=");
        let (a, b) = ("/app/a", "/app/b");
        match (&*request.path, number(&request.body["revision"])) {
            ("/v3/kv/range", 0) if is_first => {
                Some(page(keys.revision, &[pair(a, Some("1"), 2)], true))
            }
            ("/v3/kv/range", revision) if revision == keys.revision => {
                Some(page(keys.revision + 5, &[pair(b, Some("1"), 3)], false))
            }
            ("/v3/kv/range", _) => {
                let new = [pair(b, Some("new"), keys.revision)];
                Some(page(keys.revision + 5, &new, false))
            }
            _ => None,
        }
    });
    let store = follow(layer(gateway.url()));
    let contents = contents(&store.pin());
    assert!(contents.values().all(|value| value == "1"), "{contents:?}");
}

/// An endpoint whose watches end is left for the next.
#[test]
fn endpoint_that_cancels_is_left() {
    let (wrong, good) = (start(), start());
    wrong.lie(|request, _| {
        (request.path == "/v3/watch").then(|| held(&[json!({"canceled": true})]))
    });
    // The first endpoint is a random one.
    while wrong.requests().is_empty() {
        let etcd = layer(String::new()).endpoints([wrong.url(), good.url()]);
        let store = follow(etcd);
        let revision = good.put("/app/a", "2");
        store.wait_for(LAYER, revision, LONG).expect("it comes");
    }
}

/// Keys that can be listed are served, also while they cannot be watched.
#[test]
fn keys_without_a_watch_are_served() {
    let gateway = start();
    gateway.lie(|request, _| (request.path == "/v3/watch").then(|| whole(404, "Not Found")));
    let store = follow(layer(gateway.url()));
    assert_eq!(contents(&store.pin()).len(), 2);
    wait_for_refusal(&store, |error| error.message().contains("gateway"));
}
