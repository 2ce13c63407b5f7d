//! Mutation testing: mistakes that can be switched on, to show that the tests detect them.
//!
//! A build with `--cfg untorn_mutants` reads the name of one mutant from `UNTORN_MUTANT` and
//! behaves as if that mistake had been made. `cargo xtask mutants` runs the tests against each and
//! fails if they still pass; it has the list of names. In every other build [`mutant`] is a
//! constant `false`.
//!
//! It is public for `untorn-live`, and no part of the interface.
//!
//! The files whose code must be proven by reading have no hooks: patches in `mutants/` add them to
//! a copy.

/// Returns whether this mutant is active.
///
/// # Examples
/// ```
/// let name = "unknown";
/// assert!(!untorn::mutants::mutant(name));
/// ```
#[cfg(untorn_mutants)]
pub fn mutant(name: &str) -> bool {
    use std::ffi::OsString;

    use crate::sync::{Counter, Ordering};

    const UNKNOWN: u64 = 0;

    fn number(name: &str) -> u64 {
        // FNV-1a; the lowest bit is set, so that no number is `UNKNOWN`.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash | 1
    }

    // Relaxed, here and below: a stronger ordering would synchronize threads, and could hide data
    // races from ThreadSanitizer.
    static CHOSEN: Counter = Counter::new(UNKNOWN);
    let mut chosen = CHOSEN.load(Ordering::Relaxed);
    if chosen == UNKNOWN {
        let named = std::env::var_os("UNTORN_MUTANT").map(OsString::into_string);
        chosen = number(named.and_then(Result::ok).as_deref().unwrap_or("none"));
        CHOSEN.store(chosen, Ordering::Relaxed);
    }
    number(name) == chosen
}

/// Returns false: this build has no mutants.
///
/// # Examples
/// ```
/// let name = "unknown";
/// assert!(!untorn::mutants::mutant(name));
/// ```
#[cfg(not(untorn_mutants))]
#[cfg_attr(
    untorn_loom,
    allow(dead_code, reason = "hooks in the protocol are in patches")
)]
#[inline(always)]
pub const fn mutant(_name: &str) -> bool {
    false
}
