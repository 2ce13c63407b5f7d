//! The table of one version: the directory, and when segments grow, split and merge.

#![allow(
    unsafe_code,
    reason = "see `directory.rs`, invariant 1, and `segment.rs`"
)]

use super::directory::{Directory, Node};
use super::edit::Edit;
use super::place::Place;
use super::segment::{Entry, First, Owned, Segment, State, slots};

/// The fewest slots of a segment.
const WINDOW: u32 = super::control::WINDOW as u32;

/// The shape of a table's segments.
struct Shape {
    /// The homes of each segment, if there are several.
    homes: u32,
    /// The most homes of the only segment.
    alone: u32,
}

/// Returns the shape: small if copying an entry runs foreign code, and smaller if entries are
/// large.
const fn shape<K, V>() -> Shape {
    let (homes, alone) = if cfg!(any(miri, test)) {
        (20, 30)
    } else if std::mem::needs_drop::<Entry<K, V>>() {
        (50, 50)
    } else {
        (312, 524)
    };
    // Not more bytes than so many entries of sixteen have, so that copying a segment of large
    // entries takes no longer: with `String` keys there are 25 homes.
    match (16 * homes as usize).checked_div(size_of::<Entry<K, V>>()) {
        Some(0) => Shape { homes: 1, alone: 1 },
        Some(fitting) if fitting < homes as usize => Shape {
            homes: fitting as u32,
            alone: fitting as u32,
        },
        _ => Shape { homes, alone },
    }
}

/// Returns the most entries of a segment of so many slots. Some slots always stay empty.
const fn capacity<K, V>(slots: u32) -> usize {
    if std::mem::needs_drop::<Entry<K, V>>() || slots == WINDOW {
        // A hit costs more than a search that looks further, or there is one window only.
        slots as usize - slots.div_ceil(6) as usize
    } else {
        (slots - (WINDOW - 1)) as usize * 27 / 32
    }
}

pub(super) struct Table<K, V> {
    directory: Directory<K, V>,
    /// The homes of each segment.
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
            directory: Directory::new(Segment::new(WINDOW, 0, birth)),
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

    /// Returns an entry that may be in any slot. It gets little, so that the caller need not keep
    /// more.
    #[cold]
    #[inline(never)]
    fn get_anywhere(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<&Entry<K, V>> {
        let (segment, place) = self.find(hash);
        // SAFETY: as in `get`.
        let slot = unsafe { segment.find(place, self.homes, is_key) }?;
        // SAFETY: as in `get`.
        Some(unsafe { segment.get(slot) })
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

/// Returns a number of slots, at least `least`, with room for so many entries and one more.
const fn slots_for<K, V>(entries: usize, least: u32) -> u32 {
    let mut slots = least;
    while capacity::<K, V>(slots) <= entries {
        // With less than a window of homes there is one for all entries, or as many as windows.
        slots += if slots == WINDOW {
            WINDOW
        } else {
            slots.div_ceil(7)
        };
    }
    slots
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
            let (mut segment, place) = self.find(hash);
            // SAFETY: a table's segments are allocated.
            let state = unsafe { segment.state() };
            let has_room = state.len + state.removed < capacity::<K, V>(state.slots);
            if has_room {
                // Either way the segment changes. The search then finds it in the cache.
                // SAFETY: the caller's promise.
                segment = unsafe { self.own(segment, place, change) };
            }
            if let Some(slot) = self.locate(segment, place, |stored| *stored == entry.key) {
                // SAFETY: the caller's promise.
                let segment = unsafe { self.own(segment, place, change) };
                // SAFETY: this edit made the segment, which has all entries in their slots.
                let stored = unsafe { segment.get_mut(slot) };
                return Some(std::mem::replace(&mut stored.value, entry.value));
            }
            if has_room {
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
        let slot = self.locate(segment, place, is_key)?;
        // SAFETY: the caller's promise.
        let segment = unsafe { self.own(segment, place, change) };
        // SAFETY: this edit made the segment, which has all entries in their slots.
        let removed = unsafe { segment.take(slot) };
        self.len -= 1;
        self.shrink(segment, place, change);
        Some(removed)
    }

    fn locate(
        &self,
        segment: Segment<K, V>,
        place: Place,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<usize> {
        // SAFETY: a table's segments are allocated, and not changed while it is borrowed.
        unsafe { segment.find(place, self.homes, is_key) }
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

    fn place_of(&self) -> fn(u64) -> Place {
        match self.directory.only() {
            Some(_) => Place::in_one,
            None => Place::among_many,
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
        let State {
            len, slots, depth, ..
        } = unsafe { full.state() };
        if len < capacity::<K, V>(slots) / 8 * 7 {
            // Removed entries occupy the rest.
            self.refill(full, slots, place, change);
        } else if self.directory.only().is_some()
            && slots_for::<K, V>(len, WINDOW) <= Self::MOST_ALONE
        {
            self.rebuild(full, change);
        } else if depth < 32
            && (1 << depth) <= 8 * (self.len / (capacity::<K, V>(Self::SLOTS) / 2) + 1)
        {
            self.split(full, depth, place, change);
        } else {
            // Its hashes are equal in so many bits that more splits would not help.
            self.refill(full, slots_for::<K, V>(len, slots), place, change);
        }
    }

    /// The slots of each segment, if there are several, and the most of the only one.
    const SLOTS: u32 = slots(shape::<K, V>().homes);
    const MOST_ALONE: u32 = slots(shape::<K, V>().alone);

    /// Replaces a segment by one of so many slots, for the homes that there are.
    fn refill(
        &mut self,
        full: Segment<K, V>,
        slots: u32,
        place: Place,
        change: &mut Change<'_, K, V>,
    ) {
        // SAFETY: a table's segments are allocated.
        let depth = unsafe { full.depth() };
        let new = Owned(Segment::new(slots, depth, change.edit.number()));
        let places = places(&[full], change, self.place_of());
        scatter(&places, self.homes as u32, change.edit.number(), |_| new.0);
        let (first, count) = self.run(place, depth);
        self.directory
            .set(first, count, new.into_inner(), change.edit);
        retire(full, change);
    }

    /// Gives the only segment the number of slots that its entries need.
    fn rebuild(&mut self, only: Segment<K, V>, change: &mut Change<'_, K, V>) {
        let slots = slots_for::<K, V>(self.len, WINDOW);
        let homes = slots.min(Self::MOST_ALONE) - (WINDOW - 1);
        let new = Owned(Segment::new(slots, 0, change.edit.number()));
        let places = places(&[only], change, Place::in_one);
        scatter(&places, homes, change.edit.number(), |_| new.0);
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
        let places = places(&[full], change, Place::among_many);
        let is_upper = |place: &Place| place.is_upper_half(depth);
        let upper = places[0].1.iter().filter(|place| is_upper(place)).count();
        let number = change.edit.number();
        let halves = [places[0].1.len() - upper, upper].map(|len| {
            let slots = slots_for::<K, V>(len, Self::SLOTS);
            Owned(Segment::new(slots, depth + 1, number))
        });
        let homes = shape::<K, V>().homes;
        scatter(&places, homes, number, |place| {
            halves[usize::from(is_upper(&place))].0
        });
        if depth == self.directory.bits() {
            self.directory.resize(depth + 1, change.edit);
            self.deepest = 0;
        }
        self.homes = u64::from(homes);
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
        let State {
            len, slots, depth, ..
        } = unsafe { segment.state() };
        if self.directory.only().is_some() {
            if slots > WINDOW && len < capacity::<K, V>(slots) / 4 {
                self.rebuild(segment, change);
            }
            return;
        }
        let most = capacity::<K, V>(Self::SLOTS) * 5 / 8;
        if depth == 0 || len > most / 2 {
            return;
        }
        let (first, count) = self.run(place, depth);
        let other = self.directory.get(first ^ count);
        // SAFETY: as above.
        let half = unsafe { other.state() };
        if half.depth != depth || len + half.len > most {
            return;
        }
        let merged = Owned(Segment::new(Self::SLOTS, depth - 1, change.edit.number()));
        let places = places(&[segment, other], change, Place::among_many);
        scatter(&places, self.homes as u32, change.edit.number(), |_| {
            merged.0
        });
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

/// Segments, and the place of each of their entries.
type Places<K, V> = Vec<(Segment<K, V>, Vec<Place>)>;

/// Hashes all keys of these segments: this is all the foreign code before entries are moved.
fn places<K, V>(
    from: &[Segment<K, V>],
    change: &Change<'_, K, V>,
    place_of: impl Fn(u64) -> Place,
) -> Places<K, V> {
    let places = from.iter().map(|&segment| {
        // SAFETY: a table's segments are allocated.
        let entries = unsafe { segment.iter() };
        let places = entries.map(|entry| place_of((change.hash_of)(&entry.key)));
        (segment, places.collect())
    });
    places.collect()
}

/// Moves or copies entries to the segments that `target` chooses. What this edit made is empty
/// after that; what a version may have stays as it is, also if `Clone` panics.
fn scatter<K: Clone, V: Clone>(
    all: &Places<K, V>,
    homes: u32,
    edit: u64,
    target: impl Fn(Place) -> Segment<K, V>,
) {
    // SAFETY: a table's segments are allocated.
    let is_own = |segment: Segment<K, V>| unsafe { segment.birth() } == edit;
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
        let move_entry = |entry| {
            let place = *places.next().expect("a place for each entry");
            // SAFETY: the target is new, and has room for all entries.
            unsafe { target(place).add(place, u64::from(homes), entry) };
        };
        // SAFETY: this edit made the segment, so only its table has it.
        unsafe { segment.drain(move_entry) };
    }
}

/// Notes that the table has this segment no more.
fn retire<K, V>(segment: Segment<K, V>, change: &mut Change<'_, K, V>) {
    // SAFETY: a table's segments are allocated.
    let birth = unsafe { segment.birth() };
    // SAFETY: callers have put another one in its place.
    unsafe { change.edit.retire(Node::Segment(segment), birth) };
}
