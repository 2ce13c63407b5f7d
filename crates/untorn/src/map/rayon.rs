//! Views read and maps filled in parallel (feature `rayon`): segments are what is shared out.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use ::rayon::iter::plumbing::UnindexedConsumer;
use ::rayon::iter::{FromParallelIterator, IntoParallelIterator, ParallelExtend, ParallelIterator};

use super::{Map, View};

/// The entries of a [`View`], in parallel, for which keys and values must be `Send` too: made by [`View::par_iter`].
#[must_use = "iterators are lazy"]
pub struct ParIter<'v, K, V, S> {
    view: &'v View<K, V, S>,
}

impl<K, V, S> View<K, V, S> {
    /// The entries in parallel, in no particular order, all of this revision.
    ///
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

impl<'v, K: Send + Sync, V: Send + Sync, S: Sync> IntoParallelIterator for &'v View<K, V, S> {
    type Item = (&'v K, &'v V);
    type Iter = ParIter<'v, K, V, S>;

    fn into_par_iter(self) -> Self::Iter {
        self.par_iter()
    }
}

impl<K, V, S> ParallelExtend<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone + Send,
    V: Clone + Send,
    S: BuildHasher + Clone,
{
    /// Inserts all of them in one commit: the entries are made in parallel, the commit on this thread.
    #[track_caller]
    fn par_extend<I: IntoParallelIterator<Item = (K, V)>>(&mut self, entries: I) {
        let entries: Vec<_> = entries.into_par_iter().collect();
        self.extend(entries);
    }
}

impl<K, V, S> FromParallelIterator<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone + Send,
    V: Clone + Send,
    S: BuildHasher + Clone + Default,
{
    /// A map that begins with these entries, at revision 0; the entries are made in parallel.
    fn from_par_iter<I: IntoParallelIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries: Vec<_> = entries.into_par_iter().collect();
        entries.into_iter().collect()
    }
}
