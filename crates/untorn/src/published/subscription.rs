//! Following the commits: from the version seen last to the newest.

use std::error::Error;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::notify::{Notifier, Unanswered, Waiter};
use super::pinned::Snapshot;
use super::revision::Revision;
use crate::clock::Limit;
use crate::planted::planted;

/// A step from the version that a [`Subscription`] showed last to the newest one.
///
/// Both are snapshots, so what changed can be asked for at leisure: for a map by [`View::diff`](crate::View::diff).
#[derive(Debug)]
#[non_exhaustive]
pub struct Transition<T> {
    /// The version that was shown last; at first, the newest one when the subscription began.
    pub from: Snapshot<T>,
    /// The newest version.
    pub to: Snapshot<T>,
    /// How many revisions lie between the two: they were replaced before they were asked for.
    pub missed: u64,
}

impl<T> Clone for Transition<T> {
    fn clone(&self) -> Self {
        Self {
            from: self.from.clone(),
            to: self.to.clone(),
            missed: self.missed,
        }
    }
}

/// Follows a [`Published`](crate::Published) or a [`Map`](crate::Map): waits for a commit and shows what it led to.
///
/// Latest wins: whoever asks late gets one [`Transition`] to the newest version, and is told how many revisions it
/// skipped. A subscription runs no code of yours and is called by nobody, so one that is slow, asleep or forgotten costs
/// itself only: it keeps the version that it showed last. It ends when what it follows is dropped, after it has shown the
/// last version; and when a [`Closer`] says so, at once.
///
/// As an iterator it waits for each transition, and ends with the subscription.
///
/// ```
/// use std::thread;
/// use untorn::Map;
///
/// let config = Map::from([("limit", 100)]);
/// let mut changes = config.subscribe();
/// thread::scope(|scope| {
///     let follower = scope.spawn(move || {
///         let change = changes.recv().expect("the map is there");
///         (change.from["limit"], change.to["limit"], change.missed)
///     });
///     config.insert("limit", 200);
///     assert_eq!(follower.join().unwrap(), (100, 200, 0));
/// });
/// ```
#[must_use = "a subscription does nothing unless it is asked"]
pub struct Subscription<T> {
    cell: Arc<Cell<T>>,
    shown: Snapshot<T>,
    waiter: Arc<Waiter>,
}

impl<T> Subscription<T> {
    pub(super) fn new(cell: Arc<Cell<T>>) -> Self {
        Self {
            shown: Snapshot::newest(&cell),
            cell,
            waiter: Arc::default(),
        }
    }

    /// Waits for a version newer than the one shown last. Waits as long as nobody commits.
    ///
    /// # Errors
    /// [`Ended`] if there will be none.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to what it follows open: that would
    /// deadlock. If it would have to wait on a target without threads, such as
    /// `wasm32-unknown-unknown`: no commit could come.
    #[track_caller]
    pub fn recv(&mut self) -> Result<Transition<T>, Ended> {
        self.wait(Limit::Never).map_err(|_| Ended)
    }

    /// Waits for a version newer than the one shown last, for `at_most` at the longest. Does not
    /// block on a target without threads or without a clock.
    ///
    /// # Errors
    /// [`NoTransition::Late`] if there was none within that time, [`NoTransition::Ended`] if there will be none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use untorn::{NoTransition, Published};
    ///
    /// let limit = Published::new(100);
    /// let mut changes = limit.subscribe();
    /// let none = changes.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(none, NoTransition::Late);
    /// ```
    #[track_caller]
    pub fn recv_timeout(&mut self, at_most: Duration) -> Result<Transition<T>, NoTransition> {
        self.wait(Limit::after(at_most))
    }

    /// The same, without waiting.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn try_recv(&mut self) -> Result<Transition<T>, NoTransition> {
        self.wait(Limit::Now)
    }

    /// The version shown last.
    pub fn shown(&self) -> &Snapshot<T> {
        &self.shown
    }

    /// What ends this subscription from elsewhere.
    pub fn closer(&self) -> Closer {
        Closer {
            notifier: Arc::clone(&self.cell.notifier),
            waiter: Arc::clone(&self.waiter),
        }
    }

    /// This subscription as a stream, for tasks: it needs no runtime, and wakes from the thread that commits.
    #[cfg(feature = "stream")]
    pub fn into_stream(self) -> super::stream::Transitions<T> {
        super::stream::Transitions::new(self)
    }

    #[track_caller]
    fn wait(&mut self, limit: Limit) -> Result<Transition<T>, NoTransition> {
        let Self {
            cell,
            shown,
            waiter,
        } = self;
        let answer = || newer(cell, shown, waiter);
        let answered = cell.wait(waiter, wanted(shown), limit, answer);
        self.show(answered)
    }

    /// Turns the answer of a wait into that of a `recv`.
    pub(super) fn show(
        &mut self,
        answered: Result<Option<Snapshot<T>>, Unanswered>,
    ) -> Result<Transition<T>, NoTransition> {
        match answered {
            Ok(Some(to)) => {
                let from = std::mem::replace(&mut self.shown, to.clone());
                let step = Snapshot::revision(&to).get() - Snapshot::revision(&from).get();
                Ok(Transition {
                    from,
                    to,
                    missed: step - 1 + u64::from(planted("missed_is_one_more")),
                })
            }
            Ok(None) | Err(Unanswered::Ended) => Err(NoTransition::Ended),
            Err(Unanswered::TimedOut) => Err(NoTransition::Late),
        }
    }

    #[cfg(feature = "stream")]
    pub(super) fn poll(
        &mut self,
        waker: &std::task::Waker,
    ) -> std::task::Poll<Result<Transition<T>, NoTransition>> {
        let Self {
            cell,
            shown,
            waiter,
        } = self;
        let answer = || newer(cell, shown, waiter);
        let polled = cell.notifier.poll(waiter, wanted(shown), waker, answer);
        polled.map(|answered| self.show(answered))
    }

    #[cfg(feature = "stream")]
    pub(super) fn forget_task(&self) {
        let wanted = wanted(&self.shown);
        self.cell.notifier.forget(&self.waiter, wanted);
    }
}

/// The first revision that is newer than `shown`.
fn wanted<T>(shown: &Snapshot<T>) -> Revision {
    Snapshot::revision(shown).next()
}

/// The newest version if it is newer than `shown`; inside, nothing if the subscription was closed.
fn newer<T>(cell: &Cell<T>, shown: &Snapshot<T>, waiter: &Waiter) -> Option<Option<Snapshot<T>>> {
    if waiter.is_closed() {
        return Some(None);
    }
    (cell.revision() > Snapshot::revision(shown)).then(|| Some(Snapshot::newest(cell)))
}

impl<T> Iterator for Subscription<T> {
    type Item = Transition<T>;

    fn next(&mut self) -> Option<Transition<T>> {
        self.recv().ok()
    }
}

impl<T> FusedIterator for Subscription<T> {}

impl<T: fmt::Debug> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("shown", &Snapshot::revision(&self.shown).get())
            .field("newest", &self.cell.revision().get())
            .finish()
    }
}

/// Ends a [`Subscription`] from another thread, also one that is waiting.
///
/// ```
/// let limit = untorn::Published::new(100);
/// let changes = limit.subscribe();
/// let closer = changes.closer();
/// let follower = std::thread::spawn(move || changes.count());
/// closer.close();
/// assert_eq!(follower.join().unwrap(), 0);
/// ```
#[derive(Clone)]
#[must_use = "a closer does nothing unless it closes"]
pub struct Closer {
    notifier: Arc<Notifier>,
    waiter: Arc<Waiter>,
}

impl Closer {
    /// Ends the subscription at once. A thread or a task that waits for it is woken, and no other. No further transition
    /// is shown, not even to a revision that is newer by then: call [`try_recv`](Subscription::try_recv) first for that.
    /// Does not wait for commits.
    ///
    /// # Panics
    /// If the waker of the task that waits for it panics. The subscription has ended all the same.
    pub fn close(&self) {
        self.notifier.close(&self.waiter).resume();
    }
}

impl fmt::Debug for Closer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closer").finish_non_exhaustive()
    }
}

/// There will be no more transitions: what was followed is gone, or the subscription was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl Error for Ended {}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the subscription has ended")
    }
}

/// Why there is no transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTransition {
    /// Nothing newer came in time.
    Late,
    /// There will be no more.
    Ended,
}

impl Error for NoTransition {}

impl fmt::Display for NoTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("no newer revision came in time"),
            Self::Ended => Ended.fmt(f),
        }
    }
}
