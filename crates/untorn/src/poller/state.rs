//! The state shared by the handle and the thread of a poller. No foreign code runs while it is
//! locked.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::BackoffPolicy;
use super::clock::{Clock, Moment};
use super::status::{Activity, Failure, RefreshError, Status, Success};
use crate::random::random_unit_f64;
use crate::{Refreshed, Revision};

/// The longest sleep of the thread before it reads the clock again. A sleep does not count a
/// suspend that occurs meanwhile, so a poll that became due during it begins at most this late. The
/// cost is a wakeup of some microseconds each time, for periods that are longer than this.
const MAX_SLEEP: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_secs(10)
};

/// A difference of the two clocks that only a suspend can cause.
const SUSPENDED: Duration = Duration::from_secs(1);

/// The state of a poller.
pub(super) struct Shared {
    clock: Clock,
    state: Mutex<State>,
    /// Wakes the thread, for a trigger or a stop.
    wakeup: Condvar,
    /// Wakes the callers that wait for a poll to end.
    ended: Condvar,
    backoff: BackoffPolicy,
}

/// The polls, by number. They are numbered from 1, and at most one is running: the last that began.
struct State {
    status: Status,
    /// The last poll that began.
    begun: u64,
    /// The last poll that a start or a trigger requested. It is never beyond the next one, so
    /// triggers coalesce, and a trigger during a fetch requests another poll.
    requested: u64,
    /// The last poll that succeeded.
    succeeded: u64,
    /// The end of the last poll, and the delay after which the next one is due. `None` before the
    /// first poll, and if the due time is beyond the range of the clock.
    next_delay: Option<(Moment, Duration)>,
    /// The beginning of the last poll.
    began: Moment,
    stop: bool,
}

impl State {
    /// Returns the time until the next poll is due, or `None` if it never is. Corrects the due time
    /// in the status after a suspend.
    fn left(&mut self, clock: &Clock) -> Option<Duration> {
        let (from, delay) = self.next_delay.as_ref()?;
        let left = delay.saturating_sub(from.elapsed());
        let activity = &mut self.status.activity;
        if let Activity::Sleeping { due: Some(due) } | Activity::BackingOff { due: Some(due) } =
            activity
            && let Some(corrected) = clock.now().instant.checked_add(left)
            && due.saturating_duration_since(corrected) > SUSPENDED
        {
            *due = corrected;
        }
        Some(left)
    }
}

impl Shared {
    pub(super) fn new(backoff: BackoffPolicy, revision: Revision, clock: Clock) -> Self {
        let now = clock.now();
        let status = Status {
            activity: Activity::Sleeping {
                due: Some(now.instant),
            },
            revision,
            polls: 0,
            failures_in_a_row: 0,
            last_success: None,
            last_failure: None,
        };
        Self {
            clock,
            state: Mutex::new(State {
                status,
                begun: 0,
                requested: 1,
                succeeded: 0,
                next_delay: None,
                began: now,
                stop: false,
            }),
            wakeup: Condvar::new(),
            ended: Condvar::new(),
            backoff,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the next poll is due or requested, and begins it. Returns false if the poller
    /// was stopped instead.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.lock();
        while !state.stop && state.requested <= state.begun {
            state = match state.left(&self.clock) {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let woken = self.wakeup.wait_timeout(state, left.min(MAX_SLEEP));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.wakeup.wait(state);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        if state.stop {
            return false;
        }
        state.begun += 1;
        state.began = self.clock.now();
        state.status.activity = Activity::Fetching {
            since: state.began.instant,
        };
        true
    }

    /// Ends the running poll, and wakes the callers that wait for it.
    pub(super) fn end(&self, result: Result<Refreshed, Failure>, revision: Revision) {
        let mut state = self.lock();
        let mut ended = self.clock.now();
        if let Err(failure) = &result {
            // The status has the time that `on_failure` received.
            ended = ended.back_to(failure.ended);
        }
        let State {
            status,
            begun,
            succeeded,
            next_delay,
            began,
            ..
        } = &mut *state;
        status.polls += 1;
        status.revision = revision;
        match result {
            Ok(refreshed) => {
                *succeeded = *begun;
                status.failures_in_a_row = 0;
                status.last_success = Some(Success {
                    began: began.instant,
                    ended: ended.instant,
                    refreshed,
                    age: began.clone(),
                });
            }
            Err(failure) => {
                status.failures_in_a_row += 1;
                status.last_failure = Some(failure);
            }
        }
        let failures = status.failures_in_a_row;
        let delay = self.backoff.delay(failures, random_unit_f64());
        // `None` if it is beyond the range of the clock.
        let due = ended.instant.checked_add(delay);
        *next_delay = due.map(|_| (ended, delay));
        status.activity = match failures {
            0 => Activity::Sleeping { due },
            _ => Activity::BackingOff { due },
        };
        drop(state);
        self.ended.notify_all();
    }

    /// Marks the poller as stopped, and wakes all callers that wait. The thread runs no foreign
    /// code after this.
    pub(super) fn mark_stopped(&self) {
        self.lock().status.activity = Activity::Stopped;
        self.ended.notify_all();
    }

    pub(super) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.wakeup.notify_one();
    }

    /// Requests a poll that begins after this call, and returns its number.
    pub(super) fn trigger(&self) -> u64 {
        let mut state = self.lock();
        state.requested = state.begun + 1;
        let requested = state.requested;
        drop(state);
        self.wakeup.notify_one();
        requested
    }

    /// Returns the number of the poll that was requested last.
    pub(super) fn requested(&self) -> u64 {
        self.lock().requested
    }

    /// Blocks until poll `wanted`, or a later one, has succeeded. Unless it `may_fail`, returns the
    /// error of a failure at once.
    pub(super) fn wait_for(
        &self,
        wanted: u64,
        may_fail: bool,
        timeout: Duration,
    ) -> Result<Revision, RefreshError> {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            let status = &state.status;
            let failed = status
                .last_failure
                .as_ref()
                .filter(|_| status.failures_in_a_row > 0);
            if let Some(success) = &status.last_success
                && state.succeeded >= wanted
            {
                return Ok(success.refreshed.revision);
            }
            if let Some(failure) = failed
                && status.polls >= wanted
                && !may_fail
            {
                return Err(RefreshError::Failed(failure.clone()));
            }
            if status.activity == Activity::Stopped {
                return Err(RefreshError::Stopped);
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(RefreshError::Timeout {
                    timeout,
                    last_failure: failed.cloned(),
                });
            }
            let woken = self.ended.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;
    use crate::poller::clock::Fake;

    const HOUR: Duration = Duration::from_secs(3600);
    const LONG: Duration = Duration::from_secs(60);

    fn end(shared: &Shared) {
        let refreshed = Refreshed::unchanged_at(Revision::FIRST);
        shared.end(Ok(refreshed), Revision::FIRST);
    }

    /// Returns a poller with a period of eight hours whose first poll has ended, and its clock.
    fn idle() -> (Arc<Shared>, Arc<Fake>) {
        let fake = Arc::new(Fake::new());
        let clock = Clock {
            fake: Some(Arc::clone(&fake)),
        };
        let mut backoff = BackoffPolicy::with_period(8 * HOUR);
        backoff.set_jitter(0.0);
        let shared = Arc::new(Shared::new(backoff, Revision::FIRST, clock));
        assert!(shared.begin());
        end(&shared);
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
            thread::spawn(move || begun.send(shared.begin()))
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
        let (before, start) = (shared.status().activity.due(), now());
        assert_eq!(before, Some(start + 8 * HOUR));
        fake.advance(HOUR, 2 * HOUR);
        let mut state = shared.lock();
        assert_eq!(state.left(&shared.clock), Some(5 * HOUR));
        assert_eq!(state.status.activity.due(), Some(now() + 5 * HOUR));
        // Without a suspend it does not change.
        drop(state);
        let unchanged = shared.status().activity.due();
        fake.advance(HOUR, Duration::ZERO);
        let mut state = shared.lock();
        assert_eq!(state.left(&shared.clock), Some(4 * HOUR));
        assert_eq!(state.status.activity.due(), unchanged);
        fake.advance(4 * HOUR, Duration::ZERO);
        assert_eq!(state.left(&shared.clock), Some(Duration::ZERO));
    }

    #[test]
    fn an_infinite_delay_does_not_read_the_clock() {
        let backoff = BackoffPolicy::with_period(Duration::MAX);
        let shared = Shared::new(backoff, Revision::FIRST, Clock::default());
        assert!(shared.begin());
        end(&shared);
        assert_eq!(shared.lock().left(&shared.clock), None);
    }
}
