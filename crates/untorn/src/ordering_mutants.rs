//! The orderings stronger than Relaxed of the two protocols, the detector's and the publication
//! cell's, by the names of their sites, for mutation testing.
//!
//! A build with `--cfg untorn_ordering_mutants` reads the name of one site from
//! `UNTORN_WEAKENED_ORDERING` and gives that site the next weaker ordering; `just ordering-mutants`
//! does so for every site and fails unless a model fails. In every other build these functions are
//! constants.
//!
//! A site is named by its function and by what it loads or stores: `set` and `get` are those of
//! `Identity`. Sites of one role have one name: `protect.newest` is in two functions, and
//! `pin.fence` and `scan.fence` are the light and the heavy fence of symmetric mode.

#[cfg(not(untorn_ordering_mutants))]
pub(crate) use crate::sync::fence;
#[cfg(untorn_ordering_mutants)]
pub(crate) use chosen::{acquire, fence, release, seq_cst};
#[cfg(not(untorn_ordering_mutants))]
pub(crate) use constant::{acquire, release, seq_cst};

#[cfg(not(untorn_ordering_mutants))]
mod constant {
    use crate::sync::Ordering;

    #[inline(always)]
    pub(crate) const fn acquire(_site: &str) -> Ordering {
        Ordering::Acquire
    }

    #[inline(always)]
    pub(crate) const fn release(_site: &str) -> Ordering {
        Ordering::Release
    }

    #[inline(always)]
    pub(crate) const fn seq_cst(_site: &str) -> Ordering {
        Ordering::SeqCst
    }
}

#[cfg(untorn_ordering_mutants)]
mod chosen {
    use std::sync::OnceLock;

    use crate::sync::Ordering;

    fn weakened(site: &str) -> bool {
        static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| std::env::var("UNTORN_WEAKENED_ORDERING").ok());
        chosen.as_deref() == Some(site)
    }

    fn unless_weakened(site: &str, ordering: Ordering, weaker: Ordering) -> Ordering {
        if weakened(site) { weaker } else { ordering }
    }

    pub(crate) fn acquire(site: &str) -> Ordering {
        unless_weakened(site, Ordering::Acquire, Ordering::Relaxed)
    }

    pub(crate) fn release(site: &str) -> Ordering {
        unless_weakened(site, Ordering::Release, Ordering::Relaxed)
    }

    pub(crate) fn seq_cst(site: &str) -> Ordering {
        unless_weakened(site, Ordering::SeqCst, Ordering::AcqRel)
    }

    /// Issues a fence, or none if it was weakened to Relaxed.
    pub(crate) fn fence(ordering: Ordering) {
        if ordering != Ordering::Relaxed {
            crate::sync::fence(ordering);
        }
    }
}
