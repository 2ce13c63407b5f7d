//! Errors and panics: the last good contents stay, the status tells, the poller backs off and comes back.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use untorn::poller::{Activity, Failure, RefreshError};
use untorn::{Fetched, Map, Poller, Revision};

use super::support::{Answer, HOUR, LONG, contents, error, started, steered, unchanged};

type Config = Arc<Map<&'static str, i32>>;

fn config() -> Config {
    Arc::new(Map::new())
}

fn last_error(poller: &Poller) -> Failure {
    poller.status().last_error.expect("one")
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
fn an_error_keeps_the_last_good_state_and_is_told_with_its_causes() {
    let config = config();
    let (poller, steering) = started(&config, contents([("a", 1)]), |setup| setup);
    let (good, before) = (config.snapshot(), poller.status());
    let answer: Answer<_, _> = Box::new(|| {
        let cause = io::Error::new(io::ErrorKind::NotFound, "No such file\nor directory");
        Err(CannotRead(cause).into())
    });
    steering.poll(&poller, answer).expect_err("a failure");
    assert!(
        std::ptr::eq(&*good, &*config.pin()),
        "nothing was published"
    );
    let status = poller.status();
    assert_eq!((status.polls, status.failures_in_a_row), (2, 1));
    assert_eq!(status.last_success, before.last_success);
    let told = status.last_error.expect("one");
    assert_eq!(&*told.message, "cannot read x: No such file or directory");
    assert!(!told.panicked);
    assert_eq!(steering.resets(), 0, "it brought nothing");

    steering.poll(&poller, unchanged()).expect("a success");
    let status = poller.status();
    assert_eq!(status.failures_in_a_row, 0);
    assert!(status.last_error.is_some(), "it is not forgotten");
    let (newer, older) = (status.last_success, before.last_success);
    assert!(newer.expect("one").began >= older.expect("one").ended);
}

/// Panics at its second entry.
fn half() -> Box<dyn Iterator<Item = (&'static str, i32)>> {
    Box::new([("a", 7), ("b", 7)].into_iter().inspect(|(key, _)| {
        if *key == "b" {
            panic!("half-way");
        }
    }))
}

#[test]
fn a_panic_of_the_source_or_its_entries_is_a_failure_like_an_error() {
    let config = config();
    let (poller, steering) = started(&config, contents([("a", 1)]), |setup| setup);
    let good = config.snapshot();
    let panics: [(&str, usize, Answer<_, _>); 4] = [
        ("panicked: at once", 0, Box::new(|| panic!("at once"))),
        (
            "panicked without a text",
            0,
            Box::new(|| resume_unwind(Box::new(265))),
        ),
        (
            "panicked: half-way",
            1,
            Box::new(|| Ok(Fetched::Contents(half()))),
        ),
        ("panicked: telling why", 1, Box::new(|| Err(Mute.into()))),
    ];
    for (failures, (message, lost, answer)) in (1..).zip(panics) {
        steering.poll(&poller, answer).expect_err("a failure");
        assert!(
            std::ptr::eq(&*good, &*config.pin()),
            "nothing was published"
        );
        let told = last_error(&poller);
        assert_eq!((&*told.message, told.panicked), (message, true));
        assert_eq!(poller.status().failures_in_a_row, failures);
        assert_eq!(steering.resets(), lost);
    }
    let done = steering.poll(&poller, contents([("a", 2)]));
    assert_eq!(done, Ok(Revision::from(2)), "it lives");
}

/// An error that cannot even say what it is.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("telling why")
    }
}

impl Error for Mute {}

/// An error that is its own source, and whose text has no end if it is to have none.
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
        // On a thread: a poller that cannot be stopped must not hang the test.
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
        has_stopped.recv_timeout(LONG).expect("it stops");
    }
}

#[test]
fn copies_of_a_status_share_the_text() {
    let config = config();
    let (poller, _steering) = started(&config, error("no"), |setup| setup);
    let messages = [(); 3].map(|()| last_error(&poller).message);
    assert!(messages.iter().all(|text| Arc::ptr_eq(text, &messages[0])));
}

#[test]
fn the_backoff_doubles_up_to_the_cap_and_is_over_at_once() {
    let seconds = Duration::from_secs;
    let config = config();
    let set_up =
        |setup: untorn::poller::PollerBuilder<_>| setup.jitter(0.0).max_backoff(seconds(10));
    let (poller, steering) = started(&config, contents([("a", 1)]), set_up);
    for _ in 0..2 {
        let mut waits = Vec::new();
        for failures in 1..8 {
            steering.poll(&poller, error("no")).expect_err("a failure");
            let status = poller.status();
            assert_eq!(status.failures_in_a_row, failures);
            let Activity::BackingOff { due: Some(due) } = status.activity else {
                panic!("{status:?}");
            };
            waits.push(due - status.last_error.expect("one").ended);
        }
        assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10].map(seconds));
        steering.poll(&poller, unchanged()).expect("a success");
        let status = poller.status();
        let Activity::Sleeping { due: Some(due) } = status.activity else {
            panic!("{status:?}");
        };
        assert_eq!(due - status.last_success.expect("one").ended, HOUR);
    }
}

#[test]
fn while_it_fails_the_source_is_asked_ever_more_rarely() {
    let config = config();
    let period = Duration::from_millis(2);
    let (tell, told) = std::sync::mpsc::channel();
    let source = move || {
        _ = tell.send(Instant::now());
        Err::<[(&str, i32); 0], _>("no")
    };
    let poller = Poller::every(period, source).jitter(0.0);
    let poller = poller.start(&config).expect("a thread");
    let asked: Vec<_> = (0..6).map(|_| told.recv_timeout(LONG)).collect();
    let asked: Result<Vec<_>, _> = asked.into_iter().collect();
    let mut least = period;
    for pair in asked.expect("six fetches").windows(2) {
        assert!(pair[1] - pair[0] >= least, "{pair:?}");
        least *= 2;
    }
    poller.stop();
    assert_eq!(config.revision(), Revision::FIRST);
}

#[test]
fn a_poke_goes_before_a_backoff() {
    let config = config();
    let (source, steering) = steered();
    let setup = Poller::every(HOUR, source).jitter(0.0);
    let poller = setup.start(&config).expect("a thread");
    // From the sixth on, a backoff is longer than the test.
    for message in ["no"; 12] {
        steering.let_go(error(message));
        steering.wait_for_a_fetch();
        poller.trigger();
    }
    steering.let_go(contents([("a", 1)]));
    let fresh = poller.wait_until_fresh(LONG);
    assert_eq!(fresh, Ok(Revision::from(1)));
}

#[test]
fn it_comes_back_by_itself_after_a_backoff() {
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
    assert_eq!(&*last_error(&poller).message, "not yet");
    // The handle is sent where it is dropped.
    thread::spawn(move || drop(poller))
        .join()
        .expect("no panic");
}

#[test]
fn each_failure_is_told_before_who_waits_for_it_learns_of_it() {
    let config = config();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (poller, steering) = started(&config, contents([("a", 1)]), |setup| {
        let told = Arc::clone(&told);
        setup.on_failure(move |failure| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(failure.clone());
            assert!(told.len() != 2, "who is told may panic");
        })
    });
    let told = || {
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    };
    assert!(told().is_empty(), "the first went well");
    for number in 1..=3 {
        let failed = steering.poll(&poller, error("down"));
        assert_eq!(told().len(), number);
        let last = told().pop().expect("one");
        assert_eq!((&*last.message, last.panicked), ("down", false));
        assert_eq!(failed, Err(RefreshError::Failed(last.clone())));
        assert_eq!(last_error(&poller), last);
    }
    steering
        .poll(&poller, Box::new(|| panic!("at once")))
        .expect_err("a failure");
    assert!(told()[3].panicked);
    steering.poll(&poller, unchanged()).expect("a success");
    assert_eq!(told().len(), 4);
}

/// It may use the poller, and stop it.
#[test]
fn who_is_told_may_stop_the_poller() {
    let config = config();
    let stopped: Arc<OnceLock<Poller>> = Arc::default();
    let (source, steering) = steered();
    let own = Arc::clone(&stopped);
    let (told, tells) = mpsc::channel();
    let poller = Poller::every(HOUR, source)
        .on_failure(move |_| {
            own.wait().stop();
            told.send(()).expect("somebody waits");
        })
        .start(&config)
        .expect("a thread");
    assert!(stopped.set(poller).is_ok());
    steering.let_go(error("down"));
    tells.recv_timeout(LONG).expect("it is told");
    let poller = stopped.get().expect("it was set");
    poller.stop();
    assert_eq!(poller.status().activity, Activity::Stopped);
    assert_eq!(poller.status().failures_in_a_row, 1);
}
