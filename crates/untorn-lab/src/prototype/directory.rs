//! The directory: the segment for each prefix of a hash, by extendible hashing.
//!
//! ```text
//!   one:    segment
//!   flat:   up to 256 pointers ─▶ segment
//!   tree:   one pointer for each block ─▶ 256 pointers ─▶ segment
//! ```
//!
//! A segment that shares fewer hash bits than the directory distinguishes stands in a run of
//! entries. Blocks are copied bitwise: nothing in them is counted (see `reclaim.rs`).
//!
//! # Invariants
//!
//! 1. All blocks and segments of a directory stay allocated as long as a version or an edit can
//!    reach them.
//! 2. With `bits` bits there are `1 << bits` entries, and a segment of depth `d` stands in the run
//!    of `1 << (bits - d)` entries that its prefix chooses.

#![allow(unsafe_code, reason = "see the invariants above")]

use super::block::Block;
use super::edit::Edit;
use super::place::Place;
use super::segment::Segment;

/// The number of index bits that choose inside a block.
const BLOCK_BITS: u32 = if cfg!(any(miri, test)) { 2 } else { 8 };
const BLOCK: usize = 1 << BLOCK_BITS;

/// A part of a version.
pub(super) enum Node<K, V> {
    Segment(Segment<K, V>),
    Block(Block<Segment<K, V>>),
    Root(Block<Block<Segment<K, V>>>),
}

impl<K, V> Node<K, V> {
    /// Returns the bytes of the node, without those below it and without what entries point to.
    ///
    /// # Safety
    /// The node is allocated.
    pub(super) unsafe fn bytes(&self) -> usize {
        match self {
            // SAFETY: the caller's promise.
            Self::Segment(segment) => unsafe { segment.bytes() },
            // SAFETY: the caller's promise.
            Self::Block(block) => unsafe { block.bytes() },
            // SAFETY: the caller's promise.
            Self::Root(root) => unsafe { root.bytes() },
        }
    }

    /// Frees the node, but nothing below it. Drops the entries of a segment.
    ///
    /// # Safety
    /// The node is allocated, and nothing has access after this.
    pub(super) unsafe fn free(self) {
        match self {
            // SAFETY: the caller's promise.
            Self::Segment(segment) => unsafe { segment.free() },
            // SAFETY: the caller's promise.
            Self::Block(block) => unsafe { block.free() },
            // SAFETY: the caller's promise.
            Self::Root(root) => unsafe { root.free() },
        }
    }
}

enum Top<K, V> {
    One(Segment<K, V>),
    Flat(Block<Segment<K, V>>),
    Tree(Block<Block<Segment<K, V>>>),
}

impl<K, V> Clone for Top<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Top<K, V> {}

pub(super) struct Directory<K, V> {
    top: Top<K, V>,
    /// 64 less the number of leading hash bits that are distinguished.
    shift: u32,
}

impl<K, V> Clone for Directory<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Directory<K, V> {}

impl<K, V> Directory<K, V> {
    pub(super) fn new(segment: Segment<K, V>) -> Self {
        Self {
            top: Top::One(segment),
            shift: 64,
        }
    }

    pub(super) fn bits(&self) -> u32 {
        64 - self.shift
    }

    fn len(&self) -> usize {
        1 << self.bits()
    }

    /// Returns the index of the entry for a hash.
    pub(super) fn index(&self, place: Place) -> usize {
        match self.top {
            Top::One(_) => 0,
            _ => place.index(self.shift),
        }
    }

    /// Returns the only segment, if there is one only.
    #[inline]
    pub(super) fn only(&self) -> Option<Segment<K, V>> {
        match self.top {
            Top::One(segment) => Some(segment),
            _ => None,
        }
    }

    /// Returns the segment for a hash.
    #[inline]
    pub(super) fn find(&self, place: Place) -> Segment<K, V> {
        let i = place.index(self.shift);
        match self.top {
            Top::One(segment) => segment,
            // SAFETY: invariants 1 and 2.
            Top::Flat(block) => unsafe { block.get(i) },
            Top::Tree(root) => {
                // SAFETY: invariants 1 and 2.
                let block = unsafe { root.get(i / BLOCK) };
                // SAFETY: invariants 1 and 2: a block of a tree is full.
                unsafe { block.get(i % BLOCK) }
            }
        }
    }

    /// Returns entry `i`.
    pub(super) fn get(&self, i: usize) -> Segment<K, V> {
        assert!(i < self.len());
        match self.top {
            Top::One(segment) => segment,
            // SAFETY: invariants 1 and 2.
            Top::Flat(block) => unsafe { block.get(i) },
            Top::Tree(root) => {
                // SAFETY: invariants 1 and 2.
                let block = unsafe { root.get(i / BLOCK) };
                // SAFETY: invariants 1 and 2: a block of a tree is full.
                unsafe { block.get(i % BLOCK) }
            }
        }
    }

    /// Returns each segment once, with the index of its first entry.
    pub(super) fn segments(&self) -> impl Iterator<Item = (usize, Segment<K, V>)> {
        let mut i = 0;
        std::iter::from_fn(move || {
            if i >= self.len() {
                return None;
            }
            let (first, segment) = (i, self.get(i));
            // SAFETY: invariant 1.
            i += 1 << (self.bits() - unsafe { segment.depth() });
            Some((first, segment))
        })
    }

    /// Replaces the entries `first..first + count`, after copying the blocks that are shared.
    pub(super) fn set(
        &mut self,
        first: usize,
        count: usize,
        segment: Segment<K, V>,
        edit: &mut Edit<K, V>,
    ) {
        assert!(first + count <= self.len());
        match &mut self.top {
            Top::One(one) => *one = segment,
            Top::Flat(block) => {
                *block = own(*block, edit, Node::Block);
                for i in first..first + count {
                    // SAFETY: invariants 1 and 2; this edit made the block.
                    unsafe { block.set(i, segment) };
                }
            }
            Top::Tree(root) => {
                *root = own(*root, edit, Node::Root);
                for i in first..first + count {
                    // SAFETY: invariants 1 and 2.
                    let shared = unsafe { root.get(i / BLOCK) };
                    let block = own(shared, edit, Node::Block);
                    if block != shared {
                        // SAFETY: invariants 1 and 2; this edit made the root.
                        unsafe { root.set(i / BLOCK, block) };
                    }
                    // SAFETY: invariants 1 and 2; this edit made the block.
                    unsafe { block.set(i % BLOCK, segment) };
                }
            }
        }
    }

    /// Distinguishes one bit more, or one less if no segment needs it.
    pub(super) fn resize(&mut self, bits: u32, edit: &mut Edit<K, V>) {
        let old = *self;
        let entry = |i: usize| {
            let i = if bits > old.bits() {
                i >> (bits - old.bits())
            } else {
                i << (old.bits() - bits)
            };
            old.get(i)
        };
        let number = edit.number();
        self.top = if bits == 0 {
            Top::One(entry(0))
        } else if bits <= BLOCK_BITS {
            Top::Flat(Block::new(1 << bits, number, entry))
        } else {
            Top::Tree(Block::new(1 << (bits - BLOCK_BITS), number, |i| {
                Block::new(BLOCK, number, |j| entry(i * BLOCK + j))
            }))
        };
        self.shift = 64 - bits;
        // SAFETY: the blocks were the old directory's, and the new one has none of them.
        old.each_block(|node, birth| unsafe { edit.retire(node, birth) });
    }

    /// Passes all blocks to `each`, with the edit that made them.
    fn each_block(&self, mut each: impl FnMut(Node<K, V>, u64)) {
        match self.top {
            Top::One(_) => {}
            Top::Flat(block) => {
                // SAFETY: invariant 1.
                each(Node::Block(block), unsafe { block.birth() });
            }
            Top::Tree(root) => {
                for i in 0..self.len() / BLOCK {
                    // SAFETY: invariants 1 and 2.
                    let block = unsafe { root.get(i) };
                    // SAFETY: invariant 1.
                    each(Node::Block(block), unsafe { block.birth() });
                }
                // SAFETY: invariant 1.
                each(Node::Root(root), unsafe { root.birth() });
            }
        }
    }

    /// Passes the nodes to `each` that `edit` and later ones made: all of them for 0.
    ///
    /// What an edit made is reachable through blocks that it made only; but this looks at all.
    pub(super) fn each_node_since(&self, edit: u64, mut each: impl FnMut(Node<K, V>)) {
        // The nodes are collected first, since `each` may free them.
        let mut nodes = Vec::new();
        for (_, segment) in self.segments() {
            // SAFETY: invariant 1.
            if unsafe { segment.birth() } >= edit {
                nodes.push(Node::Segment(segment));
            }
        }
        self.each_block(|node, birth| {
            if birth >= edit {
                nodes.push(node);
            }
        });
        nodes.into_iter().for_each(&mut each);
    }
}

/// Returns the block if this edit made it, else a copy.
fn own<K, V, T: Copy>(
    block: Block<T>,
    edit: &mut Edit<K, V>,
    node: impl Fn(Block<T>) -> Node<K, V>,
) -> Block<T> {
    // SAFETY: invariant 1.
    let birth = unsafe { block.birth() };
    if birth == edit.number() {
        return block;
    }
    // SAFETY: invariant 1.
    let copy = unsafe { block.copy(edit.number()) };
    // SAFETY: invariant 1; the caller stores the copy in its place.
    unsafe { edit.retire(node(block), birth) };
    copy
}
