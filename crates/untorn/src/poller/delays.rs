//! The delays of a poller. Pure arithmetic: the caller has the clock and the random numbers.

use std::time::Duration;

use crate::random::{mixed, unit_f64};

/// The delay after the first failure, if the period is not shorter.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The default for the longest backoff in periods, so that a source of a short period that is
/// available again is soon noticed.
const DEFAULT_MAX_BACKOFF_PERIODS: u32 = 10;

/// The default for the longest backoff in time, if the period is not longer.
const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The default jitter.
const DEFAULT_JITTER: f64 = 0.1;

/// The default for the shortest gap, if the period is not shorter.
const DEFAULT_MIN_GAP: Duration = Duration::from_millis(100);

/// The default for the largest age of the contents of a healthy poller, in periods and at least in
/// time.
const DEFAULT_MAX_AGE_PERIODS: u32 = 3;
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(10);

/// The delays of a poller: its period, an exponential backoff, and limits for triggers.
#[derive(Clone, Debug)]
pub(super) struct Delays {
    period: Duration,
    max_backoff: Option<Duration>,
    jitter: f64,
    min_gap: Option<Duration>,
    /// The time after a trigger within which another one postpones the poll.
    pub(super) quiet_time: Duration,
    /// The longest delay of the first fetch.
    initial: Duration,
    /// The offset of the instance, from 0 to 1.
    offset: Option<f64>,
}

impl Delays {
    #[track_caller]
    pub(super) fn with_period(period: Duration) -> Self {
        Self {
            period: checked_period(period),
            max_backoff: None,
            jitter: DEFAULT_JITTER,
            min_gap: None,
            quiet_time: Duration::ZERO,
            initial: Duration::ZERO,
            offset: None,
        }
    }

    /// Sets a period that [`checked_period`] has checked.
    pub(super) fn set_period(&mut self, period: Duration) {
        self.period = period;
    }

    #[track_caller]
    pub(super) fn set_max_backoff(&mut self, max: Duration) {
        assert!(
            !max.is_zero(),
            "cannot set a backoff of zero; to retry at the latest after a period, use the period"
        );
        self.max_backoff = Some(max);
    }

    #[track_caller]
    pub(super) fn set_jitter(&mut self, fraction: f64) {
        assert!(
            (0.0..=1.0).contains(&fraction),
            "the jitter must be from 0 to 1, and is {fraction}"
        );
        self.jitter = fraction;
    }

    pub(super) fn set_min_gap(&mut self, gap: Duration) {
        self.min_gap = Some(gap);
    }

    pub(super) fn set_initial(&mut self, most: Duration) {
        self.initial = most;
    }

    pub(super) fn set_instance(&mut self, name: &str) {
        self.offset = Some(offset_of(name));
    }

    /// Returns the default for the largest age of the contents of a healthy poller whose last
    /// success was followed by a delay of `wanted`, if its source wanted one.
    pub(super) fn default_max_age(&self, wanted: Option<Duration>) -> Duration {
        let periods = wanted.unwrap_or(self.period);
        let periods = periods.saturating_mul(DEFAULT_MAX_AGE_PERIODS);
        periods.max(DEFAULT_MAX_AGE)
    }

    /// Returns the shortest time between two polls.
    pub(super) fn min_gap(&self) -> Duration {
        self.min_gap.unwrap_or(DEFAULT_MIN_GAP.min(self.period))
    }

    /// Returns the delay of the first fetch; `random` is from 0 to 1.
    pub(super) fn initial(&self, random: f64) -> Duration {
        scaled(self.initial, self.offset.unwrap_or(random))
    }

    /// Returns the delay after the first success: at a random phase of the period, so that pollers
    /// that were started together spread over all of it.
    pub(super) fn first(&self, random: f64) -> Duration {
        match self.offset {
            Some(offset) => scaled(self.period, 0.5 + offset),
            None if self.jitter > 0.0 => scaled(self.period, 0.5 + random),
            None => self.period,
        }
    }

    /// Returns the delay after this number of failures in a row; `random` is from 0 to 1.
    pub(super) fn delay(&self, failures_in_a_row: u64, random: f64) -> Duration {
        let Some(doublings) = failures_in_a_row.checked_sub(1) else {
            let shift = self.jitter * (2.0 * random - 1.0);
            return scaled(self.period, 1.0 + shift);
        };
        let factor = u32::try_from(doublings).map_or(None, |n| 1_u32.checked_shl(n));
        let backoff = factor.and_then(|factor| self.period.min(FIRST_RETRY).checked_mul(factor));
        let max = self.max_backoff();
        let backoff = backoff.map_or(max, |delay| delay.min(max));
        if self.jitter == 0.0 {
            return backoff;
        }
        // Not from zero: all that fall into the shortest gap would poll together at its end.
        let least = self.min_gap().min(backoff);
        least.saturating_add(scaled(backoff - least, random))
    }

    /// Returns the delay after a poll whose source wants `wanted` before the next one.
    pub(super) fn wanted(&self, wanted: Duration, failures_in_a_row: u64, random: f64) -> Duration {
        let later = scaled(wanted, 1.0 + self.jitter * random);
        match failures_in_a_row {
            0 => later,
            _ => later.max(self.delay(failures_in_a_row, random)),
        }
    }

    fn max_backoff(&self) -> Duration {
        let periods = self.period.saturating_mul(DEFAULT_MAX_BACKOFF_PERIODS);
        let default = periods.min(DEFAULT_MAX_BACKOFF).max(self.period);
        self.max_backoff.unwrap_or(default)
    }
}

/// Returns the period, which must not be zero.
#[track_caller]
pub(super) fn checked_period(period: Duration) -> Duration {
    assert!(
        !period.is_zero(),
        "cannot poll with a period of zero; to fetch only on triggers, use Duration::MAX"
    );
    period
}

/// Multiplies a duration. An infinite one stays infinite.
fn scaled(duration: Duration, factor: f64) -> Duration {
    if duration == Duration::MAX || factor == 1.0 {
        return duration;
    }
    let scaled = Duration::try_from_secs_f64(duration.as_secs_f64() * factor);
    scaled.unwrap_or(Duration::MAX)
}

/// Returns a number from 0 to 1, excluding 1, that is equal for equal names on every machine.
fn offset_of(name: &str) -> f64 {
    // FNV-1a, whose high bits are mixed: names often differ in their last digit only.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    unit_f64(mixed(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn steady(period: Duration) -> Delays {
        let mut policy = Delays::with_period(period);
        policy.set_jitter(0.0);
        policy
    }

    fn delays(policy: &Delays, failures: std::ops::Range<u64>) -> Vec<Duration> {
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
        policy.set_max_backoff(5 * SECOND);
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
        policy.set_max_backoff(Duration::from_millis(30));
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
        let mut policy = Delays::with_period(10 * SECOND);
        let delays = |policy: &Delays| [0.0, 0.5, 1.0].map(|random| policy.delay(0, random));
        let millis = |n| Duration::from_millis(n);
        assert_eq!(
            delays(&policy),
            [millis(9_000), millis(10_000), millis(11_000)]
        );
        policy.set_jitter(1.0);
        assert_eq!(delays(&policy), [millis(0), millis(10_000), millis(20_000)]);
        policy.period = Duration::MAX;
        assert_eq!(delays(&policy), [Duration::MAX; 3]);
        assert_eq!(policy.first(0.0), Duration::MAX);
    }

    #[test]
    fn a_backoff_has_full_jitter() {
        let mut policy = Delays::with_period(10 * SECOND);
        policy.set_min_gap(2 * SECOND);
        for (random, expected) in [(0.0, 2_000), (0.25, 3_500), (0.5, 5_000)] {
            assert_eq!(policy.delay(4, random), Duration::from_millis(expected));
        }
        assert_eq!(policy.delay(1, 0.5), SECOND);
        policy.set_jitter(0.0);
        assert_eq!(policy.delay(4, 0.25), 8 * SECOND);
    }

    #[test]
    fn a_wanted_delay_is_a_minimum_after_failures() {
        let mut policy = Delays::with_period(10 * SECOND);
        let hour = 3600 * SECOND;
        assert_eq!(policy.wanted(hour, 0, 0.0), hour);
        assert_eq!(policy.wanted(hour, 3, 0.5), hour + 180 * SECOND);
        assert_eq!(policy.wanted(SECOND, 0, 0.0), SECOND);
        assert_eq!(policy.wanted(SECOND, 6, 1.0), 32 * SECOND);
        assert_eq!(policy.wanted(Duration::MAX, 6, 1.0), Duration::MAX);
        policy.set_jitter(0.0);
        assert_eq!(policy.wanted(hour, 0, 1.0), hour);
        assert_eq!(policy.wanted(SECOND, 6, 0.0), 32 * SECOND);
    }

    #[test]
    fn the_second_fetch_is_at_any_phase_of_the_period() {
        let mut policy = Delays::with_period(10 * SECOND);
        let firsts = |policy: &Delays| [0.0, 0.5, 0.9].map(|random| policy.first(random));
        assert_eq!(firsts(&policy), [5, 10, 14].map(Duration::from_secs));
        policy.set_jitter(0.0);
        assert_eq!(firsts(&policy), [10 * SECOND; 3]);
    }

    #[test]
    fn an_instance_has_a_stable_offset() {
        let of = |name: &str| {
            let mut policy = Delays::with_period(10 * SECOND);
            policy.set_instance(name);
            policy.set_initial(SECOND);
            assert_eq!(policy.initial(0.1), policy.initial(0.9));
            assert_eq!(policy.first(0.1), policy.first(0.9));
            assert!(policy.initial(0.0) < SECOND);
            (policy.initial(0.0), policy.first(0.0))
        };
        assert_eq!(of("pod-17"), of("pod-17"));
        // Machines and releases must agree on it.
        assert_eq!(format!("{:.6}", offset_of("pod-17")), "0.533573");
        let mut offsets: Vec<_> = (0..200).map(|n| of(&format!("pod-{n}"))).collect();
        offsets.sort_unstable();
        offsets.dedup();
        assert_eq!(offsets.len(), 200);
    }

    #[test]
    fn the_gap_is_at_most_the_period_by_default() {
        let mut policy = Delays::with_period(SECOND);
        assert_eq!(policy.min_gap(), Duration::from_millis(100));
        policy.period = Duration::from_millis(7);
        assert_eq!(policy.min_gap(), policy.period);
        policy.set_min_gap(SECOND);
        assert_eq!(policy.min_gap(), SECOND);
    }

    #[test]
    fn delays_of_zero_and_invalid_jitter_panic() {
        let invalid: [fn(); 6] = [
            || _ = Delays::with_period(Duration::ZERO),
            || steady(SECOND).set_max_backoff(Duration::ZERO),
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
