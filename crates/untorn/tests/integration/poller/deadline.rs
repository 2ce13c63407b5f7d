//! Sources that hang: the status shows it, a deadline reports it, and nothing else waits for it.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use untorn::poller::{Activity, Failure, FailureKind, PollerBuilder, RefreshError};
use untorn::{Map, Poller, Revision};

use super::stop::must_end;
use super::support::{
    Answer, ControlledSource, HOUR, LONG, SourceControl, contents, controlled_source, error,
    unchanged, wait_for_polls, wait_until_dropped,
};

/// A deadline that a hanging fetch passes soon.
const SHORT: Duration = Duration::from_millis(5);

type Config = Arc<Map<&'static str, i32>>;

/// A poller whose first fetch hangs.
struct Hanging {
    config: Config,
    control: SourceControl<&'static str, i32>,
    poller: Poller,
    failures: mpsc::Receiver<Failure>,
}

fn hanging(
    configure: impl FnOnce(
        PollerBuilder<ControlledSource<&'static str, i32>>,
    ) -> PollerBuilder<ControlledSource<&'static str, i32>>,
) -> Hanging {
    let config = Arc::new(Map::from([("a", 0)]));
    let (source, control) = controlled_source();
    let (failed, failures) = mpsc::channel();
    let builder = Poller::every(HOUR, source).on_failure(move |failure| {
        // The test may have ended.
        _ = failed.send(failure.clone());
    });
    let poller = configure(builder).start(&config).expect("a thread");
    control.wait_for_a_fetch();
    Hanging {
        config,
        control,
        poller,
        failures,
    }
}

impl Hanging {
    /// Waits until the fetch has been reported and counted.
    fn wait_until_abandoned(&self) -> Failure {
        let failure = self.failures.recv_timeout(LONG).expect("it is reported");
        wait_for_polls(&self.poller, 1);
        failure
    }
}

#[test]
fn fetch_beyond_its_deadline_is_reported_once() {
    let hanging = hanging(|builder| builder.deadline(SHORT));
    let failure = hanging.wait_until_abandoned();
    assert_eq!(failure.kind, FailureKind::Deadline);
    assert!(
        failure
            .message
            .starts_with("the fetch has not ended within 5ms, its deadline: "),
        "{failure}"
    );
    let status = hanging.poller.status();
    assert!(
        matches!(status.activity, Activity::Abandoned { .. }),
        "{status}"
    );
    assert_eq!(
        (status.failures_in_a_row, status.polls, status.abandoned),
        (1, 1, 1)
    );
    assert_eq!(status.last_failure, Some(failure));
    let line = status.to_string();
    assert!(line.starts_with("hanging in a fetch for "), "{line}");
    assert!(hanging.failures.try_recv().is_err(), "once");
    hanging.control.supply(unchanged());
}

/// The poll waits for another writer, to free versions.
#[test]
fn failure_that_waits_for_a_writer_is_in_time() {
    let deadline = Duration::from_secs(1);
    // Returns whether the answer was in time, which it is not if the test is delayed.
    let is_in_time = |answer, reported| {
        let hanging = hanging(|builder| builder.deadline(deadline));
        let batch = hanging.config.begin_batch();
        hanging.control.supply(answer);
        thread::sleep(deadline + deadline / 4);
        drop(batch);
        wait_for_polls(&hanging.poller, 1);
        if hanging.poller.status().abandoned > 0 {
            return false;
        }
        let failures: Vec<_> = hanging.failures.try_iter().collect();
        assert_eq!(failures.len(), reported, "{failures:?}");
        assert!(
            failures
                .iter()
                .all(|failure| failure.message.contains("down"))
        );
        true
    };
    assert!((0..10).any(|_| is_in_time(error("down"), 1)));
    assert!((0..10).any(|_| is_in_time(unchanged(), 0)));
}

#[test]
fn late_answer_is_discarded_and_fetched_again() {
    // Returns whether the second answer was in time, which it is not if the test is delayed.
    let is_fetched_again = |late: fn() -> Answer<&'static str, i32>| {
        let hanging = hanging(|builder| builder.deadline(SHORT * 40).jitter(0.0));
        hanging.wait_until_abandoned();
        hanging.control.supply(late());
        hanging.poller.trigger();
        hanging.control.wait_for_a_fetch();
        assert_eq!(hanging.config.get("a"), Some(0), "nothing was published");
        let reported: Vec<_> = hanging.failures.try_iter().collect();
        let status = hanging.poller.status();
        hanging.control.supply(contents([("a", 2)]));
        let is_deadline = |failure: &Failure| failure.kind == FailureKind::Deadline;
        assert!(reported.iter().all(is_deadline), "{reported:?}");
        if status.abandoned > 1 || !reported.is_empty() {
            return false;
        }
        assert_eq!((status.polls, status.failures_in_a_row), (1, 1), "{status}");
        wait_for_polls(&hanging.poller, 2);
        let status = hanging.poller.status();
        if status.abandoned > 1 {
            return false;
        }
        assert_eq!(hanging.config.get("a"), Some(2), "{status}");
        true
    };
    let answers: [fn() -> Answer<_, _>; 3] = [|| contents([("a", 1)]), || error("late"), unchanged];
    for late in answers {
        assert!((0..20).any(|_| is_fetched_again(late)));
    }
}

#[test]
fn late_contents_reset_the_source() {
    let hanging = hanging(|builder| builder.deadline(SHORT));
    hanging.wait_until_abandoned();
    hanging.control.supply(contents([("a", 1)]));
    let Hanging {
        config,
        control,
        poller,
        ..
    } = hanging;
    poller.stop();
    wait_until_dropped(&control);
    assert_eq!((config.get("a"), control.resets()), (Some(0), 1));
}

#[test]
fn hanging_fetch_does_not_hold_up_a_stop() {
    let hanging = hanging(|builder| builder.deadline(SHORT));
    let Hanging {
        config,
        control,
        poller,
        ..
    } = hanging;
    // Stopped before or after the deadline.
    must_end(move || {
        poller.stop();
        let status = poller.status();
        assert!(
            matches!(status.activity, Activity::Abandoned { .. }),
            "{status}"
        );
        assert_eq!(poller.refresh_now(LONG), Err(RefreshError::Stopped));
        assert_eq!(poller.wait_until_fresh(LONG), Err(RefreshError::Stopped));
        poller.stop();
        drop(poller);
    });
    assert_eq!(Arc::strong_count(&config), 2, "the thread holds the map");
    control.supply(contents([("a", 1)]));
    wait_until_dropped(&control);
    assert_eq!(config.get("a"), Some(0), "nothing was published");
}

#[test]
fn refresh_fails_at_once_while_a_fetch_hangs() {
    let hanging = hanging(|builder| builder.deadline(SHORT));
    let failure = hanging.wait_until_abandoned();
    for _ in 0..3 {
        let failed = hanging.poller.refresh_now(LONG);
        assert_eq!(failed, Err(RefreshError::Failed(failure.clone())));
    }
    let late = hanging.poller.wait_until_fresh(Duration::ZERO);
    let late = late.expect_err("it hangs").to_string();
    let wait = "a fetch that has passed its deadline has been running for ";
    assert!(late.contains(wait), "{late}");
    hanging.control.supply(unchanged());
}

#[test]
fn refresh_that_waits_fails_at_the_deadline() {
    let hanging = hanging(|builder| builder.deadline(SHORT * 4));
    let failed = hanging.poller.refresh_now(LONG);
    let Err(RefreshError::Failed(failure)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(failure.kind, FailureKind::Deadline);
    hanging.control.supply(unchanged());
}

#[test]
fn timeout_says_that_a_fetch_is_running() {
    let hanging = hanging(|builder| builder);
    let status = hanging.poller.status();
    let Activity::Fetching { since } = status.activity else {
        panic!("{status}");
    };
    let late = hanging.poller.refresh_now(SHORT).expect_err("it hangs");
    let RefreshError::Timeout { activity, .. } = &late else {
        panic!("{late}");
    };
    assert_eq!(activity, &Activity::Fetching { since });
    let start = "no fresh contents within 5ms: a fetch has been running for ";
    assert!(late.to_string().starts_with(start), "{late}");
    hanging.control.supply(unchanged());
    hanging.control.supply(unchanged());
}

#[test]
fn fetches_within_their_deadline_are_published() {
    let config = Arc::new(Map::new());
    let mut generation = 0;
    let source = move || {
        generation += 1;
        Ok::<_, String>([("a", generation)])
    };
    let poller = Poller::every(Duration::from_micros(100), source).deadline(LONG);
    let poller = poller.start(&config).expect("a thread");
    assert!(config.wait_for(Revision::from(50), LONG).is_ok());
    must_end(move || {
        poller.stop();
        let status = poller.status();
        assert_eq!(
            (status.activity, status.abandoned),
            (Activity::Stopped, 0),
            "both threads have ended"
        );
    });
    assert_eq!(Arc::strong_count(&config), 1);
}

/// A callback on the watchdog's thread may use the poller, and stop it.
#[test]
fn on_failure_of_a_deadline_may_stop_the_poller() {
    let slot: Arc<Mutex<Option<Poller>>> = Arc::default();
    let (stopped, stops) = mpsc::channel();
    let own = Arc::clone(&slot);
    let (source, control) = controlled_source::<&str, i32>();
    let config = Arc::new(Map::new());
    let poller = Poller::every(HOUR, source)
        .deadline(SHORT)
        .on_failure(move |_| {
            let poller = loop {
                match own.lock().expect("not poisoned").take() {
                    Some(poller) => break poller,
                    None => thread::yield_now(),
                }
            };
            poller.stop();
            drop(poller);
            _ = stopped.send(());
        })
        .start(&config)
        .expect("a thread");
    *slot.lock().expect("not poisoned") = Some(poller);
    stops.recv_timeout(LONG).expect("the callback ends");
    control.supply(contents([("a", 1)]));
    wait_until_dropped(&control);
    assert!(config.is_empty());
}

/// The deadline passes while the fetch ends, at any moment of it.
#[test]
fn answers_at_the_deadline_count_once() {
    let config = Arc::new(Map::new());
    let deadline = Duration::from_micros(300);
    let mut generation = 0;
    let source = move || {
        generation += 1;
        thread::sleep(Duration::from_micros(generation % 20 * 20));
        Ok::<_, String>([("a", generation)])
    };
    let (failed, failures) = mpsc::channel();
    let poller = Poller::every(Duration::from_micros(10), source)
        .deadline(deadline)
        .max_backoff(Duration::from_micros(10))
        .on_failure(move |failure| failed.send(failure.clone()).expect("the test waits"))
        .start(&config)
        .expect("a thread");
    wait_for_polls(&poller, 300);
    poller.stop();
    let status = poller.status();
    let reported = failures.try_iter().count() as u64;
    assert_eq!(status.abandoned, reported);
    assert_eq!(status.polls - reported, config.revision().get(), "{status}");
}
