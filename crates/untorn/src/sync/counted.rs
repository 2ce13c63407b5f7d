//! std's `Arc` for loom, with the orderings of std's and loom's atomics: loom's own `Arc` orders a
//! look at its count with every change of it.

#![allow(unsafe_code, reason = "a reference count")]

use std::alloc::{Layout, dealloc};
use std::cell::RefCell;
use std::mem::{ManuallyDrop, offset_of};
use std::ops::Deref;
use std::ptr::NonNull;

use loom::sync::atomic::{AtomicUsize, Ordering, fence};

/// A counted reference to a value.
pub(crate) struct Arc<T>(NonNull<Inner<T>>);

#[repr(C)]
struct Inner<T> {
    count: AtomicUsize,
    value: ManuallyDrop<T>,
}

// SAFETY: as std's.
unsafe impl<T: Send + Sync> Send for Arc<T> {}
// SAFETY: as std's.
unsafe impl<T: Send + Sync> Sync for Arc<T> {}

thread_local! {
    /// The memory of dropped values. It is freed at the end of an execution, so that a mistaken use
    /// of a dropped value is found by the model rather than being undefined.
    static GRAVES: RefCell<Vec<(NonNull<u8>, Layout)>> = const { RefCell::new(Vec::new()) };
}

/// Frees the memory of dropped values.
#[cfg(test)]
pub(crate) fn free_dropped() {
    for (memory, layout) in GRAVES.take() {
        // SAFETY: a box of this layout, whose contents were dropped.
        unsafe { dealloc(memory.as_ptr(), layout) };
    }
}

impl<T> Arc<T> {
    pub(crate) fn new(value: T) -> Self {
        let inner = Box::new(Inner {
            count: AtomicUsize::new(1),
            value: ManuallyDrop::new(value),
        });
        Self(Box::leak(inner).into())
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: not freed before the end of the execution.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn strong_count(this: &Self) -> usize {
        this.inner().count.load(Ordering::Relaxed)
    }

    pub(crate) fn as_ptr(this: &Self) -> *const T {
        std::ptr::from_ref::<T>(&this.inner().value)
    }

    pub(crate) fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.0 == other.0
    }

    pub(crate) fn into_raw(this: Self) -> *const T {
        let this = ManuallyDrop::new(this);
        // SAFETY: the field of a valid allocation.
        unsafe { this.0.byte_add(offset_of!(Inner<T>, value)) }
            .as_ptr()
            .cast()
    }

    /// # Safety
    /// As std's.
    pub(crate) unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: from `into_raw`.
        let inner = unsafe { value.byte_sub(offset_of!(Inner<T>, value)) };
        // SAFETY: not null.
        Self(unsafe { NonNull::new_unchecked(inner.cast_mut().cast()) })
    }

    /// # Safety
    /// As std's.
    pub(crate) unsafe fn increment_strong_count(value: *const T) {
        // SAFETY: by the contract.
        let this = ManuallyDrop::new(unsafe { Self::from_raw(value) });
        let before = this.inner().count.fetch_add(1, Ordering::Relaxed);
        assert!(before > 0, "a version is counted after it was freed");
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        self.inner().count.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T: Default> Default for Arc<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        if self.inner().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: the last reference.
        unsafe { ManuallyDrop::drop(&mut self.0.as_mut().value) };
        let grave = (self.0.cast(), Layout::new::<Inner<T>>());
        GRAVES.with_borrow_mut(|graves| graves.push(grave));
    }
}
