//! A source that says when it wants the next fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use untorn::poller::{Activity, FailureKind};
use untorn::{Fetched, Map, Poller, Source};

use super::support::{HOUR, LONG, wait_for_polls};

/// A source that fails or not, and what it says afterwards.
struct Leased {
    fails: bool,
    wants: fn(usize) -> Option<Duration>,
    fetches: Arc<AtomicUsize>,
}

impl Source for Leased {
    type Contents = [(u32, u32); 1];
    type Error = &'static str;

    fn fetch(&mut self) -> Result<Fetched<Self::Contents>, &'static str> {
        let fetch = self.fetches.fetch_add(1, Ordering::SeqCst) as u32;
        match self.fails {
            true => Err("busy"),
            false => Ok(Fetched::Contents([(1, fetch)])),
        }
    }

    fn next_delay(&self) -> Option<Duration> {
        (self.wants)(self.fetches.load(Ordering::SeqCst))
    }
}

/// Starts a poller, and waits for the end of its first poll.
fn polled(
    period: Duration,
    fails: bool,
    wants: fn(usize) -> Option<Duration>,
) -> (Poller, Arc<Map<u32, u32>>, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = Leased {
        fails,
        wants,
        fetches: Arc::clone(&fetches),
    };
    let map = Arc::new(Map::new());
    let poller = Poller::every(period, source).start(&map).expect("a thread");
    wait_for_polls(&poller, 1);
    (poller, map, fetches)
}

fn left(activity: &Activity) -> Duration {
    let due = activity.due().expect("a poll is due");
    due.saturating_duration_since(Instant::now())
}

#[test]
fn a_short_lease_is_renewed_before_the_period() {
    let (poller, map, fetches) = polled(HOUR, false, |_| Some(Duration::from_millis(1)));
    wait_for_polls(&poller, 5);
    poller.stop();
    let last = fetches.load(Ordering::SeqCst) as u32 - 1;
    assert_eq!(map.get(&1), Some(last));
}

#[test]
fn a_pause_replaces_period_and_backoff() {
    for fails in [false, true] {
        let (poller, _, fetches) = polled(Duration::from_millis(1), fails, |_| Some(HOUR));
        let activity = poller.status().activity;
        assert_eq!(matches!(activity, Activity::BackingOff { .. }), fails);
        assert!(left(&activity) > HOUR - LONG, "{activity:?}");
        assert!(left(&activity) <= HOUR * 11 / 10, "{activity:?}");
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        // A trigger does not wait for it.
        assert_eq!(poller.refresh_now(LONG).is_err(), fails);
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn the_source_is_asked_after_each_poll() {
    let wants = |fetches| (fetches < 3).then_some(Duration::from_millis(1));
    let (poller, ..) = polled(HOUR, false, wants);
    wait_for_polls(&poller, 3);
    let activity = poller.status().activity;
    assert!(left(&activity) > HOUR / 2 - LONG, "{activity:?}");
}

#[test]
fn a_panic_of_next_delay_is_a_failure() {
    let (poller, map, fetches) = polled(HOUR, false, |fetches| {
        assert!(fetches != 1, "a mistake of the source");
        Some(HOUR)
    });
    let failure = poller.status().last_failure.expect("one");
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.message.contains("a mistake of the source"));
    let contents = map.get(&1).expect("the contents remain");
    // A retry may have begun.
    assert!(contents == 0 || fetches.load(Ordering::SeqCst) > 1);
    poller.refresh_now(LONG).expect("it is called again");
}
