//! The delay before the next fetch: numbers only, without a clock or a random source.

use std::time::Duration;

/// The delay after a first failure, if the period is not shorter.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The least of the longest backoff, unless it was set.
const USUAL_CAP: Duration = Duration::from_secs(60);

/// The jitter, unless it was set.
const USUAL_JITTER: f64 = 0.1;

/// The delays of one poller.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    period: Duration,
    cap: Duration,
    jitter: f64,
}

impl Pace {
    #[track_caller]
    pub(super) fn every(period: Duration) -> Self {
        assert!(!period.is_zero(), "the poll period must not be zero");
        Self {
            period,
            cap: period.max(USUAL_CAP),
            jitter: USUAL_JITTER,
        }
    }

    #[track_caller]
    pub(super) fn set_cap(&mut self, cap: Duration) {
        assert!(!cap.is_zero(), "the longest backoff must not be zero");
        self.cap = cap;
    }

    #[track_caller]
    pub(super) fn set_jitter(&mut self, share: f64) {
        assert!(
            (0.0..=1.0).contains(&share),
            "the jitter must be from 0 to 1, and is {share}"
        );
        self.jitter = share;
    }

    /// Returns the delay after so many failures in a row; `random` is from 0 to 1.
    pub(super) fn wait(&self, failures_in_a_row: u64, random: f64) -> Duration {
        let Some(doublings) = failures_in_a_row.checked_sub(1) else {
            return self.jittered(self.period, random);
        };
        let factor = u32::try_from(doublings).map_or(None, |n| 1_u32.checked_shl(n));
        let backoff = factor.and_then(|factor| self.period.min(FIRST_RETRY).checked_mul(factor));
        self.jittered(backoff.map_or(self.cap, |wait| wait.min(self.cap)), random)
    }

    fn jittered(&self, wait: Duration, random: f64) -> Duration {
        let shift = wait.as_secs_f64() * self.jitter * (2.0 * random - 1.0);
        let size = Duration::try_from_secs_f64(shift.abs()).unwrap_or(Duration::MAX);
        if shift < 0.0 {
            wait.saturating_sub(size)
        } else {
            wait.saturating_add(size)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn steady(period: Duration) -> Pace {
        let mut pace = Pace::every(period);
        pace.set_jitter(0.0);
        pace
    }

    fn waits(pace: &Pace, failures: std::ops::Range<u64>) -> Vec<Duration> {
        failures.map(|n| pace.wait(n, 0.3)).collect()
    }

    #[test]
    fn without_failures_the_wait_is_the_period() {
        for period in [Duration::from_nanos(1), SECOND, Duration::MAX] {
            assert_eq!(steady(period).wait(0, 0.7), period);
        }
    }

    #[test]
    fn a_backoff_doubles_from_a_second_to_the_cap() {
        let seconds = |list: &[u64]| list.iter().map(|&n| SECOND * n as u32).collect::<Vec<_>>();
        let mut pace = steady(10 * SECOND);
        let usual = seconds(&[10, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(waits(&pace, 0..9), usual);
        pace.set_cap(5 * SECOND);
        assert_eq!(waits(&pace, 0..6), seconds(&[10, 1, 2, 4, 5, 5]));
        let hourly = steady(3600 * SECOND);
        assert_eq!(hourly.wait(12, 0.0), 2048 * SECOND);
        assert_eq!(hourly.wait(13, 0.0), 3600 * SECOND);
    }

    #[test]
    fn a_short_period_is_what_the_backoff_starts_from() {
        let millis = |list: &[u64]| list.iter().map(|&n| Duration::from_millis(n)).collect();
        let mut pace = steady(Duration::from_millis(5));
        pace.set_cap(Duration::from_millis(30));
        let expected: Vec<_> = millis(&[5, 5, 10, 20, 30, 30]);
        assert_eq!(waits(&pace, 0..6), expected);
    }

    #[test]
    fn no_number_of_failures_is_too_large() {
        let pace = steady(Duration::MAX);
        for failures in [32, 33, 34, 64, 65, 1 << 32, (1 << 32) + 1, u64::MAX] {
            let wait = pace.wait(failures, 1.0);
            assert!(wait >= Duration::from_secs(1 << 31), "{failures}: {wait:?}");
        }
        assert_eq!(pace.wait(u64::MAX, 1.0), Duration::MAX);
    }

    #[test]
    fn the_jitter_is_a_share_both_ways() {
        let mut pace = Pace::every(10 * SECOND);
        let waits = |pace: &Pace| [0.0, 0.5, 1.0].map(|random| pace.wait(0, random));
        let millis = |n| Duration::from_millis(n);
        assert_eq!(
            waits(&pace),
            [millis(9_000), millis(10_000), millis(11_000)]
        );
        assert_eq!(pace.wait(1, 0.0), millis(900), "in a backoff too");
        pace.set_jitter(1.0);
        assert_eq!(waits(&pace), [millis(0), millis(10_000), millis(20_000)]);
        pace.period = Duration::MAX;
        assert_eq!(pace.wait(0, 1.0), Duration::MAX);
    }

    #[test]
    fn what_would_never_rest_is_refused() {
        let refused: [fn(); 6] = [
            || _ = Pace::every(Duration::ZERO),
            || steady(SECOND).set_cap(Duration::ZERO),
            || steady(SECOND).set_jitter(-0.1),
            || steady(SECOND).set_jitter(1.1),
            || steady(SECOND).set_jitter(f64::NAN),
            || steady(SECOND).set_jitter(f64::INFINITY),
        ];
        for misuse in refused {
            assert!(std::panic::catch_unwind(misuse).is_err());
        }
    }
}
