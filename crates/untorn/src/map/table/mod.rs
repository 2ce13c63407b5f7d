//! The persistent table: no version is ever changed, and a new version shares with the old one all
//! that it does not change (structural sharing).
//!
//! ```text
//!   directory ─▶ segment 0 │ segment 1 │ … │ segment n - 1    (hash tables, chosen by the hash)
//! ```
//!
//! It grows by Litwin's *Linear Hashing* (VLDB 1980): segments are split one at a time, in order,
//! whenever the mean number of entries for each exceeds a limit. With `n` segments a hash chooses
//! among the next power of two; an index that does not exist yet stands for the segment that it
//! will be split from. So no write pays for the growth of the whole table, and the segment of a key
//! follows from its hash and from `n` alone.
//!
//! A change copies its segment and the path of pointers to it (copy-on-write); within one batch
//! nothing is copied twice. The table is a plain value, without concurrency.

mod directory;
mod marks;
mod segment;
#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests;

use std::sync::Arc;

pub(super) use self::directory::Counted;
use self::directory::Directory;
pub(super) use self::marks::Marks;
use self::segment::Segment;
pub(super) use self::segment::{Entries, Entry};
use crate::mutants::mutant;

/// Returns the mean number of entries of a segment: small if copying an entry runs foreign code,
/// and smaller if entries are large. A segment has up to twice as many before it is split, which
/// fills its table of 64 or 512 slots.
const fn fill<K, V>() -> usize {
    let most = if cfg!(any(untorn_fuzzing, all(test, miri))) {
        // Small maps shall have many segments; their tables have 8 slots.
        3
    } else if std::mem::needs_drop::<Entry<K, V>>() {
        26
    } else {
        208
    };
    // Bounds the bytes of a segment, 13 KiB until it is split, so that copying one of large entries
    // takes no longer than copying one of small entries.
    match 13_312_usize.checked_div(size_of::<Entry<K, V>>()) {
        Some(fitting) if fitting < 8 => 8,
        Some(fitting) if fitting < most => fitting,
        _ => most,
    }
}

/// Returns the number whose lowest bits choose a segment: the upper half of the hash times a
/// constant.
///
/// So every bit of the hash counts, small numbers spread too, and the choice is nearly independent
/// of the bits that hashbrown uses inside a segment. Bits of the hash itself do not suffice: in one
/// process of a thousand, those of foldhash's fast variant hardly vary for integers in steps of a
/// power of two (`just spread`).
#[inline]
fn spread(hash: u64) -> usize {
    /// 2^64 divided by the golden ratio, as in Fibonacci hashing.
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    ((u128::from(hash) * u128::from(GOLDEN)) >> 64) as usize
}

/// Returns the group of a hash, of so many, a power of two. If there are at least as many segments,
/// all hashes of a segment are in one group.
pub(super) fn group(hash: u64, groups: usize) -> usize {
    spread(hash) & (groups - 1)
}

/// Returns the index of the segment that segment `i` was split from.
fn origin(i: usize) -> usize {
    i ^ (1 << i.ilog2())
}

/// A version of the table.
pub(super) struct Table<K, V> {
    directory: Directory<Segment<K, V>>,
    len: usize,
    segments: usize,
    /// The mask for the next power of two: the smallest that is not below `segments`, less one.
    mask: usize,
    /// The mask for the power of two before that, for indices that do not exist yet.
    mask_before: usize,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self {
            directory: self.directory.clone(),
            ..*self
        }
    }
}

impl<K, V> Table<K, V> {
    /// The entries of a full segment.
    pub(super) const SEGMENT_ENTRIES: usize = 2 * fill::<K, V>();

    pub(super) fn new() -> Self {
        Self {
            directory: Directory::new(Segment::default()),
            len: 0,
            segments: 1,
            mask: 0,
            mask_before: 0,
        }
    }

    /// Creates an empty table with as many segments as so many entries need.
    pub(super) fn with_room_for(len: usize) -> Self {
        let mut table = Self::new();
        let mean = fill::<K, V>();
        for segments in 2..=len / mean {
            table
                .directory
                .push(Segment::with_capacity(mean + mean / 16));
            table.set_segments(segments);
        }
        table
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of groups of at least so many segments, a power of two.
    pub(super) fn groups_of(&self, segments: usize) -> usize {
        let groups = (self.segments / segments).max(1);
        1 << groups.ilog2()
    }

    pub(super) fn segments(&self) -> usize {
        self.segments
    }

    /// Returns the table as a part, to be dropped, or releases it if another one shares all of it.
    pub(super) fn into_part(self) -> Option<Part<K, V>> {
        self.directory.into_part().map(Part::Tree)
    }

    fn set_segments(&mut self, segments: usize) {
        self.segments = segments;
        self.mask = segments.next_power_of_two() - 1;
        self.mask_before = self.mask >> 1;
    }

    /// Returns the index of the segment for a hash.
    #[inline]
    pub(super) fn place(&self, hash: u64) -> usize {
        let spread = spread(hash);
        let i = spread & self.mask;
        let before = spread & self.mask_before;
        if i < self.segments { i } else { before }
    }

    #[inline]
    pub(super) fn get(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        self.directory.find(|| self.place(hash)).find(hash, is_key)
    }

    /// Returns whether both tables share the segment of a key with this hash, so that it has the
    /// same value in both, or is absent from both.
    pub(super) fn shares(&self, other: &Self, hash: u64) -> bool {
        let (own, others) = (self.place(hash), other.place(hash));
        std::ptr::eq(self.directory.get(own), other.directory.get(others))
    }

    /// Returns an iterator over the entries of segment `i`.
    pub(super) fn segment(&self, i: usize) -> SegmentIter<'_, K, V> {
        self.directory.get(i).iter()
    }

    pub(super) fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            table: self,
            segment: self.segment(0),
            next: 1,
            remaining: self.len,
        }
    }

    /// Returns an iterator over the entries of the segments that `other` does not share.
    pub(super) fn unshared<'t>(&'t self, other: &'t Self) -> Unshared<'t, K, V> {
        Unshared {
            table: self,
            segments: self
                .directory
                .unshared(self.segments, &other.directory, other.segments),
            segment: SegmentIter::default(),
        }
    }

    /// Returns an iterator over the indices of the segments that `other` does not share.
    pub(super) fn unshared_segments<'t>(
        &'t self,
        other: &'t Self,
    ) -> impl Iterator<Item = usize> + Clone {
        self.directory
            .unshared(self.segments, &other.directory, other.segments)
    }

    /// Returns the bytes of the table that are not in `counted`, and adds them: without memory that
    /// entries point to. The tables that were counted must be alive.
    pub(super) fn count_bytes(&self, counted: &mut Counted) -> usize {
        if mutant("bytes_count_what_is_shared") {
            counted.clear();
        }
        self.directory.count_bytes(counted, Segment::bytes)
    }
}

/// A part of a table that is being dropped.
pub(super) enum Part<K, V> {
    Tree(directory::Part<Segment<K, V>>),
    Entries(Entries<K, V>),
}

impl<K, V> Part<K, V> {
    /// Returns the entries of a segment, or passes the parts below a node to `below` unless another
    /// table shares it.
    pub(super) fn open(self, mut below: impl FnMut(Self)) -> Option<Entries<K, V>> {
        match self {
            Self::Tree(part) => {
                let segment = part.open(|part| below(Self::Tree(part)))?;
                Some(segment.into_entries())
            }
            Self::Entries(entries) => Some(entries),
        }
    }
}

impl<K: Clone, V: Clone> Table<K, V> {
    /// Takes the entries of segment `i`, cloned if another table shares it. The length stays.
    pub(super) fn take_segment(&mut self, i: usize) -> Entries<K, V> {
        std::mem::take(self.directory.get_mut(i)).into_entries()
    }
}

impl<K: Clone + Eq, V: Clone> Table<K, V> {
    /// Moves the entry into the table. If the key is present, only the value is replaced: the key
    /// of the entry and the old value stay in `entering`. If foreign code panics, the whole entry
    /// stays there.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        entering: &mut Option<Entry<K, V>>,
        hash_of: impl Fn(&K) -> u64,
    ) {
        let Some(entry) = entering else {
            return;
        };
        self.split_if_full(&hash_of);
        let place = self.place(hash);
        let segment = self.directory.get_mut(place);
        if let Some(stored) = segment.find_mut(hash, |stored| *stored == entry.key) {
            std::mem::swap(&mut stored.value, &mut entry.value);
            return;
        }
        segment.reserve(1, hash_of);
        if let Some(entry) = entering.take() {
            segment.put_one(hash, entry);
            self.len += 1;
        }
    }

    /// Moves the entry, whose key is absent, into the table, and returns it there. If foreign code
    /// panics, it stays in `entering`.
    pub(super) fn insert_absent(
        &mut self,
        hash: u64,
        entering: &mut Option<Entry<K, V>>,
        hash_of: impl Fn(&K) -> u64,
    ) -> Option<&Entry<K, V>> {
        self.split_if_full(&hash_of);
        let segment = self.directory.get_mut(self.place(hash));
        segment.reserve(1, hash_of);
        let entry = entering.take()?;
        self.len += 1;
        Some(segment.put_one(hash, entry))
    }

    /// Returns the value of a key, to be changed; copies nothing if the key is absent.
    pub(super) fn get_mut(&mut self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&mut V> {
        self.get(hash, &is_key)?;
        let segment = self.directory.get_mut(self.place(hash));
        let entry = segment.find_mut(hash, is_key)?;
        Some(&mut entry.value)
    }

    /// Removes and returns an entry; copies nothing if it is absent.
    pub(super) fn remove(
        &mut self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
        hash_of: impl Fn(&K) -> u64,
    ) -> Option<Entry<K, V>> {
        self.get(hash, &is_key)?;
        if self.has_too_many_segments() {
            self.merge(&hash_of);
        }
        let place = self.place(hash);
        let segment = self.directory.get_mut(place);
        segment.shrink(hash_of);
        let removed = segment.remove(hash, is_key)?;
        self.len -= 1;
        Some(removed)
    }

    /// Returns the positions of the entries for which `goes` returns true: the index of the
    /// segment, and the position in the order of its iterator.
    pub(super) fn positions(
        &self,
        mut goes: impl FnMut(&Entry<K, V>) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut going = Vec::new();
        for i in 0..self.segments {
            let entries = self.segment(i).enumerate();
            let positions = entries.filter(|(_, entry)| goes(entry));
            going.extend(positions.map(|(position, _)| (i, position)));
        }
        going
    }

    /// Removes the entries at these positions of one segment, in the order of
    /// [`positions`](Self::positions). Passes them to `taken` unless another table shares them. If
    /// foreign code panics while a shared segment is copied, no entry is removed; a panic while an
    /// unshared segment is shrunk comes after the removal.
    pub(super) fn take_out(
        &mut self,
        going: &[(usize, usize)],
        hash_of: impl Fn(&K) -> u64,
        taken: impl FnMut(Entry<K, V>),
    ) {
        let Some((i, _)) = going.first() else {
            return;
        };
        let positions = going.iter().map(|(_, position)| *position);
        let segment = self.directory.get_shared_mut(*i);
        if let Some(segment) = Arc::get_mut(segment) {
            segment.take_out(positions, taken);
            self.len -= going.len();
            segment.shrink(hash_of);
        } else {
            *segment = Arc::new(segment.without(positions, hash_of));
            self.len -= going.len();
        }
    }

    /// Merges segments until there are as many as after removing the entries one by one.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(&K) -> u64) {
        while self.has_too_many_segments() {
            self.merge(&hash_of);
        }
    }

    /// Returns whether the mean is well below the one that a split leaves. The gap keeps a map that
    /// grows and shrinks in turn from splitting and merging at each step.
    fn has_too_many_segments(&self) -> bool {
        self.segments > 1 && self.len < fill::<K, V>() * (self.segments + 1) * 3 / 8
    }

    /// Splits the next segment if there is no room for another entry.
    fn split_if_full(&mut self, hash_of: impl Fn(&K) -> u64) {
        if self.len >= fill::<K, V>() * (self.segments + 1) {
            self.split(hash_of);
        }
    }

    /// Splits the next segment.
    fn split(&mut self, hash_of: impl Fn(&K) -> u64) {
        let new = self.segments;
        let bit = 1 << new.ilog2();
        let old = self.directory.get_mut(origin(new));
        let upper = old.split_off(|hash| spread(hash) & bit != 0, hash_of);
        self.directory.push(upper);
        self.set_segments(new + 1);
    }

    /// Reverts the last split.
    fn merge(&mut self, hash_of: impl Fn(&K) -> u64) {
        let last = self.segments - 1;
        let origin = origin(last);
        let mut hashes = self.directory.get_mut(last).hashes(&hash_of);
        if mutant("merge_loses_an_entry") {
            hashes.pop();
        }
        self.directory
            .get_mut(origin)
            .reserve(hashes.len(), hash_of);
        // Both segments are unshared now, so no foreign code runs from here on.
        let upper = std::mem::take(self.directory.get_mut(last));
        self.directory.get_mut(origin).put(upper, hashes);
        self.directory.pop();
        self.set_segments(last);
    }
}

type SegmentIter<'t, K, V> = hashbrown::hash_table::Iter<'t, Entry<K, V>>;

/// An iterator over the entries of a table, in no particular order.
pub(super) struct Iter<'t, K, V> {
    table: &'t Table<K, V>,
    segment: SegmentIter<'t, K, V>,
    /// The index of the segment after that.
    next: usize,
    remaining: usize,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            segment: self.segment.clone(),
            ..*self
        }
    }
}

impl<'t, K, V> Iterator for Iter<'t, K, V> {
    type Item = &'t Entry<K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.segment.next() {
                self.remaining -= 1;
                return Some(entry);
            }
            if self.next == self.table.segments {
                return None;
            }
            self.segment = self.table.segment(self.next);
            self.next += 1;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

/// An iterator over the entries of segments that another table does not share, from
/// [`Table::unshared`].
pub(super) struct Unshared<'t, K, V> {
    table: &'t Table<K, V>,
    segments: directory::Unshared<'t, Segment<K, V>>,
    segment: SegmentIter<'t, K, V>,
}

impl<K, V> Clone for Unshared<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            table: self.table,
            segments: self.segments.clone(),
            segment: self.segment.clone(),
        }
    }
}

impl<'t, K, V> Iterator for Unshared<'t, K, V> {
    type Item = &'t Entry<K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.segment.next() {
                return Some(entry);
            }
            let i = self.segments.next()?;
            if i != 0 || !mutant("diff_skips_a_segment") {
                self.segment = self.table.segment(i);
            }
        }
    }
}
