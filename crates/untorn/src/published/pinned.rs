//! The ways to hold a version: for a moment, for long, and always the newest.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, MutexGuard};

use super::cell::{Cell, Version};
use super::newest::{Latest, Loaded};
use super::revision::Revision;

/// A thread's short borrow of the newest version: made for reading several things of one revision.
///
/// It shows the same version for as long as it lives; a pin made later, even inside, may show a newer one. It is not `Send`,
/// and keeps one version from being freed. Nobody waits for it. It counts no references as long as few pins of the thread
/// live at once and no commit replaces what it shows; with 32-bit pointers it always counts one.
///
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
///     scope.spawn(|| drop(pin)); // a snapshot can be sent, a pin cannot
/// });
/// ```
#[must_use = "a pin shows its version only while it lives"]
pub struct Pinned<'p, T> {
    version: Loaded<T>,
    /// A guard of std's is what is `Sync` and not `Send`.
    _not_send: PhantomData<(&'p T, MutexGuard<'static, ()>)>,
}

impl<T> Pinned<'_, T> {
    pub(super) fn new(cell: &Cell<T>) -> Self {
        Self {
            version: cell.newest.load(),
            _not_send: PhantomData,
        }
    }

    /// The revision that this pin shows. A function, so that it cannot hide one of the value's.
    #[must_use]
    pub fn revision(pin: &Self) -> Revision {
        pin.version.revision
    }

    /// The same version, to keep. O(1).
    pub fn snapshot(pin: &Self) -> Snapshot<T> {
        Snapshot {
            version: Arc::clone(&pin.version),
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
    /// Whether the values are equal, at whatever revisions.
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

/// An owned version: it can be kept for hours, cloned, sent to other threads and held across an `.await`.
///
/// While it lives, its version is kept; dropping it frees nothing as long as the [`Published`](super::Published) lives.
///
/// ```
/// use untorn::{Published, Snapshot};
///
/// let limit = Published::new(100);
/// let before = limit.snapshot();
/// limit.publish(200);
/// assert_eq!((*before, *limit.pin()), (100, 200));
/// assert!(Snapshot::revision(&before) < limit.revision());
/// ```
#[must_use = "a snapshot keeps its version only while it lives"]
pub struct Snapshot<T> {
    version: Arc<Version<T>>,
}

impl<T> Snapshot<T> {
    pub(super) fn newest(cell: &Cell<T>) -> Self {
        Self {
            version: cell.newest.load_full(),
        }
    }

    /// The revision of this snapshot.
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
    /// Whether the values are equal, at whatever revisions.
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

/// An owned handle of one thread that remembers its version and asks by one load whether there is a newer one: the
/// cheapest way to read again and again.
///
/// It is `Send` and borrows nothing, so a thread or a task can own one. Between two calls of
/// [`latest`](Self::latest) it keeps the version that it showed last: an idle reader costs one version, until
/// [`release`](Self::release). A clone is another reader, which has shown nothing yet. When what it reads is dropped, a reader,
/// also one that was released, keeps the last version readable.
///
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
    cell: Arc<Cell<T>>,
    latest: Option<Latest<T>>,
}

impl<T> Reader<T> {
    pub(super) fn new(cell: Arc<Cell<T>>) -> Self {
        Self { cell, latest: None }
    }

    /// The newest value. It is not exchanged for a newer one as long as the reference lives. Waits for nobody.
    pub fn latest(&mut self) -> &T {
        &self.version().value
    }

    /// The newest value and its revision.
    pub fn latest_with_revision(&mut self) -> (&T, Revision) {
        let version = self.version();
        (&version.value, version.revision)
    }

    fn version(&mut self) -> &Version<T> {
        let Self { cell, latest } = self;
        latest.get_or_insert_with(|| Latest::new(cell)).load()
    }

    /// Lets go of the version that was shown last, so that it can be freed.
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
    /// Shows the newest value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newest = self.cell.newest.load();
        f.debug_tuple("Reader").field(&newest.value).finish()
    }
}
