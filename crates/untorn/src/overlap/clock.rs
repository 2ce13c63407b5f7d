//! The clock that writers read on entering. Only differences matter, and only in a report.
//!
//! On x86-64 it is the processor's time-stamp counter, which costs a quarter of `Instant::now`. Its
//! frequency is determined when a report needs it, by comparing both clocks since the first access.
//! Elsewhere, and under Miri, which has no such instruction, it is `Instant`. On a target without a
//! clock it is always 0 and no duration is reported.

#![allow(unsafe_code, reason = "one instruction: see `ticks`")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::clock;

/// Both clocks at the same moment.
struct Origin {
    ticks: u64,
    instant: Instant,
}

/// Returns the origin, read at the first call; `None` without a clock.
fn origin() -> Option<&'static Origin> {
    static ORIGIN: OnceLock<Option<Origin>> = OnceLock::new();
    let origin = ORIGIN.get_or_init(|| {
        // The closest of several readings: the thread may be suspended between the clocks.
        let readings = (0..8).filter_map(|_| {
            let (ticks, instant, after) = (ticks(), clock::now()?, ticks());
            Some((after.saturating_sub(ticks), Origin { ticks, instant }))
        });
        let closest = readings.min_by_key(|(apart, _)| *apart);
        closest.map(|(_, origin)| origin)
    });
    origin.as_ref()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction. If the system forbids it, it raises a
    // fault, which is no undefined behavior.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn ticks() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let Some(now) = clock::now() else {
        return 0;
    };
    let elapsed = now.saturating_duration_since(*START.get_or_init(|| now));
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the current time, in ticks.
#[inline(always)]
pub(super) fn now() -> u64 {
    ticks()
}

/// Starts the comparison of the clocks. Called when a map is created and before a cell's first
/// access, so that the measured interval is long when a report needs it.
pub(super) fn start() {
    origin();
}

/// Returns the time since `moment`, zero if it is not in the past; `None` without a clock.
pub(super) fn since(moment: u64) -> Option<Duration> {
    let origin = origin()?;
    let (ticks, elapsed) = (ticks(), origin.instant.elapsed());
    let running = ticks.saturating_sub(origin.ticks).max(1);
    let ago = ticks.saturating_sub(moment);
    Some(elapsed.mul_f64((ago as f64 / running as f64).min(1.0)))
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::{now, since, start};

    #[test]
    fn agrees_with_the_other_clock() {
        start();
        // A sleep takes at least its argument; one percent is for the time between reading the two
        // clocks at the origin. If the thread was suspended at each of its readings, that is too
        // little at first, and enough when the interval since then is long.
        let agrees = |_| {
            let moment = now();
            sleep(Duration::from_millis(20));
            since(moment) > Some(Duration::from_micros(19_800))
        };
        assert!((0..500).any(agrees));
        assert_eq!(since(u64::MAX), Some(Duration::ZERO));
    }
}
