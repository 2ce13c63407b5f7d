//! One edit: the writes between two versions.

#![allow(unsafe_code, reason = "see `retire`")]

use super::directory::Node;
use super::reclaim::Retired;

/// The number of an edit, and the nodes that it replaced.
pub(super) struct Edit<K, V> {
    number: u64,
    replaced: Vec<Retired<Node<K, V>>>,
    /// The bytes of the nodes that edits replaced since the last reset.
    bytes: usize,
}

impl<K, V> Edit<K, V> {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            replaced: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Begins the next edit, with the list of the last one, which is empty.
    pub(super) fn next(&mut self) {
        debug_assert!(self.replaced.is_empty());
        self.number += 1;
    }

    /// Returns the bytes of the nodes that edits replaced since the last reset.
    pub(super) fn replaced_bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn reset_replaced_bytes(&mut self) {
        self.bytes = 0;
    }

    pub(super) fn replaced(&mut self) -> &mut Vec<Retired<Node<K, V>>> {
        &mut self.replaced
    }

    /// Notes that the edit's table has this node no more. It is freed now if this edit made it,
    /// since then no version has it.
    ///
    /// # Safety
    /// The node is allocated, and the edit's table can no longer reach it.
    pub(super) unsafe fn retire(&mut self, node: Node<K, V>, birth: u64) {
        if birth == self.number {
            // SAFETY: no version has the node, and the caller's promise for this edit's table.
            unsafe { node.free() };
        } else {
            // SAFETY: the caller's promise.
            self.bytes += unsafe { node.bytes() };
            self.replaced.push(Retired { node, birth });
        }
    }
}
