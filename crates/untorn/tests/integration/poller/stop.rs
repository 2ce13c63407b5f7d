//! Stopping, in every state and from everywhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use untorn::poller::{Activity, RefreshError};
use untorn::{Map, Poller, Revision};

use super::support::{
    HOUR, LONG, contents, error, started, steered, unchanged, wait_until_dropped,
};

/// Runs `f`, which must end.
fn within_reason(f: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        f();
        _ = done.send(());
    });
    match ended.recv_timeout(LONG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().expect("no panic"),
    }
}

#[test]
fn it_stops_at_once_while_it_sleeps_or_backs_off() {
    for first in [contents([("a", 1)]), error("no")] {
        let config = Arc::new(Map::new());
        // In a backoff of an hour, too.
        let (poller, steering) = started(&config, first, |setup| setup);
        for _ in 0..12 {
            _ = steering.poll(&poller, error("no"));
        }
        within_reason(move || {
            poller.stop();
            let status = poller.status();
            assert_eq!((status.activity, status.polls), (Activity::Stopped, 13));
            poller.stop();
        });
        wait_until_dropped(&steering);
        assert_eq!(Arc::strong_count(&config), 1, "the map was let go of");
    }
}

#[test]
fn during_a_fetch_it_waits_for_that_and_takes_over_what_it_brings() {
    let config = Arc::new(Map::new());
    let (source, steering) = steered();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    steering.wait_for_a_fetch();
    let stopper = thread::spawn(move || drop(poller));
    // Nothing shows that it waits but that it has not ended.
    thread::yield_now();
    assert!(!stopper.is_finished());
    steering.let_go(contents([("a", 1)]));
    within_reason(move || stopper.join().expect("no panic"));
    assert_eq!(config.get("a"), Some(1));
    wait_until_dropped(&steering);
}

#[test]
fn before_its_first_fetch_it_stops_too() {
    for _ in 0..300 {
        let config = Arc::new(Map::new());
        let source = || Ok::<_, String>([("a", 1)]);
        let poller = Poller::every(HOUR, source)
            .start(&config)
            .expect("a thread");
        drop(poller);
        assert_eq!(Arc::strong_count(&config), 1);
    }
}

#[test]
fn everybody_who_stops_it_returns_when_it_has_ended() {
    let config = Arc::new(Map::<&str, i32>::new());
    let (source, steering) = steered();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    let poller = Arc::new(poller);
    steering.wait_for_a_fetch();
    let start = Arc::new(Barrier::new(4));
    let stoppers: Vec<_> = (0..3)
        .map(|_| {
            let (poller, start) = (Arc::clone(&poller), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                poller.stop();
                poller.status().activity
            })
        })
        .collect();
    start.wait();
    steering.let_go(unchanged());
    within_reason(move || {
        for stopper in stoppers {
            assert_eq!(stopper.join().expect("no panic"), Activity::Stopped);
        }
    });
}

#[test]
fn who_waits_for_fresh_contents_is_told_of_the_end() {
    let config = Arc::new(Map::new());
    let (poller, _steering) = started(&config, error::<&str, i32>("no"), |setup| setup);
    let poller = Arc::new(poller);
    let waiter = {
        let poller = Arc::clone(&poller);
        thread::spawn(move || poller.wait_until_fresh(LONG))
    };
    poller.stop();
    within_reason(move || {
        assert_eq!(waiter.join().expect("no panic"), Err(RefreshError::Stopped));
        poller.trigger();
        assert_eq!(poller.refresh_now(LONG), Err(RefreshError::Stopped));
        assert_eq!(poller.status().polls, 1, "a trigger does nothing");
    });
}

/// The way back from a source to its poller.
type Slot = Arc<Mutex<Option<Poller>>>;

#[test]
fn dropped_inside_its_own_source_it_ends_after_that_poll() {
    let config = Arc::new(Map::new());
    let (source, steering) = steered();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    let slot = Slot::new(Mutex::new(Some(poller)));
    steering.let_go(Box::new(move || {
        let poller = slot.lock().map(|mut slot| slot.take());
        let poller = poller.expect("not poisoned").expect("put there before");
        poller.trigger();
        poller.stop();
        let activity = poller.status().activity;
        assert!(matches!(activity, Activity::Fetching { .. }));
        drop(poller);
        contents([("a", 1)])()
    }));
    wait_until_dropped(&steering);
    assert_eq!(config.get("a"), Some(1), "the poll was carried through");
}

#[test]
fn a_wait_inside_its_own_source_is_a_panic_that_says_so() {
    let config = Arc::new(Map::<&str, i32>::new());
    let slot = Slot::default();
    let source = {
        let slot = Arc::clone(&slot);
        move || {
            let poller = loop {
                let poller = slot.lock().map_err(|error| error.to_string())?.take();
                match poller {
                    Some(poller) => break poller,
                    None => thread::yield_now(),
                }
            };
            let waits: [fn(&Poller) -> bool; 2] = [
                |poller| poller.refresh_now(LONG).is_ok(),
                |poller| poller.wait_until_fresh(LONG).is_ok(),
            ];
            for wait in waits {
                let waited = catch_unwind(AssertUnwindSafe(|| wait(&poller)));
                let told = waited.expect_err("it would wait for itself");
                let told = told.downcast_ref::<&str>().copied().unwrap_or_default();
                assert!(told.contains("on the poller's own thread"), "{told}");
            }
            slot.lock()
                .map_err(|error| error.to_string())?
                .replace(poller);
            Ok::<_, String>([("a", 1)])
        }
    };
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    slot.lock().expect("not poisoned").replace(poller);
    let loaded = config.wait_for(Revision::from(1), LONG);
    assert!(loaded.is_ok(), "{loaded:?}");
    let poller = slot.lock().expect("not poisoned").take();
    drop(poller.expect("put back"));
}

#[test]
fn a_status_is_told_in_a_line() {
    let config = Arc::new(Map::new());
    let (source, steering) = steered();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    assert!(poller.status().to_string().ends_with("no contents yet"));
    steering.let_go(contents([("a", 1)]));
    poller.wait_until_fresh(LONG).expect("fresh");
    let told = poller.status().to_string();
    assert!(
        told.starts_with("sleeping, revision 1, 1 poll, contents at most ")
            && told.ends_with(" old"),
        "{told}"
    );
}

#[test]
fn a_source_that_owns_its_poller_drops_it_on_its_own_thread() {
    let config = Arc::new(Map::new());
    let slot = Slot::default();
    let (go, going) = mpsc::channel::<()>();
    let (told, dropped) = mpsc::channel::<()>();
    let source = {
        let slot = Arc::clone(&slot);
        move || {
            let _kept = &told;
            going
                .recv_timeout(LONG)
                .map_err(|error| error.to_string())?;
            let slot = slot.lock().map_err(|error| error.to_string())?;
            slot.as_ref().map(Poller::stop);
            Ok::<_, String>([("a", 1)])
        }
    };
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    *slot.lock().expect("not poisoned") = Some(poller);
    drop(slot); // the last one is the source's
    go.send(()).expect("the source waits");
    let ended = dropped.recv_timeout(LONG);
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(config.get("a"), Some(1));
}

#[test]
fn a_panic_when_the_source_is_dropped_is_nobodys_end() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the source goes");
        }
    }
    let config = Arc::new(Map::new());
    let bomb = Bomb;
    let source = move || {
        let _kept = &bomb;
        Ok::<_, String>([("a", 1)])
    };
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    poller.wait_until_fresh(LONG).expect("contents");
    within_reason(move || {
        poller.stop();
        assert_eq!(poller.status().activity, Activity::Stopped);
    });
}
