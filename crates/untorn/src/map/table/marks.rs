//! One mark for each entry of a table.

use super::{Entry, Table};

/// The place of an entry: its segment, and its bucket there.
#[derive(Clone, Copy)]
pub(in crate::map) struct Place {
    segment: usize,
    bucket: usize,
}

/// A bit for each bucket of a table.
pub(in crate::map) struct Marks {
    /// The number of buckets before each segment.
    starts: Vec<usize>,
    words: Vec<u64>,
    count: usize,
}

impl Marks {
    fn bit(&self, place: Place) -> (usize, u64) {
        let bit = self.starts[place.segment] + place.bucket;
        (bit / 64, 1 << (bit % 64))
    }

    /// Marks an entry. Returns whether it was marked already.
    pub(in crate::map) fn set(&mut self, place: Place) -> bool {
        let (word, bit) = self.bit(place);
        let was_set = self.words[word] & bit != 0;
        self.words[word] |= bit;
        self.count += usize::from(!was_set);
        was_set
    }

    fn is_set(&self, place: Place) -> bool {
        let (word, bit) = self.bit(place);
        self.words[word] & bit != 0
    }

    /// Returns the number of marked entries.
    pub(in crate::map) fn count(&self) -> usize {
        self.count
    }
}

impl<K, V> Table<K, V> {
    /// Returns marks for the entries of this table, none of which is set.
    pub(in crate::map) fn marks(&self) -> Marks {
        let mut buckets = 0;
        let starts = (0..self.segments).map(|i| {
            let start = buckets;
            buckets += self.directory.get(i).buckets();
            start
        });
        Marks {
            starts: starts.collect(),
            words: vec![0; buckets.div_ceil(64)],
            count: 0,
        }
    }

    /// Looks up an entry and its place.
    pub(in crate::map) fn locate(
        &self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<(Place, &Entry<K, V>)> {
        let segment = self.place(hash);
        let (bucket, entry) = self.directory.get(segment).locate(hash, is_key)?;
        Some((Place { segment, bucket }, entry))
    }

    /// Returns an iterator over the entries that are not marked, with their positions as
    /// [`positions`](Self::positions) returns them.
    pub(in crate::map) fn unmarked<'t>(
        &'t self,
        marks: &'t Marks,
    ) -> impl Iterator<Item = ((usize, usize), &'t Entry<K, V>)> {
        (0..self.segments).flat_map(move |segment| {
            let entries = self.directory.get(segment).with_buckets().enumerate();
            entries
                .filter(move |(_, (bucket, _))| {
                    let bucket = *bucket;
                    !marks.is_set(Place { segment, bucket })
                })
                .map(move |(position, (_, entry))| ((segment, position), entry))
        })
    }
}
