//! Storms of triggers: they are merged, and polls keep their gap. Times are tested on a simulated
//! clock, in the library.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use untorn::{Map, Poller};

use super::support::{
    HOUR, LONG, contents, controlled_source, error, started, unchanged, wait_for_polls,
};

#[test]
fn triggers_within_the_gap_cause_one_fetch() {
    for first in [contents([("a", 1)]), error("no")] {
        let config = Arc::new(Map::new());
        let (poller, control) = started(&config, first, |builder| builder.min_gap(HOUR));
        for _ in 0..1_000 {
            poller.trigger();
        }
        let due = poller.status().activity.due().expect("one");
        let late = poller.refresh_now(Duration::ZERO).expect_err("the gap");
        assert!(late.to_string().contains("fetch is due in "), "{late}");
        assert!(due <= poller.status().activity.due().expect("one"));
        assert_eq!(poller.status().polls, 1);
        drop(poller);
        drop(control);
    }
}

#[test]
fn source_that_triggers_its_poller_does_not_spin() {
    let own: Arc<OnceLock<Poller>> = Arc::default();
    let source = {
        let own = Arc::clone(&own);
        move || {
            own.wait().trigger();
            Ok::<_, String>([("a", 1)])
        }
    };
    let config = Arc::new(Map::new());
    let builder = Poller::every(HOUR, source).min_gap(HOUR);
    let poller = builder.start(&config).expect("a thread");
    assert!(own.set(poller).is_ok());
    let poller = own.get().expect("it was set");
    wait_for_polls(poller, 1);
    assert!(poller.status().activity.due().is_some());
    assert_eq!(poller.status().polls, 1);
    poller.stop();
}

#[test]
fn quiet_time_does_not_delay_a_caller_who_waits() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents([("a", 1)]), |builder| {
        builder.quiet_time(HOUR)
    });
    poller.trigger();
    assert_eq!(poller.status().polls, 1);
    assert!(control.poll(&poller, contents([("a", 2)])).is_ok());
    assert_eq!((poller.status().polls, config.get("a")), (2, Some(2)));
}

#[test]
fn trigger_ends_the_initial_delay() {
    let config = Arc::new(Map::<&str, i32>::new());
    let (source, control) = controlled_source();
    let poller = Poller::every(HOUR, source)
        .initial_delay(HOUR * 1_000_000)
        .start(&config)
        .expect("a thread");
    assert!(poller.status().activity.due().is_some());
    control.supply(unchanged());
    assert!(poller.refresh_now(LONG).is_ok());
    assert_eq!(poller.status().polls, 1);
}
