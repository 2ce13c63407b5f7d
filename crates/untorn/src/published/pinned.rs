//! Handles of a version: a pin, a snapshot, and a reader of the newest.

use std::fmt;
use std::ops::Deref;

use super::cell::{Version, VersionedCell};
use super::revision::Revision;
use crate::sync::Arc;
use crate::versions::Protected;

/// A short borrow of the newest version, to read several things of one revision.
///
/// A pin dereferences to one version as long as it lives. A pin made later, even while this one is
/// alive, may have a newer one. It retains one version and delays no writer. It counts no
/// reference: a pin is two plain stores to memory of its thread. From the eighth pin on that a
/// thread holds at once, each takes some more instructions.
///
/// A pin stays on its thread, also by way of an `.await`. Where the compiler says that
/// `dyn StaysOnItsThreadUnlikeASnapshot` cannot be sent, take a
/// [`snapshot`](crate::Published::snapshot) instead.
///
/// [`Pinned::map`] returns a pin of a part of the value, such as one value of a map.
///
/// # Examples
/// ```
/// use untorn::{Pinned, Published};
///
/// let limits = Published::new((100, 200));
/// let pin = limits.pin();
/// limits.publish((300, 400));
/// assert_eq!(*pin, (100, 200)); // both of one revision
/// assert_eq!(Pinned::revision(&pin).get(), 0);
/// ```
///
/// ```compile_fail,E0277
/// let limit = untorn::Published::new(1);
/// let pin = limit.pin();
/// std::thread::scope(|scope| {
///     scope.spawn(|| drop(pin)); // a pin cannot be sent; a snapshot can
/// });
/// ```
#[must_use = "a pin retains its version only while it is alive"]
pub struct Pinned<'p, T> {
    pub(super) version: Protected<'p, Version<T>>,
}

impl<'p, T> Pinned<'p, T> {
    #[inline(always)]
    pub(super) fn new(cell: &'p VersionedCell<T>) -> Self {
        Self {
            version: cell.pin(),
        }
    }

    /// Returns the revision of a pin. This is an associated function, so that it does not hide a
    /// method of the value.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Pinned, Published};
    ///
    /// let limit = Published::new(100);
    /// limit.publish(200);
    /// assert_eq!(Pinned::revision(&limit.pin()).get(), 1);
    /// ```
    #[must_use]
    pub fn revision(pin: &Self) -> Revision {
        pin.version.revision
    }

    /// Returns an owned reference to the version of a pin. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Pinned, Published};
    ///
    /// let limit = Published::new(100);
    /// let pin = limit.pin();
    /// limit.publish(200);
    /// let old = Pinned::snapshot(&pin); // unlike `limit.snapshot()`, of the pin's revision
    /// let thread = std::thread::spawn(move || *old);
    /// assert_eq!(thread.join().unwrap(), 100);
    /// ```
    #[must_use = "a snapshot retains its version only while it is alive"]
    pub fn snapshot(pin: &Self) -> Snapshot<T> {
        Snapshot {
            version: pin.version.count(),
        }
    }
}

impl<T> Deref for Pinned<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.version.value
    }
}

impl<T> AsRef<T> for Pinned<'_, T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<'r, T> IntoIterator for &'r Pinned<'_, T>
where
    &'r T: IntoIterator,
{
    type Item = <&'r T as IntoIterator>::Item;
    type IntoIter = <&'r T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

impl<T: PartialEq> PartialEq for Pinned<'_, T> {
    /// Returns whether the values are equal, at whatever revisions.
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Pinned<'_, T> {}

impl<T: fmt::Debug> fmt::Debug for Pinned<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// An owned reference to a version, which can be kept for hours, cloned, sent to other threads and
/// held across an `.await`.
///
/// A snapshot retains its version. Dropping it frees nothing while the
/// [`Published`](super::Published) or the [`Map`](crate::Map) lives. [`Snapshot::map`] returns an
/// owned reference to a part of the value, such as one value of a map.
///
/// # Examples
/// ```
/// use untorn::{Published, Snapshot};
///
/// let limit = Published::new(100);
/// let before = limit.snapshot();
/// limit.publish(200);
/// assert_eq!((*before, *limit.pin()), (100, 200));
/// assert!(Snapshot::revision(&before) < limit.revision());
/// ```
pub struct Snapshot<T> {
    pub(super) version: Arc<Version<T>>,
}

impl<T> Snapshot<T> {
    pub(crate) fn of(version: Arc<Version<T>>) -> Self {
        Self { version }
    }

    pub(super) fn newest(cell: &VersionedCell<T>) -> Self {
        Self {
            version: cell.count(),
        }
    }

    /// Returns the revision of a snapshot. This is an associated function, so that it does not hide
    /// a method of the value.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Published, Snapshot};
    ///
    /// let limit = Published::new(100);
    /// limit.publish(200);
    /// assert_eq!(Snapshot::revision(&limit.snapshot()).get(), 1);
    /// ```
    #[must_use]
    pub fn revision(snapshot: &Self) -> Revision {
        snapshot.version.revision
    }
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self {
            version: Arc::clone(&self.version),
        }
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.version.value
    }
}

impl<T> AsRef<T> for Snapshot<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<'r, T> IntoIterator for &'r Snapshot<T>
where
    &'r T: IntoIterator,
{
    type Item = <&'r T as IntoIterator>::Item;
    type IntoIter = <&'r T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

impl<T: PartialEq> PartialEq for Snapshot<T> {
    /// Returns whether the values are equal, at whatever revisions.
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Snapshot<T> {}

impl<T: fmt::Debug> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// An owned handle, used by one thread at a time, that caches a version and checks by one load
/// whether there is a newer one. It is the cheapest way to read repeatedly.
///
/// It is `Send` and borrows nothing, so a thread or a task can own one. Between two calls of
/// [`latest`](Self::latest) it retains the version that it returned last, until
/// [`release`](Self::release). A clone is another reader with an empty cache. When the
/// [`Published`](super::Published) or the [`Map`](crate::Map) is dropped, a reader, even a released
/// one, keeps the last version readable.
///
/// # Examples
/// ```
/// use untorn::Published;
///
/// let limit = Published::new(100);
/// let mut reader = limit.reader();
/// assert_eq!(*reader.latest(), 100);
/// limit.publish(200);
/// assert_eq!(*reader.latest(), 200);
/// ```
pub struct Reader<T> {
    cell: Arc<VersionedCell<T>>,
    latest: Option<Arc<Version<T>>>,
}

impl<T> Reader<T> {
    pub(super) fn new(cell: Arc<VersionedCell<T>>) -> Self {
        Self { cell, latest: None }
    }

    /// Returns the newest value; the reference stays at that value as long as it lives. O(1); never
    /// blocks.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Published::new((10, 20));
    /// let mut reader = limits.reader();
    /// for _ in 0..3 {
    ///     let latest = reader.latest();
    ///     assert_eq!(latest.1 - latest.0, 10); // both of one revision
    ///     limits.update(|now| (now.0 + 1, now.1 + 1));
    /// }
    /// ```
    pub fn latest(&mut self) -> &T {
        &self.version().value
    }

    /// Returns the newest value and its revision. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut reader = limit.reader();
    /// let first = limit.publish(200);
    /// assert_eq!(reader.latest_with_revision(), (&200, first));
    /// ```
    pub fn latest_with_revision(&mut self) -> (&T, Revision) {
        let version = self.version();
        (&version.value, version.revision)
    }

    fn version(&mut self) -> &Version<T> {
        let Self { cell, latest } = self;
        if !latest
            .as_ref()
            .is_some_and(|version| cell.is_newest(version))
        {
            // Dropping the older version frees nothing while its owner lives: a writer does.
            *latest = Some(cell.count());
        }
        latest.get_or_insert_with(|| cell.count())
    }

    /// Releases the cached version, so that a writer can free it. The next read caches the newest
    /// version again.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut reader = limit.reader();
    /// assert_eq!(*reader.latest(), 100);
    /// limit.publish(200);
    /// assert_eq!(limit.reclaim(), 0); // the reader retains the version that it returned last
    /// reader.release();
    /// assert_eq!(limit.reclaim(), 1);
    /// assert_eq!(*reader.latest(), 200);
    /// ```
    pub fn release(&mut self) {
        self.latest = None;
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.cell))
    }
}

impl<T: fmt::Debug> fmt::Debug for Reader<T> {
    /// Formats the newest value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newest = self.cell.pin();
        f.debug_tuple("Reader").field(&newest.value).finish()
    }
}
