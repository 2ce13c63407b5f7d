//! The number of a published state.

use std::fmt;

/// The number of a published state: 0 is the first, and each commit adds 1.
///
/// # Examples
/// ```
/// use untorn::{Published, Revision};
///
/// let limit = Published::new(100);
/// assert_eq!(limit.revision(), Revision::FIRST);
/// assert!(limit.publish(200) > Revision::FIRST);
/// assert_eq!(limit.revision().to_string(), "1");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision of the first state.
    pub const FIRST: Self = Self(0);

    /// Returns the number.
    ///
    /// # Examples
    /// ```
    /// use untorn::Revision;
    ///
    /// assert_eq!(Revision::FIRST.get(), 0);
    /// assert_eq!(Revision::from(7).get(), 7);
    /// ```
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the revision after this one, which the next commit makes. The largest number has no
    /// successor: it is returned itself.
    ///
    /// To wait for the next commit, pass it to [`Map::wait_for`](crate::Map::wait_for) or
    /// [`Published::wait_for`](crate::Published::wait_for), which return at once if that commit has
    /// been made meanwhile.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::{Map, Revision};
    ///
    /// let config = Map::from([("port", 80)]);
    /// let view = config.snapshot();
    /// let newer = view.revision().next();
    /// assert!(config.wait_for(newer, Duration::ZERO).is_err()); // no commit since the snapshot
    /// config.insert("port", 81);
    /// assert!(config.wait_for(newer, Duration::ZERO).is_ok());
    /// assert_eq!(Revision::FIRST.next().get(), 1);
    /// ```
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl From<u64> for Revision {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Revision> for u64 {
    fn from(revision: Revision) -> Self {
        revision.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
