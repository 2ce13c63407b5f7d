//! The state shared by the handles and the threads of a poller. No foreign code runs while it is
//! locked.
//!
//! ```text
//!           begin               claim              end
//!     Idle ───────▶ Fetching ───────────▶ Ending ──────▶ Idle
//!                      │ watch: the deadline has passed
//!                      ▼
//!                  Reporting ──▶ Abandoned ──▶ Idle     the fetch ends: discard
//! ```

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::clock::{Clock, Moment};
use super::delays::Delays;
use super::deltas::ResumeToken;
use super::schedule::Schedule;
use super::status::{Activity, Failure, FailureKind, Status, Success};
use crate::Revision;
use crate::mutants::mutant;

/// The longest sleep of a thread before it reads the clock again. A sleep does not count a suspend
/// that occurs meanwhile, so a poll that became due during it begins at most this late. The cost is
/// a wakeup of some microseconds each time, for periods that are longer than this.
const MAX_SLEEP: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_secs(10)
};

/// The settings of a poller that do not depend on its source.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) delays: Delays,
    /// The longest time for a fetch.
    pub(super) deadline: Option<Duration>,
    /// The largest age of the contents of a healthy poller, if it is not the default.
    pub(super) max_age: Option<Duration>,
    /// The position of the first fetch.
    pub(super) resume_token: Option<ResumeToken>,
}

/// The state of a poller.
pub(super) struct Shared {
    pub(super) clock: Clock,
    /// The longest time for a fetch.
    deadline: Option<Duration>,
    max_age: Option<Duration>,
    state: Mutex<State>,
    /// Wakes the poller's thread, for a trigger or a stop.
    wakeup: Condvar,
    /// Wakes the watchdog, for a poll that begins, or for a stop.
    watched: Condvar,
    /// Wakes the callers that wait for a poll to end.
    pub(super) ended: Condvar,
    /// The poller's thread, and its watchdog.
    threads: [OnceLock<ThreadId>; 2],
}

/// A poll that has begun.
pub(super) struct Begun {
    /// True if the guard must not refuse its contents.
    pub(super) is_accepted: bool,
    pub(super) began: Moment,
}

/// The phases of the poller's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No poll is running.
    Idle,
    /// The source fetches, or its contents are compared.
    Fetching,
    /// The result of the poll counts: the deadline does not apply any more.
    Ending,
    /// The deadline has passed, and the watchdog reports it. `ended` says whether the fetch has
    /// ended meanwhile.
    Reporting { ended: bool },
    /// The deadline has passed, and the fetch is still running.
    Abandoned,
    /// The thread runs no more foreign code.
    Stopped,
}

/// The polls, by number. They are numbered from 1, and at most one is running: the last that began.
pub(super) struct State {
    /// The status, without what [`Shared::status`] adds.
    pub(super) status: Status,
    schedule: Schedule,
    pub(super) phase: Phase,
    /// The last poll that began.
    begun: u64,
    /// The last poll that a start or a trigger requested. It is never beyond the next one, so
    /// triggers coalesce, and a trigger during a fetch requests another poll.
    requested: u64,
    /// The poll whose contents the guard must not refuse.
    accepted: u64,
    /// The last poll that succeeded.
    pub(super) succeeded: u64,
    /// The beginning of the last poll.
    began: Moment,
    stop: bool,
}

impl State {
    /// Returns the current activity.
    pub(super) fn activity(&self, clock: &Clock) -> Activity {
        let since = self.began.instant;
        match self.phase {
            Phase::Idle if self.schedule.is_paused => Activity::Paused,
            Phase::Idle => {
                let due = self.schedule.due(clock);
                match self.status.failures_in_a_row {
                    0 => Activity::Sleeping { due },
                    _ => Activity::BackingOff { due },
                }
            }
            Phase::Fetching | Phase::Ending | Phase::Reporting { .. } => {
                Activity::Fetching { since }
            }
            Phase::Abandoned => Activity::Abandoned { since },
            Phase::Stopped => Activity::Stopped,
        }
    }

    /// Requests a poll that begins after this call, and returns its number.
    fn request(&mut self, now: Moment, is_urgent: bool) -> u64 {
        self.schedule.request(now, is_urgent);
        self.requested = self.begun + 1;
        self.requested
    }

    /// Stores the result of a poll that ended at `ended`, and when the next one is due. `wanted` is
    /// the delay that the source wants.
    fn record(
        &mut self,
        result: Result<Success, Failure>,
        mut ended: Moment,
        wanted: Option<Duration>,
    ) {
        self.status.polls += 1;
        let mut is_first_success = false;
        match result {
            Ok(success) => {
                is_first_success = self.status.last_success.is_none();
                self.succeeded = self.begun;
                self.status.failures_in_a_row = 0;
                self.status.last_success = Some(success);
            }
            Err(failure) => {
                // A failure has its own time, which is earlier.
                ended = ended.back_to(failure.ended);
                self.status.failures_in_a_row += 1;
                self.status.last_failure = Some(failure);
            }
        }
        let failures = self.status.failures_in_a_row;
        self.schedule.end(ended, failures, is_first_success, wanted);
    }

    /// Returns whether no more poll will begin.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Stopped || self.stop && self.phase == Phase::Abandoned
    }
}

impl Shared {
    pub(super) fn new(settings: Settings, revision: Revision, clock: Clock) -> Self {
        let now = clock.now();
        let status = Status {
            activity: Activity::Stopped,
            revision,
            polls: 0,
            failures_in_a_row: 0,
            abandoned: 0,
            last_success: None,
            last_failure: None,
            resume_token: settings.resume_token,
            max_age: Duration::ZERO,
            is_stopping: false,
        };
        Self {
            clock,
            deadline: settings.deadline,
            max_age: settings.max_age,
            state: Mutex::new(State {
                status,
                phase: Phase::Idle,
                begun: 0,
                requested: 1,
                accepted: 0,
                succeeded: 0,
                schedule: Schedule::new(settings.delays, now.clone()),
                began: now,
                stop: false,
            }),
            wakeup: Condvar::new(),
            watched: Condvar::new(),
            ended: Condvar::new(),
            threads: [OnceLock::new(), OnceLock::new()],
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the current thread as the poller's.
    pub(super) fn enter(&self) {
        _ = self.threads[0].set(thread::current().id());
    }

    /// Registers the current thread as the watchdog.
    pub(super) fn enter_watchdog(&self) {
        _ = self.threads[1].set(thread::current().id());
    }

    /// Returns whether the current thread is one of the poller's.
    pub(super) fn is_own_thread(&self) -> bool {
        let current = thread::current().id();
        self.threads.iter().any(|own| own.get() == Some(&current))
    }

    /// Sleeps until the next poll is due or requested, and begins it. Returns `None` if the poller
    /// was stopped instead.
    pub(super) fn begin(&self) -> Option<Begun> {
        let mut state = self.lock();
        while !state.stop {
            let left = match state.phase {
                Phase::Idle => state.schedule.left(),
                // The watchdog reports the last poll.
                _ => None,
            };
            state = match left {
                Some(Duration::ZERO) => break,
                Some(left) => wait_timeout(&self.wakeup, state, left),
                None => wait(&self.wakeup, state),
            };
        }
        if state.stop {
            return None;
        }
        state.begun += 1;
        state.began = self.clock.now();
        state.phase = Phase::Fetching;
        state.schedule.begin();
        let is_accepted = state.accepted == state.begun;
        let began = state.began.clone();
        drop(state);
        self.watched.notify_one();
        Some(Begun { is_accepted, began })
    }

    /// Makes the result of the running poll count. Returns false if it must be discarded, since the
    /// poll has passed its deadline.
    pub(super) fn claim(&self) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Fetching {
            state.phase = Phase::Ending;
        }
        state.phase == Phase::Ending || mutant("poller_publishes_late_answers")
    }

    /// Ends the running poll, whose result counts, and wakes the callers that wait for it. It ended
    /// at `ended`, before the callbacks ran: the machine may have been suspended since. The status
    /// keeps its revision if the newest one is not known.
    pub(super) fn end(
        &self,
        result: Result<Success, Failure>,
        ended: Moment,
        newest: Option<Revision>,
        token: Option<ResumeToken>,
        wanted: Option<Duration>,
    ) {
        let mut state = self.lock();
        state.status.revision = newest.unwrap_or(state.status.revision);
        state.status.resume_token = token;
        state.record(result, ended, wanted);
        state.phase = Phase::Idle;
        drop(state);
        self.ended.notify_all();
    }

    /// Ends the fetch of a poll that has passed its deadline. The next poll resumes from `token`.
    pub(super) fn discard(&self, token: Option<ResumeToken>) {
        let mut state = self.lock();
        state.status.resume_token = token;
        state.schedule.fetch_ended(self.clock.now());
        state.phase = match state.phase {
            Phase::Abandoned => Phase::Idle,
            _ => Phase::Reporting { ended: true },
        };
    }

    /// Sleeps until a fetch has passed its deadline, and returns the failure to report. Returns
    /// `None` if the poller's thread has ended, or hangs and has been stopped.
    pub(super) fn watch(&self) -> Option<Failure> {
        let deadline = self.deadline?;
        let mut state = self.lock();
        while !state.is_over() {
            if state.phase != Phase::Fetching {
                state = wait(&self.watched, state);
                continue;
            }
            let now = self.clock.now().instant;
            let since = now.saturating_duration_since(state.began.instant);
            let left = deadline.saturating_sub(since);
            if left.is_zero() {
                state.phase = Phase::Reporting { ended: false };
                let message = format!(
                    "the fetch has not ended within {deadline:?}, its deadline: its answer will be \
                     discarded; let the source bound its own waiting, by a timeout for example"
                );
                return Some(Failure {
                    message: message.into(),
                    kind: FailureKind::Deadline,
                    ended: now,
                });
            }
            state = wait_timeout(&self.watched, state, left);
        }
        None
    }

    /// Counts a fetch as failed that has passed its deadline, after it was reported.
    pub(super) fn abandoned(&self, failure: Failure) {
        let mut state = self.lock();
        state.status.abandoned += 1;
        state.record(Err(failure), self.clock.now(), None);
        state.phase = match state.phase {
            Phase::Reporting { ended: true } => Phase::Idle,
            Phase::Reporting { ended: false } => Phase::Abandoned,
            // The fetch ended, and the poller was stopped.
            other => other,
        };
        drop(state);
        self.wakeup.notify_one();
        self.ended.notify_all();
    }

    /// Marks the poller as stopped, and wakes all threads that wait. The poller's thread runs no
    /// foreign code after this.
    pub(super) fn mark_stopped(&self) {
        let mut state = self.lock();
        state.phase = Phase::Stopped;
        drop(state);
        self.watched.notify_one();
        self.ended.notify_all();
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        let max_age = || state.schedule.default_max_age();
        Status {
            activity: state.activity(&self.clock),
            max_age: self.max_age.unwrap_or_else(max_age),
            is_stopping: state.stop,
            ..state.status.clone()
        }
    }

    /// Requests the end of both threads.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.wakeup.notify_one();
        self.watched.notify_one();
        self.ended.notify_all();
    }

    /// Blocks until the poller's thread has stopped, and returns true; or returns false, if it
    /// hangs in a fetch that has passed its deadline.
    pub(super) fn wait_until_over(&self) -> bool {
        let mut state = self.lock();
        while !state.is_over() {
            state = wait(&self.ended, state);
        }
        state.phase == Phase::Stopped
    }

    /// Requests a poll that begins after this call, and returns its number. An urgent one is not
    /// postponed by the quiet time.
    pub(super) fn trigger(&self, is_urgent: bool) -> u64 {
        let mut state = self.lock();
        let requested = state.request(self.clock.now(), is_urgent);
        drop(state);
        self.wakeup.notify_one();
        requested
    }

    /// Requests an urgent poll, whose contents the guard must not refuse.
    pub(super) fn accept_next(&self) {
        let mut state = self.lock();
        state.accepted = state.request(self.clock.now(), true);
        drop(state);
        self.wakeup.notify_one();
    }

    /// Changes the period.
    pub(super) fn set_period(&self, period: Duration) {
        let mut state = self.lock();
        let is_after_success = state.status.polls > 0 && state.status.failures_in_a_row == 0;
        state.schedule.set_period(period, is_after_success);
        drop(state);
        self.wakeup.notify_one();
    }

    /// Pauses or resumes the polls.
    pub(super) fn set_paused(&self, is_paused: bool) {
        self.lock().schedule.is_paused = is_paused;
        self.wakeup.notify_one();
    }

    /// Returns the number of the poll that was requested last.
    pub(super) fn requested(&self) -> u64 {
        self.lock().requested
    }
}

fn wait<'s>(condvar: &Condvar, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
    condvar.wait(state).unwrap_or_else(PoisonError::into_inner)
}

fn wait_timeout<'s>(
    condvar: &Condvar,
    state: MutexGuard<'s, State>,
    timeout: Duration,
) -> MutexGuard<'s, State> {
    let woken = condvar.wait_timeout(state, timeout.min(MAX_SLEEP));
    woken.unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests;
