//! A persistent vector (a radix tree), which holds the segments of a table by index.
//!
//! ```text
//!   one:   T
//!   tree:  Chunk ─▶ 128 × T     Inner ─▶ 128 × Chunk     Inner ─▶ 128 × Inner     …
//! ```
//!
//! A clone shares everything (structural sharing). A change copies the element and the nodes on the
//! path to it, of 128 pointers each (path copying), unless the directory owns them already. The
//! only foreign code is the element's `Clone`; until it returns, the directory is unchanged.

use std::collections::HashSet;
use std::sync::Arc;

use arrayvec::ArrayVec;

/// The number of index bits that choose among the children of a node. It is small for fuzzers and
/// for the unit tests under Miri, so that small maps have deep trees.
const BITS: u32 = if cfg!(any(untorn_fuzzing, all(test, miri))) {
    2
} else {
    7
};
const CHILDREN: usize = 1 << BITS;

/// The addresses of nodes and elements whose bytes have been counted.
pub(in crate::map) type Counted = HashSet<*const ()>;

type Children<T> = ArrayVec<Arc<T>, CHILDREN>;

/// A vector that is never empty.
pub(super) enum Directory<T> {
    One(Arc<T>),
    Tree(Tree<T>),
}

/// A tree that is not empty.
pub(super) struct Tree<T> {
    root: Arc<Node<T>>,
    /// The number of index bits below those that choose among the root's children.
    bits: u32,
}

pub(in crate::map) enum Node<T> {
    Chunk(Children<T>),
    Inner(Children<Node<T>>),
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Chunk(elements) => Self::Chunk(elements.clone()),
            Self::Inner(nodes) => Self::Inner(nodes.clone()),
        }
    }
}

impl<T> Clone for Directory<T> {
    fn clone(&self) -> Self {
        match self {
            Self::One(element) => Self::One(Arc::clone(element)),
            Self::Tree(Tree { root, bits }) => Self::Tree(Tree {
                root: Arc::clone(root),
                bits: *bits,
            }),
        }
    }
}

/// Returns the position of the child that leads to element `i`.
#[inline]
fn child(i: usize, bits: u32) -> usize {
    (i >> bits) % CHILDREN
}

impl<T> Node<T> {
    /// Creates a node with this one element below it.
    fn of(element: Arc<T>, bits: u32) -> Arc<Self> {
        Arc::new(match bits.checked_sub(BITS) {
            None => Self::Chunk(Children::from_iter([element])),
            Some(bits) => Self::Inner(Children::from_iter([Self::of(element, bits)])),
        })
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Chunk(elements) => elements.is_full(),
            Self::Inner(nodes) => {
                nodes.is_full() && nodes.last().is_some_and(|node| node.is_full())
            }
        }
    }

    /// Appends an element to a node that is not full.
    fn push(self: &mut Arc<Self>, element: Arc<T>, bits: u32) {
        match Arc::make_mut(self) {
            Self::Chunk(elements) => elements.push(element),
            Self::Inner(nodes) => {
                let below = bits - BITS;
                match nodes.last_mut() {
                    Some(last) if !last.is_full() => last.push(element, below),
                    _ => nodes.push(Self::of(element, below)),
                }
            }
        }
    }

    /// Removes the last element, and returns whether the node is empty now.
    fn pop(self: &mut Arc<Self>) -> bool {
        match Arc::make_mut(self) {
            Self::Chunk(elements) => {
                elements.pop();
                elements.is_empty()
            }
            Self::Inner(nodes) => {
                if nodes.last_mut().is_some_and(Self::pop) {
                    nodes.pop();
                }
                nodes.is_empty()
            }
        }
    }

    /// Returns element `i`, after copying the nodes on the path to it that are shared.
    fn get_mut(self: &mut Arc<Self>, i: usize, bits: u32) -> &mut Arc<T> {
        match Arc::make_mut(self) {
            Self::Chunk(elements) => &mut elements[i % CHILDREN],
            Self::Inner(nodes) => nodes[child(i, bits)].get_mut(i, bits - BITS),
        }
    }

    /// Returns the number of elements from `i` on that both share, because they share a node or
    /// that element. It may be less than the whole number.
    fn shared_from(mut self: &Arc<Self>, mut other: &Arc<Self>, i: usize, mut bits: u32) -> usize {
        loop {
            if Arc::ptr_eq(self, other) {
                let elements = CHILDREN << bits;
                return elements - i % elements;
            }
            match (&**self, &**other) {
                (Self::Inner(nodes), Self::Inner(others)) => {
                    (self, other) = (&nodes[child(i, bits)], &others[child(i, bits)]);
                    bits -= BITS;
                }
                (Self::Chunk(elements), Self::Chunk(others)) => {
                    let i = i % CHILDREN;
                    return usize::from(Arc::ptr_eq(&elements[i], &others[i]));
                }
                _ => return 0,
            }
        }
    }

    /// Returns the bytes of this node and of all below it that are not in `counted`, and adds them.
    fn count_bytes(self: &Arc<Self>, counted: &mut Counted, of: &impl Fn(&T) -> usize) -> usize {
        if !counted.insert(Arc::as_ptr(self).cast()) {
            return 0;
        }
        let below: usize = match &**self {
            Self::Chunk(elements) => {
                let bytes = elements
                    .iter()
                    .map(|element| count_element(element, counted, of));
                bytes.sum()
            }
            Self::Inner(nodes) => nodes.iter().map(|node| node.count_bytes(counted, of)).sum(),
        };
        size_of::<Self>() + below
    }
}

/// Returns the bytes of an element, as `of` returns them, if it is not in `counted`, and adds it.
fn count_element<T>(element: &Arc<T>, counted: &mut Counted, of: &impl Fn(&T) -> usize) -> usize {
    match counted.insert(Arc::as_ptr(element).cast()) {
        true => of(element),
        false => 0,
    }
}

impl<T> Tree<T> {
    /// Returns the node of height `bits` above the first elements. The tree must not be lower.
    fn first(&self, bits: u32) -> &Arc<Node<T>> {
        let (mut node, mut height) = (&self.root, self.bits);
        while height > bits
            && let Node::Inner(nodes) = &**node
        {
            (node, height) = (&nodes[0], height - BITS);
        }
        node
    }
}

impl<T> Directory<T> {
    pub(super) fn new(element: T) -> Self {
        Self::One(Arc::new(element))
    }

    /// Returns element `i`.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn get(&self, i: usize) -> &T {
        self.find(|| i)
    }

    /// Returns the element whose index `number` returns. It is called only if there is more than
    /// one element.
    #[inline]
    pub(super) fn find(&self, number: impl FnOnce() -> usize) -> &T {
        match self {
            Self::One(element) => element,
            Self::Tree(tree) => {
                let (i, mut node, mut bits) = (number(), &*tree.root, tree.bits);
                loop {
                    match node {
                        Node::Chunk(elements) => return &elements[i % CHILDREN],
                        Node::Inner(nodes) => node = &nodes[child(i, bits)],
                    }
                    bits -= BITS;
                }
            }
        }
    }

    /// Returns the indices below `len` whose element `other`, of length `other_len`, does not share
    /// at that index. The cost is one pointer comparison for each node that is shared as a whole,
    /// and a few for each other element.
    pub(super) fn unshared<'d>(
        &'d self,
        len: usize,
        other: &'d Self,
        other_len: usize,
    ) -> Unshared<'d, T> {
        Unshared {
            directory: self,
            len,
            other,
            other_len,
            next: 0,
        }
    }

    /// Returns the number of elements from `i` on that both share. It may be less than the whole
    /// number. Both must have element `i`.
    fn shared_from(&self, other: &Self, i: usize) -> usize {
        match (self, other) {
            (Self::Tree(tree), Self::Tree(other)) => {
                // All elements of the lower tree correspond to the first node of its height in the
                // other.
                let bits = tree.bits.min(other.bits);
                tree.first(bits).shared_from(other.first(bits), i, bits)
            }
            _ => usize::from(std::ptr::eq(self.get(i), other.get(i))),
        }
    }

    /// Appends an element.
    pub(super) fn push(&mut self, element: T) {
        let element = Arc::new(element);
        match self {
            Self::One(first) => {
                let both = [Arc::clone(first), element];
                *self = Self::Tree(Tree {
                    root: Arc::new(Node::Chunk(both.into_iter().collect())),
                    bits: 0,
                });
            }
            Self::Tree(Tree { root, bits }) => {
                if root.is_full() {
                    let both = [Arc::clone(root), Node::of(element, *bits)];
                    *root = Arc::new(Node::Inner(both.into_iter().collect()));
                    *bits += BITS;
                } else {
                    root.push(element, *bits);
                }
            }
        }
    }

    /// Returns element `i`, after copying the nodes on the path to it that are shared. The element
    /// itself may be shared.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn get_shared_mut(&mut self, i: usize) -> &mut Arc<T> {
        match self {
            Self::One(element) => element,
            Self::Tree(Tree { root, bits }) => root.get_mut(i, *bits),
        }
    }

    /// Removes the last element, unless it is the only one.
    pub(super) fn pop(&mut self) {
        let Self::Tree(Tree { root, bits }) = self else {
            return;
        };
        root.pop();
        match &**root {
            Node::Inner(nodes) if nodes.len() == 1 => {
                *root = Arc::clone(&nodes[0]);
                *bits -= BITS;
            }
            Node::Chunk(elements) if elements.len() == 1 => {
                *self = Self::One(Arc::clone(&elements[0]));
            }
            _ => {}
        }
    }

    /// Returns the bytes of the nodes and elements that are not in `counted`, and adds them. `of`
    /// returns the bytes of an element. What `counted` has must be alive, since it has addresses.
    pub(super) fn count_bytes(&self, counted: &mut Counted, of: impl Fn(&T) -> usize) -> usize {
        match self {
            Self::One(element) => count_element(element, counted, &of),
            Self::Tree(tree) => tree.root.count_bytes(counted, &of),
        }
    }
}

/// A part of a directory that is being dropped: an element that no other one shares, or a node.
pub(in crate::map) enum Part<T> {
    Element(T),
    Node(Arc<Node<T>>),
}

impl<T> Directory<T> {
    /// Returns the directory as a part, or releases it if another one shares its only element.
    pub(super) fn into_part(self) -> Option<Part<T>> {
        match self {
            Self::One(element) => Arc::into_inner(element).map(Part::Element),
            Self::Tree(tree) => Some(Part::Node(tree.root)),
        }
    }
}

impl<T> Part<T> {
    /// Returns the element, or releases a node and passes what is below it to `below` unless
    /// another directory shares it. Of several that share a part, the last to release it gets it.
    pub(super) fn open(self, below: impl FnMut(Self)) -> Option<T> {
        match self {
            Self::Element(element) => return Some(element),
            Self::Node(node) => match Arc::into_inner(node) {
                Some(Node::Chunk(elements)) => {
                    let unshared = elements.into_iter().filter_map(Arc::into_inner);
                    unshared.map(Self::Element).for_each(below);
                }
                Some(Node::Inner(nodes)) => nodes.into_iter().map(Self::Node).for_each(below),
                None => {}
            },
        }
        None
    }
}

impl<T: Clone> Directory<T> {
    /// Returns element `i`, after copying it if another directory shares it.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn get_mut(&mut self, i: usize) -> &mut T {
        Arc::make_mut(self.get_shared_mut(i))
    }
}

/// An iterator over the indices of elements that another directory does not share, from
/// [`Directory::unshared`].
pub(super) struct Unshared<'d, T> {
    directory: &'d Directory<T>,
    len: usize,
    other: &'d Directory<T>,
    other_len: usize,
    next: usize,
}

impl<T> Clone for Unshared<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> Iterator for Unshared<'_, T> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.next < self.len {
            let i = self.next;
            let shared = if i < self.other_len {
                self.directory.shared_from(self.other, i)
            } else {
                0
            };
            self.next += shared.max(1);
            if shared == 0 {
                return Some(i);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{CHILDREN, Counted, Directory, Node};

    /// Returns a directory of `len` elements, each of which is its index.
    fn counted(len: usize) -> Directory<usize> {
        let mut directory = Directory::new(0);
        for i in 1..len {
            directory.push(i);
        }
        directory
    }

    #[test]
    fn elements_stay_in_place_across_all_forms() {
        let most = CHILDREN * CHILDREN + 3 * CHILDREN + 2;
        let mut directory = counted(most);
        for len in (1..=most).rev() {
            let all = len <= 2 * CHILDREN || len % 997 == 0;
            for i in if all { 0..len } else { len - 1..len } {
                assert_eq!(*directory.get(i), i, "of {len}");
            }
            directory.pop();
        }
        assert_eq!(*directory.get(0), 0, "the only element stays");
        directory.push(7);
        assert_eq!((*directory.get(0), *directory.get(1)), (0, 7));
    }

    #[test]
    fn change_affects_one_directory_and_shares_the_rest() {
        for len in [
            1,
            2,
            CHILDREN,
            CHILDREN + 1,
            3 * CHILDREN,
            CHILDREN * CHILDREN,
        ] {
            let old = counted(len);
            for i in [0, len / 2, len - 1] {
                let mut new = old.clone();
                assert_eq!(new.unshared(len, &old, len).count(), 0);
                *new.get_mut(i) = 1_000;
                assert_eq!((*new.get(i), *old.get(i)), (1_000, i));
                let unshared: Vec<_> = new.unshared(len, &old, len).collect();
                assert_eq!(unshared, [i], "of {len}");
                new.push(len);
                let unshared: Vec<_> = new.unshared(len + 1, &old, len).collect();
                assert_eq!(unshared, [i, len], "of {len}");
                let unshared: Vec<_> = old.unshared(len, &new, len + 1).collect();
                assert_eq!(unshared, [i], "of {len}");
            }
        }
    }

    #[test]
    fn bytes_of_shared_nodes_are_counted_once() {
        /// Returns the number of nodes and of elements that are not in `counted`.
        fn count(directory: &Directory<usize>, counted: &mut Counted) -> (usize, usize) {
            let elements = Cell::new(0);
            let bytes = directory.count_bytes(counted, |_| {
                elements.set(elements.get() + 1);
                0
            });
            (bytes / size_of::<Node<usize>>(), elements.get())
        }
        let old = counted(3 * CHILDREN);
        let mut new = old.clone();
        *new.get_mut(CHILDREN) = 1_000;
        let mut both = Counted::new();
        assert_eq!(count(&old, &mut both), (4, 3 * CHILDREN));
        assert_eq!(
            count(&new, &mut both),
            (2, 1),
            "two of three chunks are shared"
        );
        // In any order, and whatever came between them.
        assert_eq!(count(&old.clone(), &mut both), (0, 0));
        let many = CHILDREN * CHILDREN;
        let old = counted(many);
        let mut new = old.clone();
        new.push(many);
        let mut both = Counted::new();
        assert_eq!(count(&old, &mut both), (1 + CHILDREN, many));
        let path = count(&new, &mut both);
        assert_eq!(path, (3, 1), "a root and the path to the new element");
        assert_eq!(count(&counted(1), &mut both), (0, 1));
    }
}
