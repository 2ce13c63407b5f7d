//! Events for `tracing` (feature `tracing`): one for each overlap that is acted on and that the process survives.

use super::report::Overlap;

/// Sends the event.
#[cfg(feature = "tracing")]
pub(super) fn emit(overlap: &Overlap) {
    let (here, other) = (&overlap.here, &overlap.other);
    tracing::error!(
        target: "untorn",
        kind = overlap.kind.key(),
        name = overlap.name.as_deref(),
        more = overlap.more,
        here.thread = &*here.thread,
        here.number = here.thread_number,
        here.created_at = here.created_at.map(tracing::field::display),
        here.at = here.at.map(tracing::field::display),
        here.operation = here.operation,
        here.kind = here.kind.key(),
        here.lasted_ns = here.lasted_ns(),
        here.kept_open = here.kept_open,
        other.thread = &*other.thread,
        other.number = other.thread_number,
        other.created_at = other.created_at.map(tracing::field::display),
        other.at = other.at.map(tracing::field::display),
        other.operation = other.operation,
        other.kind = other.kind.key(),
        other.lasted_ns = other.lasted_ns(),
        other.kept_open = other.kept_open,
        "{}",
        overlap.message(),
    );
}

/// There is nobody to send one to.
#[cfg(not(feature = "tracing"))]
pub(super) fn emit(_: &Overlap) {}
