//! The pauses between watches that end as soon as they have begun.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use untorn::mutants::mutant;

use crate::error::{ConfigError, ErrorKind};

/// The time after which a watch has not failed, even if it has delivered nothing.
const PROVEN: Duration = Duration::from_secs(5);

/// The pause after the second watch that has failed. The first is opened again at once.
const FIRST: Duration = Duration::from_millis(200);

/// When a watch is opened again.
pub(super) struct Pace {
    max: Duration,
    /// Watches in a row that have failed.
    failures: u32,
    opened: Option<Instant>,
    /// Until when no watch is opened, and why.
    pause: Option<(Instant, String)>,
}

impl Pace {
    /// Creates a pace with the longest pause.
    pub(super) fn new(max: Duration) -> Self {
        Self {
            max,
            failures: 0,
            opened: None,
            pause: None,
        }
    }

    pub(super) fn opened(&mut self, now: Instant) {
        self.opened = Some(now);
    }

    /// Notes that a watch has delivered a revision: if it fails all the same, pauses do not grow.
    pub(super) fn delivered(&mut self) {
        self.failures = self.failures.min(1);
    }

    /// Notes why a watch has ended. A watch that has failed again is an error, and opened later.
    pub(super) fn ended(&mut self, why: &str, now: Instant) -> Result<(), ConfigError> {
        let is_proven = self
            .opened
            .take()
            .is_some_and(|opened| now.saturating_duration_since(opened) >= PROVEN);
        self.failures = if is_proven { 0 } else { self.failures + 1 };
        if self.failures > 1 && !mutant("live_etcd_watches_have_no_pause") {
            let doublings = (self.failures - 2).min(16);
            let pause = (FIRST * (1 << doublings)).min(self.max);
            // A fleet whose watches end together does not come back together.
            let pause = pause.mul_f64(0.5 + 0.5 * random());
            self.pause = now.checked_add(pause).map(|until| (until, why.into()));
        }
        self.check(now)
    }

    /// Checks that a watch may be opened.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), ConfigError> {
        match &self.pause {
            Some((until, why)) if now < *until => {
                Err(ConfigError::new(ErrorKind::Unreachable, why.clone()))
            }
            _ => {
                self.pause = None;
                Ok(())
            }
        }
    }
}

/// Returns a period that varies by a fifth.
pub(super) fn varied(period: Duration) -> Duration {
    let seconds = period.as_secs_f64() * (0.8 + 0.4 * random());
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Returns a random number from 0 to 1.
pub(super) fn random() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn failed_watches_are_opened_ever_later() {
        let mut pace = Pace::new(MAX);
        let mut now = Instant::now();
        pace.opened(now);
        assert!(pace.ended("why", now).is_ok(), "once, it is opened again");
        for doublings in 0..40 {
            pace.opened(now);
            let error = pace.ended("why", now).expect_err("again");
            assert_eq!(error.message(), "why");
            let most = FIRST.saturating_mul(1 << doublings.min(16)).min(MAX);
            assert!(pace.check(now + most.mul_f64(0.49)).is_err());
            now += most;
            assert!(pace.check(now).is_ok(), "{doublings}");
        }
        pace.delivered();
        pace.opened(now);
        assert!(pace.ended("why", now).is_err(), "it failed all the same");
        assert!(pace.check(now + FIRST).is_ok(), "after the shortest pause");
    }

    #[test]
    fn periods_vary_by_a_fifth() {
        for period in [Duration::from_secs(1), Duration::MAX] {
            let least = period / 100 * 79;
            let most = (period / 100).saturating_mul(121);
            for _ in 0..100 {
                let varied = varied(period);
                assert!(least < varied && varied <= most, "{varied:?}");
            }
        }
    }

    #[test]
    fn long_watches_have_not_failed() {
        let mut pace = Pace::new(MAX);
        let mut now = Instant::now();
        for _ in 0..9 {
            pace.opened(now);
            now += PROVEN;
            assert!(pace.ended("why", now).is_ok());
        }
    }
}
