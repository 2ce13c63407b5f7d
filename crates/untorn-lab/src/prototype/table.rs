//! The table of one version: the directory, and when segments grow, split and merge.

#![allow(unsafe_code, reason = "see `directory.rs`, invariant 1, and `segment.rs`")]

use super::control::SLOTS;
use super::directory::{Directory, Node};
use super::edit::Edit;
use super::place::Place;
use super::segment::{First, Entry, Owned, Position, Segment};

/// The most home groups of a segment: few if copying an entry runs foreign code, and fewer if
/// entries are large.
const fn most_homes<K, V>() -> u32 {
    let most = if cfg!(any(miri, test)) {
        2
    } else if std::mem::needs_drop::<Entry<K, V>>() {
        4
    } else {
        42
    };
    match 10_240_usize.checked_div(SLOTS * size_of::<Entry<K, V>>()) {
        Some(0) => 1,
        Some(fitting) if fitting < most as usize => fitting as u32,
        _ => most,
    }
}

/// Returns the most entries of a segment of so many groups. One slot at least stays empty.
const fn capacity<K, V>(groups: u32) -> usize {
    let slots = groups as usize * SLOTS;
    let empty = if std::mem::needs_drop::<Entry<K, V>>() {
        slots.div_ceil(8)
    } else {
        slots / 5
    };
    slots - empty
}

pub(super) struct Table<K, V> {
    directory: Directory<K, V>,
    /// The home groups of each segment: `most_homes` if there is more than one segment.
    homes: u64,
    len: usize,
    /// The number of segments whose depth is the directory's.
    deepest: usize,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> Table<K, V> {
    /// Creates an empty table.
    pub(super) fn new(birth: u64) -> Self {
        Self {
            directory: Directory::new(Segment::new(1, 0, birth)),
            homes: 1,
            len: 0,
            deepest: 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        // Both arms have a search of their own: it needs less where there is one segment.
        let first = if let Some(only) = self.directory.only() {
            // SAFETY: a table's segments are allocated, and not changed while it is borrowed.
            unsafe { only.find_first(Place::in_one(hash), self.homes, &is_key) }
        } else {
            let place = Place::among_many(hash);
            // SAFETY: as above.
            unsafe { (self.directory.find(place)).find_first(place, self.homes, &is_key) }
        };
        match first {
            // SAFETY: as above.
            First::Found(found) => Some(unsafe { found.as_ref() }),
            First::Absent => None,
            First::Unknown => self.get_anywhere(hash, is_key),
        }
    }

    /// Returns an entry that may be in another group than its home. It gets little, so that the
    /// caller need not keep more.
    #[inline(never)]
    fn get_anywhere(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        let (segment, place) = self.find(hash);
        // SAFETY: as in `get`.
        let found = unsafe { segment.find(place, self.homes, &is_key) }?;
        // SAFETY: as in `get`.
        Some(unsafe { found.as_ref() })
    }

    /// Returns the segment for a hash.
    #[inline]
    fn find(&self, hash: u64) -> (Segment<K, V>, Place) {
        if let Some(segment) = self.directory.only() {
            return (segment, Place::in_one(hash));
        }
        let place = Place::among_many(hash);
        (self.directory.find(place), place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.directory.segments().flat_map(|(_, segment)| {
            // SAFETY: a table's segments are allocated, and not changed while it is borrowed.
            unsafe { segment.iter() }
        })
    }

    /// Frees the nodes that `edit` and later ones made: all for 0.
    ///
    /// # Safety
    /// No other table can reach them, and this one is not used again.
    pub(super) unsafe fn free_since(&self, edit: u64) {
        // SAFETY: the caller's promise.
        let free = |node: Node<K, V>| unsafe { node.free() };
        self.directory.each_node_since(edit, free);
    }
}

/// Returns the fewest groups, at least `least`, with room for so many entries and one more.
const fn groups_for<K, V>(entries: usize, least: u32) -> u32 {
    let mut groups = least;
    while capacity::<K, V>(groups) <= entries {
        groups += groups.div_ceil(7);
    }
    groups
}

/// What a change needs besides the table.
pub(super) struct Change<'c, K, V> {
    pub(super) edit: &'c mut Edit<K, V>,
    /// Set if keys and values are `Copy`: segments are copied bitwise.
    pub(super) by_bytes: bool,
    pub(super) hash_of: &'c dyn Fn(&K) -> u64,
}

impl<K: Clone + Eq, V: Clone> Table<K, V> {
    /// Inserts an entry; returns the value that it replaces.
    ///
    /// # Safety
    /// `by_bytes` states the truth, here and below.
    pub(super) unsafe fn insert(
        &mut self,
        hash: u64,
        entry: Entry<K, V>,
        change: &mut Change<'_, K, V>,
    ) -> Option<V> {
        loop {
            let (segment, place) = self.find(hash);
            if let Some(position) = self.locate(segment, place, |stored| *stored == entry.key) {
                // SAFETY: the caller's promise.
                let segment = unsafe { self.own(segment, place, change) };
                // SAFETY: this edit made the segment, which has all entries in their positions.
                let stored = unsafe { segment.entry_mut(position) };
                return Some(std::mem::replace(&mut stored.value, entry.value));
            }
            // SAFETY: a table's segments are allocated.
            let len = unsafe { segment.len() };
            // SAFETY: as above.
            if len < capacity::<K, V>(unsafe { segment.groups() }) {
                // SAFETY: the caller's promise.
                let segment = unsafe { self.own(segment, place, change) };
                // SAFETY: this edit made the segment, and it has an empty slot.
                unsafe { segment.add(place, self.homes, entry) };
                self.len += 1;
                return None;
            }
            self.make_room(segment, place, change);
        }
    }

    /// Removes and returns an entry; copies nothing if it is absent.
    ///
    /// # Safety
    /// As for `insert`.
    pub(super) unsafe fn remove(
        &mut self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
        change: &mut Change<'_, K, V>,
    ) -> Option<Entry<K, V>> {
        let (segment, place) = self.find(hash);
        let position = self.locate(segment, place, is_key)?;
        // SAFETY: the caller's promise.
        let segment = unsafe { self.own(segment, place, change) };
        // SAFETY: this edit made the segment, which has all entries in their positions.
        let removed = unsafe { segment.take(position) };
        self.len -= 1;
        self.shrink(segment, place, change);
        Some(removed)
    }

    fn locate(
        &self,
        segment: Segment<K, V>,
        place: Place,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<Position> {
        // SAFETY: a table's segments are allocated, and not changed while it is borrowed.
        let found = unsafe { segment.find(place, self.homes, &is_key) }?;
        Some(segment.position(found))
    }

    /// Returns the segment if this edit made it, else a copy in its place.
    ///
    /// # Safety
    /// As for `insert`.
    unsafe fn own(
        &mut self,
        segment: Segment<K, V>,
        place: Place,
        change: &mut Change<'_, K, V>,
    ) -> Segment<K, V> {
        // SAFETY: a table's segments are allocated.
        let birth = unsafe { segment.birth() };
        if birth == change.edit.number() {
            return segment;
        }
        // SAFETY: as above, and the caller's promise.
        let copy = unsafe { segment.copy(change.edit.number(), change.by_bytes) };
        // SAFETY: a table's segments are allocated.
        let (first, count) = self.run(place, unsafe { segment.depth() });
        self.directory.set(first, count, copy, change.edit);
        // SAFETY: the copy stands in its place.
        unsafe { change.edit.retire(Node::Segment(segment), birth) };
        copy
    }

    fn homes(&self) -> u32 {
        self.homes as u32
    }

    fn layout(&self) -> Layout {
        match self.directory.only() {
            Some(_) => (self.homes(), Place::in_one),
            None => (self.homes(), Place::among_many),
        }
    }

    /// Returns the directory entries of the segment for a hash: the first, and how many.
    fn run(&self, place: Place, depth: u32) -> (usize, usize) {
        let count = 1 << (self.directory.bits() - depth);
        (self.directory.index(place) & !(count - 1), count)
    }

    /// Makes room in a full segment, or in what takes its place.
    fn make_room(&mut self, full: Segment<K, V>, place: Place, change: &mut Change<'_, K, V>) {
        // SAFETY: a table's segments are allocated.
        let depth = unsafe { full.depth() };
        if self.directory.bits() == 0 && self.homes() < most_homes::<K, V>() {
            self.rebuild(full, change);
        } else if (1 << depth) <= 8 * (self.len / (capacity::<K, V>(self.homes()) / 2) + 1) && depth < 32 {
            self.split(full, depth, place, change);
        } else {
            // Its hashes are equal in so many bits that more splits would not help.
            // SAFETY: as above.
            let groups = groups_for::<K, V>(unsafe { full.len() }, self.homes());
            let larger = Owned(Segment::new(groups, depth, change.edit.number()));
            scatter(&[full], change, self.layout(), |_| larger.0);
            let (first, count) = self.run(place, depth);
            let larger = larger.into_inner();
            self.directory.set(first, count, larger, change.edit);
            retire(full, change);
        }
    }

    /// Gives the only segment the number of groups that its entries need.
    fn rebuild(&mut self, only: Segment<K, V>, change: &mut Change<'_, K, V>) {
        let groups = groups_for::<K, V>(self.len, 1);
        let homes = groups.min(most_homes::<K, V>());
        let new = Owned(Segment::new(groups, 0, change.edit.number()));
        scatter(&[only], change, (homes, Place::in_one), |_| new.0);
        self.directory.set(0, 1, new.into_inner(), change.edit);
        self.homes = u64::from(homes);
        retire(only, change);
    }

    fn split(
        &mut self,
        full: Segment<K, V>,
        depth: u32,
        place: Place,
        change: &mut Change<'_, K, V>,
    ) {
        if depth == self.directory.bits() {
            self.directory.resize(depth + 1, change.edit);
            self.deepest = 0;
        }
        // SAFETY: a table's segments are allocated.
        let len = unsafe { full.len() };
        // Either half may get all entries, and a segment that could not be split before has many.
        let groups = groups_for::<K, V>(len - 1, self.homes());
        let number = change.edit.number();
        let halves = [(); 2].map(|()| Owned(Segment::new(groups, depth + 1, number)));
        scatter(&[full], change, self.layout(), |place| {
            halves[usize::from(place.is_upper_half(depth))].0
        });
        let (first, count) = self.run(place, depth);
        let [lower, upper] = halves.map(Owned::into_inner);
        self.directory.set(first, count / 2, lower, change.edit);
        self.directory
            .set(first + count / 2, count / 2, upper, change.edit);
        if depth + 1 == self.directory.bits() {
            self.deepest += 2;
        }
        retire(full, change);
    }

    /// Merges a segment with the other half, and halves the directory, if few entries are left.
    fn shrink(&mut self, segment: Segment<K, V>, place: Place, change: &mut Change<'_, K, V>) {
        // SAFETY: a table's segments are allocated.
        let (len, depth) = unsafe { segment.len_and_depth() };
        if depth == 0 {
            if self.homes > 1 && self.directory.bits() == 0 && len < capacity::<K, V>(self.homes()) / 4 {
                self.rebuild(segment, change);
            }
            return;
        }
        let most = capacity::<K, V>(self.homes()) * 5 / 8;
        if len > most / 2 {
            return;
        }
        let (first, count) = self.run(place, depth);
        let other = self.directory.get(first ^ count);
        // SAFETY: as above.
        let (other_len, other_depth) = unsafe { other.len_and_depth() };
        if other_depth != depth || len + other_len > most {
            return;
        }
        let merged = Owned(Segment::new(self.homes(), depth - 1, change.edit.number()));
        scatter(&[segment, other], change, self.layout(), |_| merged.0);
        let merged = merged.into_inner();
        self.directory
            .set(first & !count, 2 * count, merged, change.edit);
        retire(segment, change);
        retire(other, change);
        if depth == self.directory.bits() {
            self.deepest -= 2;
            while self.deepest == 0 && self.directory.bits() > 0 {
                let bits = self.directory.bits() - 1;
                self.directory.resize(bits, change.edit);
                // SAFETY: as above.
                let deep = |&(_, it): &(usize, Segment<K, V>)| unsafe { it.depth() } == bits;
                self.deepest = self.directory.segments().filter(deep).count();
            }
            if let Some(only) = self.directory.only() {
                self.rebuild(only, change);
            }
        }
    }
}

/// The home groups of each segment, and the place of a hash.
type Layout = (u32, fn(u64) -> Place);

/// Moves or copies the entries of `from` to the segments that `target` chooses. What this edit made
/// is empty after that; what a version may have stays as it is, also if foreign code panics.
fn scatter<K: Clone, V: Clone>(
    from: &[Segment<K, V>],
    change: &Change<'_, K, V>,
    (homes, place_of): Layout,
    target: impl Fn(Place) -> Segment<K, V>,
) {
    // All foreign code comes before the first entry is moved.
    let places = |segment: Segment<K, V>| {
        // SAFETY: a table's segments are allocated.
        let entries = unsafe { segment.iter() };
        let places = entries.map(|entry| place_of((change.hash_of)(&entry.key)));
        (segment, places.collect::<Vec<_>>())
    };
    let all: Vec<_> = from.iter().copied().map(places).collect();
    // SAFETY: a table's segments are allocated.
    let is_own = |segment: Segment<K, V>| unsafe { segment.birth() } == change.edit.number();
    for (segment, places) in all.iter().filter(|(segment, _)| !is_own(*segment)) {
        // SAFETY: as above.
        let entries = unsafe { segment.iter() };
        for (Entry { key, value }, place) in entries.zip(places) {
            let copy = Entry {
                key: key.clone(),
                value: value.clone(),
            };
            // SAFETY: the target is new, and has room for all entries.
            unsafe { target(*place).add(*place, u64::from(homes), copy) };
        }
    }
    for (segment, places) in all.iter().filter(|(segment, _)| is_own(*segment)) {
        let mut places = places.iter();
        // SAFETY: this edit made the segment, so only its table has it.
        unsafe {
            segment.drain(|entry| {
                let place = *places.next().expect("a place for each entry");
                target(place).add(place, u64::from(homes), entry);
            });
        };
    }
}

/// Notes that the table has this segment no more.
fn retire<K, V>(segment: Segment<K, V>, change: &mut Change<'_, K, V>) {
    // SAFETY: a table's segments are allocated.
    let birth = unsafe { segment.birth() };
    // SAFETY: callers have put another one in its place.
    unsafe { change.edit.retire(Node::Segment(segment), birth) };
}
