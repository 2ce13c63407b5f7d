//! Ends a test that waits for what never comes, and says what that was.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{process, thread};

/// Far more than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a follower has seen, for a writer that waits for it; a follower that panics makes nobody wait.
pub(crate) struct Seen<'s>(pub(crate) &'s AtomicU64);

impl Seen<'_> {
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Release);
    }
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.set(u64::MAX);
        }
    }
}

/// Waits until so much was seen.
pub(crate) fn until(seen: &AtomicU64, number: u64) {
    while seen.load(Ordering::Acquire) < number {
        thread::yield_now();
    }
}

/// What `f` returns; if that takes too long, the process ends.
pub(crate) fn watched<R>(waits_for: &'static str, f: impl FnOnce() -> R) -> R {
    let (done, ended) = channel::<()>();
    thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // Past the capture of the test's output, which nobody would print.
            let told = format!("\nwaited {PATIENCE:?} in vain: {waits_for}\n");
            _ = std::io::stderr().write_all(told.as_bytes());
            process::abort();
        }
    });
    let result = f();
    drop(done);
    result
}
