//! The monotonic clock, or none: on targets without one `Instant::now` panics.
//!
//! `tests/integration/tidy.rs` lists the files that may call `Instant::now` themselves: those that run only
//! where there is a clock.

use std::time::{Duration, Instant};

/// Whether the target has a clock. Without one no operation reports how long something took.
pub(crate) const EXISTS: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// Whether another thread can end a wait. The condition variables of std panic where it cannot.
pub(crate) const THREADS: bool =
    !cfg!(all(target_family = "wasm", not(target_feature = "atomics")));

/// The present moment, if there is a clock.
pub(crate) fn now() -> Option<Instant> {
    EXISTS.then(Instant::now)
}

/// How long a wait may last.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// The wait does not block.
    Now,
    At(Instant),
    /// The wait blocks until it is answered.
    Never,
}

impl Limit {
    /// The end of a wait of `timeout` that begins now. A moment beyond the range of the clock is no
    /// limit. Without a clock, or without a thread that could answer, the wait does not block.
    pub(crate) fn after(timeout: Duration) -> Self {
        match now() {
            Some(now) if THREADS => now.checked_add(timeout).map_or(Self::Never, Self::At),
            _ => Self::Now,
        }
    }

    /// The time that is left; `None` if there is no limit.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(end) => Some(end.saturating_duration_since(Instant::now())),
            Self::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Limit;

    #[test]
    fn limits_know_what_is_left() {
        assert_eq!(Limit::Now.left(), Some(Duration::ZERO));
        assert_eq!(Limit::after(Duration::ZERO).left(), Some(Duration::ZERO));
        assert_eq!(Limit::Never.left(), None);
        assert_eq!(Limit::after(Duration::MAX).left(), None);
        let left = Limit::after(Duration::from_secs(1_000_000)).left();
        assert!(left.is_some_and(|left| !left.is_zero()));
    }
}
