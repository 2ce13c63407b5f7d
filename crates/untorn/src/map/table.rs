//! The persistent table: a version of it is never changed, and a new one shares with the old one what it does not touch.
//!
//! ```text
//!   a small map:  Segment                 one hash table of a few hundred entries
//!   a larger one: Branch ─▶ 64 × Segment  six bits of the hash choose
//!                 Branch ─▶ 64 × Branch ─▶ 64 × Segment   …
//! ```
//!
//! A change copies the segment it is in and the branches above it, everything else is shared by `Arc`. Within one batch
//! nothing is copied twice: what the batch has copied is its own. A full segment becomes a branch of sixty-four small
//! ones, so no write pays for the growth of the whole table. Entries keep their hash: moving them calls no foreign code.

use std::sync::Arc;

use hashbrown::HashTable;

/// Bits of the hash that choose among the children of a branch.
const BITS: u32 = 6;
const CHILDREN: usize = 1 << BITS;

/// Where the bits of the topmost branch are: above those that hashbrown takes for places, below its tags.
const LOWEST_BIT: u32 = 32;

/// Branches above each other; segments below the last one do not split.
const DEEPEST: u32 = 4;

pub(super) struct Entry<K, V> {
    hash: u64,
    pub(super) key: K,
    pub(super) value: V,
}

impl<K: Clone, V: Clone> Clone for Entry<K, V> {
    fn clone(&self) -> Self {
        Self {
            hash: self.hash,
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }
}

type Segment<K, V> = HashTable<Entry<K, V>>;

/// Entries of a full segment: few where copying one runs foreign code.
const fn full<K, V>() -> usize {
    if std::mem::needs_drop::<Entry<K, V>>() {
        56
    } else {
        448
    }
}

pub(super) enum Node<K, V> {
    Segment(Arc<Segment<K, V>>),
    Branch(Arc<Branch<K, V>>),
}

#[derive(Clone)]
pub(super) struct Branch<K, V> {
    children: [Node<K, V>; CHILDREN],
    /// Entries below.
    len: usize,
}

impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Segment(segment) => Self::Segment(Arc::clone(segment)),
            Self::Branch(branch) => Self::Branch(Arc::clone(branch)),
        }
    }
}

fn child(hash: u64, depth: u32) -> usize {
    (hash >> (LOWEST_BIT + depth * BITS)) as usize % CHILDREN
}

impl<K, V> Node<K, V> {
    fn empty() -> Self {
        Self::Segment(Arc::new(HashTable::new()))
    }

    fn len(&self) -> usize {
        match self {
            Self::Segment(segment) => segment.len(),
            Self::Branch(branch) => branch.len,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Segment(one), Self::Segment(other)) => Arc::ptr_eq(one, other),
            (Self::Branch(one), Self::Branch(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    #[inline]
    fn get(&self, mut depth: u32, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        let mut node = self;
        loop {
            match node {
                Self::Branch(branch) => node = &branch.children[child(hash, depth)],
                Self::Segment(segment) => return segment.find(hash, |entry| is_key(&entry.key)),
            }
            depth += 1;
        }
    }
}

impl<K: Clone, V: Clone> Node<K, V> {
    /// Inserts, and returns what did not get in or stay: the key of `entry` and the value that was there.
    fn insert(
        &mut self,
        depth: u32,
        entry: Entry<K, V>,
        same: &impl Fn(&K, &K) -> bool,
    ) -> Option<(K, V)> {
        match self {
            Self::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let child = &mut branch.children[child(entry.hash, depth)];
                let old = child.insert(depth + 1, entry, same);
                branch.len += usize::from(old.is_none());
                old
            }
            Self::Segment(segment) => {
                let segment = Arc::make_mut(segment);
                let hash = entry.hash;
                if let Some(stored) = segment.find_mut(hash, |stored| same(&stored.key, &entry.key))
                {
                    let old = std::mem::replace(&mut stored.value, entry.value);
                    return Some((entry.key, old));
                }
                if segment.len() >= full::<K, V>() && depth < DEEPEST {
                    *self = Self::split(std::mem::take(segment), depth);
                    return self.insert(depth, entry, same);
                }
                segment.insert_unique(hash, entry, |entry| entry.hash);
                None
            }
        }
    }

    /// A branch with the entries of a full segment.
    fn split(segment: Segment<K, V>, depth: u32) -> Self {
        let len = segment.len();
        let mut children = [const { HashTable::new() }; CHILDREN];
        for entry in segment {
            children[child(entry.hash, depth)].insert_unique(entry.hash, entry, |entry| entry.hash);
        }
        Self::Branch(Arc::new(Branch {
            children: children.map(|segment| Self::Segment(Arc::new(segment))),
            len,
        }))
    }

    /// Takes out an entry that is there.
    fn remove(
        &mut self,
        depth: u32,
        hash: u64,
        is_key: &impl Fn(&K) -> bool,
    ) -> Option<Entry<K, V>> {
        match self {
            // Well below what a split begins with, so that a map that goes up and down does not do so at each step. All is
            // copied before anything changes: a panic in a copy leaves no branch with a wrong length.
            Self::Branch(branch) if branch.len <= full::<K, V>() / 4 + 1 => {
                let mut segment = HashTable::with_capacity(branch.len);
                for entry in self.iter() {
                    segment.insert_unique(entry.hash, entry.clone(), |entry| entry.hash);
                }
                let found = segment.find_entry(hash, |entry: &Entry<K, V>| is_key(&entry.key));
                let removed = found.ok()?.remove().0;
                *self = Self::Segment(Arc::new(segment));
                Some(removed)
            }
            Self::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let removed =
                    branch.children[child(hash, depth)].remove(depth + 1, hash, is_key)?;
                branch.len -= 1;
                Some(removed)
            }
            Self::Segment(segment) => {
                let found = Arc::make_mut(segment).find_entry(hash, |entry| is_key(&entry.key));
                Some(found.ok()?.remove().0)
            }
        }
    }
}

impl<K, V> Node<K, V> {
    fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter {
            segment: None,
            branches: Vec::new(),
            remaining: self.len(),
        };
        iter.enter(self);
        iter
    }
}

/// A table; cloning it shares everything.
pub(super) struct Table<K, V> {
    root: Node<K, V>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
        }
    }
}

impl<K, V> Table<K, V> {
    pub(super) fn new() -> Self {
        Self {
            root: Node::empty(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.root.len()
    }

    #[inline]
    pub(super) fn get(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        self.root.get(0, hash, is_key)
    }

    pub(super) fn iter(&self) -> Iter<'_, K, V> {
        self.root.iter()
    }
}

impl<K: Clone + Eq, V: Clone> Table<K, V> {
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V) -> Option<(K, V)> {
        self.root.insert(0, Entry { hash, key, value }, &K::eq)
    }

    /// Takes out an entry; copies nothing if it is not there.
    pub(super) fn remove(&mut self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<(K, V)> {
        self.get(hash, &is_key)?;
        let Entry { key, value, .. } = self.root.remove(0, hash, &is_key)?;
        Some((key, value))
    }

    /// Calls `both` with each entry of either table that the other does not have as the same memory: `(newer, older)`.
    /// Whole nodes that are shared cost one comparison of pointers.
    pub(super) fn differing<'t>(
        &'t self,
        older: &'t Self,
        both: &mut impl FnMut(Option<&'t Entry<K, V>>, Option<&'t Entry<K, V>>),
    ) {
        differing(&self.root, &older.root, 0, both);
    }
}

fn differing<'t, K: Eq, V>(
    newer: &'t Node<K, V>,
    older: &'t Node<K, V>,
    depth: u32,
    both: &mut impl FnMut(Option<&'t Entry<K, V>>, Option<&'t Entry<K, V>>),
) {
    if newer.is_same(older) {
        return;
    }
    if let (Node::Branch(newer), Node::Branch(older)) = (newer, older) {
        for (newer, older) in newer.children.iter().zip(&older.children) {
            differing(newer, older, depth + 1, both);
        }
        return;
    }
    for entry in newer.iter() {
        both(
            Some(entry),
            older.get(depth, entry.hash, |key| *key == entry.key),
        );
    }
    for entry in older.iter() {
        if newer
            .get(depth, entry.hash, |key| *key == entry.key)
            .is_none()
        {
            both(None, Some(entry));
        }
    }
}

/// The entries of a table, in no order.
pub(super) struct Iter<'t, K, V> {
    segment: Option<hashbrown::hash_table::Iter<'t, Entry<K, V>>>,
    /// What is still to be entered, one for each branch on the way.
    branches: Vec<std::slice::Iter<'t, Node<K, V>>>,
    remaining: usize,
}

impl<'t, K, V> Iter<'t, K, V> {
    fn enter(&mut self, node: &'t Node<K, V>) {
        match node {
            Node::Segment(segment) => self.segment = Some(segment.iter()),
            Node::Branch(branch) => self.branches.push(branch.children.iter()),
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            segment: self.segment.clone(),
            branches: self.branches.clone(),
            remaining: self.remaining,
        }
    }
}

impl<'t, K, V> Iterator for Iter<'t, K, V> {
    type Item = &'t Entry<K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.segment.as_mut().and_then(Iterator::next) {
                self.remaining -= 1;
                return Some(entry);
            }
            match self.branches.last_mut()?.next() {
                Some(node) => self.enter(node),
                None => _ = self.branches.pop(),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}
