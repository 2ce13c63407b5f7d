//! A typed value that follows the store.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use untorn::{MappedPinned, MappedSnapshot, Pinned, Snapshot};

use crate::config::Config;
use crate::store::Engine;

/// A section of a configuration as a `T`, always that of the newest revision: from
/// [`Store::typed`](crate::Store::typed).
///
/// It does not keep the store running: after the last clone of the [`Store`](crate::Store) has been
/// dropped, it stays at the last revision.
///
/// It is built before a revision is published, and only if a key of the section has changed. So
/// reading it costs a pin and one lookup in a small array, it never fails, and it is of the same
/// revision as the keys and the other sections.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use serde::Deserialize;
/// use untorn_live::{Live, Store};
///
/// #[derive(Deserialize)]
/// struct Http {
///     port: u16,
/// }
///
/// let store = Store::manual();
/// store.publish_text("app.toml", "[http]\nport = 80").unwrap();
/// let http: Live<Http> = store.typed("http").unwrap();
/// assert_eq!(http.load().port, 80);
/// store.publish_text("app.toml", "[http]\nport = 81").unwrap();
/// assert_eq!(http.load().port, 81);
///
/// // Several values of one revision:
/// let config = store.pin();
/// assert_eq!(http.at(&config).port, 81);
/// assert_eq!(config.get("http.port").unwrap().as_integer(), Some(81));
/// # }
/// ```
pub struct Live<T> {
    engine: Arc<Engine>,
    number: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Live<T> {
    pub(crate) fn new(engine: Arc<Engine>, number: usize) -> Self {
        Self {
            engine,
            number,
            of: PhantomData,
        }
    }

    /// Returns the newest value. Never blocks; wait-free after the thread's first pin, with at most
    /// seven pins at once. The guard delays no update; read several fields of one
    /// revision from one guard.
    ///
    /// The guard cannot be sent to another thread, so a task that keeps it over an `.await` does
    /// not compile where tasks may move; [`snapshot`](Self::snapshot) can.
    ///
    /// # Panics
    /// Before the first revision; [`try_load`](Self::try_load) does not.
    ///
    /// # Examples
    /// See [`Live`].
    #[track_caller]
    pub fn load(&self) -> MappedPinned<'_, T> {
        Pinned::map(self.engine.pin(), |config| self.at(config))
    }

    /// Returns the newest value; `None` before the first revision, for a
    /// [required](crate::StoreBuilder::require) section of a store that is not ready.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use std::collections::BTreeMap;
    /// use untorn_live::{Live, Store};
    ///
    /// type Http = BTreeMap<String, u16>;
    ///
    /// let store = Store::builder().manual().require::<Http>("http").start().unwrap();
    /// let http: Live<Http> = store.typed("http").unwrap();
    /// assert!(http.try_load().is_none());
    /// store.publish_text("app.toml", "[http]\nport = 80").unwrap();
    /// assert_eq!(http.try_load().unwrap()["port"], 80);
    /// # }
    /// ```
    #[must_use]
    pub fn try_load(&self) -> Option<MappedPinned<'_, T>> {
        Pinned::try_map(self.engine.pin(), |config| self.value(config)).ok()
    }

    /// Returns the newest value, to be kept or sent.
    ///
    /// # Panics
    /// Before the first revision.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder().text("app.toml", "[limits]\nlow = 1").start().unwrap();
    /// let limits = store.typed::<std::collections::BTreeMap<String, u32>>("limits").unwrap();
    /// let kept = limits.snapshot();
    /// std::thread::spawn(move || assert_eq!(kept["low"], 1)).join().unwrap();
    /// # }
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> MappedSnapshot<T> {
        Snapshot::map(self.engine.snapshot(), |config| self.at(config))
    }

    /// Returns the value of a revision, which other values can be read from too.
    ///
    /// # Panics
    /// If the revision is one of another store, or from before [`Store::typed`](crate::Store::typed)
    /// was called, or has no keys yet.
    ///
    /// # Examples
    /// See [`Live`].
    #[must_use]
    #[track_caller]
    pub fn at<'c>(&self, config: &'c Config) -> &'c T {
        match self.value(config) {
            Some(value) => value,
            None => panic!(
                "cannot read the section from this revision: it is of another store, or from \
                 before the section or the first revision; call `Store::ready` first"
            ),
        }
    }

    fn value<'c>(&self, config: &'c Config) -> Option<&'c T> {
        let is_of_this_store = Arc::ptr_eq(&config.shared, self.engine.shared());
        let section = config
            .sections
            .get(self.number)
            .filter(|_| is_of_this_store)?;
        section.value()
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            number: self.number,
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live<{}>", type_name::<T>())
    }
}
