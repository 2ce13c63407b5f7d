//! Random numbers for seeds and random places: rare, so std's own source will do.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that differs from call to call and from process to process.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}
