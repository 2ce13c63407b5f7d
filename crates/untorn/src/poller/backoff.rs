//! The delay before the next fetch. Pure arithmetic: the caller has the clock and the random
//! numbers.

use std::time::Duration;

/// The delay after the first failure, if the period is not shorter.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The default for the longest backoff in periods, so that a source of a short period that is
/// available again is soon noticed.
const DEFAULT_MAX_BACKOFF_PERIODS: u32 = 10;

/// The default for the longest backoff in time, if the period is not longer.
const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The default jitter.
const DEFAULT_JITTER: f64 = 0.1;

/// The delays of a poller: its period, and an exponential backoff with jitter.
#[derive(Clone, Debug)]
pub(super) struct BackoffPolicy {
    period: Duration,
    max: Duration,
    jitter: f64,
}

impl BackoffPolicy {
    #[track_caller]
    pub(super) fn with_period(period: Duration) -> Self {
        assert!(!period.is_zero(), "the poll period must not be zero");
        let periods = period.saturating_mul(DEFAULT_MAX_BACKOFF_PERIODS);
        Self {
            period,
            max: periods.min(DEFAULT_MAX_BACKOFF).max(period),
            jitter: DEFAULT_JITTER,
        }
    }

    #[track_caller]
    pub(super) fn set_max(&mut self, max: Duration) {
        assert!(!max.is_zero(), "the longest backoff must not be zero");
        self.max = max;
    }

    #[track_caller]
    pub(super) fn set_jitter(&mut self, fraction: f64) {
        assert!(
            (0.0..=1.0).contains(&fraction),
            "the jitter must be from 0 to 1, and is {fraction}"
        );
        self.jitter = fraction;
    }

    /// Returns the delay after this number of failures in a row; `random` is from 0 to 1.
    pub(super) fn delay(&self, failures_in_a_row: u64, random: f64) -> Duration {
        let Some(doublings) = failures_in_a_row.checked_sub(1) else {
            return self.jittered(self.period, random);
        };
        let factor = u32::try_from(doublings).map_or(None, |n| 1_u32.checked_shl(n));
        let backoff = factor.and_then(|factor| self.period.min(FIRST_RETRY).checked_mul(factor));
        self.jittered(
            backoff.map_or(self.max, |delay| delay.min(self.max)),
            random,
        )
    }

    fn jittered(&self, delay: Duration, random: f64) -> Duration {
        let shift = delay.as_secs_f64() * self.jitter * (2.0 * random - 1.0);
        let size = Duration::try_from_secs_f64(shift.abs()).unwrap_or(Duration::MAX);
        if shift < 0.0 {
            delay.saturating_sub(size)
        } else {
            delay.saturating_add(size)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn steady(period: Duration) -> BackoffPolicy {
        let mut policy = BackoffPolicy::with_period(period);
        policy.set_jitter(0.0);
        policy
    }

    fn delays(policy: &BackoffPolicy, failures: std::ops::Range<u64>) -> Vec<Duration> {
        failures.map(|n| policy.delay(n, 0.3)).collect()
    }

    #[test]
    fn without_failures_the_delay_is_the_period() {
        for period in [Duration::from_nanos(1), SECOND, Duration::MAX] {
            assert_eq!(steady(period).delay(0, 0.7), period);
        }
    }

    #[test]
    fn a_backoff_doubles_from_a_second_to_its_maximum() {
        let seconds = |list: &[u64]| list.iter().map(|&n| SECOND * n as u32).collect::<Vec<_>>();
        let mut policy = steady(10 * SECOND);
        let usual = seconds(&[10, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(delays(&policy, 0..9), usual);
        policy.set_max(5 * SECOND);
        assert_eq!(delays(&policy, 0..6), seconds(&[10, 1, 2, 4, 5, 5]));
        let short = steady(SECOND);
        assert_eq!(delays(&short, 0..7), seconds(&[1, 1, 2, 4, 8, 10, 10]));
        let hourly = steady(3600 * SECOND);
        assert_eq!(hourly.delay(12, 0.0), 2048 * SECOND);
        assert_eq!(hourly.delay(13, 0.0), 3600 * SECOND);
    }

    #[test]
    fn a_backoff_starts_from_a_period_below_a_second() {
        let millis = |list: &[u64]| list.iter().map(|&n| Duration::from_millis(n)).collect();
        let mut policy = steady(Duration::from_millis(5));
        policy.set_max(Duration::from_millis(30));
        let expected: Vec<_> = millis(&[5, 5, 10, 20, 30, 30]);
        assert_eq!(delays(&policy, 0..6), expected);
    }

    #[test]
    fn any_number_of_failures_has_a_delay() {
        let policy = steady(Duration::MAX);
        for failures in [32, 33, 34, 64, 65, 1 << 32, (1 << 32) + 1, u64::MAX] {
            let delay = policy.delay(failures, 1.0);
            assert!(
                delay >= Duration::from_secs(1 << 31),
                "{failures}: {delay:?}"
            );
        }
        assert_eq!(policy.delay(u64::MAX, 1.0), Duration::MAX);
    }

    #[test]
    fn jitter_shortens_and_lengthens_by_a_fraction() {
        let mut policy = BackoffPolicy::with_period(10 * SECOND);
        let delays = |policy: &BackoffPolicy| [0.0, 0.5, 1.0].map(|random| policy.delay(0, random));
        let millis = |n| Duration::from_millis(n);
        assert_eq!(
            delays(&policy),
            [millis(9_000), millis(10_000), millis(11_000)]
        );
        assert_eq!(
            policy.delay(1, 0.0),
            millis(900),
            "jitter applies to a backoff too"
        );
        policy.set_jitter(1.0);
        assert_eq!(delays(&policy), [millis(0), millis(10_000), millis(20_000)]);
        policy.period = Duration::MAX;
        assert_eq!(policy.delay(0, 1.0), Duration::MAX);
    }

    #[test]
    fn delays_of_zero_and_invalid_jitter_panic() {
        let invalid: [fn(); 6] = [
            || _ = BackoffPolicy::with_period(Duration::ZERO),
            || steady(SECOND).set_max(Duration::ZERO),
            || steady(SECOND).set_jitter(-0.1),
            || steady(SECOND).set_jitter(1.1),
            || steady(SECOND).set_jitter(f64::NAN),
            || steady(SECOND).set_jitter(f64::INFINITY),
        ];
        for misuse in invalid {
            assert!(std::panic::catch_unwind(misuse).is_err());
        }
    }
}
