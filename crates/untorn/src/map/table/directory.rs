//! A persistent vector: where the segments of a table are found by number.
//!
//! ```text
//!   one:   T
//!   flat:  Chunk ─▶ up to 64 × T
//!   deep:  [ Chunk ─▶ 64 × T, Chunk ─▶ 64 × T, … Chunk ─▶ 1 to 64 × T ]
//! ```
//!
//! Cloning it shares everything. A change copies the element, its chunk and the list of chunks, once: what has been copied
//! is its own. No foreign code runs but the element's `Clone`, and before that nothing has changed.

use std::sync::Arc;

use arrayvec::ArrayVec;

/// Elements of a chunk: a change copies so many pointers, and one for each chunk.
const CHUNK: usize = 64;

type Chunk<T> = ArrayVec<Arc<T>, CHUNK>;

pub(super) enum Directory<T> {
    One(Arc<T>),
    Flat(Arc<Chunk<T>>),
    Deep(Arc<[Arc<Chunk<T>>]>),
}

impl<T> Clone for Directory<T> {
    fn clone(&self) -> Self {
        match self {
            Self::One(element) => Self::One(Arc::clone(element)),
            Self::Flat(chunk) => Self::Flat(Arc::clone(chunk)),
            Self::Deep(chunks) => Self::Deep(Arc::clone(chunks)),
        }
    }
}

impl<T> Directory<T> {
    pub(super) fn new(element: T) -> Self {
        Self::One(Arc::new(element))
    }

    /// Element `i`.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub(super) fn get(&self, i: usize) -> &T {
        self.find(|| i)
    }

    /// The element whose number `number` tells; it is asked only if there is more than one.
    #[inline]
    pub(super) fn find(&self, number: impl FnOnce() -> usize) -> &T {
        match self {
            Self::One(element) => element,
            Self::Flat(chunk) => &chunk[number()],
            Self::Deep(chunks) => {
                let i = number();
                &chunks[i / CHUNK][i % CHUNK]
            }
        }
    }

    /// Whether element `i` of both is the same memory; not whether it is equal.
    fn is_same(&self, other: &Self, i: usize) -> bool {
        std::ptr::eq(self.get(i), other.get(i))
    }

    /// Whether the chunk of element `i` is the same memory in both.
    fn is_same_chunk(&self, other: &Self, i: usize) -> bool {
        match (self, other) {
            (Self::Deep(chunks), Self::Deep(others)) => {
                let (chunk, other) = (chunks.get(i / CHUNK), others.get(i / CHUNK));
                matches!((chunk, other), (Some(chunk), Some(other)) if Arc::ptr_eq(chunk, other))
            }
            (Self::Flat(chunk), Self::Flat(other)) => Arc::ptr_eq(chunk, other),
            _ => false,
        }
    }

    /// The numbers below `len` whose element `other`, which has `other_len`, does not have as the same memory at the same
    /// place. One comparison of pointers for each chunk, and for each element of a chunk that is not shared.
    pub(super) fn unshared<'d>(
        &'d self,
        len: usize,
        other: &'d Self,
        other_len: usize,
    ) -> impl Iterator<Item = usize> + Clone + 'd {
        (0..len)
            .step_by(CHUNK)
            .filter(move |&first| !self.is_same_chunk(other, first))
            .flat_map(move |first| first..len.min(first + CHUNK))
            .filter(move |&i| i >= other_len || !self.is_same(other, i))
    }

    /// Appends an element, which becomes number `len`.
    pub(super) fn push(&mut self, element: T) {
        let element = Arc::new(element);
        match self {
            Self::One(first) => {
                let both = [Arc::clone(first), element];
                *self = Self::Flat(Arc::new(both.into_iter().collect()));
            }
            Self::Flat(chunk) if chunk.is_full() => {
                let next = Arc::new(Chunk::from_iter([element]));
                *self = Self::Deep(Arc::new([Arc::clone(chunk), next]));
            }
            Self::Flat(chunk) => Arc::make_mut(chunk).push(element),
            Self::Deep(chunks) => {
                if chunks.last().is_some_and(|chunk| chunk.is_full()) {
                    let next = Arc::new(Chunk::from_iter([element]));
                    *chunks = chunks.iter().cloned().chain([next]).collect();
                } else if let Some(chunk) = Arc::make_mut(chunks).last_mut() {
                    Arc::make_mut(chunk).push(element);
                }
            }
        }
    }

    /// Takes the last element away; the first one stays.
    pub(super) fn pop(&mut self) {
        match self {
            Self::One(_) => {}
            Self::Flat(chunk) if chunk.len() <= 2 => *self = Self::One(Arc::clone(&chunk[0])),
            Self::Flat(chunk) => drop(Arc::make_mut(chunk).pop()),
            Self::Deep(chunks) => {
                let last = chunks.len() - 1;
                if chunks[last].len() > 1 {
                    Arc::make_mut(&mut Arc::make_mut(chunks)[last]).pop();
                } else if last == 1 {
                    *self = Self::Flat(Arc::clone(&chunks[0]));
                } else {
                    *chunks = chunks[..last].into();
                }
            }
        }
    }

    /// Bytes of the pointers that lead to the elements, as far as `later` does not share them.
    pub(super) fn unshared_bytes(&self, later: Option<&Self>) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Flat(_) if later.is_some_and(|later| self.is_same_chunk(later, 0)) => 0,
            Self::Flat(_) => size_of::<Chunk<T>>(),
            Self::Deep(chunks) => {
                if let Some(Self::Deep(later)) = later
                    && Arc::ptr_eq(chunks, later)
                {
                    return 0;
                }
                let unshared = (0..chunks.len()).filter(|chunk| {
                    !later.is_some_and(|later| self.is_same_chunk(later, chunk * CHUNK))
                });
                size_of_val(&**chunks) + unshared.count() * size_of::<Chunk<T>>()
            }
        }
    }
}

impl<T: Clone> Directory<T> {
    /// Element `i`, copied first if another directory shares it.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn get_mut(&mut self, i: usize) -> &mut T {
        let element = match self {
            Self::One(element) => element,
            Self::Flat(chunk) => &mut Arc::make_mut(chunk)[i],
            Self::Deep(chunks) => {
                &mut Arc::make_mut(&mut Arc::make_mut(chunks)[i / CHUNK])[i % CHUNK]
            }
        };
        Arc::make_mut(element)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Directory};

    /// Numbers up to `len`, each in its place.
    fn counted(len: usize) -> Directory<usize> {
        let mut directory = Directory::new(0);
        for i in 1..len {
            directory.push(i);
        }
        directory
    }

    #[test]
    fn each_element_is_where_it_was_put_up_and_down_across_all_forms() {
        let most = 3 * CHUNK + 2;
        let mut directory = counted(most);
        for len in (1..=most).rev() {
            for i in 0..len {
                assert_eq!(*directory.get(i), i, "of {len}");
            }
            directory.pop();
        }
        assert_eq!(*directory.get(0), 0, "the first one stays");
        directory.push(7);
        assert_eq!((*directory.get(0), *directory.get(1)), (0, 7));
    }

    #[test]
    fn a_change_is_seen_by_one_directory_only_and_shares_the_rest() {
        for len in [1, 2, CHUNK, CHUNK + 1, 3 * CHUNK] {
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
    fn bytes_are_those_of_what_is_not_shared() {
        let old = counted(3 * CHUNK);
        let mut new = old.clone();
        assert_eq!(old.unshared_bytes(Some(&new)), 0);
        *new.get_mut(CHUNK) = 1_000;
        let (alone, beside) = (old.unshared_bytes(None), old.unshared_bytes(Some(&new)));
        assert_eq!(
            alone - beside,
            2 * size_of::<super::Chunk<usize>>(),
            "two of three chunks are shared"
        );
        assert_eq!(counted(1).unshared_bytes(None), 0);
    }
}
