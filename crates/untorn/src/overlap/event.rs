//! Events for `tracing` (feature `tracing`): one for each overlap that is acted on and that the process survives.

use super::report::Overlap;

/// Without the feature nothing.
#[cfg(not(feature = "tracing"))]
pub(super) fn emit(_: &Overlap) {}
