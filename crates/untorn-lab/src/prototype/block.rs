//! A block of the directory: a fixed number of pointers behind a header, in one allocation.
//!
//! # Invariants
//!
//! 1. A `Block` points at element 0 of an allocation made by `new`, whose header in front of it
//!    states the number of elements, all initialized. It stays allocated until `free`, which the
//!    owner calls once, when nothing can reach the block.
//! 2. A block is changed only by the edit that made it, before it is published.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

struct Header {
    /// The edit that made the block.
    birth: u64,
    len: usize,
}

/// The pointer to a block.
pub(super) struct Block<T>(NonNull<T>);

impl<T> Clone for Block<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Block<T> {}

impl<T> PartialEq for Block<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Copy> Block<T> {
    fn layout(len: usize) -> Layout {
        let (front, elements) = (Layout::new::<Header>(), Layout::array::<T>(len));
        let both = elements.and_then(|elements| front.extend(elements));
        let Ok((layout, offset)) = both else {
            panic!("a block of {len} elements exceeds the address space");
        };
        debug_assert_eq!(offset, size_of::<Header>());
        layout
    }

    /// Creates a block of the elements that `element` returns for each index.
    pub(super) fn new(len: usize, birth: u64, element: impl Fn(usize) -> T) -> Self {
        let layout = Self::layout(len);
        // SAFETY: the size is not 0, since the header is part of it.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout);
        };
        let header = start.cast::<Header>();
        // SAFETY: the allocation is new, and begins with room for a header.
        unsafe { header.write(Header { birth, len }) };
        // SAFETY: the elements come after the header.
        let elements = unsafe { header.add(1) }.cast::<T>();
        for i in 0..len {
            // SAFETY: there is room for `len` elements.
            let place = unsafe { elements.add(i) };
            // SAFETY: it points into the new allocation.
            unsafe { place.write(element(i)) };
        }
        Self(elements)
    }

    fn header(self) -> NonNull<Header> {
        // SAFETY: invariant 1: the header stands in front of element 0.
        unsafe { self.0.cast::<Header>().sub(1) }
    }

    /// Returns the edit that made the block.
    ///
    /// # Safety
    /// The block is allocated.
    pub(super) unsafe fn birth(self) -> u64 {
        // SAFETY: invariant 1.
        unsafe { self.header().as_ref() }.birth
    }

    /// # Safety
    /// The block is allocated.
    pub(super) unsafe fn len(self) -> usize {
        // SAFETY: invariant 1.
        unsafe { self.header().as_ref() }.len
    }

    /// Returns element `i`.
    ///
    /// # Safety
    /// The block is allocated, and has more than `i` elements.
    #[inline]
    pub(super) unsafe fn get(self, i: usize) -> T {
        // SAFETY: the caller's promise.
        let place = unsafe { self.0.add(i) };
        // SAFETY: invariants 1 and 2.
        unsafe { *place.as_ref() }
    }

    /// Replaces element `i`.
    ///
    /// # Safety
    /// As for `get`, and only the caller has access.
    pub(super) unsafe fn set(self, i: usize, element: T) {
        // SAFETY: the caller's promise.
        let place = unsafe { self.0.add(i) };
        // SAFETY: invariants 1 and 2.
        unsafe { place.write(element) };
    }

    /// Returns a copy made by edit `birth`.
    ///
    /// # Safety
    /// The block is allocated.
    pub(super) unsafe fn copy(self, birth: u64) -> Self {
        // SAFETY: the caller's promise.
        let len = unsafe { self.len() };
        // SAFETY: the block has `len` elements, and `new` asks for fewer.
        Self::new(len, birth, |i| unsafe { self.get(i) })
    }

    /// # Safety
    /// The block is allocated.
    pub(super) unsafe fn bytes(self) -> usize {
        // SAFETY: the caller's promise.
        Self::layout(unsafe { self.len() }).size()
    }

    /// Frees the block.
    ///
    /// # Safety
    /// The block is allocated, and nothing has access after this.
    pub(super) unsafe fn free(self) {
        // SAFETY: the caller's promise.
        let layout = Self::layout(unsafe { self.len() });
        // SAFETY: invariant 1: allocated by this layout, and the caller's promise.
        unsafe { dealloc(self.header().as_ptr().cast(), layout) };
    }
}
