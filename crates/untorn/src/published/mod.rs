//! One value that is replaced as a whole and read without blocking.
//!
//! | file | what |
//! |---|---|
//! | `cell.rs` | the versions: publishing the newest, waiting for a revision; the protocol is in `../versions/` |
//! | `error.rs` | the errors of waits and of subscriptions |
//! | `mapped.rs` | a pin and a snapshot of a part of a version |
//! | `notify.rs` | threads and tasks that wait for a revision |
//! | `pinned.rs` | pin, snapshot and reader |
//! | `subscription.rs`, `stream.rs` | receiving the commits, by a blocking call, in a task or as a stream |
//! | `wait.rs` | waits for a revision or a condition |
//! | `write.rs` | the writes of a value |

mod cell;
mod error;
mod mapped;
mod notify;
mod pinned;
mod revision;
#[cfg(feature = "stream")]
mod stream;
mod subscription;
mod wait;

use std::fmt;
use std::time::Duration;

use self::cell::VersionedCell;
pub(crate) use self::cell::{Frees, Version, Writer};
pub use self::error::{RecvError, RecvTimeoutError, TryRecvError, WaitError};
pub use self::mapped::{MappedPinned, MappedSnapshot};
pub use self::pinned::{Pinned, Reader, Snapshot};
pub use self::revision::Revision;
#[cfg(feature = "stream")]
pub use self::stream::SubscriptionStream;
pub use self::subscription::{Subscription, SubscriptionHandle, Transition};
pub(crate) use self::write::WriteContext;
use crate::sync::Arc;

/// A value that many threads read while others replace it: reads never block, and a reader observes
/// one whole value.
///
/// Each replacement is a commit with a number, its [`Revision`]. Share a `Published` by `Arc`, by a
/// scope or in a `static` with a `LazyLock`. For many keys of which few change use a
/// [`Map`](crate::Map).
///
/// # Examples
/// ```
/// use std::sync::LazyLock;
/// use untorn::Published;
///
/// #[derive(Clone)]
/// struct Config {
///     host: String,
///     port: u16,
/// }
///
/// static CONFIG: LazyLock<Published<Config>> = LazyLock::new(|| {
///     Published::new(Config { host: "localhost".into(), port: 80 })
/// });
///
/// /// A request handler, on any thread.
/// fn address() -> String {
///     let config = CONFIG.pin(); // never blocks
///     format!("{}:{}", config.host, config.port) // both of one commit
/// }
///
/// assert_eq!(address(), "localhost:80");
/// CONFIG.publish(Config { host: "db1".into(), port: 8080 });
/// assert_eq!(address(), "db1:8080");
/// CONFIG.update(|old| Config { port: 8081, ..old.clone() });
/// assert_eq!(address(), "db1:8081");
/// ```
///
/// A pin stays on its thread. To keep a value, or to hold it across an `.await`, take a
/// [`snapshot`](Self::snapshot).
///
/// # Consistency
/// Commits are totally ordered. The value of a pin, a snapshot or a reader is exactly the value of
/// one commit. If a commit returned before a pin began, the pin has its value or a later one, even
/// if the thread holds an older pin. Successive pins of one thread never return older revisions.
///
/// # Progress
/// Reads never block: after a thread's first pin, a pin, a snapshot and [`Reader::latest`] are
/// wait-free, unless the thread holds more than seven pins at once. Writers wait for each other
/// only, and a waiting writer is overtaken at most 16 times for itself and each writer that waits
/// before it.
///
/// # Memory
/// A version is a value and its revision. A replaced version is retained while a pin, a snapshot, a
/// reader or a subscription references it, and then freed by a writer: each commit frees two at
/// most, after it has released the writer lock, and [`reclaim`](Self::reclaim) frees all that
/// nothing references. Commits look for such versions each time if the value has a `Drop`, since it
/// may own any amount of memory; otherwise once in 64 commits (256 while they find none), so up to
/// that many are retained besides. Readers free nothing while the `Published` lives. After that,
/// the last handle that references a version frees it (a [`SubscriptionHandle`] references none). A
/// leaked pin retains one version.
///
/// # Panics
/// A write from inside the closure of [`update`](Self::update) on the same value would deadlock; it
/// panics. The `Drop` of a replaced value, or the waker of a task that awaits a subscription, may
/// panic after the commit: then the write has been committed.
pub struct Published<T> {
    /// Shared with readers and subscriptions; a pin and a writer borrow it.
    cell: Arc<VersionedCell<T>>,
    name: Option<Box<str>>,
}

impl<T> Published<T> {
    /// Creates a `Published` with `value` as revision 0.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// assert_eq!((*limit.pin(), limit.revision().get()), (100, 0));
    /// ```
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            cell: Arc::new(VersionedCell::new(value)),
            name: None,
        }
    }

    /// Creates a `Published` with a name, which its `Debug` and its panics show. The value is
    /// revision 0.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::named("limit", 100_u64);
    /// assert_eq!(limit.name(), Some("limit"));
    /// assert!(format!("{limit:?}").contains("limit"));
    /// ```
    ///
    /// The name in a panic:
    ///
    /// ```should_panic
    /// let limit = untorn::Published::named("limit", 100_u64);
    /// // panics: cannot write to Published "limit" while this thread has a write to
    /// // that Published open: this would deadlock; end that write first
    /// limit.update(|now| limit.publish(now + 1).get());
    /// ```
    #[must_use]
    pub fn named(name: &str, value: T) -> Self {
        Self::new(value).with_name(name)
    }

    /// Sets the name, which the `Debug` and the panics of this value show.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::from(100).with_name("limit");
    /// assert_eq!(limit.name(), Some("limit"));
    /// ```
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the name, if there is one.
    ///
    /// # Examples
    /// ```
    /// use untorn::Published;
    ///
    /// assert_eq!(Published::new(100).name(), None);
    /// assert_eq!(Published::named("limit", 100).name(), Some("limit"));
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Borrows the newest value. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Published::new((10, 20));
    /// let pin = limits.pin();
    /// assert_eq!(pin.1 - pin.0, 10); // both of one revision
    /// ```
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    #[doc(alias = "read")]
    #[doc(alias = "borrow")]
    pub fn pin(&self) -> Pinned<'_, T> {
        Pinned::new(&self.cell)
    }

    /// Returns an owned reference to the newest value, which may be kept, cloned and sent to other
    /// threads. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let before = limit.snapshot();
    /// limit.publish(200);
    /// assert_eq!(*before, 100);
    /// ```
    #[doc(alias = "load_full")]
    #[must_use = "a snapshot retains its version only while it is alive"]
    pub fn snapshot(&self) -> Snapshot<T> {
        Snapshot::newest(&self.cell)
    }

    /// Returns a handle that reads the newest value repeatedly at the least cost.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut reader = limit.reader();
    /// assert_eq!(*reader.latest(), 100);
    /// ```
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        Reader::new(Arc::clone(&self.cell))
    }

    /// Returns the newest revision. O(1); never blocks.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// assert_eq!(limit.revision().get(), 0);
    /// limit.publish(200);
    /// assert_eq!(limit.revision().get(), 1);
    /// ```
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.cell.revision()
    }

    /// Subscribes to the newest value after commits that are made after this call; commits in
    /// between are merged. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut subscription = limit.subscribe();
    /// limit.publish(200);
    /// limit.publish(300);
    /// let step = subscription.recv().unwrap(); // one step for both commits
    /// assert_eq!((*step.from, *step.to, step.missed), (100, 300, 1));
    /// ```
    #[doc(alias = "watch")]
    #[doc(alias = "on_change")]
    #[doc(alias = "changed")]
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription::new(Arc::clone(&self.cell))
    }

    /// Blocks until revision `wanted`, or a later one, is the newest, and returns the newest
    /// version. On a target without threads or without a clock this does not block: it returns
    /// [`WaitError::Timeout`] at once if the revision is not reached.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to this value open: that would
    /// deadlock.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] if the revision is not reached within `timeout`. With a `timeout` of
    /// zero this does not block.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Published;
    ///
    /// let limit = Published::new(100);
    /// let next = limit.revision().next();
    /// assert!(limit.wait_for(next, Duration::ZERO).is_err());
    /// limit.publish(200);
    /// assert_eq!(*limit.wait_for(next, Duration::ZERO)?, 200);
    /// # Ok::<_, untorn::WaitError>(())
    /// ```
    #[doc(alias = "wait")]
    #[track_caller]
    pub fn wait_for(&self, wanted: Revision, timeout: Duration) -> Result<Snapshot<T>, WaitError> {
        self.cell.wait_for(wanted, timeout)
    }

    /// Blocks until the newest value satisfies `condition`, and returns that version. The condition
    /// is checked at once and after commits, and is called without a lock; values that are replaced
    /// meanwhile may be skipped. Each commit wakes the thread. On a target without threads or
    /// without a clock this does not block.
    ///
    /// # Panics
    /// If `condition` panics. If this would have to wait while this thread has a write to this
    /// value open: that would deadlock.
    ///
    /// # Errors
    /// [`WaitError::Timeout`] if the condition is not satisfied within `timeout`, which begins
    /// after the first call of `condition`; a call that is running at its end is not interrupted.
    /// With a `timeout` of zero this does not block.
    ///
    /// # Examples
    /// ```
    /// use std::{thread, time::Duration};
    /// use untorn::Published;
    ///
    /// let replicas = Published::new(0);
    /// thread::scope(|scope| {
    ///     scope.spawn(|| (1..=3).for_each(|n| _ = replicas.publish(n)));
    ///     let enough = replicas.wait_until(|n| *n >= 3, Duration::from_secs(60))?;
    ///     assert_eq!(*enough, 3);
    ///     Ok::<_, untorn::WaitError>(())
    /// })?;
    /// # Ok::<_, untorn::WaitError>(())
    /// ```
    #[track_caller]
    pub fn wait_until(
        &self,
        condition: impl FnMut(&T) -> bool,
        timeout: Duration,
    ) -> Result<Snapshot<T>, WaitError> {
        self.cell.wait_until(condition, timeout)
    }

    /// Completes when the newest value satisfies `condition`, with that version, as
    /// [`wait_until`](Self::wait_until) does for threads. It needs no runtime: the thread that
    /// commits calls the waker. For a timeout use that of the runtime: a poll calls `condition`
    /// once at most. The future can be dropped at any time.
    ///
    /// # Panics
    /// If `condition` panics.
    ///
    /// # Examples
    /// ```
    /// use std::thread;
    /// use untorn::Published;
    ///
    /// let replicas = Published::new(0);
    /// thread::scope(|scope| {
    ///     scope.spawn(|| replicas.publish(3));
    ///     let enough = futures_executor::block_on(replicas.wait_until_async(|n| *n >= 3));
    ///     assert_eq!(*enough, 3);
    /// });
    /// ```
    #[doc(alias = "changed")]
    pub async fn wait_until_async(&self, condition: impl FnMut(&T) -> bool) -> Snapshot<T> {
        self.cell.wait_until_async(condition).await
    }

    /// Frees every replaced version that nothing references any more, and returns their number.
    /// Blocks until other writers have finished.
    ///
    /// # Panics
    /// If this thread has a write to this value open: that would deadlock. If the `Drop` of a value
    /// panics.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let pin = limit.pin();
    /// limit.publish(200);
    /// assert_eq!(limit.reclaim(), 0); // the pin references the replaced version
    /// drop(pin);
    /// assert_eq!(limit.reclaim(), 1);
    /// ```
    #[track_caller]
    pub fn reclaim(&self) -> usize {
        let free = self.own_writer("reclaim versions of").take_unreferenced();
        free.len()
    }

    /// Returns how many replaced versions are retained: those that are referenced, and those that
    /// no writer has freed yet. Blocks until other writers have finished.
    ///
    /// # Panics
    /// If this thread has a write to this value open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let before = limit.snapshot();
    /// limit.publish(200);
    /// assert_eq!(limit.retained(), 1);
    /// # drop(before);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn retained(&self) -> usize {
        self.own_writer("count the versions of").retained()
    }

    /// Ends this `Published` and returns the newest value: itself if no snapshot, reader or
    /// subscription references it, otherwise a clone. Never blocks.
    ///
    /// O(retained versions) besides the clone: those that nothing references are dropped.
    ///
    /// # Panics
    /// If `Clone` or a `Drop` of a value panics.
    ///
    /// # Examples
    /// ```
    /// let hosts = untorn::Published::new(vec!["db1"]);
    /// hosts.update(|hosts| [&hosts[..], &["db2"]].concat());
    /// assert_eq!(hosts.into_inner(), ["db1", "db2"]);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T
    where
        T: Clone,
    {
        let version = Arc::try_unwrap(self.into_newest());
        version.map_or_else(|shared| shared.value.clone(), |version| version.value)
    }

    /// Ends this `Published` and returns the newest version.
    pub(crate) fn into_newest(self) -> Arc<Version<T>> {
        self.cell.count()
    }
}

// Here, so that the documentation shows reads before writes.
mod write;

impl<T> Drop for Published<T> {
    fn drop(&mut self) {
        // From here on, the last handle that references a version frees it.
        match Arc::get_mut(&mut self.cell) {
            // Without a reader or a subscription the versions are dropped with the cell.
            Some(cell) => cell.notifier.end(),
            None => self.cell.end(),
        }
    }
}

impl<T: Default> Default for Published<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Published<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = self.pin();
        let mut debug = f.debug_struct("Published");
        if let Some(name) = self.name() {
            debug.field("name", &name);
        }
        debug
            .field("revision", &Pinned::revision(&pin).get())
            .field("value", &*pin)
            .finish()
    }
}
