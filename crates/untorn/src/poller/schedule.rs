//! When the next poll begins: after its delay, or after a request, and never within the shortest
//! gap.

use std::time::{Duration, Instant};

use super::clock::{Clock, Moment};
use super::delays::Delays;
use crate::mutants::mutant;
use crate::random::random_unit_f64;

/// The most quiet times that triggers can postpone a poll.
const MAX_QUIET_TIMES: u32 = 10;

/// A difference of the two clocks that only a suspend can cause.
const SUSPENDED: Duration = Duration::from_secs(1);

/// The schedule of a poller.
pub(super) struct Schedule {
    delays: Delays,
    /// The end of the last poll, or of its fetch if that was abandoned, or the start of the poller.
    since: Moment,
    /// The delay after `since`; `None` if the due time is beyond the range of the clock.
    delay: Option<Duration>,
    /// The delay that the source wanted after the last success.
    wanted: Option<Duration>,
    /// The time after `since` before which no poll begins.
    gap: Duration,
    /// The request of a poll that has not begun.
    request: Option<Request>,
    /// True if no poll begins, whatever is due or requested.
    pub(super) is_paused: bool,
}

/// Merged requests of a poll.
struct Request {
    first: Moment,
    last: Moment,
    /// True if a caller waits for the poll, so that it is not postponed.
    is_urgent: bool,
}

impl Schedule {
    pub(super) fn new(delays: Delays, start: Moment) -> Self {
        let mut schedule = Self {
            delay: None,
            wanted: None,
            gap: Duration::ZERO,
            request: None,
            is_paused: false,
            since: start.clone(),
            delays,
        };
        let initial = schedule.delays.initial(random_unit_f64());
        schedule.rest(start, initial);
        schedule
    }

    fn rest(&mut self, since: Moment, delay: Duration) {
        self.delay = since.instant.checked_add(delay).map(|_| delay);
        self.since = since;
    }

    /// Changes the period. After a success it applies to the current delay, unless the source
    /// wanted that.
    pub(super) fn set_period(&mut self, period: Duration, is_after_success: bool) {
        self.delays.set_period(period);
        if is_after_success {
            if self.wanted.is_none() {
                let delay = self.delays.delay(0, random_unit_f64());
                self.rest(self.since.clone(), delay);
            }
            self.gap = self.delays.min_gap();
        }
    }

    /// Returns the default for the largest age of the contents of a healthy poller.
    pub(super) fn default_max_age(&self) -> Duration {
        self.delays.default_max_age(self.wanted)
    }

    /// Requests a poll, for the triggers of a caller who does not wait or, if it is urgent, does.
    pub(super) fn request(&mut self, now: Moment, is_urgent: bool) {
        let earlier = self.request.take();
        let is_urgent = is_urgent || earlier.as_ref().is_some_and(|earlier| earlier.is_urgent);
        let first = earlier.map_or_else(|| now.clone(), |earlier| earlier.first);
        self.request = Some(Request {
            first,
            last: now,
            is_urgent,
        });
    }

    /// Begins a poll, which serves all requests.
    pub(super) fn begin(&mut self) {
        self.request = None;
    }

    /// Ends a poll: after a failure, the number of failures in a row, after a success 0. `wanted`
    /// is the delay that the source wants.
    pub(super) fn end(
        &mut self,
        ended: Moment,
        failures_in_a_row: u64,
        is_first_success: bool,
        wanted: Option<Duration>,
    ) {
        let random = random_unit_f64();
        let delay = match wanted {
            Some(wanted) if !mutant("poller_ignores_a_wanted_delay") => {
                self.delays.wanted(wanted, failures_in_a_row, random)
            }
            _ if is_first_success => self.delays.first(random),
            _ => self.delays.delay(failures_in_a_row, random),
        };
        if failures_in_a_row == 0 {
            self.wanted = wanted;
        }
        self.gap = self.delays.min_gap();
        // An abandoned fetch may have ended while the deadline of its poll was being reported.
        let is_before = ended.instant < self.since.instant;
        self.rest(if is_before { self.since.clone() } else { ended }, delay);
    }

    /// Ends the fetch of a poll that has passed its deadline: the pause begins now, not at the
    /// deadline, which may be longer ago than the whole pause.
    pub(super) fn fetch_ended(&mut self, now: Moment) {
        if !mutant("late_fetch_gets_no_pause") {
            self.since = now;
        }
    }

    /// Returns the time until the next poll begins, or `None` if none is due.
    pub(super) fn left(&self) -> Option<Duration> {
        if self.is_paused {
            return None;
        }
        let after = |moment: &Moment, delay: Duration| delay.saturating_sub(moment.elapsed());
        self.earliest(after)
    }

    /// Returns the time at which the next poll begins, or `None` if it is beyond the range of the
    /// clock.
    pub(super) fn due(&self, clock: &Clock) -> Option<Instant> {
        // Beyond the range of the clock is later than each time in it.
        let (_, due) = self.earliest(|moment, delay| {
            let time = moment.instant.checked_add(delay);
            (time.is_none(), time)
        })?;
        let due = due?;
        // In this order, so that a delayed thread does not move the time back.
        let left = self.left()?;
        // Differs if the machine was suspended.
        let corrected = clock.now().instant.checked_add(left)?;
        let is_late = due.saturating_duration_since(corrected) > SUSPENDED;
        Some(if is_late { corrected } else { due })
    }

    /// Returns the earliest time for a poll, in the terms of `after`.
    fn earliest<T: Ord>(&self, after: impl Fn(&Moment, Duration) -> T) -> Option<T> {
        let requested = self.request.as_ref().map(|request| {
            let quiet = match request.is_urgent {
                true => Duration::ZERO,
                false => self.delays.quiet_time,
            };
            let most = quiet.saturating_mul(MAX_QUIET_TIMES);
            after(&request.last, quiet).min(after(&request.first, most))
        });
        let due = self.delay.map(|delay| after(&self.since, delay));
        let next = match (requested, due) {
            (Some(requested), Some(due)) => requested.min(due),
            (requested, due) => requested.or(due)?,
        };
        if mutant("triggers_skip_the_gap") {
            return Some(next);
        }
        Some(next.max(after(&self.since, self.gap)))
    }
}

#[cfg(test)]
mod tests;
