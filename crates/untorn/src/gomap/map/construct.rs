//! Creating a `GoMap`.

use super::GoMap;
use crate::gomap::table::Table;

impl<K, V> GoMap<K, V> {
    /// Creates an empty map. Nothing is allocated before the first write.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::new();
    /// config.insert("1", 265);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::from(Table::new())
    }

    /// Creates an empty map with a name for reports. The name is cut to 64 bytes.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::named("config");
    /// config.insert("1", 265);
    /// assert_eq!(config.name(), Some("config"));
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::new().with_name(name)
    }

    /// Creates an empty map that holds `hint` entries before it grows: Go's `make(map[K]V, hint)`.
    ///
    /// As in Go, a hint is ignored if one bucket for each entry would take more than 2^48 bytes.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::with_hint(100).with_name("config");
    /// config.insert("1", 265);
    /// assert_eq!(config.stats().buckets, 16);
    /// ```
    #[must_use]
    #[doc(alias = "with_capacity")]
    #[doc(alias = "make")]
    #[doc(alias = "makemap")]
    pub fn with_hint(hint: usize) -> Self {
        Self::from(Table::with_hint(hint))
    }
}
