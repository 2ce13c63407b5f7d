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

    /// Sets the name of the map, which the panics of nested writes and of absent keys, and errors
    /// about a view of another map show.
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
            ..self
        }
    }

    /// Makes each commit free every replaced version that nothing references, with the keys and
    /// values that only such versions have, before the write returns. It costs each commit a
    /// system call that interrupts the other threads of the process, some microseconds.
    ///
    /// Without it the `Drop` of a removed value runs up to some 100 commits later. A version that a
    /// pin, a snapshot, a reader or a subscription references is freed by the first commit, or
    /// [`reclaim`](Self::reclaim), after the last of them. A lookup, and a write as it begins, is a
    /// pin for a moment: beside other threads the `Drop` may run in one of their writes.
    ///
    /// A [fork](Self::fork) has this setting too, a [fork of a view](super::View::fork) has not.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use untorn::Map;
    ///
    /// let connections = Map::new().with_prompt_reclamation();
    /// connections.insert("db", Arc::new("a connection"));
    /// let weak = Arc::downgrade(&connections.pin()["db"]);
    /// connections.remove("db");
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn with_prompt_reclamation(self) -> Self {
        Self {
            prompt_reclamation: true,
            ..self
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
    /// [`batch_if_unchanged`](Self::batch_if_unchanged). [`View::fork`](super::View::fork) forks an
    /// earlier revision, and [`restore`](Self::restore) takes the contents of a fork over.
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
        Self {
            prompt_reclamation: self.prompt_reclamation,
            ..self.pin().fork()
        }
    }
}
