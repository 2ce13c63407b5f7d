//! One value, replaced as a whole, read without waiting.
//!
//! | file | what |
//! |---|---|
//! | `cell.rs` | the versions: which is the newest, who frees the others |
//! | `newest.rs` | the one word that names the newest version |
//! | `notify.rs` | threads and tasks that wait for a revision |
//! | `pinned.rs` | pin, snapshot and reader |
//! | `subscription.rs`, `stream.rs` | following the commits |

mod cell;
mod newest;
mod notify;
mod pinned;
mod revision;
#[cfg(feature = "stream")]
mod stream;
mod subscription;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::cell::Cell;
pub(crate) use self::cell::{Retired, Version, Writer};
pub use self::pinned::{Pinned, Reader, Snapshot};
pub use self::revision::{Revision, Timeout};
#[cfg(feature = "stream")]
pub use self::stream::Transitions;
pub use self::subscription::{Closer, Ended, NoTransition, Subscription, Transition};

/// What is done to which, for the panic of a write inside of another one.
struct What<'p>(&'static str, Option<&'p str>);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, name) = self;
        match name {
            Some(name) => write!(f, "{what} Published {name:?}"),
            None => write!(f, "{what} a Published"),
        }
    }
}

/// A value that some threads read while others replace it: readers never wait, and never see half of a change.
///
/// Each replacement is a commit with a number of its own, the [`Revision`]. Share it by `Arc` or a scope.
///
/// # Consistency
/// Commits are totally ordered. What a pin, a snapshot or a reader shows is exactly the value of one commit. A commit
/// that returned before a pin began is in that pin's value, or a later one is, also when the pin is nested in an older
/// one. A thread never goes backwards.
///
/// # Progress
/// Reading waits for nobody. Writers wait for each other only. On targets whose pointers have fewer
/// than 64 bits a pin, a snapshot and [`Reader::latest`] take a read lock for one pointer copy:
/// they may wait while a commit swaps that pointer.
///
/// # Memory
/// A replaced version, which is a value and its revision, is kept while a pin, a snapshot, a reader or a subscription shows
/// it, and freed by a later writer: each commit frees two at most, after the next writer was let in;
/// [`reclaim`](Self::reclaim) frees all that nobody sees. Readers free nothing while the `Published` lives; after that, the
/// last handle that could show a value frees it (a [`Closer`] cannot). A leaked pin costs one version.
///
/// # Panics
/// A write from inside the closure of [`update`](Self::update) on the same value would deadlock; it
/// panics. What runs after the commit may panic too, the `Drop` of a replaced value or the waker of
/// a task that follows: then the write has been committed.
///
/// ```
/// use std::thread;
/// use untorn::Published;
///
/// // Two fields that belong together.
/// let limits = Published::new((1, 1));
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         for generation in 2..100 {
///             limits.publish((generation, generation));
///         }
///     });
///     scope.spawn(|| {
///         for _ in 0..100 {
///             let pin = limits.pin();
///             assert_eq!(pin.0, pin.1); // never of two commits
///         }
///     });
/// });
/// ```
pub struct Published<T> {
    /// Shared with readers only; every other handle borrows.
    cell: Arc<Cell<T>>,
    name: Option<Box<str>>,
}

impl<T> Published<T> {
    /// Publishes `value` as revision 0.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            cell: Arc::new(Cell::new(value)),
            name: None,
        }
    }

    /// The same with a name, which its `Debug` and its panics show.
    ///
    /// ```should_panic
    /// let limit = untorn::Published::named("limit", 100_u64);
    /// // panics: cannot write to Published "limit" while this thread has a write to it open: this would deadlock
    /// limit.update(|now| limit.publish(now + 1).get());
    /// ```
    #[must_use]
    pub fn named(name: &str, value: T) -> Self {
        Self::new(value).with_name(name)
    }

    /// Gives it a name, which its `Debug` and its panics show.
    ///
    /// ```
    /// let limit = untorn::Published::from(100).with_name("limit");
    /// assert_eq!(limit.name(), Some("limit"));
    /// ```
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The right to publish, for this type's own methods.
    #[track_caller]
    fn own_writer(&self, what: &'static str) -> Writer<'_, T> {
        self.writer(&What(what, self.name()))
    }

    /// Borrows the newest value for a moment. O(1), waits for nobody.
    pub fn pin(&self) -> Pinned<'_, T> {
        Pinned::new(&self.cell)
    }

    /// The newest value, to keep. O(1), waits for nobody.
    pub fn snapshot(&self) -> Snapshot<T> {
        Pinned::snapshot(&self.pin())
    }

    /// A handle that reads the newest value again and again at the least cost.
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        Reader::new(Arc::clone(&self.cell))
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.cell.revision()
    }

    /// Replaces the value and returns the number of the commit. Every reader that comes after this has returned sees
    /// it. Waits for other writers.
    #[track_caller]
    pub fn publish(&self, value: T) -> Revision {
        self.own_writer("write to").publish(value)
    }

    /// Replaces the value by what `f` makes of it, with no other commit in between. A panic in `f` publishes nothing.
    /// Waits for other writers; readers go on reading meanwhile.
    ///
    /// ```
    /// let list = untorn::Published::new(vec![1]);
    /// list.update(|list| list.iter().copied().chain([2]).collect());
    /// assert_eq!(*list.pin(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn update(&self, f: impl FnOnce(&T) -> T) -> Revision {
        let writer = self.own_writer("write to");
        let value = f(&writer.newest().value);
        writer.publish(value)
    }

    /// The same if `f` makes a value; if it fails, nothing is published.
    ///
    /// # Errors
    /// What `f` fails with.
    ///
    /// ```
    /// let limit = untorn::Published::new(255_u8);
    /// assert!(limit.try_update(|now| now.checked_add(1).ok_or("too large")).is_err());
    /// assert_eq!((*limit.pin(), limit.revision().get()), (255, 0));
    /// ```
    #[track_caller]
    pub fn try_update<E>(&self, f: impl FnOnce(&T) -> Result<T, E>) -> Result<Revision, E> {
        let writer = self.own_writer("write to");
        let value = f(&writer.newest().value)?;
        Ok(writer.publish(value))
    }

    /// The right to publish, for who needs the newest value first. `what` is to be done.
    #[track_caller]
    pub(crate) fn writer(&self, what: &dyn fmt::Display) -> Writer<'_, T> {
        self.cell.write(what)
    }

    /// Whether `writer` publishes to this.
    pub(crate) fn is_written_by(&self, writer: &Writer<'_, T>) -> bool {
        writer.is_of(&self.cell)
    }

    /// What will have been committed, step by step, from now on.
    ///
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut changes = limit.subscribe();
    /// limit.publish(200);
    /// limit.publish(300);
    /// let change = changes.recv().unwrap();
    /// assert_eq!((*change.from, *change.to, change.missed), (100, 300, 1));
    /// ```
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription::new(Arc::clone(&self.cell))
    }

    /// Waits until revision `wanted`, or a later one, is the newest, and returns the newest. Does
    /// not block on a target without threads or without a clock.
    ///
    /// # Errors
    /// [`Timeout`] if that takes longer than `at_most`. With a time of zero it only looks.
    ///
    /// # Panics
    /// If it would have to wait inside the closure of a write to this value: that would deadlock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use untorn::{Published, Revision};
    ///
    /// let limit = Published::new(100);
    /// assert!(limit.wait_for(Revision::from(1), Duration::ZERO).is_err());
    /// let first = limit.publish(200);
    /// assert_eq!(limit.wait_for(first, Duration::ZERO), Ok(first));
    /// ```
    #[track_caller]
    pub fn wait_for(&self, wanted: Revision, at_most: Duration) -> Result<Revision, Timeout> {
        self.cell.wait_for(wanted, at_most)
    }

    /// Frees every replaced version that nobody sees any more and returns how many those were. Waits for writers.
    ///
    /// # Panics
    /// Inside the closure of a write to this value: that would deadlock.
    #[track_caller]
    pub fn reclaim(&self) -> usize {
        self.own_writer("reclaim versions of").reclaim()
    }

    /// How many replaced versions are kept, because somebody sees them or nobody has freed them yet. Waits for writers.
    ///
    /// # Panics
    /// Inside the closure of a write to this value: that would deadlock.
    #[must_use]
    #[track_caller]
    pub fn retained(&self) -> usize {
        self.own_writer("count the versions of").retired().len()
    }
}

impl<T> Drop for Published<T> {
    fn drop(&mut self) {
        // With readers left, what they see is theirs to free.
        self.cell.end();
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
