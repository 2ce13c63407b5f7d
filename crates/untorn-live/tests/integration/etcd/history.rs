//! Recorded histories: each view of each reader is exactly the contents of one revision of etcd, in
//! their order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use untorn_live::Store;

use super::server::{Server, programs};
use super::{LAYER, contents, followed};
use crate::support::proxy::Proxy;
use crate::support::{LONG, SetAtDrop, wait_until};

type Contents = BTreeMap<String, String>;

/// A source of numbers that look random, and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Writes random transactions, and returns the contents of each revision. `wait_for` waits for one.
fn write(
    server: &Server,
    first: Contents,
    proxy: &Proxy,
    wait_for: impl Fn(u64),
) -> (Vec<Contents>, u64) {
    let mut random = Random(7);
    let (mut revisions, mut last) = (vec![first], 0);
    for step in 0..400 {
        let mut next = revisions.last().cloned().unwrap_or_default();
        let count = 1 + random.below(4);
        let mut changes = BTreeMap::new();
        for _ in 0..count {
            let key = format!("/app/k{}", random.below(12));
            let value = (random.below(4) > 0).then(|| step.to_string());
            changes.insert(key, value);
        }
        // One key remains, so that nothing is refused.
        changes.insert("/app/step".into(), Some(step.to_string()));
        for (key, value) in &changes {
            match value {
                Some(value) => _ = next.insert(key.clone(), value.clone()),
                None => _ = next.remove(key),
            }
        }
        let changes: Vec<_> = changes
            .iter()
            .map(|(key, value)| (&**key, value.as_deref()))
            .collect();
        last = server.change(&changes);
        revisions.push(next);
        if step % 100 == 50 {
            proxy.cut();
        }
        if step % 10 == 5 {
            wait_for(last);
        }
    }
    (revisions, last)
}

/// Reads until it is stopped, and returns each revision of the store with its contents. `seen` is
/// the last one.
fn read(store: &Store, is_stopped: &AtomicBool, seen: &AtomicU64) -> Vec<(u64, Contents)> {
    let mut views: Vec<(u64, Contents)> = Vec::new();
    while !is_stopped.load(Ordering::SeqCst) {
        let config = store.pin();
        let revision = config.revision().get();
        if views.last().is_none_or(|(last, _)| *last != revision) {
            views.push((revision, contents(&config)));
            seen.store(revision, Ordering::SeqCst);
        }
        drop(config);
        thread::sleep(Duration::from_micros(100));
    }
    views
}

#[test]
fn each_view_is_one_revision_of_etcd() {
    for program in programs() {
        let server = Server::start(&program);
        server.put("/app/step", "none");
        let proxy = Proxy::start(server.address());
        let store = followed(proxy.url());
        let is_stopped = AtomicBool::new(false);
        let seen = [const { AtomicU64::new(0) }; 3];
        // Readers that are late see too few revisions, unless the writer waits for them.
        let wait_for = |revision| {
            let served = store.wait_for(LAYER, revision, LONG).expect("it comes");
            let served = served.revision().get();
            let has_seen = |seen: &AtomicU64| seen.load(Ordering::SeqCst) >= served;
            wait_until(LONG, "all readers see it", || seen.iter().all(has_seen));
        };
        let (revisions, views) = thread::scope(|scope| {
            let stop = SetAtDrop(&is_stopped);
            let (store, is_stopped) = (&store, &is_stopped);
            let readers: Vec<_> = seen
                .iter()
                .map(|seen| scope.spawn(move || read(store, is_stopped, seen)))
                .collect();
            let first = contents(&store.pin());
            let (revisions, last) = write(&server, first, &proxy, wait_for);
            store.wait_for(LAYER, last, LONG).expect("it comes");
            drop(stop);
            let views = readers
                .into_iter()
                .map(|reader| reader.join().expect("no panic"));
            (revisions, views.collect::<Vec<_>>())
        });
        for views in views {
            assert!(views.len() > 20, "only {} views", views.len());
            let mut at = 0;
            for (revision, view) in views {
                let next = revisions[at..]
                    .iter()
                    .position(|contents| *contents == view);
                let Some(next) = next else {
                    panic!("revision {revision} is none of etcd after {at}: {view:?}");
                };
                at += next;
            }
        }
    }
}
