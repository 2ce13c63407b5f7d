//! `Poller`: fresh contents come in, the last good ones stay, and it can be triggered, watched and stopped in every state.

mod failures;
mod file;
mod foreign;
mod stop;
mod support;
#[path = "../../../examples/poll_file/toml_file.rs"]
mod toml_file;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use untorn::poller::{Activity, PollerBuilder, RefreshError};
use untorn::{GoMap, Map, OnOverlap, Poller, Revision};

use support::{HOUR, LONG, contents, error, started, steered, unchanged};

fn counts(poller: &Poller) -> (usize, usize, usize) {
    let done = poller.status().last_success.expect("one").refreshed;
    (done.added, done.changed, done.removed)
}

#[test]
fn a_poll_refreshes_the_map_and_counts() {
    let config = Arc::new(Map::from([("a", 1), ("b", 2)]));
    let (source, steering) = steered();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    let before = poller.status();
    assert_eq!((before.polls, &before.last_success), (0, &None));
    assert_eq!((before.age(), before.revision), (None, Revision::FIRST));

    steering.let_go(contents([("b", 3), ("c", 4), ("d", 5)]));
    assert_eq!(poller.wait_until_fresh(LONG), Ok(Revision::from(1)));
    assert_eq!(counts(&poller), (2, 1, 1));
    let status = poller.status();
    let success = status.last_success.clone().expect("one");
    assert_eq!(success.refreshed.revision, config.revision());
    assert_eq!((status.polls, status.failures_in_a_row), (1, 0));
    assert_eq!((status.revision.get(), &status.last_error), (1, &None));
    assert!(status.age() >= Some(success.ended - success.began));
    assert_eq!((config.get("a"), config.get("b")), (None, Some(3)));
}

#[test]
fn what_is_the_same_makes_no_revision() {
    let config = Arc::new(Map::from([("a", 1)]));
    let (poller, steering) = started(&config, contents([("a", 1)]), |setup| setup);
    for answer in [unchanged(), contents([("a", 0), ("a", 1)])] {
        assert_eq!(steering.poll(&poller, answer), Ok(Revision::FIRST));
        assert_eq!(counts(&poller), (0, 0, 0));
    }
    let done = steering.poll(&poller, contents([]));
    assert_eq!((done, counts(&poller)), (Ok(Revision::from(1)), (0, 0, 1)));
    assert_eq!(poller.status().polls, 4);
}

#[test]
fn a_closure_is_asked_again_and_again() {
    let config = Arc::new(Map::new());
    let mut generation = 0;
    let source = move || {
        generation += 1;
        Ok::<_, String>([("a", generation), ("b", generation)])
    };
    let period = Duration::from_micros(100);
    let poller = Poller::every(period, source)
        .start(&config)
        .expect("a thread");
    let newest = config.wait_for(Revision::from(50), LONG);
    assert!(newest.is_ok(), "{newest:?}");
    poller.stop();
    let view = config.pin();
    assert_eq!(view.get("a"), view.get("b"));
    assert_eq!(poller.status().polls, config.revision().get());
}

#[test]
fn readers_never_see_two_refreshes_mixed() {
    const KEYS: u64 = 300;
    let config = Arc::new(Map::<u64, u64>::new());
    let mut generation = 0;
    let source = move || {
        generation += 1;
        Ok::<_, String>((0..KEYS).map(move |key| (key, generation)))
    };
    let period = Duration::from_micros(50);
    let poller = Poller::every(period, source)
        .start(&config)
        .expect("a thread");
    poller.wait_until_fresh(LONG).expect("contents");
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut last, mut seen) = (0, 0);
                while seen < 20 || !enough.load(Ordering::Relaxed) {
                    let view = config.pin();
                    let newest = view[&0];
                    assert!((0..KEYS).all(|key| view[&key] == newest), "torn");
                    assert!(newest >= last, "it went backwards");
                    seen += u64::from(newest > last);
                    last = newest;
                }
            });
        }
        let newest = config.wait_for(Revision::from(300), LONG);
        enough.store(true, Ordering::Relaxed);
        assert!(newest.is_ok(), "{newest:?}");
    });
}

#[test]
fn a_poke_fetches_though_nothing_is_due() {
    let config = Arc::new(Map::new());
    let (source, steering) = steered();
    let poller = Poller::every(Duration::MAX, source)
        .start(&config)
        .expect("a thread");
    steering.let_go(contents([("a", 1)]));
    poller.wait_until_fresh(LONG).expect("the first contents");
    assert_eq!(poller.status().activity, Activity::Sleeping { due: None });
    for value in 2..5 {
        poller.trigger();
        steering.let_go(contents([("a", value)]));
        poller.wait_until_fresh(LONG).expect("what was asked for");
        assert_eq!(config.get("a"), Some(value));
    }
    assert_eq!(poller.status().polls, 4);
}

#[test]
fn pokes_during_a_fetch_are_one_more_fetch() {
    let config = Arc::new(Map::new());
    let (source, steering) = steered();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    steering.wait_for_a_fetch();
    for _ in 0..10 {
        poller.trigger();
    }
    steering.let_go(contents([("a", 1)]));
    steering.wait_for_a_fetch();
    let activity = poller.status().activity;
    assert!(
        matches!(activity, Activity::Fetching { .. }),
        "{activity:?}"
    );
    // The first has succeeded, but it may have read what is old by now.
    assert_eq!(config.get("a"), Some(1));
    let stale = poller.wait_until_fresh(Duration::ZERO);
    assert!(
        matches!(stale, Err(RefreshError::Timeout { .. })),
        "{stale:?}"
    );
    steering.let_go(contents([("a", 2)]));
    poller.wait_until_fresh(LONG).expect("the second");
    // All ten were for that one.
    let status = poller.status();
    assert!(status.activity.due().is_some(), "{status:?}");
    assert_eq!((status.polls, config.get("a")), (2, Some(2)));
}

#[test]
fn the_next_fetch_is_a_period_after_the_last_one_ended() {
    let (period, slow) = (Duration::from_millis(4), Duration::from_millis(40));
    let config = Arc::new(Map::new());
    let (tell, told) = mpsc::channel();
    let source = move || {
        let began = Instant::now();
        thread::sleep(slow); // ten ticks
        let ended = Instant::now();
        // The last one is told to nobody.
        _ = tell.send((began, ended));
        Ok::<_, String>([("a", ())])
    };
    let poller = Poller::every(period, source).jitter(0.0);
    let _poller = poller.start(&config).expect("a thread");
    let fetches: Vec<_> = (0..5).map(|_| told.recv_timeout(LONG)).collect();
    let fetches: Result<Vec<_>, _> = fetches.into_iter().collect();
    for pair in fetches.expect("five fetches").windows(2) {
        let ((_, ended), (began, _)) = (pair[0], pair[1]);
        assert!(began - ended >= period, "a tick was in a queue");
    }
}

#[test]
fn the_due_time_is_the_period_give_or_take_the_jitter() {
    for share in [0.0, 0.1, 0.5] {
        let config = Arc::new(Map::from([("a", 1)]));
        let (poller, steering) = started(&config, unchanged(), |setup| setup.jitter(share));
        let mut waits = Vec::new();
        for _ in 0..20 {
            steering.poll(&poller, unchanged()).expect("a success");
            let status = poller.status();
            let due = status.activity.due().expect("one");
            waits.push(due - status.last_success.expect("one").ended);
        }
        let within = HOUR.mul_f64(1.0 - share)..=HOUR.mul_f64(1.0 + share);
        assert!(waits.iter().all(|wait| within.contains(wait)), "{waits:?}");
        waits.sort_unstable();
        waits.dedup();
        assert_eq!(waits.len() > 1, share > 0.0, "{waits:?}");
    }
}

#[test]
fn an_idle_map_frees_what_readers_let_go_of() {
    let config = Arc::new(Map::from([("a", 0)]));
    let (poller, steering) = started(&config, unchanged(), |setup| setup);
    let mut kept = Vec::new();
    for value in 1..9 {
        kept.push(config.snapshot());
        config.insert("a", value);
    }
    steering.poll(&poller, unchanged()).expect("a success");
    assert_eq!(config.retained(), 8, "all are seen");
    kept.truncate(4);
    assert_eq!(config.retained(), 8, "readers free nothing");
    steering.poll(&poller, unchanged()).expect("a success");
    assert_eq!(config.retained(), 4);
    kept.clear();
    steering.poll(&poller, error("no")).expect_err("a failure");
    assert_eq!(config.retained(), 0, "after a failure too");
    assert_eq!(config.revision().get(), 8, "nothing was committed");
}

#[test]
fn who_waits_is_told_what_came() {
    let config = Arc::new(Map::from([("a", 1)]));
    let (poller, steering) = started(&config, error("no disk"), |setup| setup);
    let late = poller
        .wait_until_fresh(Duration::ZERO)
        .expect_err("not yet");
    let RefreshError::Timeout { last_error, .. } = &late else {
        panic!("{late}");
    };
    assert_eq!(&*last_error.as_ref().expect("one").message, "no disk");
    assert_eq!(
        late.to_string(),
        "no fresh contents within 0ns; the last poll failed: no disk"
    );
    let failed = steering
        .poll(&poller, error("no net"))
        .expect_err("it failed");
    assert_eq!(failed.to_string(), "the poll failed: no net");

    // Failures are waited out.
    thread::scope(|scope| {
        let waiter = scope.spawn(|| poller.wait_until_fresh(LONG));
        for message in ["no 1", "no 2"] {
            assert!(steering.poll(&poller, error(message)).is_err());
        }
        assert_eq!(steering.poll(&poller, contents([("a", 2)])), Ok(1.into()));
        assert_eq!(waiter.join().expect("no panic"), Ok(1.into()));
    });
    assert_eq!(poller.wait_until_fresh(Duration::ZERO), Ok(1.into()));
}

#[test]
fn a_poller_is_shared_and_sent() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Poller>();
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<RefreshError>();
}

#[test]
fn a_report_names_the_thread_and_who_started_it() {
    let watched = Arc::new(GoMap::from([("a", 1)]).on_overlap(OnOverlap::Panic));
    let config = Arc::new(Map::new());
    let source = {
        let watched = Arc::clone(&watched);
        move || {
            watched.insert("a", 2);
            Ok::<_, String>([("a", 1)])
        }
    };
    let setup = Poller::every(HOUR, source).named("config poller");
    let (poller, line) = watched
        .get_with("a", |_| {
            let (poller, line) = (setup.start(&config), line!());
            let poller = poller.expect("a thread");
            support::wait_for_polls(&poller, 1);
            (poller, line)
        })
        .expect("there is one");
    let told = poller.status().last_error.expect("an overlap");
    assert!(told.panicked);
    for part in [
        r#"thread "config poller""#,
        "GoMap::insert",
        &format!("created at {}:{line}:", file!()),
    ] {
        assert!(told.message.contains(part), "no {part} in {told}");
    }
}

type Read = fn() -> Result<[(&'static str, i32); 1], String>;

#[test]
fn a_setup_refuses_what_makes_no_sense() {
    type SetUp = fn(PollerBuilder<Read>) -> PollerBuilder<Read>;
    let source: Read = || Ok([("a", 1)]);
    let setups: [(&str, SetUp); 4] = [
        ("with a nul byte", |setup| setup.named("a\0b")),
        ("must not be zero", |setup| {
            setup.max_backoff(Duration::ZERO)
        }),
        ("must be from 0 to 1", |setup| setup.jitter(1.5)),
        ("must be from 0 to 1", |setup| setup.jitter(f64::NAN)),
    ];
    for (reason, set_up) in setups {
        let setup = Poller::every(HOUR, source);
        let refused = catch_unwind(AssertUnwindSafe(|| set_up(setup))).expect_err("misuse");
        let said = refused.downcast_ref::<String>().cloned();
        let said = said.or_else(|| refused.downcast_ref::<&str>().map(|&said| said.into()));
        assert!(said.expect("a text").contains(reason), "{reason}");
    }
    let refused = catch_unwind(|| Poller::every(Duration::ZERO, source));
    assert!(refused.is_err());
}
