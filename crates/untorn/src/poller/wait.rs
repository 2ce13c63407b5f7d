//! Waits for a poll to end.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::error::RefreshError;
use super::state::{Phase, Shared};
use crate::Revision;

impl Shared {
    /// Blocks until poll `wanted`, or a later one, has succeeded. Unless it `may_fail`, returns the
    /// error of a failure at once.
    pub(super) fn wait_for(
        &self,
        wanted: u64,
        may_fail: bool,
        timeout: Duration,
    ) -> Result<Revision, RefreshError> {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            let status = &state.status;
            let failed = status
                .last_failure
                .as_ref()
                .filter(|_| status.failures_in_a_row > 0);
            if let Some(success) = &status.last_success
                && state.succeeded >= wanted
            {
                return Ok(success.refreshed.revision);
            }
            // The wanted poll cannot begin before a hanging fetch has ended.
            let hangs = state.phase == Phase::Abandoned && !state.is_over();
            if let Some(failure) = failed
                && (status.polls >= wanted || hangs)
                && !may_fail
            {
                return Err(RefreshError::Failed(failure.clone()));
            }
            if state.is_over() {
                return Err(RefreshError::Stopped);
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(RefreshError::Timeout {
                    timeout,
                    activity: state.activity(&self.clock),
                    last_failure: failed.cloned(),
                });
            }
            let woken = self.ended.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
