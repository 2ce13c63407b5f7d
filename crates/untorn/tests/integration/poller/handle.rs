//! Handles: they control a poller from other threads and from its source, and do not keep it alive.

use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use untorn::poller::{Activity, PollerHandle, RefreshError, Success};
use untorn::{Map, Poller, Revision};

use super::stop::must_end;
use super::support::{
    HOUR, LONG, contents, error, fetching, started, unchanged, wait_until_dropped,
};

#[test]
fn handle_does_not_keep_the_poller_alive() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| builder);
    let handle = poller.handle();
    let clone = handle.clone();
    assert!(clone.is_healthy());
    drop(poller);
    wait_until_dropped(&control);
    assert_eq!(Arc::strong_count(&config), 1, "the poller released the map");
    let status = handle.status();
    assert_eq!((status.activity, status.polls), (Activity::Stopped, 1));
    assert!(!clone.is_healthy());
    for handle in [handle, clone] {
        handle.trigger();
        handle.accept_next();
        handle.pause();
        handle.set_period(HOUR);
        handle.resume();
        handle.close();
        assert_eq!(handle.refresh_now(LONG), Err(RefreshError::Stopped));
        assert_eq!(handle.wait_until_fresh(LONG), Err(RefreshError::Stopped));
    }
}

#[test]
fn handles_control_from_other_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| builder);
    let handle = poller.handle();
    shared(&handle);
    control.supply(contents([("a", 2)]));
    let refreshed = thread::spawn(move || handle.refresh_now(LONG));
    let refreshed = refreshed.join().expect("no panic");
    assert_eq!(
        (refreshed, config.get("a")),
        (Ok(Revision::from(2)), Some(2))
    );
}

#[test]
fn source_may_close_and_trigger_its_poller() {
    let own: Arc<OnceLock<PollerHandle>> = Arc::default();
    let source = {
        let own = Arc::clone(&own);
        move || {
            let handle = own.wait();
            handle.trigger();
            handle.close();
            Ok::<_, String>([("a", 1)])
        }
    };
    let config = Arc::new(Map::new());
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    assert!(own.set(poller.handle()).is_ok());
    must_end(move || {
        while poller.status().activity != Activity::Stopped {
            thread::yield_now();
        }
        assert_eq!(poller.status().polls, 1);
    });
    assert_eq!(config.get("a"), Some(1), "the poll was completed");
}

#[test]
fn close_does_not_wait_for_a_fetch() {
    let config = Arc::new(Map::new());
    let (poller, control) = fetching(&config);
    let handle = poller.handle();
    handle.close();
    assert!(matches!(
        handle.status().activity,
        Activity::Fetching { .. }
    ));
    assert!(!handle.is_healthy(), "it stops");
    control.supply(contents([("a", 1)]));
    must_end(move || poller.stop());
    assert_eq!(handle.status().activity, Activity::Stopped);
    assert!(!handle.is_healthy(), "although it has fresh contents");
    assert_eq!(config.get("a"), Some(1));
}

#[test]
fn pause_holds_back_polls_until_resume() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| builder);
    poller.pause();
    assert_eq!(poller.status().activity, Activity::Paused);
    assert!(
        poller
            .status()
            .to_string()
            .starts_with("paused, revision 1")
    );
    for _ in 0..3 {
        poller.trigger();
        let late = poller.refresh_now(Duration::ZERO);
        let late = late.expect_err("it is paused").to_string();
        assert!(
            late.ends_with("the poller is paused; call `resume`"),
            "{late}"
        );
    }
    control.supply(contents([("a", 2)]));
    assert_eq!(poller.status().polls, 1);
    poller.resume();
    assert!(poller.wait_until_fresh(LONG).is_ok());
    assert_eq!((config.get("a"), poller.status().polls), (Some(2), 2));
    poller.pause();
    must_end(move || drop(poller));
}

#[test]
fn new_period_takes_effect_at_once() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, unchanged::<&str, i32>(), |builder| builder);
    control.supply(contents([("a", 1)]));
    poller.set_period(Duration::from_nanos(1));
    assert!(config.wait_for(Revision::from(1), LONG).is_ok());
    control.supply(unchanged());
}

#[test]
fn zero_period_panics_and_leaves_the_poller_usable() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, unchanged::<&str, i32>(), |builder| builder);
    let handle = poller.handle();
    let refused = thread::spawn(move || handle.set_period(Duration::ZERO));
    assert!(refused.join().is_err());
    assert!(control.poll(&poller, unchanged()).is_ok());
}

#[test]
fn on_success_runs_before_waiters_return() {
    let config = Arc::new(Map::new());
    let successes: Arc<Mutex<Vec<Success>>> = Arc::default();
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| {
        let successes = Arc::clone(&successes);
        builder.on_success(move |success| {
            let mut successes = successes.lock().unwrap_or_else(|error| error.into_inner());
            successes.push(success.clone());
            assert!(successes.len() != 2, "the callback may panic");
        })
    });
    let count = || {
        successes
            .lock()
            .unwrap_or_else(|error| error.into_inner())
            .len()
    };
    let last = || {
        let successes = successes.lock().unwrap_or_else(|error| error.into_inner());
        successes.last().cloned()
    };
    assert_eq!((count(), last()), (1, poller.status().last_success));
    control.poll(&poller, unchanged()).expect("a success");
    assert_eq!((count(), last()), (2, poller.status().last_success));
    assert!(last().expect("one").refreshed.is_unchanged());
    control.poll(&poller, error("no")).expect_err("a failure");
    assert_eq!(count(), 2);
    control
        .poll(&poller, contents([("a", 2)]))
        .expect("a success");
    let success = last().expect("one");
    assert_eq!((count(), success.refreshed.changed), (3, 1));
    assert_eq!(success.refreshed.revision, config.revision());
    assert!(poller.age() >= Some(success.ended - success.began));
    assert_eq!(&*poller.last_failure().expect("one").message, "no");
}

#[test]
fn poller_without_contents_is_unhealthy() {
    let config = Arc::new(Map::<&str, i32>::new());
    let (poller, control) = started(&config, error("no"), |builder| builder);
    assert!(!poller.is_healthy());
    assert_eq!(poller.age(), None);
    control.poll(&poller, unchanged()).expect("a success");
    assert!(poller.is_healthy());
    control.poll(&poller, error("no")).expect_err("a failure");
    assert!(poller.is_healthy(), "the contents are fresh enough");
    let (sent, received) = mpsc::channel();
    let handle = poller.handle();
    let builder = Poller::every(HOUR, move || {
        _ = sent.send(());
        Ok::<_, String>([("a", 1)])
    });
    let strict = builder.max_age(Duration::ZERO).start(&config);
    let strict = strict.expect("a thread");
    strict.wait_until_fresh(LONG).expect("contents");
    received.recv_timeout(LONG).expect("a fetch");
    assert!(!strict.is_healthy(), "too old");
    assert!(handle.is_healthy());
}
