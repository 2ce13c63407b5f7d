//! What the handle and the thread of a poller share. Nothing foreign runs under its lock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Pace;
use super::status::{Activity, Failure, NotFresh, Status, Success};
use crate::random::random_share;
use crate::{Refreshed, Revision};

pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the thread: a poke or a stop.
    turn: Condvar,
    /// Wakes those who wait for a poll to end.
    ended: Condvar,
    pace: Pace,
}

/// Polls are numbered from 1. Of those that have begun only the newest may not have ended.
struct State {
    status: Status,
    begun: u64,
    /// The one that a start or a poke asks for: never more than the next. So pokes coalesce, and one that comes while the
    /// source is being asked leads to another poll.
    asked: u64,
    /// The last one that succeeded.
    succeeded: u64,
    stop: bool,
}

impl Shared {
    pub(super) fn new(pace: Pace, revision: Revision) -> Self {
        let status = Status {
            activity: Activity::Sleeping {
                due: Some(Instant::now()),
            },
            revision,
            polls: 0,
            failures_in_a_row: 0,
            last_success: None,
            last_error: None,
        };
        Self {
            state: Mutex::new(State {
                status,
                begun: 0,
                asked: 1,
                succeeded: 0,
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
            let due = state.status.activity.due();
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let woken = self.turn.wait_timeout(state, left);
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
        state.status.activity = Activity::Fetching {
            since: Instant::now(),
        };
        true
    }

    /// Ends the poll that began last.
    pub(super) fn end(&self, came_to: Result<Refreshed, Failure>, revision: Revision) {
        let mut state = self.lock();
        let ended = match &came_to {
            Ok(_) => Instant::now(),
            // As it was told.
            Err(failure) => failure.ended,
        };
        let State {
            status,
            begun,
            succeeded,
            ..
        } = &mut *state;
        let Activity::Fetching { since: began } = status.activity else {
            unreachable!("what ends has begun");
        };
        status.polls += 1;
        status.revision = revision;
        match came_to {
            Ok(refreshed) => {
                *succeeded = *begun;
                status.failures_in_a_row = 0;
                status.last_success = Some(Success {
                    began,
                    ended,
                    refreshed,
                });
            }
            Err(failure) => {
                status.failures_in_a_row += 1;
                status.last_error = Some(failure);
            }
        }
        let failures = status.failures_in_a_row;
        // No due time is one that a clock cannot show.
        let due = ended.checked_add(self.pace.wait(failures, random_share()));
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
    pub(super) fn poke(&self) -> u64 {
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
        at_most: Duration,
    ) -> Result<Revision, NotFresh> {
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
                return Err(NotFresh::Failed(failure.clone()));
            }
            if status.activity == Activity::Stopped {
                return Err(NotFresh::Stopped);
            }
            let left = at_most.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(NotFresh::TimedOut {
                    after: at_most,
                    last_error: failed.cloned(),
                });
            }
            let woken = self.ended.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
