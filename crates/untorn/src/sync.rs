//! The one door to atomics, shared cells, and what a thread keeps for itself.
//!
//! Nothing else in the crate names `std::sync::atomic` or `std::cell::UnsafeCell` (`tests/integration/tidy.rs` sees to it), so
//! under `--cfg untorn_loom` and `--cfg untorn_shuttle` a model checker stands in for all of them.
//! On targets without 64-bit atomics they are those of `portable-atomic`, which take a lock.

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering, fence};

#[cfg(all(any(test, not(untorn_loom)), not(target_has_atomic = "64")))]
use portable_atomic as atomic_64;
#[cfg(all(any(test, not(untorn_loom)), target_has_atomic = "64"))]
use std::sync::atomic as atomic_64;

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use self::atomic_64::AtomicU64;

#[cfg(untorn_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};

#[cfg(untorn_shuttle)]
pub(crate) use shuttle::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering, fence,
};

#[cfg(untorn_shuttle)]
pub(crate) use shuttle::{thread::current as current_thread, thread_local};
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use std::{thread::current as current_thread, thread_local};

/// A counter in a static, from which numbers are drawn: no model checker watches it, since all that counts is that no
/// number is drawn twice.
#[cfg(any(test, not(untorn_loom)))]
pub(crate) use self::atomic_64::AtomicU64 as Counter;

/// A flag of the process, which lives on when a model checker's execution has ended.
#[cfg(not(untorn_loom))]
pub(crate) use std::sync::atomic::AtomicBool as Flag;

/// A cell whose contents are reached by raw pointer, in the shape that loom can watch.
#[cfg(not(untorn_loom))]
pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

#[cfg(not(untorn_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

#[cfg(not(untorn_loom))]
impl<T: ?Sized> UnsafeCell<T> {
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Calls `f` with a pointer to read through.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer to write through.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

#[cfg(all(test, untorn_loom))]
pub(crate) use loom::cell::UnsafeCell;

/// The pointer in it, which nobody stores to any more.
#[cfg(untorn_loom)]
pub(crate) fn last_stored<T>(pointer: &mut AtomicPtr<T>) -> *mut T {
    pointer.with_mut(|pointer| *pointer)
}

#[cfg(untorn_shuttle)]
pub(crate) fn last_stored<T>(pointer: &mut AtomicPtr<T>) -> *mut T {
    *pointer.get_mut()
}

/// Replaces null by `new`, or gives back what is there instead.
#[cfg(not(untorn_loom))]
#[inline(always)]
pub(crate) fn replace_null<T>(
    pointer: &AtomicPtr<T>,
    new: *mut T,
    success: Ordering,
    failure: Ordering,
) -> Result<*mut T, *mut T> {
    pointer.compare_exchange(std::ptr::null_mut(), new, success, failure)
}

#[cfg(untorn_loom)]
pub(crate) use self::old_values::replace_null;
#[cfg(all(test, untorn_loom))]
pub(crate) use self::old_values::with_old_values;

/// The language lets a compare-exchange that fails see an old value, as a load may; loom does not try that. A load before
/// it does, but hides accesses of other threads from loom (see `own!` in `record.rs`); so a model has to ask for it.
#[cfg(untorn_loom)]
mod old_values {
    use std::cell::Cell;

    use super::{AtomicPtr, Ordering};

    std::thread_local! {
        static ASKED_FOR: Cell<bool> = const { Cell::new(false) };
    }

    /// Lets compare-exchanges in `model`, which runs on this thread, see old values.
    #[cfg(test)]
    pub(crate) fn with_old_values(model: impl FnOnce()) {
        ASKED_FOR.set(true);
        model();
        ASKED_FOR.set(false);
    }

    pub(crate) fn replace_null<T>(
        pointer: &AtomicPtr<T>,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        if ASKED_FOR.get() {
            let seen = pointer.load(failure);
            if !seen.is_null() {
                return Err(seen);
            }
        }
        pointer.compare_exchange(std::ptr::null_mut(), new, success, failure)
    }
}
