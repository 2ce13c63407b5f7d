//! The settings of a poller that are times.

use std::time::Duration;

use super::PollerBuilder;
use super::deltas::DeltaSource;
#[cfg(doc)]
use super::{Activity, Poller, Status};

impl<S: DeltaSource> PollerBuilder<S> {
    /// Sets the longest delay after failures, before jitter. It may be shorter than the period. The
    /// default is ten periods, at most a minute and at least one period. With the period as the
    /// longest delay, failures do not slow the poller down.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// // Delays after failures: at most 1 s, 2 s, 4 s, 5 s, 5 s, …
    /// let builder =
    ///     Poller::every(Duration::from_secs(10), read).max_backoff(Duration::from_secs(5));
    /// ```
    #[track_caller]
    pub fn max_backoff(mut self, max: Duration) -> Self {
        self.settings.delays.set_max_backoff(max);
        self
    }

    /// Randomizes each period by up to this fraction, from 0 to 1, so that processes that were
    /// started together do not keep polling a server together. The default is 0.1: up to a tenth
    /// shorter or longer.
    ///
    /// With any jitter but 0, the delay after the first success is from half a period to one and a
    /// half, which spreads such processes over the whole period, and a delay after a failure is
    /// anywhere between the [shortest gap](Self::min_gap) and the backoff (*full jitter*). 0 means
    /// that nothing is random. A delay that the [source wants](super::Source::next_delay) is only
    /// lengthened. See also [`initial_delay`](Self::initial_delay) and [`instance`](Self::instance).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// // Each period is from 5 to 15 seconds:
    /// let builder = Poller::every(Duration::from_secs(10), read).jitter(0.5);
    /// ```
    #[track_caller]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.settings.delays.set_jitter(fraction);
        self
    }

    /// Delays the first fetch by a random part of `most`, so that many processes that start
    /// together do not all fetch at that moment. By default the first fetch begins at once. A
    /// [trigger](Poller::trigger) ends the delay.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// let minute = Duration::from_secs(60);
    /// let builder = Poller::every(minute, read).initial_delay(Duration::from_secs(5));
    /// ```
    #[doc(alias = "splay")]
    #[doc(alias = "start_delay")]
    pub fn initial_delay(mut self, most: Duration) -> Self {
        self.settings.delays.set_initial(most);
        self
    }

    /// Derives the [initial delay](Self::initial_delay) and the delay after the first success from
    /// the name of this instance, such as its host name, in place of random numbers. So each
    /// instance keeps its offset from the others when all of them start again.
    ///
    /// Equal names have equal offsets on every machine and in every release. [Jitter](Self::jitter)
    /// applies to all other delays; a jitter of 0 leaves this offset.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// let host = std::env::var("HOSTNAME").unwrap_or_default();
    /// let builder = Poller::every(Duration::from_secs(60), read).instance(&host).jitter(0.0);
    /// ```
    #[doc(alias = "seed")]
    pub fn instance(mut self, name: &str) -> Self {
        self.settings.delays.set_instance(name);
        self
    }

    /// Sets the shortest time between the end of a poll and the beginning of the next one, whatever
    /// requests it: the period, a [trigger](Poller::trigger) or
    /// [`refresh_now`](Poller::refresh_now), also after a failure. So a storm of triggers, or a
    /// source that triggers its own poller, does not make it fetch without a pause. The default is
    /// 100 ms, or the period if that is shorter.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// // At most one fetch a second, even if triggered more often:
    /// let second = Duration::from_secs(1);
    /// let builder = Poller::every(Duration::from_secs(60), read).min_gap(second);
    /// ```
    #[doc(alias = "rate_limit")]
    #[doc(alias = "throttle")]
    pub fn min_gap(mut self, gap: Duration) -> Self {
        self.settings.delays.set_min_gap(gap);
        self
    }

    /// Postpones the poll of a [trigger](Poller::trigger) until this time has passed without a
    /// further trigger (*debouncing*), for events that come in groups, as from a file watcher. The
    /// default is zero. A poll is postponed for ten times `time` at most, and one that is due in
    /// any case serves the triggers too. [`Poller::refresh_now`] and [`Poller::accept_next`] are
    /// not postponed.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::new());
    /// let read = || Ok::<_, String>([("1", 265)]);
    /// let poller = Poller::every(Duration::from_secs(60), read)
    ///     .quiet_time(Duration::from_millis(50))
    ///     .start(&config)?;
    /// for _ in 0..10 {
    ///     poller.trigger(); // by a file watcher: one poll for many of them
    /// }
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// assert!(poller.status().polls < 10);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "debounce")]
    pub fn quiet_time(mut self, time: Duration) -> Self {
        self.settings.delays.quiet_time = time;
        self
    }

    /// Sets a deadline for each fetch. A fetch that has not ended by then counts as failed: it is
    /// reported by the status and by [`on_failure`](Self::on_failure), and its answer will be
    /// discarded. By default there is none.
    ///
    /// Nothing can interrupt a fetch that hangs, so the source should bound its own waiting, and
    /// the deadline should be longer. Until the fetch has ended the poller is
    /// [`Activity::Abandoned`], no other fetch begins, and [`Poller::refresh_now`] fails at once.
    /// It does not hold up [`Poller::stop`] and drop: they leave its thread behind, which ends with
    /// the fetch, so that a poller leaves at most one thread. (It still holds the source and the
    /// map.) A later answer resets the source and is not published; the pause before the next fetch
    /// begins then, not at the deadline.
    ///
    /// The deadline applies to the fetch, the iteration of its contents, and the wait for other
    /// writers of the map, until the commit begins. It does not count time during which the machine
    /// was suspended, where the clock of [`Instant`](std::time::Instant) stands still then. The
    /// poller has a second thread for this, of the name of the first, which also calls `on_failure`
    /// for such a fetch.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, mpsc};
    /// use std::time::Duration;
    /// use untorn::poller::{Activity, FailureKind};
    /// use untorn::{Map, Poller};
    ///
    /// let config = Arc::new(Map::from([("port", 80)]));
    /// let (answer, answers) = mpsc::channel();
    /// let read = move || answers.recv().map(|port| [("port", port)]); // hangs
    /// let (failed, failures) = mpsc::channel();
    /// let poller = Poller::every(Duration::from_secs(10), read)
    ///     .deadline(Duration::from_millis(10))
    ///     .on_failure(move |failure| failed.send(failure.clone()).unwrap())
    ///     .start(&config)?;
    ///
    /// assert_eq!(failures.recv().unwrap().kind, FailureKind::Deadline);
    /// assert!(poller.refresh_now(Duration::from_secs(60)).is_err()); // at once
    /// assert!(matches!(poller.status().activity, Activity::Abandoned { .. }));
    /// drop(poller); // does not wait for the fetch
    /// # answer.send(1).unwrap();
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[doc(alias = "timeout")]
    #[doc(alias = "fetch_timeout")]
    #[track_caller]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        assert!(
            !deadline.is_zero(),
            "cannot set a deadline of zero; leave it out for no deadline"
        );
        self.settings.deadline = Some(deadline);
        self
    }

    /// Sets the largest age of the contents at which [`Status::is_healthy`] is true. The default is
    /// three times the period or, if the source wants one, that [delay](super::Source::next_delay),
    /// and at least ten seconds.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::Poller;
    ///
    /// let read = || std::fs::read_to_string("config.txt").map(|text| [("text", text)]);
    /// let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    /// let builder = Poller::every(minute, read).max_age(hour);
    /// ```
    #[doc(alias = "max_staleness")]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = Some(age);
        self
    }
}
