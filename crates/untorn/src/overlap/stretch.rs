//! Stretching: keeping a sampled access open a little longer, so that overlaps that luck would hide are found.
//!
//! Off unless `UNTORN_STRETCH` says how much of its time a thread may spend on it, such as `1%`. An access that is
//! stretched sleeps inside the gate for a random while.

use std::cell::Cell;
use std::env;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::random::random_u64;

/// The longest that one access is kept open.
const LONGEST: Duration = Duration::from_micros(500);

/// The share of time that a thread may spend on keeping accesses open; nothing by default.
#[derive(Clone, Copy)]
pub(super) struct Stretch(Option<f64>);

impl Stretch {
    /// What `UNTORN_STRETCH` says.
    pub(super) fn from_environment() -> Self {
        static SHARE: OnceLock<Option<f64>> = OnceLock::new();
        Self(*SHARE.get_or_init(|| {
            let value = env::var_os("UNTORN_STRETCH").filter(|value| !value.is_empty())?;
            let share = value.to_str().and_then(parse);
            if share.is_none() {
                eprintln!(
                    "untorn: UNTORN_STRETCH={value:?} is not a percentage from 0% to 90%, such as 1%; it is ignored"
                );
            }
            share.filter(|&share| share > 0.0)
        }))
    }

    /// Keeps the access that has just entered open if it is this thread's turn.
    #[inline(always)]
    pub(super) fn stretch(self) {
        if let Self(Some(share)) = self {
            stretch_within(share);
        }
    }
}

/// `1%` is 0.01.
fn parse(value: &str) -> Option<f64> {
    let percent: f64 = value.trim().strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=90.0).contains(&percent).then_some(percent / 100.0)
}

#[cold]
fn stretch_within(share: f64) {
    thread_local! {
        static DUE: Cell<Option<Instant>> = const { Cell::new(None) };
    }
    let now = Instant::now();
    if DUE.get().is_some_and(|due| now < due) {
        return;
    }
    thread::sleep(LONGEST.mul_f64(random_u64() as f64 / u64::MAX as f64));
    // Sleeping takes longer than asked; the share is kept of what it took.
    let after = Instant::now();
    DUE.set(Some(after + (after - now).mul_f64((1.0 - share) / share)));
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn percentages_are_understood() {
        assert_eq!(parse("1%"), Some(0.01));
        assert_eq!(parse(" 0.5 %"), Some(0.005));
        assert_eq!(parse("0%"), Some(0.0));
        for nonsense in ["", "1", "%", "91%", "-1%", "NaN%", "much"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
