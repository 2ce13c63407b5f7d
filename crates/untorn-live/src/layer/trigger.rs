//! Triggers of polls, by events that a source receives itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use untorn::poller::PollerHandle;

/// Triggers the poller of a layer, which starts after the source.
#[derive(Default)]
pub(crate) struct Trigger {
    poller: OnceLock<PollerHandle>,
    /// An event has come before there was a poller.
    is_pending: AtomicBool,
}

impl Trigger {
    /// Sets the poller to trigger.
    pub(crate) fn connect(&self, poller: PollerHandle) {
        if self.is_pending.load(Ordering::SeqCst) {
            poller.trigger();
        }
        _ = self.poller.set(poller);
        // An event between the two.
        if self.is_pending.swap(false, Ordering::SeqCst)
            && let Some(poller) = self.poller.get()
        {
            poller.trigger();
        }
    }

    /// Triggers a poll.
    #[cfg(any(feature = "file", feature = "mount", feature = "etcd"))]
    pub(super) fn fire(&self) {
        if self.poller.get().is_none() {
            self.is_pending.store(true, Ordering::SeqCst);
        }
        // Again, since the poller may have been set in between.
        if let Some(poller) = self.poller.get() {
            poller.trigger();
        }
    }
}
