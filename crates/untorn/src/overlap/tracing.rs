//! Events for `tracing` (feature `tracing`): one for each overlap that ends in a panic.

use super::report::Overlap;

/// Emits the event of an overlap.
#[cfg(feature = "tracing")]
pub(super) fn emit(overlap: &Overlap) {
    let (here, other) = (&overlap.here, &overlap.other);
    ::tracing::error!(
        target: "untorn",
        kind = overlap.kind.key(),
        name = overlap.name.as_deref(),
        additional_readers = overlap.additional_readers,
        here.thread = &*here.thread,
        here.number = here.thread_number,
        here.created_at = here.created_at.map(::tracing::field::display),
        here.location = here.location.map(::tracing::field::display),
        here.operation = here.operation,
        here.kind = here.kind.key(),
        here.duration_ns = here.duration_ns(),
        here.stretched = here.stretched,
        other.thread = &*other.thread,
        other.number = other.thread_number,
        other.created_at = other.created_at.map(::tracing::field::display),
        other.location = other.location.map(::tracing::field::display),
        other.operation = other.operation,
        other.kind = other.kind.key(),
        other.duration_ns = other.duration_ns(),
        other.stretched = other.stretched,
        "{}",
        overlap.message(),
    );
}

/// Does nothing: without the feature there are no events.
#[cfg(not(feature = "tracing"))]
pub(super) fn emit(_: &Overlap) {}
