//! The checker of initializers: no two of one key run at a time.

use super::detail::Detail;
use super::model::Operation;
use super::revisions::{Anomaly, Violation};

/// Returns the first two initializers of one key that certainly ran at one moment.
#[must_use]
pub fn check(history: &[Operation]) -> Option<Violation> {
    let mut runs: Vec<(u8, u64, u64, usize)> = history
        .iter()
        .enumerate()
        .filter_map(|(i, operation)| match operation.detail {
            Some(Detail::Initializer { key, began, ended }) => Some((key, began, ended, i)),
            _ => None,
        })
        .collect();
    runs.sort_unstable();
    let overlap = runs.windows(2).find(|pair| {
        let ((one, _, ended, _), (other, began, ..)) = (pair[0], pair[1]);
        one == other && began < ended
    })?;
    let (.., first) = overlap[0];
    let (.., operation) = overlap[1];
    Some(Violation {
        anomaly: Anomaly::TwoInitializers,
        operation,
        because: format!("another one was running: {}", history[first]),
    })
}
