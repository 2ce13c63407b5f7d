//! Schedules on a clock that the tests advance.

use std::sync::Arc;

use super::*;
use crate::poller::clock::Fake;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// A poller without a thread.
struct Simulated {
    schedule: Schedule,
    failures: u64,
    has_succeeded: bool,
    /// The delay that its source wants after each poll.
    wanted: Option<Duration>,
}

/// Pollers on one clock.
struct Herd {
    fake: Arc<Fake>,
    clock: Clock,
    start: Instant,
    pollers: Vec<Simulated>,
}

impl Herd {
    fn new(size: usize, delays: impl Fn(usize) -> Delays) -> Self {
        let fake = Arc::new(Fake::new());
        let clock = Clock {
            fake: Some(Arc::clone(&fake)),
        };
        let poller = |n| Simulated {
            schedule: Schedule::new(delays(n), clock.now()),
            failures: 0,
            has_succeeded: false,
            wanted: None,
        };
        let pollers = (0..size).map(poller).collect();
        Self {
            fake,
            start: clock.now().instant,
            clock,
            pollers,
        }
    }

    fn one(delays: &Delays) -> Self {
        Self::new(1, |_| delays.clone())
    }

    fn now(&self) -> Duration {
        self.clock.now().instant - self.start
    }

    fn advance(&self, by: Duration) {
        self.fake.advance(by, Duration::ZERO);
    }

    fn trigger(&mut self, is_urgent: bool) {
        let now = self.clock.now();
        self.pollers[0].schedule.request(now, is_urgent);
    }

    /// Advances the clock to the next poll of any poller, which takes no time and fails if `is_up`
    /// is false at that time. Returns the time, or `None` if no poll begins before `end`.
    fn step(&mut self, end: Duration, is_up: impl Fn(Duration) -> bool) -> Option<Duration> {
        let left = |poller: &Simulated| poller.schedule.left().unwrap_or(Duration::MAX);
        let next = self.pollers.iter().map(left).enumerate();
        let (index, wait) = next.min_by_key(|&(_, left)| left).expect("a poller");
        if self.now().saturating_add(wait) >= end {
            self.advance(end - self.now());
            return None;
        }
        self.advance(wait);
        let now = self.now();
        let poller = &mut self.pollers[index];
        poller.schedule.begin();
        let is_first_success = is_up(now) && !poller.has_succeeded;
        poller.has_succeeded |= is_up(now);
        poller.failures = if is_up(now) { 0 } else { poller.failures + 1 };
        let ended = self.clock.now();
        poller
            .schedule
            .end(ended, poller.failures, is_first_success, poller.wanted);
        Some(now)
    }

    /// Returns the times of all polls before `end`.
    fn polls(&mut self, end: Duration, is_up: impl Fn(Duration) -> bool) -> Vec<Duration> {
        std::iter::from_fn(|| self.step(end, &is_up)).collect()
    }
}

/// Returns the largest number of these times within a tenth of a second.
fn crowd(times: &[Duration]) -> usize {
    let within = |from: &Duration| {
        let near = |time: &&Duration| (*from..*from + 100 * MILLI).contains(*time);
        times.iter().filter(near).count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

fn after(times: &[Duration], from: Duration) -> Vec<Duration> {
    times.iter().copied().filter(|time| *time >= from).collect()
}

#[test]
fn a_herd_spreads_from_the_second_fetch_on() {
    let mut herd = Herd::new(200, |_| Delays::with_period(SECOND));
    let times = herd.polls(5 * SECOND, |_| true);
    assert_eq!(crowd(&times[..200]), 200, "the first fetch is at once");
    let later = after(&times, 100 * MILLI);
    assert!((700..1_000).contains(&later.len()), "{}", later.len());
    // 20 in the mean; the standard deviation is about 4.
    assert!(crowd(&later) < 60, "{}", crowd(&later));
}

/// The server answers 503 and asks all for the same pause.
#[test]
fn a_pause_of_a_server_is_followed_by_no_crowd() {
    let mut herd = Herd::new(200, |_| Delays::with_period(SECOND));
    for poller in &mut herd.pollers {
        poller.wanted = Some(30 * SECOND);
    }
    let times = herd.polls(33 * SECOND + MILLI, |now| now > SECOND);
    assert_eq!(times.len(), 400, "one before the pause, one after it");
    let later = after(&times, 100 * MILLI);
    assert!(later.iter().all(|time| *time >= 30 * SECOND));
    // 7 in the mean: the jitter is a tenth.
    assert!(crowd(&later) < 40, "{}", crowd(&later));
}

#[test]
fn a_wanted_delay_is_not_too_old() {
    let mut herd = Herd::one(&Delays::with_period(SECOND));
    assert_eq!(herd.pollers[0].schedule.default_max_age(), 10 * SECOND);
    herd.pollers[0].wanted = Some(60 * SECOND);
    assert_eq!(herd.step(SECOND, |_| true), Some(Duration::ZERO));
    assert_eq!(herd.pollers[0].schedule.default_max_age(), 180 * SECOND);
    herd.pollers[0].schedule.set_period(2 * SECOND, true);
    assert_eq!(herd.step(59 * SECOND, |_| true), None);
    // Its default depends on the period.
    herd.pollers[0].schedule.set_period(MILLI, true);
    assert_eq!(herd.pollers[0].schedule.gap, MILLI);
    herd.pollers[0].schedule.set_period(2 * SECOND, true);
    herd.pollers[0].wanted = None;
    assert!(herd.step(67 * SECOND, |_| true).is_some());
    assert_eq!(herd.pollers[0].schedule.default_max_age(), 10 * SECOND);
}

#[test]
fn an_initial_delay_spreads_the_first_fetch() {
    let mut herd = Herd::new(200, |_| {
        let mut delays = Delays::with_period(10 * SECOND);
        delays.set_initial(SECOND);
        delays
    });
    let times = herd.polls(SECOND, |_| true);
    assert_eq!(times.len(), 200);
    assert!(crowd(&times) < 60, "{}", crowd(&times));
}

#[test]
fn named_instances_are_spread_and_repeatable() {
    let times = || {
        let mut herd = Herd::new(200, |n| {
            let mut delays = Delays::with_period(SECOND);
            delays.set_jitter(0.0);
            delays.set_initial(SECOND);
            delays.set_instance(&format!("settings-6f7c9-{n}"));
            delays
        });
        herd.polls(4 * SECOND, |_| true)
    };
    let first = times();
    assert!(crowd(&first) < 60, "{}", crowd(&first));
    assert_eq!(first, times());
}

#[test]
fn a_herd_spreads_while_the_server_is_down() {
    let mut herd = Herd::new(200, |_| Delays::with_period(SECOND));
    let is_up = |now| now >= 30 * SECOND;
    let times = herd.polls(40 * SECOND, is_up);
    assert_eq!(crowd(&times[..200]), 200, "the first fetch is at once");
    let retries = after(&times, 50 * MILLI);
    let soon: Vec<_> = retries
        .iter()
        .copied()
        .filter(|time| *time < SECOND)
        .collect();
    // The first retries, those within the shortest gap at its end.
    assert!(crowd(&soon) < 80, "{}", crowd(&soon));
    let up = after(&times, 30 * SECOND);
    assert!(up.len() >= 200 && crowd(&up) < 80, "{}", crowd(&up));
}

#[test]
fn without_jitter_nothing_is_random() {
    let mut delays = Delays::with_period(SECOND);
    delays.set_jitter(0.0);
    let mut herd = Herd::new(3, |_| delays.clone());
    let times = herd.polls(3 * SECOND, |_| true);
    let expected = [0, 0, 0, 1, 1, 1, 2, 2, 2].map(Duration::from_secs);
    assert_eq!(times, expected);
}

#[test]
fn triggers_keep_the_shortest_gap() {
    for is_up in [true, false] {
        for is_urgent in [true, false] {
            let mut delays = Delays::with_period(3600 * SECOND);
            delays.set_max_backoff(3600 * SECOND);
            let mut herd = Herd::one(&delays);
            let mut times = Vec::new();
            // A thousand triggers within a second.
            for n in 0..1_000 {
                herd.trigger(is_urgent);
                times.extend(herd.polls(n * MILLI, |_| is_up));
            }
            assert!((9..=11).contains(&times.len()), "{times:?}");
            let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.into_iter().all(|gap| gap >= 100 * MILLI), "{times:?}");
        }
    }
}

#[test]
fn a_trigger_after_the_gap_begins_at_once() {
    let mut herd = Herd::one(&Delays::with_period(Duration::MAX));
    assert_eq!(herd.polls(SECOND, |_| true), [Duration::ZERO]);
    assert_eq!(herd.pollers[0].schedule.left(), None);
    assert_eq!(herd.pollers[0].schedule.due(&herd.clock), None);
    herd.trigger(false);
    let due = herd.pollers[0].schedule.due(&herd.clock);
    assert_eq!(due, Some(herd.clock.now().instant));
    assert_eq!(herd.polls(2 * SECOND, |_| true), [SECOND]);
}

#[test]
fn a_quiet_time_merges_triggers() {
    let mut delays = Delays::with_period(3600 * SECOND);
    delays.quiet_time = 50 * MILLI;
    let mut herd = Herd::one(&delays);
    assert_eq!(herd.polls(SECOND, |_| true), [Duration::ZERO]);
    for _ in 0..5 {
        herd.trigger(false);
        herd.advance(20 * MILLI);
    }
    // 50 ms after the last trigger, at 1,080 ms.
    assert_eq!(herd.polls(2 * SECOND, |_| true), [1_130 * MILLI]);
    // A caller who waits does not wait for quiet.
    herd.trigger(false);
    herd.trigger(true);
    assert_eq!(herd.polls(3 * SECOND, |_| true), [2 * SECOND]);
}

#[test]
fn times_beyond_the_clock_are_the_latest() {
    let mut delays = Delays::with_period(3600 * SECOND);
    delays.quiet_time = Duration::MAX;
    let mut herd = Herd::one(&delays);
    herd.polls(SECOND, |_| true);
    let due = |herd: &Herd| herd.pollers[0].schedule.due(&herd.clock);
    let before = due(&herd);
    herd.trigger(false);
    assert!(before.is_some() && due(&herd) == before);
    let mut never = Herd::one(&Delays::with_period(Duration::MAX));
    never.polls(SECOND, |_| true);
    assert_eq!(due(&never), None);
}

#[test]
fn endless_triggers_do_not_postpone_for_ever() {
    let mut delays = Delays::with_period(3600 * SECOND);
    delays.quiet_time = 50 * MILLI;
    let mut herd = Herd::one(&delays);
    let mut times = herd.polls(SECOND, |_| true);
    for n in 0..1_000 {
        herd.trigger(false);
        times.extend(herd.polls(SECOND + n * MILLI, |_| true));
    }
    assert_eq!(times, [Duration::ZERO, 1_500 * MILLI]);
}
