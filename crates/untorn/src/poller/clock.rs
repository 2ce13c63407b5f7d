//! The clock of a poller, which includes the time that the machine was suspended.
//!
//! On Linux, Android and Apple's systems [`Instant`] does not advance during a suspend. There this
//! clock also reads a system clock that does. On Windows `Instant` advances during a suspend. On
//! other systems `Instant` is the only clock, and whether it advances depends on the system.
//!
//! Invariant of the `unsafe` blocks:
//! - **I1** `clock_gettime` writes a `timespec` through its pointer argument, and does not retain
//!   it.

use std::time::{Duration, Instant};

#[cfg(any(target_os = "linux", target_os = "android"))]
const COUNTS_SUSPENDS: libc::clockid_t = libc::CLOCK_BOOTTIME;
// Reads the clock of `mach_continuous_time`.
#[cfg(target_vendor = "apple")]
const COUNTS_SUSPENDS: libc::clockid_t = libc::CLOCK_MONOTONIC_RAW;

/// The source of a poller's time: the system, or a test.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    #[cfg(test)]
    pub(super) fake: Option<std::sync::Arc<Fake>>,
}

/// A moment, as read from both clocks.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    /// The reading of the clock that counts suspends, if there is one.
    boot: Option<Duration>,
    clock: Clock,
}

impl Clock {
    pub(super) fn now(&self) -> Moment {
        #[cfg(test)]
        if let Some(fake) = &self.fake {
            let (instant, boot) = fake.now();
            return Moment {
                instant,
                boot: Some(boot),
                clock: self.clone(),
            };
        }
        Moment {
            instant: Instant::now(),
            boot: since_boot(),
            clock: self.clone(),
        }
    }
}

impl Moment {
    /// Returns the time since this moment, suspends included.
    pub(super) fn elapsed(&self) -> Duration {
        let now = self.clock.now();
        match (now.boot, self.boot) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => now.instant.saturating_duration_since(self.instant),
        }
    }

    /// Returns this moment moved back to an earlier instant.
    pub(super) fn back_to(self, instant: Instant) -> Self {
        let by = self.instant.saturating_duration_since(instant);
        Self {
            instant,
            boot: self.boot.map(|boot| boot.saturating_sub(by)),
            clock: self.clock,
        }
    }
}

/// Compares the readings of the two clocks, not the source of the time.
impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        (self.instant, self.boot) == (other.instant, other.boot)
    }
}

impl Eq for Moment {}

/// Returns the time since the machine was started, suspends included; `None` if the system has no
/// such clock.
#[allow(unsafe_code, reason = "std has no clock that counts suspends")]
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn since_boot() -> Option<Duration> {
    let mut time = std::mem::MaybeUninit::uninit();
    // SAFETY: I1; the pointer is to a local `timespec`.
    let failed = unsafe { libc::clock_gettime(COUNTS_SUSPENDS, time.as_mut_ptr()) };
    if failed != 0 {
        return None;
    }
    // SAFETY: I1; the call succeeded, so it initialized `time`.
    let time: libc::timespec = unsafe { time.assume_init() };
    let (seconds, nanos) = (time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?);
    Some(Duration::new(seconds, nanos))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn since_boot() -> Option<Duration> {
    None
}

/// A clock that a test advances.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Fake {
    start: Instant,
    state: std::sync::Mutex<FakeState>,
}

#[cfg(test)]
#[derive(Debug, Default)]
struct FakeState {
    awake: Duration,
    suspended: Duration,
    /// The number of times that it was read.
    reads: u64,
}

#[cfg(test)]
impl Fake {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            state: std::sync::Mutex::default(),
        }
    }

    fn now(&self) -> (Instant, Duration) {
        let mut state = self.state.lock().expect("not poisoned");
        state.reads += 1;
        (self.start + state.awake, state.awake + state.suspended)
    }

    pub(super) fn reads(&self) -> u64 {
        self.state.lock().expect("not poisoned").reads
    }

    pub(super) fn advance(&self, awake: Duration, suspended: Duration) {
        let mut state = self.state.lock().expect("not poisoned");
        state.awake += awake;
        state.suspended += suspended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_advance() {
        let clock = Clock::default();
        let first = clock.now();
        let (mut last, mut steps) = (first.clone(), 0);
        while steps < 1_000 {
            let next = clock.now();
            assert!(next.instant >= last.instant && next.boot >= last.boot);
            steps += u32::from(next != last);
            last = next;
        }
        let since_last = last.elapsed();
        assert!(first.elapsed() >= since_last);
        let before = last.clone().back_to(first.instant);
        assert_eq!(before.instant, first.instant);
        assert!(before.boot <= last.boot);
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[cfg_attr(miri, ignore = "reads /proc")]
    fn the_clock_agrees_with_the_uptime() {
        let before = since_boot().expect("Linux has one");
        let uptime = std::fs::read_to_string("/proc/uptime").expect("readable");
        let after = since_boot().expect("Linux has one");
        let seconds = uptime.split(' ').next().and_then(|text| text.parse().ok());
        let uptime = Duration::from_secs_f64(seconds.expect("a number"));
        // The uptime is truncated to hundredths.
        let hundredth = Duration::from_millis(10);
        assert!(before <= uptime + hundredth && uptime <= after);
    }

    #[test]
    fn a_suspend_counts_as_elapsed() {
        let fake = std::sync::Arc::new(Fake::new());
        let clock = Clock {
            fake: Some(std::sync::Arc::clone(&fake)),
        };
        let then = clock.now();
        fake.advance(Duration::from_secs(1), Duration::from_secs(3600));
        assert_eq!(then.elapsed(), Duration::from_secs(3601));
        assert_eq!(clock.now().instant - then.instant, Duration::from_secs(1));
    }
}
