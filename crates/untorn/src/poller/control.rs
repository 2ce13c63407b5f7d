//! The methods of a poller that change its schedule or return parts of its status.

use std::time::Duration;

use super::{Failure, Poller, PollerHandle};
#[cfg(doc)]
use super::{PollerBuilder, Status};

impl Poller {
    /// Returns a handle that can be cloned and sent to other threads, to trigger, observe or close
    /// the poller. It does not keep the poller running.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// let handle = poller.handle();
    /// std::thread::spawn(move || handle.trigger()).join().unwrap();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "clone")]
    #[must_use]
    pub fn handle(&self) -> PollerHandle {
        self.handle.clone()
    }

    /// Returns whether the poller is healthy: running, with contents that are not too old. The rule
    /// is that of [`Status::is_healthy`].
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::<String, u32>::new());
    /// let read = || Err::<[_; 0], _>("the server is down");
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// assert!(!poller.is_healthy()); // no contents yet
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.handle.is_healthy()
    }

    /// Returns an upper bound for the age of the contents, as [`Status::age`] does.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert!(poller.age().is_some());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "staleness")]
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.status().age()
    }

    /// Returns the last failed poll. A later success does not clear it; see
    /// [`Status::failures_in_a_row`].
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::<String, u32>::new());
    /// let read = || Err::<[_; 0], _>("the server is down");
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_err());
    /// assert_eq!(poller.last_failure().unwrap().to_string(), "the server is down");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "last_error")]
    #[must_use]
    pub fn last_failure(&self) -> Option<Failure> {
        self.status().last_failure
    }

    /// Changes the period. If the last poll succeeded, the new period applies to the delay since
    /// then, unless the [source wanted](super::Source::next_delay) that one; a backoff continues,
    /// and the new period applies after it. Settings that depend on the period by default, such as
    /// [`max_backoff`](PollerBuilder::max_backoff), change with it.
    ///
    /// # Panics
    /// If the period is zero.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(3600), read).start(&config)?;
    /// poller.set_period(Duration::from_secs(10));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn set_period(&self, period: Duration) {
        self.handle.set_period(period);
    }

    /// Pauses the poller: no fetch begins, neither by the period nor by a trigger, until
    /// [`resume`](Self::resume). A running fetch is completed. Triggers are remembered, and waits
    /// for a poll wait for the resume too. The contents stay, and their age grows.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// poller.pause();
    /// let late = poller.refresh_now(Duration::from_millis(10)).unwrap_err();
    /// assert!(late.to_string().ends_with("the poller is paused; call `resume`"));
    /// poller.resume();
    /// assert!(poller.wait_until_fresh(Duration::from_secs(60)).is_ok());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "suspend")]
    pub fn pause(&self) {
        self.handle.pause();
    }

    /// Ends a [pause](Self::pause). A poll that became due or was requested meanwhile begins at
    /// once. Does nothing if the poller is not paused.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use untorn::{Map, Poller};
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(10), read).start(&config)?;
    /// poller.pause();
    /// poller.resume();
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_ok());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn resume(&self) {
        self.handle.resume();
    }
}
