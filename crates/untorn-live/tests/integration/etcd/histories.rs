//! Servers of another history, and members that are behind in the one that is followed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use untorn_live::Store;

use super::{LAYER, contents, count, follow, followed, layer, resyncs};
use crate::support::gateway::{Answer, Gateway, Keys, line, number, pair};
use crate::support::{LONG, wait_until};

const CLUSTER: u64 = 14_841_639_068_965_178_418;

/// Returns keys whose revision is at least 10, in a cluster at a term.
fn keys(server: Option<(u64, u64)>, names: [&str; 2], changes: usize) -> Keys {
    let mut keys = Keys::new();
    keys.server = server;
    for name in names {
        keys.change(name, Some("first"));
    }
    for _ in 0..changes {
        keys.change(names[0], Some("last"));
    }
    keys
}

fn names(store: &Store) -> Vec<String> {
    contents(&store.pin()).into_keys().collect()
}

/// The other history has the revision from which the watch goes on.
#[test]
fn keys_of_two_histories_are_not_mixed() {
    for other in [(CLUSTER - 1, 5), (CLUSTER, 4)] {
        let gateway = Gateway::start();
        gateway.replace(keys(Some((CLUSTER, 5)), ["/app/a", "/app/b"], 10));
        let store = followed(gateway.url());
        gateway.replace(keys(Some(other), ["/app/a", "/app/c"], 50));
        gateway.cut();
        let is_other = || names(&store) == ["/app/a", "/app/c"];
        wait_until(LONG, "the other keys are served", is_other);
        assert_eq!(resyncs(&store), 1);
        let revision = gateway.put("/app/a", "followed");
        store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert_eq!(resyncs(&store), 1);
    }
}

/// The server is replaced between two pages of a listing, and has the revision already.
#[test]
fn pages_of_two_histories_are_not_mixed() {
    for (cluster, term) in [(CLUSTER - 1, 5), (CLUSTER, 4)] {
        let gateway = Gateway::start();
        gateway.replace(keys(Some((CLUSTER, 5)), ["/app/a", "/app/b"], 10));
        let store = followed(gateway.url());
        gateway.lie(move |request, keys| {
            let is_first = number(&request.body["revision"]) == 0;
            let (cluster, term, name) = match is_first {
                true => (CLUSTER, 5, "/app/a"),
                false => (cluster, term, "/app/c"),
            };
            let header = json!({
                "cluster_id": cluster.to_string(),
                "revision": keys.revision.to_string(),
                "raft_term": term.to_string(),
            });
            let kvs = [pair(name, Some("mixed"), 2)];
            let page = json!({"header": header, "kvs": kvs, "more": is_first});
            (request.path == "/v3/kv/range").then(|| Answer::Whole(200, page.to_string()))
        });
        let expected = "of another history than before";
        // A poll that takes the end of the watch succeeds, and may come before this thread wakes.
        wait_until(LONG, "the pages are refused", || {
            let refreshed = store.refresh(LONG);
            refreshed.is_err_and(|error| error.message().contains(expected))
        });
        assert_eq!(names(&store), ["/app/a", "/app/b"]);
        gateway.tell_truth();
        // A watch that was closed twice is followed by a pause.
        wait_until(LONG, "one history", || store.refresh(LONG).is_ok());
    }
}

/// The other history is behind the connection of probes, and the watch is of the old one.
#[test]
fn probe_finds_another_history() {
    let gateway = Gateway::start();
    gateway.replace(keys(Some((CLUSTER, 5)), ["/app/a", "/app/b"], 10));
    let store = followed(gateway.url());
    gateway.replace(keys(Some((CLUSTER, 2)), ["/app/a", "/app/c"], 10));
    let is_other = || names(&store) == ["/app/a", "/app/c"];
    wait_until(LONG, "the other keys are served", is_other);
    assert_eq!(resyncs(&store), 1);
}

/// A new leader, and a gateway that says nothing of terms.
#[test]
fn later_term_is_of_the_same_history() {
    for later in [Some((CLUSTER, 6)), None] {
        let gateway = Gateway::start();
        gateway.replace(keys(Some((CLUSTER, 5)), ["/app/a", "/app/b"], 10));
        let store = followed(gateway.url());
        gateway.replace(keys(later, ["/app/a", "/app/b"], 50));
        gateway.cut();
        for value in ["one", "two"] {
            let revision = gateway.put("/app/b", value);
            let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
            assert_eq!(contents(&config)["/app/b"], value);
        }
        assert_eq!(resyncs(&store), 0);
    }
}

/// The first watch is of a member that has not caught up, at an earlier revision and term.
#[test]
fn member_that_is_behind_is_no_reset() {
    for (behind, term) in [(5, 5), (0, 4)] {
        let gateway = Gateway::start();
        gateway.replace(keys(Some((CLUSTER, 5)), ["/app/a", "/app/b"], 10));
        let store = follow(layer(gateway.url()).probe_after(Duration::from_millis(200)));
        let is_behind = AtomicBool::new(true);
        gateway.lie(move |request, keys| {
            let is_first = request.path == "/v3/watch" && is_behind.swap(false, Ordering::SeqCst);
            let header = json!({
                "cluster_id": CLUSTER.to_string(),
                "revision": (keys.revision - behind).to_string(),
                "raft_term": term.to_string(),
            });
            let created = json!({"header": header, "created": true});
            is_first.then(|| Answer::Parts(vec![line(&created)], true))
        });
        let revision = gateway.put("/app/a", "followed");
        store.wait_for(LAYER, revision, LONG).expect("it comes");
        // The answer to a probe has been compared when the next one comes.
        let before = count(&gateway, "/v3/kv/range");
        let is_probed = || count(&gateway, "/v3/kv/range") >= before + 2;
        wait_until(LONG, "the server is asked twice", is_probed);
        assert_eq!(resyncs(&store), 0);
        assert!(store.status().refusals().next().is_none());
    }
}
