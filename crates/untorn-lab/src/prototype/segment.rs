//! A segment: groups of fifteen entries behind a header, in one allocation.
//!
//! ```text
//!   ┌────────┬──────────────────────────┬──────────────────────────┬─────┐
//!   │ header │ 15 entries, 16 control   │ 15 entries, 16 control   │  …  │
//!   └────────┴──────────────────────────┴──────────────────────────┴─────┘
//!            ▲ the pointer              group 1
//! ```
//!
//! A hash has a home among the first groups, as many for each segment as the table says; what does
//! not fit there goes to the next group with room, round the end. So the address of the home group
//! depends on nothing that must be loaded from the segment. More groups than homes exist only in a
//! segment that cannot be split, because its hashes are equal.
//!
//! # Invariants
//!
//! 1. A `Segment` points at group 0 of an allocation made by `allocate` with the number of groups
//!    that the header in front of group 0 states. It stays allocated until `free`, which the owner
//!    calls once, when nothing can reach the segment.
//! 2. A slot is initialized if and only if its control byte is not 0.
//! 3. A segment is changed only by the edit that made it, before it is published. So a shared
//!    reference to its parts never coexists with a change.
//! 4. `homes` is not 0 and at most the number of groups.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::{MaybeUninit, offset_of};
use std::ptr::NonNull;

use super::control::{Control, SLOTS, Tag};
use super::place::Place;

pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

/// Entries come first: if their size is a power of two, none lies across two cache lines.
#[repr(C, align(16))]
struct Group<K, V> {
    entries: [MaybeUninit<Entry<K, V>>; SLOTS],
    control: Control,
}

/// The bytes in front of group 0, which begins a cache line.
#[repr(C, align(64))]
struct Header {
    /// The edit that made the segment.
    birth: u64,
    len: u32,
    groups: u32,
    /// The number of hash bits that all its entries share.
    depth: u32,
}

/// The result of a search in one slot.
pub(super) enum First<K, V> {
    Found(NonNull<Entry<K, V>>),
    Absent,
    /// The entry may be in another slot.
    Unknown,
}

/// The distance of an entry from group 0.
#[derive(Clone, Copy)]
pub(super) struct Position(usize);

/// The pointer to a segment.
pub(super) struct Segment<K, V>(NonNull<Group<K, V>>);

impl<K, V> Clone for Segment<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Segment<K, V> {}

impl<K, V> PartialEq for Segment<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K, V> Segment<K, V> {
    /// The distance from the start of the allocation to group 0.
    const FRONT: usize = {
        let align = align_of::<Group<K, V>>();
        let header = size_of::<Header>();
        if align > header { align } else { header }
    };

    fn layout(groups: u32) -> Layout {
        let size = (groups as usize).checked_mul(size_of::<Group<K, V>>());
        let size = size.and_then(|size| size.checked_add(Self::FRONT));
        let layout = size.map(|size| Layout::from_size_align(size, Self::FRONT));
        let Some(Ok(layout)) = layout else {
            panic!("a segment of {groups} groups exceeds the address space");
        };
        layout
    }

    /// Allocates a segment whose groups are not initialized.
    fn allocate(groups: u32, depth: u32, birth: u64) -> Self {
        let layout = Self::layout(groups);
        // SAFETY: the size is not 0, since the header is part of it.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout);
        };
        // SAFETY: the header and FRONT bytes are inside the allocation.
        let group = unsafe { start.add(Self::FRONT) };
        let segment = Self(group.cast());
        let header = Header {
            birth,
            len: 0,
            groups,
            depth,
        };
        // SAFETY: the allocation is new, and has room for a header in front of group 0.
        unsafe { segment.header_pointer().write(header) };
        segment
    }

    /// Creates an empty segment.
    pub(super) fn new(groups: u32, depth: u32, birth: u64) -> Self {
        let segment = Self::allocate(groups, depth, birth);
        for i in 0..groups as usize {
            // SAFETY: invariant 1; nothing else has the pointer.
            let control = unsafe { segment.control_pointer(i) };
            // SAFETY: it points into the allocation.
            unsafe { control.write(Control::EMPTY) };
        }
        segment
    }

    fn header_pointer(self) -> NonNull<Header> {
        // SAFETY: invariant 1: the header stands in front of group 0.
        unsafe { self.0.cast::<Header>().sub(1) }
    }

    /// # Safety
    /// There are more than `i` groups.
    unsafe fn control_pointer(self, i: usize) -> NonNull<Control> {
        // SAFETY: the caller promises that the group exists.
        let group = unsafe { self.0.add(i) };
        // SAFETY: the control bytes are a part of the group.
        unsafe { group.byte_add(offset_of!(Group<K, V>, control)).cast() }
    }

    /// # Safety
    /// The segment is allocated while `'s` lasts, and is not changed.
    unsafe fn header<'s>(self) -> &'s Header {
        // SAFETY: invariants 1 and 3, by the caller's promise.
        unsafe { self.header_pointer().as_ref() }
    }

    /// # Safety
    /// As for `header`, and only the caller has access.
    unsafe fn header_mut<'s>(self) -> &'s mut Header {
        // SAFETY: invariants 1 and 3, by the caller's promise.
        unsafe { self.header_pointer().as_mut() }
    }

    /// # Safety
    /// As for `header`, and there are more than `i` groups.
    #[inline]
    unsafe fn group<'s>(self, i: usize) -> &'s Group<K, V> {
        // SAFETY: the caller promises that the group exists.
        let group = unsafe { self.0.add(i) };
        // SAFETY: invariants 1 and 3, by the caller's promise.
        unsafe { group.as_ref() }
    }

    /// # Safety
    /// As for `group`, and only the caller has access.
    unsafe fn group_mut<'s>(self, i: usize) -> &'s mut Group<K, V> {
        // SAFETY: the caller promises that the group exists.
        let mut group = unsafe { self.0.add(i) };
        // SAFETY: invariants 1 and 3, by the caller's promise.
        unsafe { group.as_mut() }
    }

    /// Returns the edit that made the segment.
    ///
    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn birth(self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { self.header() }.birth
    }

    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn len(self) -> usize {
        // SAFETY: the caller's promise.
        unsafe { self.header() }.len as usize
    }

    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn groups(self) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.header() }.groups
    }

    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn depth(self) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.header() }.depth
    }

    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn len_and_depth(self) -> (usize, u32) {
        // SAFETY: the caller's promise.
        let header = unsafe { self.header() };
        (header.len as usize, header.depth)
    }

    /// Searches the first slot of the home group that has the tag.
    ///
    /// # Safety
    /// The segment is allocated, and is not changed during the call; `homes` is its table's.
    #[inline(always)]
    pub(super) unsafe fn find_first(
        self,
        place: Place,
        homes: u64,
        is_key: impl Fn(&K) -> bool,
    ) -> First<K, V> {
        // SAFETY: invariant 4, and the caller's promise.
        let group = unsafe { self.group(place.home(homes)) };
        match group.control.matches(place.tag()).next() {
            Some(slot) => {
                let entry = group.entry(slot);
                if is_key(&entry.key) {
                    First::Found(NonNull::from_ref(entry))
                } else {
                    First::Unknown
                }
            }
            None if group.control.has_overflow() => First::Unknown,
            None => First::Absent,
        }
    }

    /// Returns the entry of a key.
    ///
    /// # Safety
    /// As for `find_first`.
    pub(super) unsafe fn find(
        self,
        place: Place,
        homes: u64,
        is_key: &impl Fn(&K) -> bool,
    ) -> Option<NonNull<Entry<K, V>>> {
        // SAFETY: the caller's promise.
        let groups = unsafe { self.groups() } as usize;
        let home = place.home(homes);
        let mut at = home;
        loop {
            // SAFETY: `at` is below the number of groups, and the caller's promise.
            let group = unsafe { self.group(at) };
            if let Some(found) = group.find(place.tag(), is_key) {
                return Some(found);
            }
            if group.control.overflow() & place.overflow_bit() == 0 {
                return None;
            }
            at = next(at, groups);
            if at == home {
                return None;
            }
        }
    }

    /// Adds an entry whose key is absent.
    ///
    /// # Safety
    /// The segment is allocated, and only the caller has access; it has an empty slot, and `homes`
    /// is its table's.
    pub(super) unsafe fn add(self, place: Place, homes: u64, entry: Entry<K, V>) {
        // SAFETY: the caller's promise.
        let groups = unsafe { self.groups() } as usize;
        let mut at = place.home(homes);
        loop {
            // SAFETY: `at` is below the number of groups, and the caller's promise.
            let group = unsafe { self.group_mut(at) };
            if let Some(slot) = group.control.empty().next() {
                group.entries[slot].write(entry);
                group.control.fill(slot, place.tag());
                break;
            }
            group.control.add_overflow(place.overflow_bit());
            at = next(at, groups);
        }
        // SAFETY: the caller's promise.
        unsafe { self.header_mut() }.len += 1;
    }

    /// Returns the position of an entry that `find` returned. Copies have it in the same position.
    pub(super) fn position(self, entry: NonNull<Entry<K, V>>) -> Position {
        Position(entry.as_ptr().addr() - self.0.as_ptr().addr())
    }

    /// Returns the group and the slot of a position.
    ///
    /// # Safety
    /// The segment is allocated, and only the caller has access; it has an entry there.
    unsafe fn slot<'s>(self, position: Position) -> (&'s mut Group<K, V>, usize) {
        let size = size_of::<Group<K, V>>();
        // SAFETY: the position is in a group of this segment, and the caller's promise.
        let group = unsafe { self.group_mut(position.0 / size) };
        // Entries without size all have the address of slot 0.
        let slot = match (position.0 % size).checked_div(size_of::<Entry<K, V>>()) {
            Some(slot) => Some(slot),
            None => group.control.full().next(),
        };
        (group, slot.expect("the segment has an entry there"))
    }

    /// Returns an entry for changing its value.
    ///
    /// # Safety
    /// As for `slot`.
    pub(super) unsafe fn entry_mut<'s>(self, position: Position) -> &'s mut Entry<K, V> {
        // SAFETY: the caller's promise.
        let (group, slot) = unsafe { self.slot(position) };
        // SAFETY: invariant 2: a position is that of a full slot.
        unsafe { group.entries[slot].assume_init_mut() }
    }

    /// Removes an entry.
    ///
    /// # Safety
    /// As for `slot`.
    pub(super) unsafe fn take(self, position: Position) -> Entry<K, V> {
        // SAFETY: the caller's promise.
        let (group, slot) = unsafe { self.slot(position) };
        group.control.clear(slot);
        // SAFETY: invariant 2: the slot was full, and its control byte is cleared.
        let taken = unsafe { group.entries[slot].assume_init_read() };
        // SAFETY: the caller's promise.
        unsafe { self.header_mut() }.len -= 1;
        taken
    }

    /// Returns the entries, in the order of groups and slots.
    ///
    /// # Safety
    /// The segment is allocated while `'s` lasts, and is not changed.
    pub(super) unsafe fn iter<'s>(self) -> impl Iterator<Item = &'s Entry<K, V>> + 's
    where
        K: 's,
        V: 's,
    {
        // SAFETY: the caller's promise.
        let groups = unsafe { self.groups() } as usize;
        (0..groups).flat_map(move |i| {
            // SAFETY: there are more than `i` groups, and the caller's promise.
            let group: &'s Group<K, V> = unsafe { self.group(i) };
            group.control.full().map(|slot| group.entry(slot))
        })
    }

    /// Moves the entries out, in the order of `iter`. After that the segment can only be freed.
    ///
    /// # Safety
    /// The segment is allocated, and only the caller has access.
    pub(super) unsafe fn drain(self, mut taken: impl FnMut(Entry<K, V>)) {
        // SAFETY: the caller's promise.
        let groups = unsafe { self.groups() } as usize;
        for i in 0..groups {
            // SAFETY: there are more than `i` groups, and the caller's promise.
            let group = unsafe { self.group_mut(i) };
            for slot in group.control.full() {
                group.control.clear(slot);
                // SAFETY: invariant 2: the slot was full, and its control byte is cleared.
                taken(unsafe { group.entries[slot].assume_init_read() });
            }
        }
    }

    /// Drops the entries and frees the segment.
    ///
    /// # Safety
    /// The segment is allocated, and nothing has access after this.
    pub(super) unsafe fn free(self) {
        // SAFETY: the caller's promise.
        let groups = unsafe { self.groups() };
        if std::mem::needs_drop::<Entry<K, V>>() {
            for i in 0..groups as usize {
                // SAFETY: there are more than `i` groups, and the caller's promise.
                let group = unsafe { self.group_mut(i) };
                for slot in group.control.full() {
                    // SAFETY: invariant 2; the segment is freed below, so nothing reads the slot.
                    unsafe { group.entries[slot].assume_init_drop() };
                }
            }
        }
        // SAFETY: invariant 1: FRONT bytes lie between the start and group 0.
        let start = unsafe { self.0.cast::<u8>().sub(Self::FRONT) };
        // SAFETY: invariant 1: allocated by this layout, and the caller's promise.
        unsafe { dealloc(start.as_ptr(), Self::layout(groups)) };
    }

    /// Returns a bitwise copy.
    ///
    /// # Safety
    /// The segment is allocated and not changed during the call. `K` and `V` are `Copy`.
    unsafe fn copy_bytes(self, birth: u64) -> Self {
        // SAFETY: the caller's promise.
        let header = unsafe { self.header() };
        let copy = Self::allocate(header.groups, header.depth, birth);
        // SAFETY: the copy is new, and its groups are as many and do not overlap with these.
        unsafe {
            self.0
                .copy_to_nonoverlapping(copy.0, header.groups as usize);
        };
        // SAFETY: the copy is new.
        unsafe { copy.header_mut() }.len = header.len;
        copy
    }
}

impl<K: Clone, V: Clone> Segment<K, V> {
    /// Returns a copy with all entries in their slots, made by edit `birth`.
    ///
    /// # Safety
    /// The segment is allocated and not changed during the call. If `by_bytes`, `K` and `V` are
    /// `Copy`.
    pub(super) unsafe fn copy(self, birth: u64, by_bytes: bool) -> Self {
        if by_bytes {
            // SAFETY: the caller's promise.
            return unsafe { self.copy_bytes(birth) };
        }
        // SAFETY: the caller's promise.
        let header = unsafe { self.header() };
        let copy = Owned(Self::new(header.groups, header.depth, birth));
        for i in 0..header.groups as usize {
            // SAFETY: there are more than `i` groups, and the caller's promise.
            let from = unsafe { self.group(i) };
            // SAFETY: the copy is new, and has as many groups.
            let to = unsafe { copy.0.group_mut(i) };
            to.control.add_overflow(from.control.overflow());
            for slot in from.control.full() {
                let Entry { key, value } = from.entry(slot);
                to.entries[slot].write(Entry {
                    key: key.clone(),
                    value: value.clone(),
                });
                // After the foreign code, so that a panic drops what is initialized.
                to.control.fill(slot, from.control.tag(slot));
            }
        }
        let copy = copy.into_inner();
        // SAFETY: the copy is new.
        unsafe { copy.header_mut() }.len = header.len;
        copy
    }
}

/// A new segment, freed if foreign code panics while it is being filled.
pub(super) struct Owned<K, V>(pub(super) Segment<K, V>);

impl<K, V> Owned<K, V> {
    pub(super) fn into_inner(self) -> Segment<K, V> {
        let segment = self.0;
        std::mem::forget(self);
        segment
    }
}

impl<K, V> Drop for Owned<K, V> {
    fn drop(&mut self) {
        // SAFETY: the segment is new, and only this owner has it.
        unsafe { self.0.free() };
    }
}

impl<K, V> Group<K, V> {
    #[inline]
    fn find(&self, tag: Tag, is_key: &impl Fn(&K) -> bool) -> Option<NonNull<Entry<K, V>>> {
        let matches = self.control.matches(tag);
        for slot in matches {
            let entry = self.entry(slot);
            if is_key(&entry.key) {
                return Some(NonNull::from_ref(entry));
            }
        }
        None
    }

    /// Returns the entry of a full slot.
    #[inline]
    fn entry(&self, slot: usize) -> &Entry<K, V> {
        debug_assert!(slot < SLOTS);
        // SAFETY: a set of slots has none above the last.
        let entry = unsafe { self.entries.get_unchecked(slot) };
        // SAFETY: invariant 2: callers pass slots that are full.
        unsafe { entry.assume_init_ref() }
    }
}

fn next(group: usize, groups: usize) -> usize {
    if group + 1 == groups { 0 } else { group + 1 }
}
