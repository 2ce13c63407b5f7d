//! Handles of a part of a version.

use std::fmt;
use std::ops::Deref;

use super::pinned::{Pinned, Snapshot};
use super::revision::Revision;
use crate::versions::{CountedPart, PinnedPart};

/// A pin of a part of a version, from [`Pinned::map`] or [`Pinned::try_map`].
///
/// It retains the whole version as the pin did, stays on its thread as a pin does, and says nothing
/// of the type of the whole. So a function can return a reference to one value of a map together
/// with the pin that keeps it alive.
///
/// # Examples
/// ```
/// use untorn::{Map, MappedPinned, Pinned};
///
/// /// Sessions by user; which map holds them is not part of the interface.
/// struct Sessions(Map<String, Vec<u32>>);
///
/// impl Sessions {
///     /// Borrows the sessions of a user, without cloning them.
///     fn of(&self, user: &str) -> Option<MappedPinned<'_, [u32]>> {
///         Pinned::try_map(self.0.pin(), |view| Some(view.get(user)?.as_slice())).ok()
///     }
/// }
///
/// let sessions = Sessions(Map::from([("ada".to_owned(), vec![265, 17])]));
/// let of_ada = sessions.of("ada").unwrap();
/// sessions.0.clear();
/// assert_eq!(*of_ada, [265, 17]); // of the pinned revision
/// assert!(sessions.of("ada").is_none());
/// ```
#[must_use = "a pin retains its version only while it is alive"]
pub struct MappedPinned<'p, U: ?Sized> {
    part: PinnedPart<'p, U>,
    revision: Revision,
}

impl<'p, U: ?Sized> MappedPinned<'p, U> {
    /// Returns a pin of a part of this part. O(1) besides `f`; if `f` panics, the pin ends.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedPinned, Pinned, Published};
    ///
    /// let config = Published::new((80, String::from("localhost")));
    /// let host = Pinned::map(config.pin(), |(_, host)| host);
    /// let first = MappedPinned::map(host, |host| &host[..5]);
    /// assert_eq!(&*first, "local");
    /// ```
    pub fn map<W: ?Sized>(pin: Self, f: impl FnOnce(&U) -> &W) -> MappedPinned<'p, W> {
        MappedPinned {
            revision: pin.revision,
            part: pin.part.map(f),
        }
    }

    /// Returns a pin of a part of this part, if `f` returns one. O(1) besides `f`; if `f` panics,
    /// the pin ends.
    ///
    /// # Errors
    /// The unchanged pin, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedPinned, Pinned, Published};
    ///
    /// let config = Published::new((80, String::from("localhost")));
    /// let host = Pinned::map(config.pin(), |(_, host)| host.as_str());
    /// let unchanged = MappedPinned::try_map(host, |host| host.strip_prefix("db")).unwrap_err();
    /// assert_eq!(&*unchanged, "localhost");
    /// ```
    #[doc(alias = "filter_map")]
    pub fn try_map<W: ?Sized>(
        pin: Self,
        f: impl FnOnce(&U) -> Option<&W>,
    ) -> Result<MappedPinned<'p, W>, Self> {
        let revision = pin.revision;
        match pin.part.try_map(f) {
            Ok(part) => Ok(MappedPinned { part, revision }),
            Err(part) => Err(Self { part, revision }),
        }
    }

    /// Returns the revision of the pin.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedPinned, Pinned, Published};
    ///
    /// let config = Published::new((80, "localhost"));
    /// config.publish((81, "localhost"));
    /// let port = Pinned::map(config.pin(), |(port, _)| port);
    /// assert_eq!((*port, MappedPinned::revision(&port).get()), (81, 1));
    /// ```
    #[must_use]
    pub fn revision(pin: &Self) -> Revision {
        pin.revision
    }
}

impl<'p, T> Pinned<'p, T> {
    /// Returns a pin of a part of the value, which retains the version until it is dropped. O(1)
    /// besides `f`; if `f` panics, the pin ends.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedPinned, Pinned, Published};
    ///
    /// struct Config {
    ///     hosts: Vec<String>,
    /// }
    ///
    /// fn hosts(config: &Published<Config>) -> MappedPinned<'_, [String]> {
    ///     Pinned::map(config.pin(), |config| config.hosts.as_slice())
    /// }
    ///
    /// let config = Published::new(Config { hosts: vec!["db1".into(), "db2".into()] });
    /// assert_eq!(hosts(&config).len(), 2);
    /// ```
    pub fn map<U: ?Sized>(pin: Self, f: impl FnOnce(&T) -> &U) -> MappedPinned<'p, U> {
        MappedPinned {
            revision: Self::revision(&pin),
            part: PinnedPart::new(pin.version, |version| f(&version.value)),
        }
    }

    /// Returns a pin of a part of the value, if `f` returns one: of one value of a map, if the map
    /// has its key. O(1) besides `f`; if `f` panics, the pin ends.
    ///
    /// # Errors
    /// The unchanged pin, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Map, Pinned};
    ///
    /// let hosts = Map::from([("db", "db1"), ("default", "localhost")]);
    /// let host = |service: &str| match Pinned::try_map(hosts.pin(), |view| view.get(service)) {
    ///     Ok(host) => host,
    ///     Err(view) => Pinned::map(view, |view| &view["default"]),
    /// };
    /// assert_eq!((*host("db"), *host("cache")), ("db1", "localhost"));
    /// ```
    #[doc(alias = "filter_map")]
    pub fn try_map<U: ?Sized>(
        pin: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<MappedPinned<'p, U>, Self> {
        let revision = Self::revision(&pin);
        match PinnedPart::try_new(pin.version, |version| f(&version.value)) {
            Ok(part) => Ok(MappedPinned { part, revision }),
            Err(version) => Err(Self { version }),
        }
    }
}

/// An owned reference to a part of a version, from [`Snapshot::map`] or [`Snapshot::try_map`].
///
/// It retains the whole version as the snapshot did, and can be kept, cloned, sent and held across
/// an `.await` as a snapshot can. It says nothing of the type of the whole.
///
/// # Examples
/// ```
/// use untorn::{Map, MappedSnapshot, Snapshot};
///
/// /// Returns one rule, without cloning it. It can be kept for as long as a request takes.
/// fn rule(rules: &Map<u32, String>, number: u32) -> Option<MappedSnapshot<str>> {
///     Snapshot::try_map(rules.snapshot(), |view| Some(view.get(&number)?.as_str())).ok()
/// }
///
/// let rules = Map::from([(1, "allow".to_owned())]);
/// let first = rule(&rules, 1).unwrap();
/// rules.clear();
/// let request = std::thread::spawn(move || first.len());
/// assert_eq!(request.join().unwrap(), 5);
/// ```
pub struct MappedSnapshot<U: ?Sized> {
    part: CountedPart<U>,
    revision: Revision,
}

impl<U: ?Sized + 'static> MappedSnapshot<U> {
    /// Returns an owned reference to a part of this part. O(1) besides `f`; if `f` panics, the
    /// version is released.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedSnapshot, Published, Snapshot};
    ///
    /// let config = Published::new((80, String::from("localhost")));
    /// let host = Snapshot::map(config.snapshot(), |(_, host)| host);
    /// let first = MappedSnapshot::map(host, |host| &host[..5]);
    /// assert_eq!(&*first, "local");
    /// ```
    pub fn map<W: ?Sized + 'static>(snapshot: Self, f: impl FnOnce(&U) -> &W) -> MappedSnapshot<W> {
        MappedSnapshot {
            part: snapshot.part.map(f),
            revision: snapshot.revision,
        }
    }

    /// Returns an owned reference to a part of this part, if `f` returns one. O(1) besides `f`; if
    /// `f` panics, the version is released.
    ///
    /// # Errors
    /// The unchanged reference, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedSnapshot, Published, Snapshot};
    ///
    /// let hosts = Published::new(vec!["db1", "db2"]);
    /// let all = Snapshot::map(hosts.snapshot(), |hosts| hosts.as_slice());
    /// let all = MappedSnapshot::try_map(all, |hosts| hosts.get(2)).unwrap_err();
    /// let second = MappedSnapshot::try_map(all, |hosts| hosts.get(1)).unwrap();
    /// assert_eq!(*second, "db2");
    /// ```
    #[doc(alias = "filter_map")]
    pub fn try_map<W: ?Sized + 'static>(
        snapshot: Self,
        f: impl FnOnce(&U) -> Option<&W>,
    ) -> Result<MappedSnapshot<W>, Self> {
        let revision = snapshot.revision;
        match snapshot.part.try_map(f) {
            Ok(part) => Ok(MappedSnapshot { part, revision }),
            Err(part) => Err(Self { part, revision }),
        }
    }
}

impl<U: ?Sized> MappedSnapshot<U> {
    /// Returns the revision of the snapshot.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedSnapshot, Published, Snapshot};
    ///
    /// let config = Published::new((80, "localhost"));
    /// config.publish((81, "localhost"));
    /// let port = Snapshot::map(config.snapshot(), |(port, _)| port);
    /// assert_eq!((*port, MappedSnapshot::revision(&port).get()), (81, 1));
    /// ```
    #[must_use]
    pub fn revision(snapshot: &Self) -> Revision {
        snapshot.revision
    }
}

impl<T: Send + Sync + 'static> Snapshot<T> {
    /// Returns an owned reference to a part of the value, which retains the version until it is
    /// dropped. O(1) besides `f`; if `f` panics, the version is released.
    ///
    /// The value and the part are `'static`, since the type of the result does not name the value.
    /// [`Pinned::map`] has no such bounds.
    ///
    /// # Examples
    /// ```
    /// use untorn::{MappedSnapshot, Published, Snapshot};
    ///
    /// struct Config {
    ///     host: String,
    /// }
    ///
    /// /// Holds the host, not all of the configuration's type.
    /// struct Client {
    ///     host: MappedSnapshot<str>,
    /// }
    ///
    /// let config = Published::new(Config { host: "db1".into() });
    /// let host = Snapshot::map(config.snapshot(), |config| config.host.as_str());
    /// let client = Client { host };
    /// config.publish(Config { host: "db2".into() });
    /// assert_eq!(&*client.host, "db1");
    /// ```
    pub fn map<U: ?Sized + 'static>(snapshot: Self, f: impl FnOnce(&T) -> &U) -> MappedSnapshot<U> {
        MappedSnapshot {
            revision: Self::revision(&snapshot),
            part: CountedPart::new(snapshot.version, |version| f(&version.value)),
        }
    }

    /// Returns an owned reference to a part of the value, if `f` returns one: to one value of a
    /// map, if the map has its key. Otherwise as [`map`](Self::map).
    ///
    /// # Errors
    /// The unchanged snapshot, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Map, Snapshot};
    ///
    /// let limits = Map::from([("low", 10)]);
    /// let low = Snapshot::try_map(limits.snapshot(), |view| view.get("low")).unwrap();
    /// assert_eq!(*low, 10);
    /// let view = Snapshot::try_map(limits.snapshot(), |view| view.get("high")).unwrap_err();
    /// assert_eq!(view.len(), 1);
    /// ```
    #[doc(alias = "filter_map")]
    pub fn try_map<U: ?Sized + 'static>(
        snapshot: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<MappedSnapshot<U>, Self> {
        let revision = Self::revision(&snapshot);
        match CountedPart::try_new(snapshot.version, |version| f(&version.value)) {
            Ok(part) => Ok(MappedSnapshot { part, revision }),
            Err(version) => Err(Self { version }),
        }
    }
}

impl<U: ?Sized> Clone for MappedSnapshot<U> {
    fn clone(&self) -> Self {
        Self {
            part: self.part.clone(),
            revision: self.revision,
        }
    }
}

/// Makes a handle a reference to its part, with the traits of that part.
macro_rules! reference_to_its_part {
    ($($handle:ty),+) => {$(
        impl<U: ?Sized> Deref for $handle {
            type Target = U;

            fn deref(&self) -> &U {
                &self.part
            }
        }

        impl<U: ?Sized> AsRef<U> for $handle {
            fn as_ref(&self) -> &U {
                self
            }
        }

        impl<U: ?Sized + PartialEq> PartialEq for $handle {
            /// Returns whether the parts are equal, at whatever revisions.
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl<U: ?Sized + Eq> Eq for $handle {}

        impl<U: ?Sized + fmt::Debug> fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<U: ?Sized + fmt::Display> fmt::Display for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    )+};
}

reference_to_its_part!(MappedPinned<'_, U>, MappedSnapshot<U>);
