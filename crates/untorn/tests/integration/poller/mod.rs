//! `Poller`: fresh contents are published, the last good ones stay, and it can be triggered,
//! observed and stopped in every state.

mod deadline;
mod deltas;
mod failures;
mod file;
mod guard;
mod handle;
#[cfg(unix)]
#[path = "../../../examples/poll_mount/kubelet.rs"]
mod kubelet;
#[cfg(unix)]
mod mount;
#[cfg(unix)]
#[path = "../../../examples/poll_mount/mount.rs"]
mod mount_source;
mod own_target;
mod panicking_user_code;
mod published;
mod stop;
mod support;
#[path = "../../../examples/poll_file/toml_file.rs"]
mod toml_file;
mod triggers;
mod wanted_delay;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use untorn::poller::{Activity, FailureKind, PollerBuilder, RefreshError};
use untorn::{GoMap, Map, OnOverlap, Poller, Revision};

use support::{HOUR, LONG, contents, controlled_source, error, fetching, started, unchanged};

fn counts(poller: &Poller) -> (usize, usize, usize) {
    let done = poller.status().last_success.expect("one").refreshed;
    (done.added, done.changed, done.removed)
}

#[test]
fn a_poll_refreshes_the_map_and_counts() {
    let config = Arc::new(Map::from([("a", 1), ("b", 2)]));
    let (source, control) = controlled_source();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    let before = poller.status();
    assert_eq!((before.polls, &before.last_success), (0, &None));
    assert_eq!((before.age(), before.revision), (None, Revision::FIRST));

    control.supply(contents([("b", 3), ("c", 4), ("d", 5)]));
    assert_eq!(poller.wait_until_fresh(LONG), Ok(Revision::from(1)));
    assert_eq!(counts(&poller), (2, 1, 1));
    let status = poller.status();
    let success = status.last_success.clone().expect("one");
    assert_eq!(success.refreshed.revision, config.revision());
    assert_eq!((status.polls, status.failures_in_a_row), (1, 0));
    assert_eq!((status.revision.get(), &status.last_failure), (1, &None));
    assert!(status.age() >= Some(success.ended - success.began));
    assert_eq!((config.get("a"), config.get("b")), (None, Some(3)));
}

#[test]
fn equal_contents_make_no_revision() {
    let config = Arc::new(Map::from([("a", 1)]));
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| builder);
    for answer in [unchanged(), contents([("a", 0), ("a", 1)])] {
        assert_eq!(control.poll(&poller, answer), Ok(Revision::FIRST));
        assert_eq!(counts(&poller), (0, 0, 0));
    }
    let done = control.poll(&poller, contents([("b", 1)]));
    assert_eq!((done, counts(&poller)), (Ok(Revision::from(1)), (1, 0, 1)));
    assert_eq!(poller.status().polls, 4);
}

#[test]
fn closure_source_is_polled_repeatedly() {
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
fn readers_never_observe_mixed_refreshes() {
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
                    assert!(newest >= last, "the contents went back");
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
fn trigger_fetches_before_the_due_time() {
    let config = Arc::new(Map::new());
    let (source, control) = controlled_source();
    let poller = Poller::every(Duration::MAX, source)
        .start(&config)
        .expect("a thread");
    control.supply(contents([("a", 1)]));
    poller.wait_until_fresh(LONG).expect("the first contents");
    assert_eq!(poller.status().activity, Activity::Sleeping { due: None });
    for value in 2..5 {
        poller.trigger();
        control.supply(contents([("a", value)]));
        poller
            .wait_until_fresh(LONG)
            .expect("the triggered contents");
        assert_eq!(config.get("a"), Some(value));
    }
    assert_eq!(poller.status().polls, 4);
}

#[test]
fn triggers_during_a_fetch_cause_one_more_fetch() {
    let config = Arc::new(Map::new());
    let (poller, control) = fetching(&config);
    for _ in 0..10 {
        poller.trigger();
    }
    control.supply(contents([("a", 1)]));
    control.wait_for_a_fetch();
    let activity = poller.status().activity;
    assert!(
        matches!(activity, Activity::Fetching { .. }),
        "{activity:?}"
    );
    // The first fetch has succeeded, but may have read outdated contents.
    assert_eq!(config.get("a"), Some(1));
    let stale = poller.wait_until_fresh(Duration::ZERO);
    assert!(
        matches!(stale, Err(RefreshError::Timeout { .. })),
        "{stale:?}"
    );
    control.supply(contents([("a", 2)]));
    poller.wait_until_fresh(LONG).expect("the second");
    // All ten triggers led to one fetch.
    let status = poller.status();
    assert!(status.activity.due().is_some(), "{status:?}");
    assert_eq!((status.polls, config.get("a")), (2, Some(2)));
}

#[test]
fn next_fetch_starts_a_period_after_the_last_ended() {
    let (period, slow) = (Duration::from_millis(4), Duration::from_millis(40));
    let config = Arc::new(Map::new());
    let (sender, times) = mpsc::channel();
    let source = move || {
        let began = Instant::now();
        thread::sleep(slow); // ten ticks
        let ended = Instant::now();
        // The receiver is gone at the last fetch.
        _ = sender.send((began, ended));
        Ok::<_, String>([("a", ())])
    };
    let poller = Poller::every(period, source).jitter(0.0);
    let _poller = poller.start(&config).expect("a thread");
    let fetches: Vec<_> = (0..5).map(|_| times.recv_timeout(LONG)).collect();
    let fetches: Result<Vec<_>, _> = fetches.into_iter().collect();
    for pair in fetches.expect("five fetches").windows(2) {
        let ((_, ended), (began, _)) = (pair[0], pair[1]);
        assert!(began - ended >= period, "a missed tick was queued");
    }
}

#[test]
fn due_time_is_the_period_plus_or_minus_jitter() {
    for share in [0.0, 0.1, 0.5] {
        let config = Arc::new(Map::from([("a", 1)]));
        let (poller, control) = started(&config, unchanged(), |builder| builder.jitter(share));
        let mut waits = Vec::new();
        for _ in 0..20 {
            control.poll(&poller, unchanged()).expect("a success");
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
fn poll_without_changes_frees_released_versions() {
    let config = Arc::new(Map::from([("a", 0)]));
    let (poller, control) = started(&config, unchanged(), |builder| builder);
    let mut kept = Vec::new();
    for value in 1..9 {
        kept.push(config.snapshot());
        config.insert("a", value);
    }
    control.poll(&poller, unchanged()).expect("a success");
    assert_eq!(config.retained(), 8, "all versions are in use");
    kept.truncate(4);
    assert_eq!(config.retained(), 8, "readers free nothing");
    control.poll(&poller, unchanged()).expect("a success");
    assert_eq!(config.retained(), 4);
    kept.clear();
    control.poll(&poller, error("no")).expect_err("a failure");
    assert_eq!(config.retained(), 0, "after a failure too");
    assert_eq!(config.revision().get(), 8, "nothing was committed");
}

#[test]
fn waits_return_the_result_of_the_poll() {
    let config = Arc::new(Map::from([("a", 1)]));
    let (poller, control) = started(&config, error("no disk"), |builder| builder);
    let late = poller
        .wait_until_fresh(Duration::ZERO)
        .expect_err("not yet");
    let RefreshError::Timeout { last_failure, .. } = &late else {
        panic!("{late}");
    };
    assert_eq!(&*last_failure.as_ref().expect("one").message, "no disk");
    let late = late.to_string();
    let start = "no fresh contents within 0ns: the poller backs off, its next fetch is due in ";
    assert!(
        late.starts_with(start) && late.ends_with("; the last poll failed: no disk"),
        "{late}"
    );
    let failed = control
        .poll(&poller, error("no net"))
        .expect_err("the poll failed");
    assert_eq!(failed.to_string(), "the poll failed: no net");

    // A wait continues across failures.
    thread::scope(|scope| {
        let waiter = scope.spawn(|| poller.wait_until_fresh(LONG));
        for message in ["no 1", "no 2"] {
            assert!(control.poll(&poller, error(message)).is_err());
        }
        assert_eq!(control.poll(&poller, contents([("a", 2)])), Ok(1.into()));
        assert_eq!(waiter.join().expect("no panic"), Ok(1.into()));
    });
    assert_eq!(poller.wait_until_fresh(Duration::ZERO), Ok(1.into()));
}

#[test]
fn poller_is_send_and_sync() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Poller>();
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<RefreshError>();
}

#[test]
fn overlap_names_the_poller_thread_and_its_creator() {
    let watched = Arc::new(GoMap::from([("a", 1)]).on_overlap(OnOverlap::Panic));
    let config = Arc::new(Map::new());
    let source = {
        let watched = Arc::clone(&watched);
        move || {
            watched.insert("a", 2);
            Ok::<_, String>([("a", 1)])
        }
    };
    let builder = Poller::every(HOUR, source).named("config poller");
    let (poller, line) = watched
        .get_with("a", |_| {
            let (poller, line) = (builder.start(&config), line!());
            let poller = poller.expect("a thread");
            support::wait_for_polls(&poller, 1);
            (poller, line)
        })
        .expect("there is one");
    let failure = poller.status().last_failure.expect("an overlap");
    assert_eq!(failure.kind, FailureKind::Panic);
    for part in [
        r#"thread "config poller""#,
        "GoMap::insert",
        &format!("created at {}:{line}:", file!()),
    ] {
        assert!(failure.message.contains(part), "no {part} in {failure}");
    }
}

type Read = fn() -> Result<[(&'static str, i32); 1], String>;

#[test]
fn builder_rejects_invalid_settings() {
    type Configure = fn(PollerBuilder<Read>) -> PollerBuilder<Read>;
    let source: Read = || Ok([("a", 1)]);
    let settings: [(&str, Configure); 7] = [
        ("with a nul byte", |builder| builder.named("a\0b")),
        ("cannot set a backoff of zero", |builder| {
            builder.max_backoff(Duration::ZERO)
        }),
        ("cannot set a deadline of zero", |builder| {
            builder.deadline(Duration::ZERO)
        }),
        ("must be from 0 to 1", |builder| builder.jitter(1.5)),
        ("must be from 0 to 1", |builder| builder.jitter(f64::NAN)),
        ("must be from 0 to 1", |builder| builder.max_removed(1.5)),
        ("must be from 0 to 1", |builder| {
            builder.max_removed(f64::NAN)
        }),
    ];
    for (reason, configure) in settings {
        let builder = Poller::every(HOUR, source);
        let refused = catch_unwind(AssertUnwindSafe(|| configure(builder))).expect_err("misuse");
        let said = refused.downcast_ref::<String>().cloned();
        let said = said.or_else(|| refused.downcast_ref::<&str>().map(|&said| said.into()));
        assert!(
            said.expect("the message is text").contains(reason),
            "{reason}"
        );
    }
    let refused = catch_unwind(|| Poller::every(Duration::ZERO, source));
    assert!(refused.is_err());
}
