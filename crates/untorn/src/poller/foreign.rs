//! Calls of foreign code: panics are caught, failures are reported.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::message;
use super::status::{Failure, FailureKind, Success};

/// Calls foreign code and converts its panic into a failure. Unwind safety: the source is
/// responsible for its own state, and a map stays consistent after a panic anywhere.
pub(super) fn catch_panic<R>(f: impl FnOnce() -> R) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Failure {
        message: message::of_panic(payload),
        kind: FailureKind::Panic,
        ended: Instant::now(),
    })
}

/// The callbacks of a poller.
#[derive(Clone, Default)]
pub(super) struct Callbacks {
    pub(super) on_failure: Option<Callback<Failure>>,
    pub(super) on_success: Option<Callback<Success>>,
}

pub(super) type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

impl Callbacks {
    /// Reports a success. The panic hook reports a panic of the callback.
    pub(super) fn succeeded(&self, success: &Success) {
        _ = catch_panic(|| self.on_success.as_ref().map(|callback| callback(success)));
    }

    /// Reports a failure. A subscriber of `tracing` and the callback are foreign code. The panic
    /// hook reports their panics; the status keeps the failure.
    pub(super) fn report(&self, failure: &Failure) {
        _ = catch_panic(|| emit_event(failure));
        _ = catch_panic(|| self.on_failure.as_ref().map(|callback| callback(failure)));
    }
}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_event(failure: &Failure) {
    tracing::warn!(
        target: "untorn",
        poller = std::thread::current().name(),
        kind = failure.kind.name(),
        error = &*failure.message,
        "a poll failed",
    );
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_event(_: &Failure) {}
