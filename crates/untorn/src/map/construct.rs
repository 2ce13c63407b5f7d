//! Creating a map.

use super::{DefaultHashBuilder, Map};

impl<K, V> Map<K, V> {
    /// Creates an empty map, at revision 0.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::new();
    /// limits.insert("low", 10);
    /// assert_eq!(limits.get("low"), Some(10));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(DefaultHashBuilder::default())
    }

    /// Creates an empty map with a name; see [`with_name`](Self::with_name).
    ///
    /// # Examples
    /// ```
    /// let limits: untorn::Map<&str, u32> = untorn::Map::named("limits");
    /// assert_eq!(limits.name(), Some("limits"));
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::new().with_name(name)
    }
}
