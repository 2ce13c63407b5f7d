//! Stopping in every state and from every thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use untorn::poller::{Activity, RefreshError};
use untorn::{Map, Poller, Revision};

use super::support::{
    HOUR, LONG, contents, controlled_source, error, fetching, started, unchanged,
    wait_until_dropped,
};

/// Runs `f` on a thread and fails if it does not end.
pub(super) fn must_end(f: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        f();
        _ = done.send(());
    });
    match ended.recv_timeout(LONG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the closure hangs"),
        _ => thread.join().expect("no panic"),
    }
}

#[test]
fn stop_interrupts_sleep_and_backoff() {
    for first in [contents([("a", 1)]), error("no")] {
        let config = Arc::new(Map::new());
        // Also in a backoff of an hour.
        let (poller, control) = started(&config, first, |builder| builder);
        for _ in 0..12 {
            _ = control.poll(&poller, error("no"));
        }
        must_end(move || {
            poller.stop();
            let status = poller.status();
            assert_eq!((status.activity, status.polls), (Activity::Stopped, 13));
            poller.stop();
        });
        wait_until_dropped(&control);
        assert_eq!(Arc::strong_count(&config), 1, "the poller released the map");
    }
}

#[test]
fn stop_waits_for_a_running_fetch_and_publishes_it() {
    let config = Arc::new(Map::new());
    let (poller, control) = fetching(&config);
    let stopper = thread::spawn(move || drop(poller));
    // The only sign that it waits is that it has not finished.
    thread::yield_now();
    assert!(!stopper.is_finished());
    control.supply(contents([("a", 1)]));
    must_end(move || stopper.join().expect("no panic"));
    assert_eq!(config.get("a"), Some(1));
    wait_until_dropped(&control);
}

#[test]
fn poller_stops_before_its_first_fetch() {
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
fn concurrent_stops_return_after_the_thread_ended() {
    let config = Arc::new(Map::<&str, i32>::new());
    let (source, control) = controlled_source();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    let poller = Arc::new(poller);
    control.wait_for_a_fetch();
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
    control.supply(unchanged());
    must_end(move || {
        for stopper in stoppers {
            assert_eq!(stopper.join().expect("no panic"), Activity::Stopped);
        }
    });
}

#[test]
fn stop_ends_waits_for_fresh_contents() {
    let config = Arc::new(Map::new());
    let (poller, _control) = started(&config, error::<&str, i32>("no"), |builder| builder);
    let poller = Arc::new(poller);
    let waiter = {
        let poller = Arc::clone(&poller);
        thread::spawn(move || poller.wait_until_fresh(LONG))
    };
    poller.stop();
    must_end(move || {
        assert_eq!(waiter.join().expect("no panic"), Err(RefreshError::Stopped));
        poller.trigger();
        assert_eq!(poller.refresh_now(LONG), Err(RefreshError::Stopped));
        assert_eq!(poller.status().polls, 1, "a trigger does nothing");
    });
}

/// A place through which a source reaches its own poller.
type Slot = Arc<Mutex<Option<Poller>>>;

#[test]
fn poller_dropped_in_its_source_finishes_the_poll() {
    let config = Arc::new(Map::new());
    let (source, control) = controlled_source();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    let slot = Slot::new(Mutex::new(Some(poller)));
    control.supply(Box::new(move || {
        let poller = slot.lock().map(|mut slot| slot.take());
        let poller = poller
            .expect("not poisoned")
            .expect("the test stored the poller");
        poller.trigger();
        poller.stop();
        let activity = poller.status().activity;
        assert!(matches!(activity, Activity::Fetching { .. }));
        drop(poller);
        contents([("a", 1)])()
    }));
    wait_until_dropped(&control);
    assert_eq!(config.get("a"), Some(1), "the poll was completed");
}

#[test]
fn wait_inside_the_source_panics_with_a_reason() {
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
                let message = waited.expect_err("this would deadlock");
                let message = message.downcast_ref::<&str>().copied().unwrap_or_default();
                assert!(message.contains("on the poller's own thread"), "{message}");
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
    drop(poller.expect("the source put the poller back"));
}

#[test]
fn status_displays_as_one_line() {
    let config = Arc::new(Map::new());
    let (source, control) = controlled_source();
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    assert!(poller.status().to_string().ends_with("no contents yet"));
    control.supply(contents([("a", 1)]));
    poller.wait_until_fresh(LONG).expect("fresh");
    let message = poller.status().to_string();
    assert!(
        message.starts_with("sleeping, revision 1, 1 poll, contents at most ")
            && message.ends_with(" old"),
        "{message}"
    );
}

#[test]
fn source_may_drop_its_poller_on_its_thread() {
    let config = Arc::new(Map::new());
    let slot = Slot::default();
    let (go, going) = mpsc::channel::<()>();
    let (kept, dropped) = mpsc::channel::<()>();
    let source = {
        let slot = Arc::clone(&slot);
        move || {
            let _kept = &kept;
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
    drop(slot); // the source holds the last one
    go.send(()).expect("the source waits");
    let ended = dropped.recv_timeout(LONG);
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(config.get("a"), Some(1));
}

#[test]
fn panic_while_dropping_the_source_is_caught() {
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("while dropping the source");
        }
    }
    let config = Arc::new(Map::new());
    let panic_on_drop = PanicOnDrop;
    let source = move || {
        let _kept = &panic_on_drop;
        Ok::<_, String>([("a", 1)])
    };
    let poller = Poller::every(HOUR, source)
        .start(&config)
        .expect("a thread");
    poller.wait_until_fresh(LONG).expect("contents");
    must_end(move || {
        poller.stop();
        assert_eq!(poller.status().activity, Activity::Stopped);
    });
}
