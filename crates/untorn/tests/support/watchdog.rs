//! Aborts a test that waits without end, and prints what it waited for.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{process, thread};

/// Far more than any of these tests takes, also on a busy machine. Some mutants let them hang.
const TIMEOUT: Duration = Duration::from_secs(if cfg!(untorn_mutants) { 60 } else { 300 });

/// The progress of a follower, for a writer that waits for it. A panic of the follower ends the
/// wait.
pub(crate) struct Progress<'s>(pub(crate) &'s AtomicU64);

impl Progress<'_> {
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Release);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.set(u64::MAX);
        }
    }
}

/// Waits until the progress reaches `number`.
pub(crate) fn wait_until(seen: &AtomicU64, number: u64) {
    while seen.load(Ordering::Acquire) < number {
        thread::yield_now();
    }
}

/// Returns the result of `f`, or aborts the process if that takes too long.
pub(crate) fn with_timeout<R>(waits_for: &'static str, f: impl FnOnce() -> R) -> R {
    let (done, ended) = channel::<()>();
    thread::spawn(move || {
        if ended.recv_timeout(TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            // Bypasses the captured output of the test, which an abort would lose.
            let message = format!("\ntimed out after {TIMEOUT:?}: {waits_for}\n");
            _ = std::io::stderr().write_all(message.as_bytes());
            process::abort();
        }
    });
    let result = f();
    drop(done);
    result
}
