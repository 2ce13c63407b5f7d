//! The fences between a pin and a scan, in two modes of which a process uses one.
//!
//! A pin stores its slot and then loads the publication word; a scan follows a store to that word
//! and then loads the slots. One of the two must observe the other (store buffering). In
//! *symmetric* mode both execute a fence. In *asymmetric* mode the pin's fence is one for the
//! compiler only, and the scan's is `membarrier`, which executes a fence on each running thread of
//! the process.
//!
//! # Invariants
//!
//! 1. The mode is chosen before the first cell exists, and never changes: a pin with the light
//!    fence of one mode and a scan with the heavy fence of the other would not be ordered.
//! 2. Asymmetric mode is chosen only after the process has registered for
//!    `MEMBARRIER_CMD_PRIVATE_EXPEDITED`.
//! 3. [`heavy`] returns true only after it has executed the heavy fence of the mode. A seccomp
//!    filter may reject `membarrier` later: then a scan must free nothing.

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(super) use self::mode::MAY_BE_ASYMMETRIC;
pub(crate) use self::mode::{choose, heavy, is_asymmetric};
use crate::ordering_mutants::{fence, seq_cst};

/// Executes the light fence of symmetric mode.
#[inline(always)]
pub(super) fn light_symmetric() {
    // SeqCst: with the fence in `heavy_symmetric`: one of the two observes the other.
    fence(seq_cst("pin.fence"));
}

/// Executes the heavy fence of symmetric mode.
fn heavy_symmetric() {
    // SeqCst: with the fence in `light_symmetric`.
    fence(seq_cst("scan.fence"));
}

/// Executes the light fence of asymmetric mode.
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
#[inline(always)]
pub(super) fn light_asymmetric() {
    crate::sync::compiler_barrier();
}

/// Executes the light fence of the mode.
pub(super) fn light() {
    if is_asymmetric() {
        #[cfg(not(any(untorn_loom, untorn_shuttle)))]
        light_asymmetric();
    } else {
        light_symmetric();
    }
}

/// Linux, unless a checker must see every fence.
#[cfg(all(
    target_os = "linux",
    not(any(miri, untorn_loom, untorn_shuttle, untorn_tsan, untorn_strong_fences))
))]
#[allow(unsafe_code, reason = "a system call that std has not")]
mod mode {
    use super::heavy_symmetric;
    use crate::sync::{AtomicU8, Ordering};

    /// True if a process may choose asymmetric mode.
    pub(in super::super) const MAY_BE_ASYMMETRIC: bool = true;

    const UNKNOWN: u8 = 0;
    const SYMMETRIC: u8 = 1;
    const ASYMMETRIC: u8 = 2;

    static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Calls `membarrier`, and returns whether it succeeded.
    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: this system call takes numbers only.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    fn register() -> bool {
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
    }

    fn execute() -> bool {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    /// Chooses the mode of the process, unless it has been chosen.
    pub(crate) fn choose() {
        // Relaxed, here and below: a thread that has a cell has observed the choice, which came
        // before the cell. Threads that choose at once may register twice, but store one choice.
        if MODE.load(Ordering::Relaxed) == UNKNOWN {
            let mode = if register() && execute() {
                ASYMMETRIC
            } else {
                SYMMETRIC
            };
            _ = MODE.compare_exchange(UNKNOWN, mode, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Returns whether the process is in asymmetric mode.
    pub(crate) fn is_asymmetric() -> bool {
        MODE.load(Ordering::Relaxed) == ASYMMETRIC
    }

    /// Executes the heavy fence of the mode; returns false if that failed.
    pub(crate) fn heavy() -> bool {
        if is_asymmetric() {
            // A child of `fork` may have to register again.
            execute() || (register() && execute())
        } else {
            heavy_symmetric();
            true
        }
    }
}

#[cfg(not(all(
    target_os = "linux",
    not(any(miri, untorn_loom, untorn_shuttle, untorn_tsan, untorn_strong_fences))
)))]
mod mode {
    /// False: there is one mode.
    #[cfg(not(any(untorn_loom, untorn_shuttle)))]
    pub(in super::super) const MAY_BE_ASYMMETRIC: bool = false;

    /// Does nothing: there is one mode.
    pub(crate) const fn choose() {}

    /// Returns false: there is one mode.
    pub(crate) const fn is_asymmetric() -> bool {
        false
    }

    /// Executes the heavy fence, which cannot fail here.
    pub(crate) fn heavy() -> bool {
        super::heavy_symmetric();
        true
    }
}

#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests {
    use super::{choose, heavy, is_asymmetric};

    /// Linux has had this kind of `membarrier` since 4.14; a sandbox may reject it.
    #[test]
    fn fence_is_that_of_the_chosen_mode() {
        choose();
        let mode = is_asymmetric();
        choose();
        assert_eq!(is_asymmetric(), mode);
        assert!(heavy());
        if cfg!(any(miri, untorn_strong_fences)) || !cfg!(target_os = "linux") {
            assert!(!mode);
        }
        println!("asymmetric: {mode}");
    }
}
