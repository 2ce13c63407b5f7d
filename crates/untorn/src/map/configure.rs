//! The name and the hasher of a map, and maps made from others.

use super::{Map, Table};

impl<K, V, S> Map<K, V, S> {
    /// Creates an empty map that hashes with `hasher`. Clones of the hasher must hash as it does.
    ///
    /// All bits of a hash choose the segment of a key, so the hashes may be constant in their low
    /// or their high bits. If many keys have the same hash, they are all in one segment, which each
    /// write of one of them copies.
    ///
    /// # Examples
    /// ```
    /// use std::hash::RandomState;
    /// use untorn::Map;
    ///
    /// let sessions: Map<String, u32, _> = Map::with_hasher(RandomState::new());
    /// sessions.insert("from outside".into(), 1);
    /// assert_eq!(sessions.get("from outside"), Some(1));
    /// ```
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::of(Table::new(), hasher)
    }

    /// Sets the name of the map, which its `Debug` and its panics show.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]).with_name("limits");
    /// assert_eq!(limits.name(), Some("limits"));
    /// ```
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        self.pin().origin.set_name(name);
        Self {
            published: self.published.with_name(name),
            remains: self.remains,
            in_progress: self.in_progress,
        }
    }

    /// Returns the name, if the map has one.
    ///
    /// # Examples
    /// ```
    /// use untorn::Map;
    ///
    /// let limits: Map<&str, u32> = Map::named("limits");
    /// assert_eq!(limits.name(), Some("limits"));
    /// assert_eq!(Map::<&str, u32>::new().name(), None);
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.published.name()
    }
}

impl<K, V, S: Clone> Map<K, V, S> {
    /// Returns another map that begins with the contents of this one, at revision 0. O(1): both
    /// share everything until one of them changes it.
    ///
    /// A view of one is not a view of the other: see
    /// [`batch_if_unchanged`](Self::batch_if_unchanged).
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// let trial = limits.fork();
    /// trial.insert("low", 11);
    /// assert_eq!((limits.get("low"), trial.get("low")), (Some(10), Some(11)));
    /// ```
    #[doc(alias = "clone")]
    #[must_use]
    pub fn fork(&self) -> Self {
        let newest = self.pin();
        let fork = Self::of(newest.table.clone(), newest.hasher.clone());
        match self.name() {
            Some(name) => fork.with_name(name),
            None => fork,
        }
    }
}
