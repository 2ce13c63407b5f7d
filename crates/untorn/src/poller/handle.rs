//! A handle to a poller, for other threads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use super::Poller;
use super::delays::checked_period;
use super::error::RefreshError;
use super::state::Shared;
use super::status::Status;
use crate::Revision;

/// A handle to a [`Poller`], from [`Poller::handle`]: for the thread that receives signals, a
/// request handler, a health check, or the source itself.
///
/// Handles can be cloned and sent to other threads. They do not keep the poller running: when the
/// [`Poller`] is dropped, it stops, and its handles report [`Activity::Stopped`]. Each method does
/// the same as the method of this name of the poller.
///
/// [`Activity::Stopped`]: super::Activity::Stopped
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::{Map, Poller};
///
/// let config = Arc::new(Map::new());
/// let read = || Ok::<_, String>([("port", 80)]);
/// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
/// let handle = poller.handle();
/// let reload = std::thread::spawn(move || handle.refresh_now(Duration::from_secs(60)));
/// assert!(reload.join().unwrap().is_ok());
/// assert_eq!(config.get("port"), Some(80));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct PollerHandle {
    shared: Arc<Shared>,
}

impl PollerHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Requests a fetch now, as [`Poller::trigger`] does. After a stop this does nothing.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// let on_file_event = move || handle.trigger();
    /// on_file_event();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn trigger(&self) {
        self.shared.trigger(false);
    }

    /// Requests a fetch whose contents pass whatever they remove, as [`Poller::accept_next`] does.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let jobs = Arc::new(Map::from([(1, "build")]));
    /// let read = || Ok::<[(i32, &str); 0], String>([]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&jobs)?;
    /// let handle = poller.handle();
    /// assert!(handle.refresh_now(Duration::from_secs(60)).is_err());
    /// handle.accept_next();
    /// handle.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert!(jobs.is_empty());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn accept_next(&self) {
        self.shared.accept_next();
    }

    /// Requests a poll now and blocks until it has ended, as [`Poller::refresh_now`] does.
    ///
    /// # Panics
    /// If called from the source or other code that the poller's threads run: that would deadlock.
    ///
    /// # Errors
    /// Those of [`Poller::refresh_now`].
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// assert!(handle.refresh_now(Duration::from_secs(60)).is_ok());
    /// drop(poller);
    /// assert!(handle.refresh_now(Duration::from_secs(60)).is_err());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn refresh_now(&self, timeout: Duration) -> Result<Revision, RefreshError> {
        self.assert_not_own_thread();
        self.shared
            .wait_for(self.shared.trigger(true), false, timeout)
    }

    /// Blocks until the last requested poll, or a later one, has succeeded, as
    /// [`Poller::wait_until_fresh`] does.
    ///
    /// # Panics
    /// If called from the source or other code that the poller's threads run: that would deadlock.
    ///
    /// # Errors
    /// Those of [`Poller::wait_until_fresh`].
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// assert!(poller.handle().wait_until_fresh(Duration::from_secs(60)).is_ok());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait_until_fresh(&self, timeout: Duration) -> Result<Revision, RefreshError> {
        self.assert_not_own_thread();
        self.shared.wait_for(self.shared.requested(), true, timeout)
    }

    /// Returns the status of the poller, as [`Poller::status`] does.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// use untorn::poller::Activity;
    ///
    /// let handle = poller.handle();
    /// drop(poller);
    /// assert_eq!(handle.status().activity, Activity::Stopped);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Returns whether the poller is healthy, by the rule of [`Status::is_healthy`].
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// handle.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert!(handle.is_healthy());
    /// drop(poller);
    /// assert!(!handle.is_healthy());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.status().is_healthy()
    }

    /// Changes the period, as [`Poller::set_period`] does.
    ///
    /// # Panics
    /// If the period is zero.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.handle().set_period(Duration::from_secs(60));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn set_period(&self, period: Duration) {
        // Checked before the lock is acquired.
        self.shared.set_period(checked_period(period));
    }

    /// Pauses the poller, as [`Poller::pause`] does.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// handle.pause();
    /// handle.resume();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn pause(&self) {
        self.shared.set_paused(true);
    }

    /// Ends a pause, as [`Poller::resume`] does.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// handle.pause();
    /// handle.resume();
    /// assert!(handle.refresh_now(Duration::from_secs(60)).is_ok());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn resume(&self) {
        self.shared.set_paused(false);
    }

    /// Stops the poller without waiting for its thread, which ends as at a
    /// [stop](Poller::stop). May be called from everywhere, also from the source.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// # let config = Arc::new(Map::new());
    /// # let read = || Ok::<_, String>([("1", 265)]);
    /// # let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// handle.close();
    /// assert!(!handle.is_healthy());
    /// poller.stop(); // waits
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "stop")]
    #[doc(alias = "cancel")]
    pub fn close(&self) {
        self.shared.stop();
    }

    /// Blocks until the thread has stopped or hangs forever; see [`Shared::wait_until_over`].
    pub(super) fn wait_until_over(&self) -> bool {
        self.shared.wait_until_over()
    }

    pub(super) fn is_own_thread(&self) -> bool {
        self.shared.is_own_thread()
    }

    #[track_caller]
    fn assert_not_own_thread(&self) {
        assert!(
            !self.is_own_thread(),
            "cannot wait for a poll on the poller's own thread: this would deadlock; \
             return from the source instead"
        );
    }
}

impl fmt::Debug for PollerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PollerHandle").field(&self.status()).finish()
    }
}
