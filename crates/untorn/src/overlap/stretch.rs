//! Delay injection (*stretching*): sampled accesses are delayed, so that rare overlaps happen more
//! often.
//!
//! A delayed access sleeps after it has entered the gate and before it uses the value; a
//! conflicting access that begins meanwhile finds it. The rate limit is in `rate_limit.rs`.

mod rate_limit;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use self::rate_limit::{CellBudget, ThreadBudget};
use super::clock;
use super::record::Slot;
use super::tsan;
use crate::clock::EXISTS;
use crate::mutants::mutant;
use crate::random::random_unit_f64;
use crate::sync::thread_local;
use crate::thread::this_thread;

/// Delay injection: the share of the time for which accesses are delayed, so that rare overlaps
/// become likely.
///
/// Set it for one map or cell by [`GoMap::stretch`](crate::GoMap::stretch) or
/// [`OverlapCell::stretch`](crate::OverlapCell::stretch), and for all others by
/// `UNTORN_STRETCH=1%`. It is off by default. [The guide](crate::docs::stretching) says which
/// overlaps it finds, and how soon.
///
/// # What it costs
/// A share of 1 % means: each thread spends at most 1 % of its time asleep in accesses, over all
/// its maps, and a map is kept in use by delays for at most 1 % of the time, over all its threads,
/// half of it by reads and half by writes. If the accesses are under a lock, the threads that wait
/// for it lose at most 1 % too. Within any period a thread may exceed this by one delay, and a map
/// by one of a read and one of a write. While this is enabled, an access that is not delayed reads
/// the clock, which costs some 8 ns (2 ns if one thread is alone).
///
/// Accesses to a map that only one thread has used so far are never delayed, and without a clock
/// (`wasm32-unknown-unknown`) none are.
///
/// # How long one access takes
/// A delayed access sleeps for between a half and the whole of
/// [`longest_delay`](Self::longest_delay), by default 1 ms, and for the latency of the operating
/// system's timers: about 60 µs on an idle Linux, milliseconds on a busy machine. The time that it
/// really slept counts for the share.
///
/// # Examples
/// ```
/// use untorn::{GoMap, Stretch};
///
/// let config = GoMap::named("config").stretch(Stretch::percent(1.0));
/// config.insert("1", "265"); // no other thread has used the map: not delayed
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// A fraction from 0 to 0.9.
    share: f64,
    longest: Duration,
}

/// The maximum percentage.
const MAX_PERCENT: f64 = 90.0;

impl Stretch {
    /// No delays, which is the default.
    pub const OFF: Self = Self::percent(0.0);

    /// Creates a stretch with a share of `percent` of the time.
    ///
    /// # Panics
    /// If `percent` is not from 0 to 90.
    ///
    /// # Examples
    /// ```
    /// use untorn::Stretch;
    ///
    /// assert_eq!(Stretch::percent(0.0), Stretch::OFF);
    /// assert_eq!(Stretch::percent(2.5).to_string(), "2.5%");
    /// ```
    #[must_use]
    pub const fn percent(percent: f64) -> Self {
        assert!(
            percent >= 0.0 && percent <= MAX_PERCENT,
            "cannot create a stretch: the share must be from 0 to 90 percent of the time"
        );
        Self {
            share: percent / 100.0,
            longest: Duration::from_millis(1),
        }
    }

    /// Sets the length of the delays, with the same share: an access sleeps for between a half of
    /// `max` and all of it.
    ///
    /// If accesses come at random, fewer but longer delays find as many overlaps. They find more if
    /// two threads are so regular that they always miss each other by the same time: then a delay
    /// has to be that long.
    ///
    /// # Panics
    /// If `max` is zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::{GoMap, Stretch};
    ///
    /// // Both sides use the map every 10 ms, at different times.
    /// let stretch = Stretch::percent(10.0).max_delay(Duration::from_millis(20));
    /// let config = GoMap::from([("1", "265")]).stretch(stretch);
    /// assert_eq!(config.get("1"), Some("265"));
    /// ```
    #[must_use]
    pub const fn max_delay(mut self, max: Duration) -> Self {
        assert!(
            !max.is_zero(),
            "cannot set the delay of a stretch: it must be longer than zero"
        );
        self.longest = max;
        self
    }

    /// Returns the longest delay.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Stretch;
    ///
    /// assert_eq!(Stretch::percent(1.0).longest_delay(), Duration::from_millis(1));
    /// ```
    #[must_use]
    pub const fn longest_delay(&self) -> Duration {
        self.longest
    }

    /// Returns the length of one delay: between a half of the longest and all of it. `random` is
    /// from 0 to 1.
    fn delay(&self, random: f64) -> Duration {
        self.longest.mul_f64(0.5 + random / 2.0)
    }
}

impl Default for Stretch {
    /// Returns [`OFF`](Self::OFF).
    fn default() -> Self {
        Self::OFF
    }
}

impl FromStr for Stretch {
    type Err = InvalidStretch;

    /// Parses a percentage from `0%` to `90%`, as in `UNTORN_STRETCH`.
    ///
    /// # Errors
    /// If the text is anything else. The percent sign is required.
    ///
    /// # Examples
    /// ```
    /// use untorn::Stretch;
    ///
    /// assert_eq!("1%".parse(), Ok(Stretch::percent(1.0)));
    /// let error = "1".parse::<Stretch>().unwrap_err();
    /// assert_eq!(error.to_string(), "not a percentage from 0% to 90%; write 1%, for example");
    /// ```
    fn from_str(value: &str) -> Result<Self, InvalidStretch> {
        let number = value.trim().strip_suffix('%');
        let digits = |number: &&str| number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number = number.map(str::trim).filter(digits);
        let percent = number.and_then(|number| number.parse().ok());
        let percent = percent.filter(|percent| (0.0..=MAX_PERCENT).contains(percent));
        percent.map(Self::percent).ok_or(InvalidStretch(()))
    }
}

impl fmt::Display for Stretch {
    /// Formats the share, such as `1%`, with at most three digits after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.share * 1e5).round() / 1e3;
        write!(f, "{percent}%")
    }
}

/// The error of a text that is not a [`Stretch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidStretch(());

impl fmt::Display for InvalidStretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a percentage from 0% to 90%; write 1%, for example")
    }
}

impl std::error::Error for InvalidStretch {}

/// The kind of an access, for the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

/// The delay injection of one map or cell.
pub(super) struct Stretching {
    /// Set if the share is more than 0; an access checks only this if it is not.
    on: bool,
    setting: Stretch,
    /// Set if the cell has a setting of its own; otherwise each access passes the environment's.
    is_set: bool,
    budget: CellBudget,
}

thread_local! {
    static THREAD_BUDGET: ThreadBudget = const { ThreadBudget::new() };
}

impl Stretching {
    /// Creates the delay injection of a cell without a setting: each access passes the one of the
    /// environment.
    pub(super) const fn unset() -> Self {
        Self {
            is_set: false,
            ..Self::with(Stretch::OFF)
        }
    }

    pub(super) const fn with(setting: Stretch) -> Self {
        Self {
            on: setting.share > 0.0,
            setting,
            is_set: true,
            budget: CellBudget::new(),
        }
    }

    pub(super) fn setting(&self) -> Stretch {
        self.setting
    }

    /// Creates the delay injection of another cell with the same setting and a budget of its own.
    pub(super) fn fresh(&self) -> Self {
        if self.is_set {
            Self::with(self.setting)
        } else {
            Self::unset()
        }
    }

    /// Delays the access that has just entered if it is due; `slot` records the delay meanwhile.
    #[inline(always)]
    pub(super) fn stretch(&self, slot: &Slot, side: Side) {
        if self.on {
            self.delay_if_due(self.setting, slot, side);
        }
    }

    /// Delays the access as [`stretch`](Self::stretch) does, with the setting of the environment if
    /// the cell has none of its own.
    #[inline(always)]
    pub(super) fn stretch_or(&self, environment: Stretch, slot: &Slot, side: Side) {
        if self.is_set {
            self.stretch(slot, side);
        } else if environment.share > 0.0 {
            self.delay_if_due(environment, slot, side);
        }
    }

    #[cold]
    fn delay_if_due(&self, setting: Stretch, slot: &Slot, side: Side) {
        let _hidden = tsan::hide();
        // Without a clock the length of a delay is unknown.
        if !EXISTS || !self.budget.is_shared_with(this_thread()) {
            return;
        }
        let start = clock::now();
        let share = setting.share;
        THREAD_BUDGET.with(|thread_budget| {
            if !self.budget.try_begin(thread_budget, side, start, share) {
                return;
            }
            slot.set_delayed((!mutant("stretch_is_not_reported")).then_some(start));
            thread::sleep(setting.delay(random_unit_f64()));
            slot.set_delayed(None);
            let budget = &self.budget;
            budget.finish(
                thread_budget,
                side,
                start..clock::now(),
                share,
                random_unit_f64(),
            );
        });
    }
}
