//! A poller that publishes one value: a typed configuration, for example.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use untorn::poller::{FailureKind, RefreshError};
use untorn::{Fetched, Poller, Published, Revision, Source};

use super::support::{HOUR, LONG};

#[derive(PartialEq, Debug)]
struct Config {
    host: String,
    port: u16,
}

fn parse(text: &str) -> Result<Config, String> {
    let (host, port) = text.split_once(':').ok_or("no port")?;
    let port = port.parse().map_err(|_| "no number")?;
    let host = host.into();
    Ok(Config { host, port })
}

#[test]
fn value_of_a_closure_is_published() {
    // A text that stays, so that a retry after a failure does not take it from the next poll.
    let text = Arc::new(Mutex::new("db1:8080"));
    let source = {
        let text = Arc::clone(&text);
        move || parse(*text.lock().map_err(|error| error.to_string())?)
    };
    let config = Arc::new(Published::new(parse("localhost:80").expect("valid")));
    let poller = Poller::every(HOUR, source)
        .min_gap(Duration::ZERO)
        .start(&config)
        .expect("a thread");
    let poll = |new| {
        *text.lock().expect("not poisoned") = new;
        poller.refresh_now(LONG)
    };
    assert_eq!(poller.wait_until_fresh(LONG), Ok(Revision::from(1)));
    assert_eq!((&*config.pin().host, config.pin().port), ("db1", 8080));
    let refreshed = || poller.status().last_success.expect("one").refreshed;
    assert_eq!(refreshed().changed, 1);

    assert_eq!(poll("db1:8080"), Ok(Revision::from(1)), "an equal value");
    assert!(refreshed().is_unchanged());
    let good = config.snapshot();
    for (text, reason) in [("db1", "no port"), ("db1:http", "no number")] {
        let failed = poll(text).expect_err("it is invalid").to_string();
        assert!(failed.ends_with(reason), "{failed}");
        assert!(std::ptr::eq(&*good, &*config.pin()), "the value stays");
    }
    drop(good);
    assert_eq!(poll("db2:8080"), Ok(Revision::from(2)));
    assert_eq!(poller.status().revision, config.revision());
    assert_eq!(config.retained(), 0, "released versions are freed");
}

/// A value whose comparison panics.
struct Incomparable;

impl PartialEq for Incomparable {
    fn eq(&self, _: &Self) -> bool {
        panic!("in the comparison")
    }
}

struct Resets(mpsc::Sender<()>);

impl Source for Resets {
    type Contents = Incomparable;
    type Error = String;

    fn fetch(&mut self) -> Result<Fetched<Incomparable>, String> {
        Ok(Fetched::Contents(Incomparable))
    }

    fn reset(&mut self) {
        _ = self.0.send(());
    }
}

#[test]
fn panic_in_a_comparison_publishes_nothing() {
    let (sender, resets) = mpsc::channel();
    let value = Arc::new(Published::new(Incomparable));
    let poller = Poller::every(HOUR, Resets(sender))
        .start(&value)
        .expect("a thread");
    match poller.refresh_now(LONG) {
        Err(RefreshError::Failed(failure)) => assert_eq!(failure.kind, FailureKind::Panic),
        other => panic!("{other:?}"),
    }
    resets.recv_timeout(LONG).expect("the source is reset");
    assert_eq!(value.revision(), Revision::FIRST);
}

#[test]
fn late_value_is_discarded() {
    let value = Arc::new(Published::new(0));
    let (send, values) = mpsc::channel();
    let (failed, failures) = mpsc::channel();
    let source = move || values.recv_timeout(LONG);
    let poller = Poller::every(HOUR, source)
        .deadline(Duration::from_millis(5))
        .on_failure(move |failure| _ = failed.send(failure.kind.clone()))
        .start(&value)
        .expect("a thread");
    assert_eq!(failures.recv_timeout(LONG), Ok(FailureKind::Deadline));
    drop(poller);
    send.send(1).expect("the source waits");
    // The poller's thread drops its reference when it ends.
    while Arc::strong_count(&value) > 1 {
        std::thread::yield_now();
    }
    assert_eq!(*value.pin(), 0);
}
