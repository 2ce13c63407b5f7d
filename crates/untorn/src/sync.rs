//! The one door to atomics and shared cells.
//!
//! Nothing else in the crate names `std::sync::atomic` or `std::cell::UnsafeCell` (`tests/house.rs` sees to it), so
//! under `--cfg untorn_loom` a model checker stands in for all of them.

#[cfg(not(untorn_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering, fence};

#[cfg(untorn_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};

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
