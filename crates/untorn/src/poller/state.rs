//! What the handle and the thread of a poller share. Nothing foreign runs under its lock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Pace;
use super::clock::{Clock, Moment};
use super::status::{Activity, Failure, RefreshError, Status, Success};
use crate::random::random_share;
use crate::{Refreshed, Revision};

/// The longest sleep of the thread without a look at the clock. A sleep that began before a suspend goes on after it as if
/// there had been none, so a poll that became due meanwhile begins this much late at most. The price is a wakeup of some
/// microseconds each time, for periods that are longer than this.
const LONGEST_SLEEP: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_secs(10)
};

/// The two clocks differ by more than this only after a suspend.
const SUSPENDED: Duration = Duration::from_secs(1);

pub(super) struct Shared {
    clock: Clock,
    state: Mutex<State>,
    /// Wakes the thread: a trigger or a stop.
    turn: Condvar,
    /// Wakes those who wait for a poll to end.
    ended: Condvar,
    pace: Pace,
}

/// Polls are numbered from 1. Of those that have begun only the newest may not have ended.
struct State {
    status: Status,
    begun: u64,
    /// The one that a start or a trigger asks for: never more than the next. So triggers coalesce, and one that comes while the
    /// source is being asked leads to another poll.
    asked: u64,
    /// The last one that succeeded.
    succeeded: u64,
    /// What the next one waits for unless it is asked for: the end of the last one, and how long after that it is due.
    waits: Option<(Moment, Duration)>,
    /// When the last one began.
    began: Moment,
    stop: bool,
}

impl State {
    /// How long it is until the next poll is due, if it ever is; corrects the due time that the status shows if the machine
    /// was suspended meanwhile.
    fn left(&mut self, clock: &Clock) -> Option<Duration> {
        let (from, wait) = self.waits.as_ref()?;
        let left = wait.saturating_sub(from.elapsed());
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
    pub(super) fn new(pace: Pace, revision: Revision, clock: Clock) -> Self {
        let now = clock.now();
        let status = Status {
            activity: Activity::Sleeping {
                due: Some(now.instant),
            },
            revision,
            polls: 0,
            failures_in_a_row: 0,
            last_success: None,
            last_error: None,
        };
        Self {
            clock,
            state: Mutex::new(State {
                status,
                begun: 0,
                asked: 1,
                succeeded: 0,
                waits: None,
                began: now,
                stop: false,
            }),
            turn: Condvar::new(),
            ended: Condvar::new(),
            pace,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the next poll is due, and begins it; false means stop.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.lock();
        while !state.stop && state.asked <= state.begun {
            state = match state.left(&self.clock) {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let woken = self.turn.wait_timeout(state, left.min(LONGEST_SLEEP));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.turn.wait(state);
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

    /// Ends the poll that began last.
    pub(super) fn end(&self, came_to: Result<Refreshed, Failure>, revision: Revision) {
        let mut state = self.lock();
        let mut ended = self.clock.now();
        if let Err(failure) = &came_to {
            // The time that `on_failure` received.
            ended = ended.back_to(failure.ended);
        }
        let State {
            status,
            begun,
            succeeded,
            waits,
            began,
            ..
        } = &mut *state;
        status.polls += 1;
        status.revision = revision;
        match came_to {
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
                status.last_error = Some(failure);
            }
        }
        let failures = status.failures_in_a_row;
        let wait = self.pace.wait(failures, random_share());
        // No due time is one that a clock cannot show.
        let due = ended.instant.checked_add(wait);
        *waits = due.map(|_| (ended, wait));
        status.activity = match failures {
            0 => Activity::Sleeping { due },
            _ => Activity::BackingOff { due },
        };
        drop(state);
        self.ended.notify_all();
    }

    /// The thread calls nothing foreign after this.
    pub(super) fn end_for_ever(&self) {
        self.lock().status.activity = Activity::Stopped;
        self.ended.notify_all();
    }

    pub(super) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.turn.notify_one();
    }

    /// Asks for a poll that begins after this, and returns its number.
    pub(super) fn trigger(&self) -> u64 {
        let mut state = self.lock();
        state.asked = state.begun + 1;
        let asked = state.asked;
        drop(state);
        self.turn.notify_one();
        asked
    }

    /// The number of the poll that was asked for last.
    pub(super) fn asked(&self) -> u64 {
        self.lock().asked
    }

    /// Waits until poll `wanted` or a later one has succeeded, or, if it may not fail, has ended.
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
                .last_error
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
                    last_error: failed.cloned(),
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
        let refreshed = Refreshed {
            revision: Revision::FIRST,
            added: 0,
            changed: 0,
            removed: 0,
        };
        shared.end(Ok(refreshed), Revision::FIRST);
    }

    /// A poller of eight hours whose first poll has ended, and its clock.
    fn idle() -> (Arc<Shared>, Arc<Fake>) {
        let fake = Arc::new(Fake::new());
        let clock = Clock {
            fake: Some(Arc::clone(&fake)),
        };
        let mut pace = Pace::every(8 * HOUR);
        pace.set_jitter(0.0);
        let shared = Arc::new(Shared::new(pace, Revision::FIRST, clock));
        assert!(shared.begin());
        end(&shared);
        (shared, fake)
    }

    #[test]
    fn a_suspend_makes_contents_older_and_polls_due() {
        let (shared, fake) = idle();
        assert_eq!(shared.status().age(), Some(Duration::ZERO));
        let (begun, begins) = mpsc::channel();
        let looks = fake.looks();
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || begun.send(shared.begin()))
        };
        let start = Instant::now();
        while fake.looks() == looks {
            assert!(start.elapsed() < LONG, "it does not look at the clock");
            thread::yield_now();
        }
        // It looked under the lock, so when that is free the thread is asleep.
        drop(shared.lock());
        fake.pass(HOUR, Duration::ZERO);
        assert_eq!(shared.status().age(), Some(HOUR));
        fake.pass(Duration::ZERO, 7 * HOUR);
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
        fake.pass(HOUR, 2 * HOUR);
        let mut state = shared.lock();
        assert_eq!(state.left(&shared.clock), Some(5 * HOUR));
        assert_eq!(state.status.activity.due(), Some(now() + 5 * HOUR));
        // Without a suspend it does not change.
        drop(state);
        let unchanged = shared.status().activity.due();
        fake.pass(HOUR, Duration::ZERO);
        let mut state = shared.lock();
        assert_eq!(state.left(&shared.clock), Some(4 * HOUR));
        assert_eq!(state.status.activity.due(), unchanged);
        fake.pass(4 * HOUR, Duration::ZERO);
        assert_eq!(state.left(&shared.clock), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_never_due_needs_no_look_at_the_clock() {
        let pace = Pace::every(Duration::MAX);
        let shared = Shared::new(pace, Revision::FIRST, Clock::default());
        assert!(shared.begin());
        end(&shared);
        assert_eq!(shared.lock().left(&shared.clock), None);
    }
}
