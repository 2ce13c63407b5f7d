//! Reads while every lock of the store is held: none of them may need one.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::config::LayerInfo;
use crate::store::Store;
use crate::typed::Live;

/// A timeout that only a read which hangs reaches.
const LONG: Duration = Duration::from_secs(30);

/// The reading threads, and the reads of each.
const THREADS: usize = 3;
const READS: u64 = 1_000;

type Section = BTreeMap<String, u16>;

/// Reads in each way that is said to need no lock, and returns the sum of the ports.
fn read(store: &Store, http: &Live<Section>) -> u64 {
    let before = store.snapshot();
    let mut reader = store.reader();
    let mut sum = 0;
    for _ in 0..READS {
        let config = store.pin();
        let port = config.get_as::<u16>("http.port").expect("it is there");
        assert_eq!(config.get("http.port"), Some(&u64_value(port)));
        assert!(config.contains_key("http.port") && config.get("none").is_none());
        assert_eq!(config.iter().count(), config.len());
        assert_eq!(config.changes_since(&before).count(), 0);
        assert_eq!(http.at(&config)["port"], port);
        assert_eq!(http.load()["port"], port);
        assert_eq!(http.snapshot()["port"], port);
        assert_eq!(reader.latest().revision(), config.revision());
        assert_eq!(store.snapshot().revision(), config.revision());
        sum += u64::from(port);
    }
    sum
}

fn u64_value(port: u16) -> crate::Value {
    i64::from(port).into()
}

/// Runs a function on a thread of its own, which may hang.
fn start<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
    let (send, result) = mpsc::channel();
    thread::spawn(move || send.send(f()));
    result
}

#[test]
fn reads_take_no_lock() {
    let text = r#"{"http": {"port": 80}}"#;
    let builder = Store::builder().text("app.json", text).manual();
    let store = builder.start().expect("no thread");
    store
        .publish_text("over.json", r#"{"log": 1}"#)
        .expect("good");
    let http = store.typed::<Section>("http").expect("a section");

    let engine = &*store.inner.engine;
    let state = engine.state();
    let held = (
        engine.busy.lock().expect("no panic"),
        engine.followers.lock(),
        engine.waiters.lock(),
        engine.progress.lock(),
        engine
            .shared
            .layers
            .iter()
            .map(LayerInfo::hold)
            .collect::<Vec<_>>(),
        state.merge.open(),
    );
    let mut explained = None;
    let (begins, has_begun) = mpsc::channel();
    // Holds the writer lock of the revisions.
    engine.published.update(|config| {
        let readers: Vec<_> = (0..THREADS)
            .map(|_| {
                let (store, http) = (store.clone(), http.clone());
                start(move || read(&store, &http))
            })
            .collect();
        let control = {
            let (store, begins) = (store.clone(), begins.clone());
            start(move || {
                begins.send(()).expect("it is waited for");
                store.pin().explain("log").is_some()
            })
        };
        has_begun.recv_timeout(LONG).expect("it has begun");
        for reader in readers {
            let sum = reader.recv_timeout(LONG).expect("a read waits for a lock");
            assert_eq!(sum, 80 * READS);
        }
        // A place needs a lock, so this one cannot have ended.
        assert!(control.try_recv().is_err(), "the locks are not held");
        explained = Some(control);
        config.clone()
    });
    drop(held);
    drop(state);
    assert_eq!(
        explained.expect("it was started").recv_timeout(LONG),
        Ok(true)
    );
}
