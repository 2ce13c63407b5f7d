//! What the features add: streams, serde, rayon, events.

#[cfg(feature = "rayon")]
#[path = "features/rayon.rs"]
mod rayon;
#[cfg(feature = "serde")]
#[path = "features/serde.rs"]
mod serde;
#[cfg(feature = "stream")]
#[path = "features/stream.rs"]
mod stream;
#[cfg(feature = "tracing")]
#[path = "features/tracing.rs"]
mod tracing;
#[cfg(feature = "stream")]
#[path = "support/watchdog.rs"]
mod watchdog;
#[cfg(any(feature = "rayon", feature = "serde"))]
#[path = "features/while_written.rs"]
mod while_written;

#[cfg(not(all(
    feature = "rayon",
    feature = "serde",
    feature = "stream",
    feature = "tracing"
)))]
#[test]
#[ignore = "needs --all-features"]
fn streams_serde_rayon_and_events() {}
