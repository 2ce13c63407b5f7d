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

    /// Returns the revision after this one.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
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
