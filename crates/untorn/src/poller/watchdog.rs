//! The thread that watches the deadline of fetches, if a poller has one: the poller's own thread
//! may hang in its source.

use super::foreign::Callbacks;
use super::state::Shared;

/// Reports each fetch that passes its deadline, until the poller's thread has ended, or hangs and
/// has been stopped.
pub(super) fn run(shared: &Shared, callbacks: &Callbacks) {
    shared.enter_watchdog();
    while let Some(failure) = shared.watch() {
        callbacks.report(&failure);
        shared.abandoned(failure);
    }
}
