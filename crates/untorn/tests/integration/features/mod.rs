//! The optional features: streams, serde, rayon, tracing.

#[cfg(feature = "rayon")]
mod rayon;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(any(feature = "rayon", feature = "serde"))]
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
