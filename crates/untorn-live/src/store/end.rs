//! The end of a store: its sources are followed no more, and its cache is written.

use std::thread;
use std::time::{Duration, Instant};

use untorn::Poller;
use untorn::mutants::mutant;
use untorn::poller::Activity;

use super::{Inner, Store, poll};
use crate::cache::Keeper;

/// How long the end of a store waits for sources that hang.
const END: Duration = Duration::from_secs(5);

impl Store {
    /// Asks the threads of the sources to end, and does not wait. The newest revision stays; a
    /// thread that waits for the first one gets an error. A cache may lack the last revisions until
    /// [`stop`](Self::stop), or until the last clone of the store is dropped.
    ///
    /// # Examples
    /// ```
    /// let store = untorn_live::Store::manual();
    /// store.close();
    /// ```
    pub fn close(&self) {
        self.inner.close();
    }

    /// Ends the threads of the sources, writes the newest revision to the [cache](crate::Cache), and
    /// blocks until this is done, for at most `timeout`. Returns whether it is; otherwise a source
    /// hangs, or the disk of the cache. Then subscriptions are closed. The newest revision stays. A
    /// write of the cache that failed is in its [status](crate::CacheStatus::error).
    ///
    /// In a check, and in a callback that runs on a thread of the store, it does not wait and
    /// returns false.
    ///
    /// In async code, call this on a thread that may block, before the last clone of the store is
    /// dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let store = untorn_live::Store::manual();
    /// assert!(store.stop(Duration::from_secs(60)));
    /// ```
    #[must_use = "false says that a source hangs, or the disk of the cache"]
    pub fn stop(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        self.inner.close();
        let have_ended = self.inner.wait_until_ended(timeout);
        let left = timeout.saturating_sub(began.elapsed());
        // A source that hangs may still bring a revision. Dropping the last clone writes that.
        let is_written =
            have_ended && (self.inner.end_cache(left) || mutant("live_stop_forgets_the_cache"));
        self.inner.engine.followers.close();
        is_written
    }
}

impl Inner {
    fn close(&self) {
        self.engine.end();
        for (_, poller) in &self.pollers {
            poller.handle().close();
        }
        self.engine.progress.wake_waiters();
        #[cfg(any(feature = "file", feature = "mount"))]
        self.watch.close();
        #[cfg(any(feature = "http", feature = "etcd"))]
        self.closing.close();
    }

    /// Waits until the threads of the sources have ended. Returns whether they have.
    fn wait_until_ended(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        if self.is_waited_for() {
            return false;
        }
        while !self.pollers.iter().all(|(_, poller)| has_ended(poller)) {
            if began.elapsed() > timeout {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Returns whether this thread cannot wait for the others: it is one of them, or has a write
    /// open.
    fn is_waited_for(&self) -> bool {
        let mut keepers = self.cache.iter().map(|(keeper, _)| keeper);
        poll::is_thread_of_a_source()
            || self.engine.is_busy_here()
            || keepers.any(Keeper::is_current)
    }

    /// Makes the thread of the cache write the newest revision and end, and waits for that. Returns
    /// whether it has ended.
    fn end_cache(&self, timeout: Duration) -> bool {
        let Some((keeper, _)) = &self.cache else {
            return true;
        };
        keeper.close();
        !self.is_waited_for() && keeper.wait(timeout)
    }
}

fn has_ended(poller: &Poller) -> bool {
    poller.status().activity == Activity::Stopped
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
        let began = Instant::now();
        self.wait_until_ended(END);
        for (_, poller) in self.pollers.drain(..) {
            match has_ended(&poller) {
                true => drop(poller),
                // Dropping it would wait for the source.
                false => std::mem::forget(poller),
            }
        }
        if self.end_cache(END.saturating_sub(began.elapsed()))
            && let Some((keeper, _)) = self.cache.take()
        {
            keeper.join();
        }
        self.engine.followers.close();
    }
}
