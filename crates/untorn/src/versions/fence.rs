//! The fences between a pin and a scan, in two forms of which a process uses one: its road.
//!
//! A pin stores its slot and then loads the publication word; a scan follows a store to that word
//! and then loads the slots. One of the two must observe the other (store buffering). On the
//! *strong* road both execute a fence. On the *asymmetric* road the pin's fence is one for the
//! compiler only, and the scan's is `membarrier`, which executes a fence on each running thread of
//! the process.
//!
//! # Invariants
//!
//! 1. The road is chosen before the first cell exists, and never changes: a pin with the light
//!    fence of one road and a scan with the heavy fence of the other would not be ordered.
//! 2. The asymmetric road is chosen only after the process has registered for
//!    `MEMBARRIER_CMD_PRIVATE_EXPEDITED`.
//! 3. [`heavy`] returns true only after it has executed the heavy fence of the road. A filter of
//!    system calls may reject `membarrier` later: then a scan must free nothing.

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(super) use self::road::MAY_BE_ASYMMETRIC;
pub(crate) use self::road::{choose, heavy, is_asymmetric};
use crate::ordering_mutants::{fence, seq_cst};

/// Executes the light fence of the strong road.
#[inline(always)]
pub(super) fn light_strong() {
    // SeqCst: with the fence in `heavy_strong`, or in `light_strong` of a scan that is a pin's
    // partner: one of the two observes the other.
    fence(seq_cst("pin.fence"));
}

/// Executes the heavy fence of the strong road.
fn heavy_strong() {
    // SeqCst: with the fence in `light_strong`.
    fence(seq_cst("scan.fence"));
}

/// Executes the light fence of the asymmetric road.
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
#[inline(always)]
pub(super) fn light_asymmetric() {
    crate::sync::compiler_barrier();
}

/// Executes the light fence of the road.
pub(super) fn light() {
    if is_asymmetric() {
        #[cfg(not(any(untorn_loom, untorn_shuttle)))]
        light_asymmetric();
    } else {
        light_strong();
    }
}

/// Linux, unless a checker must see every fence.
#[cfg(all(
    target_os = "linux",
    not(any(miri, untorn_loom, untorn_shuttle, untorn_tsan, untorn_strong_fences))
))]
#[allow(unsafe_code, reason = "a system call that std has not")]
mod road {
    use super::heavy_strong;
    use crate::sync::{AtomicU8, Ordering};

    /// True if a process may choose the asymmetric road.
    pub(in super::super) const MAY_BE_ASYMMETRIC: bool = true;

    const UNKNOWN: u8 = 0;
    const STRONG: u8 = 1;
    const ASYMMETRIC: u8 = 2;

    static ROAD: AtomicU8 = AtomicU8::new(UNKNOWN);

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

    /// Chooses the road of the process, unless it has been chosen.
    pub(crate) fn choose() {
        // Relaxed, here and below: a thread that has a cell has observed the choice, which came
        // before the cell. Threads that choose at once may register twice, but store one choice.
        if ROAD.load(Ordering::Relaxed) == UNKNOWN {
            let road = if register() && execute() {
                ASYMMETRIC
            } else {
                STRONG
            };
            _ = ROAD.compare_exchange(UNKNOWN, road, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Returns whether the process is on the asymmetric road.
    pub(crate) fn is_asymmetric() -> bool {
        ROAD.load(Ordering::Relaxed) == ASYMMETRIC
    }

    /// Executes the heavy fence of the road; returns false if that failed.
    pub(crate) fn heavy() -> bool {
        if is_asymmetric() {
            // A child of `fork` may have to register again.
            execute() || (register() && execute())
        } else {
            heavy_strong();
            true
        }
    }
}

#[cfg(not(all(
    target_os = "linux",
    not(any(miri, untorn_loom, untorn_shuttle, untorn_tsan, untorn_strong_fences))
)))]
mod road {
    /// False: there is one road.
    #[cfg(not(any(untorn_loom, untorn_shuttle)))]
    pub(in super::super) const MAY_BE_ASYMMETRIC: bool = false;

    /// Does nothing: there is one road.
    pub(crate) const fn choose() {}

    /// Returns false: there is one road.
    pub(crate) const fn is_asymmetric() -> bool {
        false
    }

    /// Executes the heavy fence, which cannot fail here.
    pub(crate) fn heavy() -> bool {
        super::heavy_strong();
        true
    }
}

#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests {
    use super::{choose, heavy, is_asymmetric};

    /// Linux has had this kind of `membarrier` since 4.14; a sandbox may reject it.
    #[test]
    fn fence_is_that_of_the_chosen_road() {
        choose();
        let road = is_asymmetric();
        choose();
        assert_eq!(is_asymmetric(), road);
        assert!(heavy());
        if cfg!(any(miri, untorn_strong_fences)) || !cfg!(target_os = "linux") {
            assert!(!road);
        }
        println!("asymmetric: {road}");
    }
}
