//! The writes of a published value: each is one commit.

use std::fmt;
use std::time::Duration;

use super::cell::Writer;
use super::{Published, Revision, Snapshot};
use crate::thread::this_thread;

/// The rejected operation and its object, in the panic of a nested write.
pub(crate) struct WriteContext<'o> {
    /// The verb of the operation, such as "write to".
    pub(crate) operation: &'static str,
    /// The type of the object, as the message names it.
    pub(crate) kind: &'static str,
    /// The name of the object.
    pub(crate) name: Option<&'o str>,
}

impl fmt::Display for WriteContext<'_> {
    /// Formats the operation, the reason that rejects it, and the next step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            kind,
            name,
        } = self;
        match name {
            Some(name) => write!(f, "{operation} {kind} {name:?}")?,
            None => write!(f, "{operation} a {kind}")?,
        }
        write!(f, " while this thread has a write to that {kind} open")?;
        f.write_str(": this would deadlock; end that write first")?;
        match (*operation, *kind) {
            ("write to", "map") => f.write_str(", or write through its batch"),
            _ => Ok(()),
        }
    }
}

impl<T> Published<T> {
    /// Replaces the value, and returns the revision of the commit. Every read that begins after
    /// this call has returned sees this value or a later one. Blocks until other writers have
    /// finished.
    ///
    /// # Panics
    /// If this thread has a write to this value open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// assert_eq!(limit.publish(200).get(), 1);
    /// assert_eq!(*limit.pin(), 200);
    /// ```
    #[doc(alias = "store")]
    #[doc(alias = "set")]
    #[doc(alias = "send")]
    #[track_caller]
    pub fn publish(&self, value: T) -> Revision {
        self.own_writer("write to").publish(value)
    }

    /// Replaces the value as [`publish`](Self::publish) does, and returns the one that it replaced,
    /// with no other commit in between. The revision of this commit is the
    /// [`next`](Revision::next) after that of the result.
    ///
    /// # Panics
    /// If this thread has a write to this value open: that would deadlock.
    ///
    /// # Examples
    /// ```
    /// use untorn::{Published, Snapshot};
    ///
    /// let limit = Published::new(100);
    /// let old = limit.replace(200);
    /// assert_eq!((*old, *limit.pin()), (100, 200));
    /// assert_eq!(Snapshot::revision(&old).next(), limit.revision());
    /// ```
    #[doc(alias = "swap")]
    #[track_caller]
    pub fn replace(&self, value: T) -> Snapshot<T> {
        let writer = self.own_writer("write to");
        let version = writer.newest();
        writer.publish(value);
        Snapshot { version }
    }

    /// Replaces the value, as [`publish`](Self::publish) does, unless it equals the newest one:
    /// then this makes no revision, wakes no thread or task, and returns `None`.
    ///
    /// The values are compared while the writer lock is held, so with no other commit in between. A
    /// value that does not equal itself, such as a NaN, is always published.
    ///
    /// # Panics
    /// If this thread has a write to this value open, or if the comparison panics: then nothing is
    /// published.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let mut subscription = limit.subscribe();
    /// assert_eq!(limit.publish_if_changed(100), None);
    /// assert!(subscription.try_recv().is_err());
    /// let revision = limit.publish_if_changed(200);
    /// assert_eq!(revision, Some(limit.revision()));
    /// ```
    #[doc(alias = "send_if_modified")]
    #[track_caller]
    pub fn publish_if_changed(&self, value: T) -> Option<Revision>
    where
        T: PartialEq,
    {
        // Dropped before `value`, whose `Drop` is foreign code.
        let writer = self.own_writer("write to");
        if writer.newest().value == value {
            return None;
        }
        Some(writer.publish(value))
    }

    /// Replaces the value with the one that `f` returns for it, with no other commit in between.
    /// Blocks until other writers have finished; readers are not blocked meanwhile.
    ///
    /// # Panics
    /// If this thread has a write to this value open, or if `f` panics: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// let list = untorn::Published::new(vec![1]);
    /// list.update(|list| list.iter().copied().chain([2]).collect());
    /// assert_eq!(*list.pin(), [1, 2]);
    /// ```
    #[doc(alias = "rcu")]
    #[doc(alias = "send_modify")]
    #[track_caller]
    pub fn update(&self, f: impl FnOnce(&T) -> T) -> Revision {
        let writer = self.own_writer("write to");
        let value = f(&writer.newest().value);
        writer.publish(value)
    }

    /// Replaces the value as [`update`](Self::update) does if `f` returns `Ok`; if it returns an
    /// error, publishes nothing.
    ///
    /// # Panics
    /// As [`update`](Self::update).
    ///
    /// # Errors
    /// The error of `f`.
    ///
    /// # Examples
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

    /// Acquires the writer lock, for the methods of this type.
    #[track_caller]
    pub(super) fn own_writer(&self, operation: &'static str) -> Writer<'_, T> {
        self.writer(&WriteContext {
            operation,
            kind: "Published",
            name: self.name(),
        })
    }

    /// Panics as [`writer`](Self::writer) does if this thread has a write open.
    #[track_caller]
    pub(crate) fn assert_not_writing(&self, context: &WriteContext<'_>) {
        self.cell.assert_not_writer(this_thread(), context);
    }

    /// Acquires the writer lock, to read the newest value before publishing. `context` is for the
    /// panic of a nested write.
    #[track_caller]
    pub(crate) fn writer(&self, context: &WriteContext<'_>) -> Writer<'_, T> {
        self.cell.write(context)
    }

    /// Acquires the writer lock if it is free and no writer waits for it.
    pub(crate) fn try_writer(&self) -> Option<Writer<'_, T>> {
        self.cell.try_write()
    }

    /// Acquires the writer lock, blocking for `timeout` at the longest.
    #[track_caller]
    pub(crate) fn writer_timeout(
        &self,
        context: &WriteContext<'_>,
        timeout: Duration,
    ) -> Option<Writer<'_, T>> {
        self.cell.write_timeout(context, timeout)
    }

    /// Returns whether `writer` publishes to this.
    pub(crate) fn is_written_by(&self, writer: &Writer<'_, T>) -> bool {
        writer.is_of(&self.cell)
    }
}
