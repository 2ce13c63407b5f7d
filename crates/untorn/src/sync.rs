//! The only module that imports atomics, `UnsafeCell` and thread-locals from std.
//!
//! The locks of `versions/` and `published/` are those of this module too.
//!
//! No other file names `std::sync::atomic` or `std::cell::UnsafeCell` (`tests/integration/tidy.rs`
//! checks this), so `--cfg untorn_loom` and `--cfg untorn_shuttle` replace all of them by those of
//! a model checker. On targets without 64-bit atomics they are those of `portable-atomic`, which
//! take a lock.

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering, fence};

#[cfg(all(any(test, not(untorn_loom)), not(target_has_atomic = "64")))]
use portable_atomic as atomic_64;
#[cfg(all(any(test, not(untorn_loom)), target_has_atomic = "64"))]
use std::sync::atomic as atomic_64;

#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use self::atomic_64::AtomicU64;

#[cfg(untorn_loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(untorn_shuttle)]
pub(crate) use shuttle::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(untorn_loom)]
pub(crate) use self::counted::Arc;
#[cfg(all(test, untorn_loom))]
pub(crate) use self::counted::free_dropped;
#[cfg(untorn_loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard},
};
#[cfg(untorn_shuttle)]
pub(crate) use shuttle::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard},
};
#[cfg(not(untorn_loom))]
pub(crate) use std::sync::Arc;
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard},
};

#[cfg(untorn_loom)]
mod counted;

#[cfg(untorn_shuttle)]
pub(crate) use shuttle::{thread::current as current_thread, thread_local};
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
pub(crate) use std::{thread::current as current_thread, thread_local};

/// Keeps the compiler from moving memory accesses across this point. The processor may.
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
#[inline(always)]
pub(crate) fn compiler_barrier() {
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// A counter for unique numbers in a static. Never replaced by a model checker's: it only has to
/// count.
#[cfg(any(test, not(untorn_loom)))]
pub(crate) use self::atomic_64::AtomicU64 as Counter;

/// The number of a process, in a static that outlives an execution of a model checker.
#[cfg(not(untorn_loom))]
pub(crate) use std::sync::atomic::AtomicU32 as ProcessNumber;

/// A cell whose contents are accessed through raw pointers, with the interface of loom's cell.
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

    /// Calls `f` with a pointer for reading.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer for writing.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

#[cfg(all(test, untorn_loom))]
pub(crate) use loom::cell::UnsafeCell;

/// Returns the last pointer stored, without an atomic access: the reference is exclusive.
#[cfg(untorn_loom)]
pub(crate) fn last_stored<T>(pointer: &mut AtomicPtr<T>) -> *mut T {
    pointer.with_mut(|pointer| *pointer)
}

#[cfg(untorn_shuttle)]
pub(crate) fn last_stored<T>(pointer: &mut AtomicPtr<T>) -> *mut T {
    *pointer.get_mut()
}

/// Replaces null by `new`, or returns the other pointer that is stored.
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

/// Failed compare-exchanges that observe old values, for loom.
///
/// The memory model permits a failed compare-exchange to load an old value, as a plain load may,
/// but loom does not explore that. A load before the compare-exchange makes loom explore it, but
/// hides accesses of other threads from loom (see `own!` in `record.rs`); so a model enables it.
#[cfg(untorn_loom)]
mod old_values {
    use std::cell::Cell;

    use super::{AtomicPtr, Ordering};

    std::thread_local! {
        static ENABLED: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `model` on this thread with failed compare-exchanges that may observe old values.
    #[cfg(test)]
    pub(crate) fn with_old_values(model: impl FnOnce()) {
        ENABLED.set(true);
        model();
        ENABLED.set(false);
    }

    pub(crate) fn replace_null<T>(
        pointer: &AtomicPtr<T>,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        if ENABLED.get() {
            let current = pointer.load(failure);
            if !current.is_null() {
                return Err(current);
            }
        }
        pointer.compare_exchange(std::ptr::null_mut(), new, success, failure)
    }
}
