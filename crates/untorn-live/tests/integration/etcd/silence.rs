//! Watches that say nothing, of stores with more keys than a probe lists.

use std::time::Duration;

use super::following::fill;
use super::server::{Server, program};
use super::{LAYER, SHORT, count, endpoint, follow, layer};
use crate::support::gateway::{Gateway, Keys};
use crate::support::proxy::{Mode, Proxy};
use crate::support::{HOUR, LONG, wait_until};

/// Returns more keys than a probe lists.
fn many() -> Keys {
    let mut keys = Keys::new();
    for number in 0..1001 {
        keys.change(&format!("/app/{number}"), Some("0"));
    }
    keys
}

/// Returns the number of watches that were asked for.
fn watches(gateway: &Gateway) -> usize {
    count(gateway, "/v3/watch")
}

/// The watch of a member that hangs is left with the member.
#[test]
fn hung_member_is_left_by_many_keys() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    fill(&server, 11);
    let (one, other) = (
        Proxy::start(server.address()),
        Proxy::start(server.address()),
    );
    let etcd = layer(String::new()).endpoints([one.url(), other.url()]);
    let store = follow(etcd.timeout(SHORT));
    let current = endpoint(&store).expect("one has answered");
    let (current, next) = match *current == *one.url() {
        true => (&one, &other),
        false => (&other, &one),
    };
    current.set(Mode::Stall);
    // One connection is for requests.
    let is_watched = || next.accepted() >= 2;
    wait_until(LONG, "the other endpoint is watched", is_watched);
    let revision = server.put("/app/a", "1");
    store.wait_for(LAYER, revision, LONG).expect("it comes");
    assert_eq!(endpoint(&store).as_deref(), Some(&*next.url()));
}

/// The watch has lost a change of many keys; it is opened again, and no key is listed.
#[test]
fn dead_watch_of_many_keys_is_opened_again() {
    let gateway = Gateway::start();
    gateway.replace(many());
    let store = follow(layer(gateway.url()));
    assert_eq!(watches(&gateway), 1);
    let mut keys = many();
    let lost = keys.change("/app/7", Some("lost"));
    gateway.replace(keys);
    let config = store.wait_for(LAYER, lost, LONG).expect("it is found");
    assert_eq!(config.get_as::<String>("7").as_deref(), Ok("lost"));
    assert_eq!(watches(&gateway), 2);
    // A probe between a change and its event opens another watch too.
    let is_followed = (0..20).any(|_| {
        let (asked, opened) = (count(&gateway, "/v3/kv/range"), watches(&gateway));
        let revision = gateway.put("/app/7", "followed");
        store.wait_for(LAYER, revision, LONG).expect("it comes");
        if count(&gateway, "/v3/kv/range") > asked {
            return false;
        }
        assert_eq!(watches(&gateway), opened);
        true
    });
    assert!(is_followed, "there was a probe beside each change");
}

/// A sweep finds what the watch has lost, and leaves it.
#[test]
fn sweep_replaces_a_watch_that_loses() {
    let gateway = Gateway::start();
    gateway.replace(many());
    let etcd = layer(gateway.url()).probe_after(HOUR);
    let store = follow(etcd.sweep(Duration::from_secs(1)));
    let mut keys = many();
    let lost = keys.change("/app/7", Some("lost"));
    gateway.replace(keys);
    store.wait_for(LAYER, lost, LONG).expect("it is found");
    wait_until(LONG, "another watch is opened", || watches(&gateway) == 2);
}
