//! The state of a poller, on a clock that the tests advance.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use super::*;
use crate::poller::clock::Fake;
use crate::poller::deltas::{Delta, DeltaSource, FetchedAfter};
use crate::poller::foreign::Callbacks;
use crate::poller::guard::Guard;
use crate::poller::thread::{self as poller_thread, MarkStopped};
use crate::{Map, Refreshed};

const HOUR: Duration = Duration::from_secs(3600);
const LONG: Duration = Duration::from_secs(60);

fn end(shared: &Shared) {
    let now = shared.clock.now();
    let refreshed = Refreshed::unchanged_at(Revision::FIRST);
    let success = Success::new(now.clone(), now.instant, refreshed);
    shared.end(Ok(success), now, Some(Revision::FIRST), None, None);
}

/// Returns a poller with a period of eight hours whose first poll has ended, and its clock.
fn idle() -> (Arc<Shared>, Arc<Fake>) {
    let (shared, fake) = begun(None);
    end(&shared);
    (Arc::new(shared), fake)
}

/// Returns a poller with a period of eight hours whose first poll has begun, and its clock.
fn begun(deadline: Option<Duration>) -> (Shared, Arc<Fake>) {
    let fake = Arc::new(Fake::new());
    let clock = Clock {
        fake: Some(Arc::clone(&fake)),
    };
    let mut delays = Delays::with_period(8 * HOUR);
    delays.set_jitter(0.0);
    let settings = Settings {
        delays,
        deadline,
        max_age: None,
        resume_token: None,
    };
    let shared = Shared::new(settings, Revision::FIRST, clock);
    assert!(shared.begin().is_some());
    (shared, fake)
}

#[test]
fn a_suspend_counts_for_ages_and_due_times() {
    let (shared, fake) = idle();
    assert_eq!(shared.status().age(), Some(Duration::ZERO));
    let (begun, begins) = mpsc::channel();
    let reads = fake.reads();
    let thread = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || begun.send(shared.begin().is_some()))
    };
    let start = Instant::now();
    while fake.reads() == reads {
        assert!(start.elapsed() < LONG, "it does not read the clock");
        thread::yield_now();
    }
    // It read the clock while it held the lock, so once the lock is free the thread sleeps.
    drop(shared.lock());
    fake.advance(HOUR, Duration::ZERO);
    assert_eq!(shared.status().age(), Some(HOUR));
    fake.advance(Duration::ZERO, 7 * HOUR);
    assert_eq!(shared.status().age(), Some(8 * HOUR));
    assert_eq!(begins.recv_timeout(LONG), Ok(true), "it became due");
    thread.join().expect("no panic").expect("received");
}

#[test]
fn a_due_time_is_corrected_after_a_suspend() {
    let (shared, fake) = idle();
    let now = || shared.clock.now().instant;
    let due = || shared.status().activity.due();
    let (before, start) = (due(), now());
    assert_eq!(before, Some(start + 8 * HOUR));
    fake.advance(HOUR, 2 * HOUR);
    assert_eq!(shared.lock().schedule.left(), Some(5 * HOUR));
    assert_eq!(due(), Some(now() + 5 * HOUR));
    fake.advance(HOUR, Duration::ZERO);
    assert_eq!(due(), Some(now() + 4 * HOUR));
    fake.advance(4 * HOUR, Duration::ZERO);
    assert_eq!(shared.lock().schedule.left(), Some(Duration::ZERO));
}

/// Returns a poller whose period has no end.
fn without_end() -> Shared {
    let settings = Settings {
        delays: Delays::with_period(Duration::MAX),
        deadline: None,
        max_age: None,
        resume_token: None,
    };
    Shared::new(settings, Revision::FIRST, Clock::default())
}

#[test]
fn a_thread_that_panics_marks_the_poller_stopped() {
    let shared = without_end();
    let panics = || {
        let _stopped = MarkStopped(&shared);
        assert_ne!(shared.status().activity, Activity::Stopped);
        resume_unwind(Box::new("not caught"));
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(shared.status().activity, Activity::Stopped);
    assert!(shared.wait_until_over(), "does not block");
}

#[test]
fn no_poll_is_due_after_an_infinite_delay() {
    let shared = without_end();
    assert!(shared.begin().is_some());
    end(&shared);
    assert_eq!(shared.lock().schedule.left(), None);
}

#[test]
fn a_fetch_beyond_its_deadline_is_abandoned() {
    let fake = Arc::new(Fake::new());
    let clock = Clock {
        fake: Some(Arc::clone(&fake)),
    };
    let mut delays = Delays::with_period(8 * HOUR);
    delays.set_min_gap(Duration::ZERO);
    let settings = Settings {
        delays,
        deadline: Some(HOUR),
        max_age: None,
        resume_token: None,
    };
    let shared = Arc::new(Shared::new(settings, Revision::FIRST, clock));
    let watch = || {
        let shared = Arc::clone(&shared);
        thread::spawn(move || shared.watch())
    };
    // The time for which the machine is suspended does not count.
    assert!(shared.begin().is_some());
    fake.advance(HOUR / 2, 8 * HOUR);
    let watched = watch();
    assert!(shared.claim(), "the deadline has not passed");
    fake.advance(8 * HOUR, Duration::ZERO);
    end(&shared);

    shared.trigger(true);
    assert!(shared.begin().is_some());
    fake.advance(HOUR, Duration::ZERO);
    let failure = watched.join().expect("no panic").expect("the deadline");
    assert_eq!(failure.kind, FailureKind::Deadline);
    assert!(!shared.claim(), "its result does not count");
    shared.abandoned(failure);
    let status = shared.status();
    assert!(matches!(status.activity, Activity::Abandoned { .. }));
    assert_eq!((status.abandoned, status.failures_in_a_row), (1, 1));
    shared.discard(None);
    assert!(matches!(
        shared.status().activity,
        Activity::BackingOff { due: Some(_) }
    ));

    // The fetch ends while it is being reported.
    let watched = watch();
    shared.trigger(true);
    assert!(shared.begin().is_some());
    fake.advance(HOUR, Duration::ZERO);
    let failure = watched.join().expect("no panic").expect("the deadline");
    shared.discard(None);
    assert_eq!(shared.status().failures_in_a_row, 1);
    shared.abandoned(failure);
    let status = shared.status();
    assert!(matches!(status.activity, Activity::BackingOff { .. }));
    assert_eq!((status.abandoned, status.failures_in_a_row), (2, 2));
    shared.stop();
    assert!(shared.begin().is_none());
    shared.mark_stopped();
    assert!(shared.watch().is_none());
}

/// Returns a poller with a deadline of an hour whose first fetch has passed it, its clock, and the
/// failure to report.
fn late() -> (Shared, Arc<Fake>, Failure) {
    let (shared, fake) = begun(Some(HOUR));
    fake.advance(HOUR, Duration::ZERO);
    let failure = shared.watch().expect("the deadline");
    (shared, fake, failure)
}

/// Checks that the whole backoff is left, which a trigger shortens to the shortest gap.
fn assert_pauses(shared: &Shared) {
    let (backoff, gap) = (Duration::from_secs(1), Duration::from_millis(100));
    assert_eq!(shared.lock().schedule.left(), Some(backoff));
    let due = shared.status().activity.due().expect("one");
    assert_eq!(due, shared.clock.now().instant + backoff);
    shared.trigger(true);
    assert_eq!(shared.lock().schedule.left(), Some(gap));
}

#[test]
fn a_late_fetch_is_followed_by_a_pause() {
    let (shared, fake, failure) = late();
    shared.abandoned(failure);
    fake.advance(HOUR, HOUR);
    shared.discard(None);
    assert_pauses(&shared);

    // It ends while it is being reported.
    let (shared, fake, failure) = late();
    fake.advance(HOUR, HOUR);
    shared.discard(None);
    shared.abandoned(failure);
    assert_pauses(&shared);
}

#[test]
fn a_suspend_in_a_callback_counts() {
    let (shared, fake) = idle();
    shared.trigger(true);
    fake.advance(HOUR, Duration::ZERO);
    let callbacks = Callbacks {
        on_success: Some({
            let (shared, fake) = (Arc::clone(&shared), Arc::clone(&fake));
            Arc::new(move |_: &Success| {
                fake.advance(Duration::ZERO, 8 * HOUR);
                shared.stop();
            })
        }),
        ..Callbacks::default()
    };
    let map = Arc::new(Map::<u32, u32>::new());
    let source = || Ok::<_, String>([(1, 1)]);
    poller_thread::run(&shared, &Guard::default(), map, source, None, callbacks);
    assert_eq!(shared.lock().schedule.left(), Some(Duration::ZERO));
}

/// A source that reports a gap, and passes its deadline in the fetch of all contents.
struct LateAfterGap(Arc<Shared>);

impl DeltaSource for LateAfterGap {
    type Contents = [(u32, u32); 0];
    type Deltas = [Delta<u32, u32>; 0];
    type Error = String;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
        if token.is_none() {
            self.0.lock().phase = Phase::Abandoned;
            self.0.stop();
        }
        Ok(FetchedAfter::Gap)
    }
}

#[test]
fn a_late_fetch_after_a_gap_has_no_position() {
    let (shared, fake, failure) = late();
    let shared = Arc::new(shared);
    shared.abandoned(failure);
    shared.discard(Some(ResumeToken::from(1)));
    fake.advance(HOUR, Duration::ZERO);
    let (map, source) = (Arc::new(Map::new()), LateAfterGap(Arc::clone(&shared)));
    let token = shared.status().resume_token;
    let callbacks = Callbacks::default();
    poller_thread::run(&shared, &Guard::default(), map, source, token, callbacks);
    assert_eq!(shared.status().resume_token, None);
}

#[test]
fn a_new_period_applies_to_the_current_delay() {
    let (shared, fake) = idle();
    let due = || {
        let due = shared.status().activity.due().expect("one");
        due - shared.clock.now().instant
    };
    fake.advance(HOUR, Duration::ZERO);
    shared.set_period(2 * HOUR);
    assert_eq!(due(), HOUR);
    shared.set_period(HOUR / 2);
    assert_eq!(shared.lock().schedule.left(), Some(Duration::ZERO));
    assert!(shared.begin().is_some(), "it is due");
    end(&shared);
    assert_eq!(due(), HOUR / 2);
    shared.set_period(Duration::MAX);
    assert_eq!(shared.status().activity.due(), None);
}

#[test]
fn a_pause_holds_back_due_and_requested_polls() {
    let (shared, fake) = idle();
    shared.set_paused(true);
    fake.advance(9 * HOUR, Duration::ZERO);
    shared.trigger(true);
    assert_eq!(shared.lock().schedule.left(), None);
    assert_eq!(shared.status().activity, Activity::Paused);
    shared.set_paused(false);
    assert_eq!(shared.lock().schedule.left(), Some(Duration::ZERO));
}

#[test]
fn contents_beyond_the_age_are_unhealthy() {
    let (shared, fake) = idle();
    assert!(shared.status().is_healthy());
    fake.advance(24 * HOUR, Duration::ZERO);
    assert!(shared.status().is_healthy(), "three periods");
    fake.advance(Duration::ZERO, Duration::from_nanos(1));
    assert!(!shared.status().is_healthy(), "a suspend counts");
    shared.set_period(9 * HOUR);
    assert!(shared.status().is_healthy());
    shared.stop();
    assert!(!shared.status().is_healthy());
}
