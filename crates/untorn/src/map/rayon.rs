//! Parallel iteration and collection (feature `rayon`). The unit of work is a segment.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use ::rayon::iter::plumbing::UnindexedConsumer;
use ::rayon::iter::{FromParallelIterator, IntoParallelIterator, ParallelExtend, ParallelIterator};

use super::{Map, View};

/// A parallel iterator over the entries of a [`View`], from [`View::par_iter`]. Keys and values
/// must be `Send` and `Sync`.
#[must_use = "iterators are lazy"]
#[cfg_attr(docsrs, doc(cfg(feature = "rayon")))]
pub struct ParIter<'v, K, V, S> {
    view: &'v View<K, V, S>,
}

#[cfg_attr(docsrs, doc(cfg(feature = "rayon")))]
impl<K, V, S> View<K, V, S> {
    /// Returns a parallel iterator over the entries, in no particular order, all of this revision.
    ///
    /// # Examples
    /// ```
    /// use rayon::iter::ParallelIterator;
    ///
    /// let squares: untorn::Map<u64, u64> = (0..1000).map(|n| (n, n * n)).collect();
    /// let sum: u64 = squares.pin().par_iter().map(|(_, square)| square).sum();
    /// assert_eq!(sum, (0..1000).map(|n| n * n).sum());
    /// ```
    pub fn par_iter(&self) -> ParIter<'_, K, V, S> {
        ParIter { view: self }
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "rayon")))]
impl<'v, K: Send + Sync, V: Send + Sync, S: Sync> ParallelIterator for ParIter<'v, K, V, S> {
    type Item = (&'v K, &'v V);

    fn drive_unindexed<C: UnindexedConsumer<Self::Item>>(self, consumer: C) -> C::Result {
        let table = &self.view.table;
        (0..table.segments())
            .into_par_iter()
            .flat_map_iter(|i| table.segment(i).map(|entry| (&entry.key, &entry.value)))
            .drive_unindexed(consumer)
    }
}

impl<K, V, S> Clone for ParIter<'_, K, V, S> {
    fn clone(&self) -> Self {
        Self { view: self.view }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for ParIter<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "rayon")))]
impl<'v, K: Send + Sync, V: Send + Sync, S: Sync> IntoParallelIterator for &'v View<K, V, S> {
    type Item = (&'v K, &'v V);
    type Iter = ParIter<'v, K, V, S>;

    fn into_par_iter(self) -> Self::Iter {
        self.par_iter()
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "rayon")))]
impl<K, V, S> ParallelExtend<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone + Send,
    V: Clone + Send,
    S: BuildHasher + Clone,
{
    /// Inserts all entries, in one commit. The entries are computed in parallel, before this thread
    /// acquires the writer lock and commits them.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock. If the iterator panics, or
    /// `Hash`, `Eq` or `Clone` of a key or value: then nothing is published.
    ///
    /// # Examples
    /// ```
    /// use rayon::iter::{IntoParallelIterator, ParallelExtend, ParallelIterator};
    ///
    /// let mut squares = untorn::Map::<u64, u64>::new();
    /// squares.par_extend((0..1000_u64).into_par_iter().map(|n| (n, n * n)));
    /// assert_eq!((squares.get(&30), squares.revision().get()), (Some(900), 1));
    /// ```
    #[track_caller]
    fn par_extend<I: IntoParallelIterator<Item = (K, V)>>(&mut self, entries: I) {
        let entries: Vec<_> = entries.into_par_iter().collect();
        self.extend(entries);
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "rayon")))]
impl<K, V, S> FromParallelIterator<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone + Send,
    V: Clone + Send,
    S: BuildHasher + Clone + Default,
{
    /// Creates a map with these entries, at revision 0. The entries are computed in parallel. Of
    /// duplicate keys the last one wins.
    ///
    /// # Examples
    /// ```
    /// use rayon::iter::{IntoParallelIterator, ParallelIterator};
    ///
    /// let squares: untorn::Map<u64, u64> =
    ///     (0..1000_u64).into_par_iter().map(|n| (n, n * n)).collect();
    /// assert_eq!((squares.get(&30), squares.revision().get()), (Some(900), 0));
    /// ```
    fn from_par_iter<I: IntoParallelIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries: Vec<_> = entries.into_par_iter().collect();
        entries.into_iter().collect()
    }
}
