//! The monotonic clock, where the target has one: elsewhere `Instant::now` panics.
//!
//! `tests/integration/tidy.rs` lists the files that may call `Instant::now` themselves: those that
//! run only where there is a clock.

use std::time::{Duration, Instant};

/// True if the target has a clock. Without one, no operation measures durations.
pub(crate) const EXISTS: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// True if the target has threads, so that another thread can end a wait. Without threads the
/// condition variables of std panic.
pub(crate) const THREADS: bool =
    !cfg!(all(target_family = "wasm", not(target_feature = "atomics")));

/// Returns the present moment, if there is a clock.
pub(crate) fn now() -> Option<Instant> {
    EXISTS.then(Instant::now)
}

/// The limit of a wait.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// The wait does not block.
    Now,
    /// The wait ends at this moment.
    At(Instant),
    /// The wait has no limit.
    Never,
}

impl Limit {
    /// Returns the limit of a wait of `timeout` that begins now. A moment beyond the range of the
    /// clock is no limit. Without a clock or without threads the wait does not block. A timeout of
    /// zero reads no clock.
    pub(crate) fn after(timeout: Duration) -> Self {
        if timeout.is_zero() {
            return Self::Now;
        }
        match now() {
            Some(now) if THREADS => now.checked_add(timeout).map_or(Self::Never, Self::At),
            _ => Self::Now,
        }
    }

    /// Returns the time that is left; `None` if there is no limit.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(end) => Some(end.saturating_duration_since(Instant::now())),
            Self::Never => None,
        }
    }

    /// Returns whether no time is left.
    pub(crate) fn has_passed(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Limit;

    #[test]
    fn limits_return_the_time_that_is_left() {
        assert_eq!(Limit::Now.left(), Some(Duration::ZERO));
        assert_eq!(Limit::after(Duration::ZERO).left(), Some(Duration::ZERO));
        assert_eq!(Limit::Never.left(), None);
        assert_eq!(Limit::after(Duration::MAX).left(), None);
        let left = Limit::after(Duration::from_secs(1_000_000)).left();
        assert!(left.is_some_and(|left| !left.is_zero()));
        assert!(Limit::Now.has_passed() && !Limit::Never.has_passed());
    }
}
