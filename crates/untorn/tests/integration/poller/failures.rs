//! Errors and panics: the last good contents stay, the status reports the failure, and the poller
//! backs off and recovers.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use untorn::poller::{Activity, Failure, FailureKind, RefreshError};
use untorn::{Fetched, Map, Poller, Revision};

use super::support::{Answer, HOUR, LONG, contents, controlled_source, error, started, unchanged};

type Config = Arc<Map<&'static str, i32>>;

fn config() -> Config {
    Arc::new(Map::new())
}

fn last_failure(poller: &Poller) -> Failure {
    poller.status().last_failure.expect("one")
}

#[derive(Debug)]
struct CannotRead(io::Error);

impl fmt::Display for CannotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read x")
    }
}

impl Error for CannotRead {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn error_keeps_the_last_contents_and_lists_causes() {
    let config = config();
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| builder);
    let (good, before) = (config.snapshot(), poller.status());
    let answer: Answer<_, _> = Box::new(|| {
        let cause = io::Error::new(io::ErrorKind::NotFound, "No such file\nor directory");
        Err(CannotRead(cause).into())
    });
    control.poll(&poller, answer).expect_err("a failure");
    assert!(
        std::ptr::eq(&*good, &*config.pin()),
        "nothing was published"
    );
    let status = poller.status();
    assert_eq!((status.polls, status.failures_in_a_row), (2, 1));
    assert_eq!(status.last_success, before.last_success);
    let failure = status.last_failure.expect("one");
    assert_eq!(
        &*failure.message,
        "cannot read x: No such file or directory"
    );
    assert_eq!(failure.kind, FailureKind::Error);
    assert_eq!(control.resets(), 0, "an error does not reset the source");

    control.poll(&poller, unchanged()).expect("a success");
    let status = poller.status();
    assert_eq!(status.failures_in_a_row, 0);
    assert!(status.last_failure.is_some(), "the last error stays");
    let (newer, older) = (status.last_success, before.last_success);
    assert!(newer.expect("one").began >= older.expect("one").ended);
}

/// Returns entries of which the second panics.
fn panicking_entries() -> Box<dyn Iterator<Item = (&'static str, i32)>> {
    Box::new([("a", 7), ("b", 7)].into_iter().inspect(|(key, _)| {
        if *key == "b" {
            panic!("panicking_entries-way");
        }
    }))
}

#[test]
fn source_panic_is_a_failure_like_an_error() {
    let config = config();
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| builder);
    let good = config.snapshot();
    let panics: [(&str, usize, Answer<_, _>); 4] = [
        ("panicked: at once", 0, Box::new(|| panic!("at once"))),
        (
            "panicked without a text",
            0,
            Box::new(|| resume_unwind(Box::new(265))),
        ),
        (
            "panicked: panicking_entries-way",
            1,
            Box::new(|| Ok(Fetched::Contents(panicking_entries()))),
        ),
        (
            "panicked: while formatting",
            1,
            Box::new(|| Err(PanickingDisplay.into())),
        ),
    ];
    for (failures, (message, resets, answer)) in (1..).zip(panics) {
        control.poll(&poller, answer).expect_err("a failure");
        assert!(
            std::ptr::eq(&*good, &*config.pin()),
            "nothing was published"
        );
        let failure = last_failure(&poller);
        assert_eq!(
            (&*failure.message, failure.kind),
            (message, FailureKind::Panic)
        );
        assert_eq!(poller.status().failures_in_a_row, failures);
        assert_eq!(control.resets(), resets);
    }
    let done = control.poll(&poller, contents([("a", 2)]));
    assert_eq!(done, Ok(Revision::from(2)), "the poller still runs");
}

/// An error whose `Display` panics.
#[derive(Debug)]
struct PanickingDisplay;

impl fmt::Display for PanickingDisplay {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("while formatting")
    }
}

impl Error for PanickingDisplay {}

/// An error that is its own source, and whose text is endless if `text` is set.
#[derive(Debug)]
struct Endless {
    text: bool,
}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no end")?;
        if self.text {
            loop {
                f.write_str(", no end")?;
            }
        }
        Ok(())
    }
}

impl Error for Endless {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[test]
fn endless_errors_are_reported_and_stopped() {
    for text in [false, true] {
        let config: Config = config();
        let source = move || Err::<[_; 0], _>(Endless { text });
        let poller = Poller::every(HOUR, source).start(&config);
        let poller = poller.expect("a thread");
        let answer = poller.refresh_now(LONG);
        // On a thread, since a poller that cannot be stopped must not hang the test.
        let (stopped, has_stopped) = mpsc::channel();
        thread::spawn(move || {
            drop(poller);
            stopped.send(())
        });
        let Err(RefreshError::Failed(failure)) = answer else {
            panic!("{answer:?}");
        };
        assert!(failure.message.starts_with("no end"));
        assert!(failure.message.ends_with("further causes left out)"));
        assert!(failure.message.len() < 9 * 1024);
        has_stopped.recv_timeout(LONG).expect("the poller stops");
    }
}

#[test]
fn cloned_statuses_share_the_message() {
    let config = config();
    let (poller, _control) = started(&config, error("no"), |builder| builder);
    let messages = [(); 3].map(|()| last_failure(&poller).message);
    assert!(messages.iter().all(|text| Arc::ptr_eq(text, &messages[0])));
}

#[test]
fn backoff_doubles_to_its_cap_and_resets_on_success() {
    let seconds = Duration::from_secs;
    let config = config();
    let fails = Arc::new(AtomicBool::new(false));
    let source = {
        let fails = Arc::clone(&fails);
        move || match fails.load(Ordering::SeqCst) {
            true => Err("no"),
            false => Ok([("a", 1)]),
        }
    };
    let poller = Poller::every(HOUR, source)
        .min_gap(Duration::ZERO)
        .jitter(0.0)
        .max_backoff(seconds(10))
        .start(&config)
        .expect("a thread");
    poller.wait_until_fresh(LONG).expect("contents");
    let waits = [1, 2, 4, 8, 10, 10, 10].map(seconds);
    let mut checked = BTreeSet::new();
    for round in 1.. {
        assert!(round < 50, "{checked:?}");
        fails.store(true, Ordering::SeqCst);
        let mut last = 0;
        loop {
            poller.refresh_now(LONG).expect_err("a failure");
            let status = poller.status();
            // If the test is delayed, retries run and fail too.
            let Activity::BackingOff { due: Some(due) } = status.activity else {
                continue;
            };
            let wait = due - status.last_failure.expect("one").ended;
            let failures = status.failures_in_a_row as usize;
            assert!(failures > last, "{failures} after {last}");
            last = failures;
            assert_eq!(wait, waits[failures.min(waits.len()) - 1], "{failures}");
            checked.insert(failures);
            if failures >= waits.len() {
                break;
            }
        }
        fails.store(false, Ordering::SeqCst);
        poller.refresh_now(LONG).expect("a success");
        let status = poller.status();
        let Activity::Sleeping { due: Some(due) } = status.activity else {
            panic!("{status:?}");
        };
        assert_eq!(due - status.last_success.expect("one").ended, HOUR);
        if round > 1 && (1..=waits.len()).all(|failures| checked.contains(&failures)) {
            break;
        }
    }
}

#[test]
fn failing_source_is_fetched_less_often() {
    let config = config();
    let period = Duration::from_millis(2);
    let (started, starts) = std::sync::mpsc::channel();
    let source = move || {
        _ = started.send(Instant::now());
        Err::<[(&str, i32); 0], _>("no")
    };
    let poller = Poller::every(period, source).jitter(0.0).max_backoff(HOUR);
    let poller = poller.start(&config).expect("a thread");
    let times: Vec<_> = (0..6).map(|_| starts.recv_timeout(LONG)).collect();
    let times: Result<Vec<_>, _> = times.into_iter().collect();
    let mut least = period;
    for pair in times.expect("six fetches").windows(2) {
        assert!(pair[1] - pair[0] >= least, "{pair:?}");
        least *= 2;
    }
    poller.stop();
    assert_eq!(config.revision(), Revision::FIRST);
}

#[test]
fn trigger_interrupts_backoff() {
    let config = config();
    let mut fetches = 0;
    let (started, starts) = mpsc::channel();
    let source = move || {
        fetches += 1;
        _ = started.send(());
        match fetches {
            1..=12 => Err("no"),
            _ => Ok([("a", 1)]),
        }
    };
    let builder = Poller::every(HOUR, source).min_gap(Duration::ZERO);
    let builder = builder.jitter(0.0);
    let poller = builder.start(&config).expect("a thread");
    // From the seventh failure on, a backoff takes longer than this waits for the next fetch.
    for _ in 0..12 {
        starts.recv_timeout(LONG).expect("a fetch");
        poller.trigger();
    }
    let fresh = poller.wait_until_fresh(LONG);
    assert_eq!(fresh, Ok(Revision::from(1)));
}

#[test]
fn poller_recovers_after_backoff() {
    let config = config();
    let mut fetches = 0;
    let source = move || {
        fetches += 1;
        match fetches {
            1..5 => Err("not yet"),
            _ => Ok([("a", fetches)]),
        }
    };
    let period = Duration::from_millis(1);
    let poller = Poller::every(period, source)
        .start(&config)
        .expect("a thread");
    poller.wait_until_fresh(LONG).expect("the fifth fetch");
    assert!(config.wait_for(Revision::from(3), LONG).is_ok());
    assert_eq!(poller.status().failures_in_a_row, 0);
    assert_eq!(&*last_failure(&poller).message, "not yet");
    // The handle can be sent to the thread that drops it.
    thread::spawn(move || drop(poller))
        .join()
        .expect("no panic");
}

#[test]
fn on_failure_runs_before_waiters_return() {
    let config = config();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| {
        let failures = Arc::clone(&failures);
        builder.on_failure(move |failure| {
            let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push(failure.clone());
            assert!(failures.len() != 2, "the callback may panic");
        })
    });
    let failures = || {
        let failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.clone()
    };
    assert!(failures().is_empty(), "the first poll succeeded");
    for number in 1..=3 {
        let failed = control.poll(&poller, error("down"));
        assert_eq!(failures().len(), number);
        let last = failures().pop().expect("one");
        assert_eq!((&*last.message, &last.kind), ("down", &FailureKind::Error));
        assert_eq!(failed, Err(RefreshError::Failed(last.clone())));
        assert_eq!(last_failure(&poller), last);
    }
    control
        .poll(&poller, Box::new(|| panic!("at once")))
        .expect_err("a failure");
    assert_eq!(failures()[3].kind, FailureKind::Panic);
    control.poll(&poller, unchanged()).expect("a success");
    assert_eq!(failures().len(), 4);
}

/// The callback may use the poller, and stop it.
#[test]
fn on_failure_may_stop_the_poller() {
    let config = config();
    let stopped: Arc<OnceLock<Poller>> = Arc::default();
    let (source, control) = controlled_source();
    let own = Arc::clone(&stopped);
    let (called, calls) = mpsc::channel();
    let poller = Poller::every(HOUR, source)
        .on_failure(move |_| {
            own.wait().stop();
            called.send(()).expect("the test waits");
        })
        .start(&config)
        .expect("a thread");
    assert!(stopped.set(poller).is_ok());
    control.supply(error("down"));
    calls.recv_timeout(LONG).expect("the callback runs");
    let poller = stopped.get().expect("it was set");
    poller.stop();
    assert_eq!(poller.status().activity, Activity::Stopped);
    assert_eq!(poller.status().failures_in_a_row, 1);
}
