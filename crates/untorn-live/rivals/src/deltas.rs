//! What one changed key costs, from a source that returns changes.

use std::hint;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use untorn::Map;
use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn_live::layer::Custom;
use untorn_live::{Store, Value};

use crate::measure::{TIMEOUT, allocated, spread};

const CHANGES: i64 = 1_000;

/// The longest time for which a fetch waits for a change.
const WAIT: Duration = Duration::from_millis(100);

/// The keys from 0 to a number, which a channel changes.
struct Channel {
    keys: usize,
    changes: Receiver<(usize, i64)>,
    /// When the last change was given to the store.
    given: Arc<Mutex<Instant>>,
}

impl DeltaSource for Channel {
    type Contents = Vec<(Arc<str>, Value)>;
    type Deltas = [Delta<Arc<str>, Value>; 1];
    type Error = RecvTimeoutError;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, RecvTimeoutError> {
        if token.is_none() {
            return Ok(FetchedAfter::Contents {
                contents: contents(self.keys),
                token: Some(0.into()),
            });
        }
        match self.changes.recv_timeout(WAIT) {
            Ok((number, value)) => {
                let deltas = [Delta::Put(key(number), value.into())];
                *self.given.lock().expect("no panic") = Instant::now();
                Ok(FetchedAfter::Deltas {
                    deltas,
                    token: (value as u64).into(),
                })
            }
            Err(RecvTimeoutError::Timeout) => Ok(FetchedAfter::Unchanged),
            Err(closed) => Err(closed),
        }
    }
}

fn key(number: usize) -> Arc<str> {
    format!("section{}.key{number}", number % 100).into()
}

fn contents(keys: usize) -> Vec<(Arc<str>, Value)> {
    let entry = |number| (key(number), Value::Integer(0));
    (0..keys).map(entry).collect()
}

/// Prints the time from the return of a fetch until a reader on another processor sees the change,
/// and the bytes that the keys occupy, beside those of a `Map`.
pub fn changes(sizes: &[usize]) {
    println!(
        "| one changed key of | until it is visible | bytes for each key | in a `Map` |\n|---|---|---|---|"
    );
    for &keys in sizes {
        let before = allocated();
        let map: Map<Arc<str>, Value> = contents(keys).into_iter().collect();
        let alone = allocated() - before;
        drop(map);
        let given = Arc::new(Mutex::new(Instant::now()));
        let (sender, changes) = mpsc::channel();
        let source = Channel {
            keys,
            changes,
            given: Arc::clone(&given),
        };
        let before = allocated();
        let layer = Custom::source("channel", Duration::from_micros(1), source);
        let store = Store::builder().layer(layer).start().expect("a thread");
        store.ready(TIMEOUT).expect("contents");
        // The end of the poll, which drops what it fetched.
        store.refresh(TIMEOUT).expect("no change");
        let held = allocated() - before;
        let times = (1..=CHANGES).map(|value| change(&store, &sender, &given, keys, value));
        let times = spread(times.collect(), |us| format!("{us:.1} µs"));
        let [held, alone] = [held, alone].map(|bytes| bytes as f64 / keys as f64);
        println!("| {keys} | {times} | {held:.0} | {alone:.0} |");
    }
    println!();
}

/// Changes a random key, and returns how many microseconds after the fetch a reader saw it.
fn change(
    store: &Store,
    sender: &Sender<(usize, i64)>,
    given: &Mutex<Instant>,
    keys: usize,
    value: i64,
) -> f64 {
    let number = fastrand::usize(..keys);
    let key = key(number);
    sender.send((number, value)).expect("a store");
    let began = Instant::now();
    let is_visible = || store.pin().get(&key).and_then(Value::as_integer) == Some(value);
    while !is_visible() {
        assert!(began.elapsed() < TIMEOUT, "a change was not seen");
        hint::spin_loop();
    }
    let seen = Instant::now();
    let given = *given.lock().expect("no panic");
    seen.duration_since(given).as_secs_f64() * 1e6
}
