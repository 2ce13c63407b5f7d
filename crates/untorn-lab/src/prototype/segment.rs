//! A segment: an open-addressing hash table of some hundred slots, in one allocation.
//!
//! ```text
//!   ┌─────────┬─────────┬───┬─────────┬────────┬──────────────────────────────┐
//!   │ entry n │ …       │ 1 │ entry 0 │ header │ control bytes of 0, 1, … n   │
//!   └─────────┴─────────┴───┴─────────┴────────┴──────────────────────────────┘
//!                                              ▲ the pointer
//! ```
//!
//! The hash chooses a *home* among all slots but the last fifteen. A search compares the sixteen
//! control bytes from the home on (the window), then those of the next sixteen slots, round the
//! end, until a window has an empty slot. The number of homes is the table's, not the segment's: so
//! the place in the segment depends on nothing that must be loaded from it. A segment has more
//! slots than homes and fifteen only if it cannot be split, because its hashes are equal.
//!
//! # Invariants
//!
//! 1. A `Segment` points at the control bytes in an allocation made by `new` or `copy_bytes`. In
//!    front of them is the header, and before that the entries, as many as the header states and at
//!    least `WINDOW`. It stays allocated until `free`, which the owner calls once, when nothing can
//!    reach the segment.
//! 2. A slot is initialized if and only if its control byte is a tag.
//! 3. A segment is changed only by the edit that made it, before it is published. So a shared
//!    reference to its parts never coexists with a change.
//! 4. `homes` is not 0, and `homes + WINDOW - 1` is at most the number of slots.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::control::{EMPTY, REMOVED, WINDOW, Window};
use super::place::Place;

pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

#[repr(C, align(16))]
struct Header {
    /// The edit that made the segment.
    birth: u64,
    len: u32,
    /// The slots whose entry was removed, and that are not empty since.
    removed: u32,
    slots: u32,
    /// The number of hash bits that all its entries share.
    depth: u32,
}

/// The numbers of a segment.
#[derive(Clone, Copy)]
pub(super) struct State {
    pub(super) len: usize,
    /// The slots that removed entries still occupy.
    pub(super) removed: usize,
    pub(super) slots: u32,
    pub(super) depth: u32,
}

/// The result of comparing one entry.
pub(super) enum First<K, V> {
    Found(NonNull<Entry<K, V>>),
    Absent,
    /// The entry may be in another slot.
    Unknown,
}

/// The pointer to a segment.
pub(super) struct Segment<K, V>(NonNull<Header>, std::marker::PhantomData<Entry<K, V>>);

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

/// Returns the number of slots for so many homes.
pub(super) const fn slots(homes: u32) -> u32 {
    homes + WINDOW as u32 - 1
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl<K, V> Segment<K, V> {
    const ALIGN: usize = larger(align_of::<Header>(), align_of::<Entry<K, V>>());

    /// The distance from slot 0 to the control bytes.
    const FRONT: usize = larger(size_of::<Header>(), align_of::<Entry<K, V>>());

    /// Returns the layout, and the distance from its start to the control bytes.
    fn layout(slots: u32) -> (Layout, usize) {
        let layout = || {
            let entries = (slots as usize).checked_mul(size_of::<Entry<K, V>>())?;
            let front = entries.checked_add(Self::FRONT)?;
            let front = front.checked_next_multiple_of(Self::ALIGN)?;
            let size = front.checked_add(slots as usize)?;
            Some((Layout::from_size_align(size, Self::ALIGN).ok()?, front))
        };
        match layout() {
            Some(layout) => layout,
            None => panic!("a segment of {slots} slots exceeds the address space"),
        }
    }

    /// Allocates a segment whose control bytes are not initialized.
    fn allocate(header: Header) -> Self {
        let (layout, front) = Self::layout(header.slots);
        // SAFETY: the size is not 0, since the header is part of it.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout);
        };
        // SAFETY: the control bytes are inside the allocation.
        let control = unsafe { start.add(front) };
        let segment = Self(control.cast(), std::marker::PhantomData);
        // SAFETY: the allocation is new, and has room for a header in front of the control bytes.
        unsafe { segment.header_pointer().write(header) };
        segment
    }

    /// Creates an empty segment.
    pub(super) fn new(slots: u32, depth: u32, birth: u64) -> Self {
        debug_assert!(slots as usize >= WINDOW);
        let segment = Self::allocate(Header {
            birth,
            len: 0,
            removed: 0,
            slots,
            depth,
        });
        // SAFETY: there is a slot 0.
        let control = unsafe { segment.control(0) };
        // SAFETY: the allocation is new, and has a control byte for each slot.
        unsafe { control.write_bytes(EMPTY, slots as usize) };
        segment
    }

    fn header_pointer(self) -> NonNull<Header> {
        // SAFETY: invariant 1: the header is in front of the control bytes.
        unsafe { self.0.sub(1) }
    }

    /// # Safety
    /// There is a slot `i`, or it is the first after the last.
    #[inline]
    unsafe fn control(self, i: usize) -> NonNull<u8> {
        // SAFETY: invariant 1, and the caller's promise.
        unsafe { self.0.cast::<u8>().add(i) }
    }

    /// # Safety
    /// There is a slot `i`.
    #[inline]
    unsafe fn entry(self, i: usize) -> NonNull<Entry<K, V>> {
        // SAFETY: invariant 1: slot 0 ends FRONT bytes before the control bytes.
        let end = unsafe { self.0.cast::<Entry<K, V>>().byte_sub(Self::FRONT) };
        // SAFETY: invariant 1, and the caller's promise.
        unsafe { end.sub(i + 1) }
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
    /// As for `header`, and there are `WINDOW` slots from `i` on.
    #[inline]
    unsafe fn window<'s>(self, i: usize) -> Window<'s> {
        // SAFETY: the caller's promise.
        let control = unsafe { self.control(i) };
        // SAFETY: invariants 1 and 3, by the caller's promise.
        Window(unsafe { control.cast().as_ref() })
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
    pub(super) unsafe fn state(self) -> State {
        // SAFETY: the caller's promise.
        let header = unsafe { self.header() };
        State {
            len: header.len as usize,
            removed: header.removed as usize,
            slots: header.slots,
            depth: header.depth,
        }
    }

    /// # Safety
    /// The segment is allocated.
    unsafe fn slots(self) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.header() }.slots
    }

    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn bytes(self) -> usize {
        // SAFETY: the caller's promise.
        Self::layout(unsafe { self.slots() }).0.size()
    }

    /// # Safety
    /// The segment is allocated.
    pub(super) unsafe fn depth(self) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.header() }.depth
    }

    /// Compares the first entry of the first window that has the tag.
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
        let home = place.home(homes);
        // SAFETY: invariant 4, and the caller's promise.
        let window = unsafe { self.window(home) };
        let Some(position) = window.matches(place.tag()).next() else {
            return if window.empty().is_empty() {
                First::Unknown
            } else {
                First::Absent
            };
        };
        // SAFETY: the window is inside the segment.
        let entry = unsafe { self.entry(home + position) };
        // SAFETY: invariants 2 and 3.
        if is_key(unsafe { &entry.as_ref().key }) {
            First::Found(entry)
        } else {
            First::Unknown
        }
    }

    /// Returns the slot of a key.
    ///
    /// # Safety
    /// As for `find_first`.
    pub(super) unsafe fn find(
        self,
        place: Place,
        homes: u64,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<usize> {
        // SAFETY: the caller's promise.
        let slots = unsafe { self.slots() } as usize;
        let mut at = place.home(homes);
        for _ in 0..slots / WINDOW + 2 {
            let start = at.min(slots - WINDOW);
            // SAFETY: the window is inside the segment.
            let window = unsafe { self.window(start) };
            for position in window.matches(place.tag()) {
                // SAFETY: as above.
                let entry = unsafe { self.entry(start + position) };
                // SAFETY: invariants 2 and 3.
                if is_key(unsafe { &entry.as_ref().key }) {
                    return Some(start + position);
                }
            }
            if !window.empty().is_empty() {
                return None;
            }
            at = if at + WINDOW < slots { at + WINDOW } else { 0 };
        }
        None
    }

    /// Returns the entry in a slot.
    ///
    /// # Safety
    /// The segment is allocated while `'s` lasts, and is not changed; the slot is full.
    pub(super) unsafe fn get<'s>(self, slot: usize) -> &'s Entry<K, V> {
        // SAFETY: the caller's promise.
        let entry = unsafe { self.entry(slot) };
        // SAFETY: invariants 2 and 3.
        unsafe { entry.as_ref() }
    }

    /// Returns the entry in a slot for changing its value.
    ///
    /// # Safety
    /// As for `get`, and only the caller has access.
    pub(super) unsafe fn get_mut<'s>(self, slot: usize) -> &'s mut Entry<K, V> {
        // SAFETY: the caller's promise.
        let mut entry = unsafe { self.entry(slot) };
        // SAFETY: invariants 2 and 3.
        unsafe { entry.as_mut() }
    }

    /// Adds an entry whose key is absent.
    ///
    /// # Safety
    /// The segment is allocated, and only the caller has access; it has a free slot, and `homes` is
    /// its table's.
    pub(super) unsafe fn add(self, place: Place, homes: u64, entry: Entry<K, V>) {
        // SAFETY: the caller's promise.
        let slots = unsafe { self.slots() } as usize;
        let free = windows(place.home(homes), slots).find_map(|start| {
            // SAFETY: the window is inside the segment.
            let window = unsafe { self.window(start) };
            window.free().next().map(|position| start + position)
        });
        let slot = free.expect("a segment has a free slot");
        // SAFETY: there is a slot `slot`.
        let control = unsafe { self.control(slot) };
        // SAFETY: the caller has access.
        let before = unsafe { control.replace(place.tag().byte()) };
        // SAFETY: there is a slot `slot`.
        let place = unsafe { self.entry(slot) };
        // SAFETY: the caller has access, and the slot was free.
        unsafe { place.write(entry) };
        // SAFETY: the caller's promise.
        let header = unsafe { self.header_mut() };
        header.len += 1;
        header.removed -= u32::from(before == REMOVED);
    }

    /// Removes the entry in a slot.
    ///
    /// # Safety
    /// The segment is allocated, and only the caller has access; the slot is full.
    pub(super) unsafe fn take(self, slot: usize) -> Entry<K, V> {
        // SAFETY: the caller's promise.
        let slots = unsafe { self.slots() } as usize;
        // No search has passed this slot if each window with it has an empty slot.
        // SAFETY: a window is inside the segment if it begins here or before.
        let before = slot.checked_sub(WINDOW).map(|i| unsafe { self.window(i) });
        let full_before = before.map_or(slot, |window| window.empty().after());
        let full_after = if slot + WINDOW <= slots {
            // SAFETY: as above.
            unsafe { self.window(slot) }.empty().before()
        } else {
            slots - slot
        };
        let may_be_passed = full_before + full_after >= WINDOW;
        // SAFETY: there is a slot `slot`.
        let control = unsafe { self.control(slot) };
        // SAFETY: the caller has access.
        unsafe { control.write(if may_be_passed { REMOVED } else { EMPTY }) };
        // SAFETY: the caller's promise.
        let header = unsafe { self.header_mut() };
        header.len -= 1;
        header.removed += u32::from(may_be_passed);
        // SAFETY: there is a slot `slot`.
        let entry = unsafe { self.entry(slot) };
        // SAFETY: invariant 2: the slot was full, and its control byte is changed.
        unsafe { entry.read() }
    }

    /// Returns the full slots in ascending order.
    ///
    /// # Safety
    /// The segment is allocated while the iterator lives, and is not changed, except that entries
    /// that it has passed may be removed.
    pub(super) unsafe fn full(self) -> impl Iterator<Item = usize> {
        // SAFETY: the caller's promise.
        let slots = unsafe { self.slots() } as usize;
        (0..slots).step_by(WINDOW).flat_map(move |from| {
            let start = from.min(slots - WINDOW);
            // SAFETY: the window is inside the segment.
            let window = unsafe { self.window(start) };
            let full = window.full().from(from - start);
            full.map(move |position| start + position)
        })
    }

    /// Returns the entries, in the order of their slots.
    ///
    /// # Safety
    /// The segment is allocated while `'s` lasts, and is not changed.
    pub(super) unsafe fn iter<'s>(self) -> impl Iterator<Item = &'s Entry<K, V>> + 's
    where
        K: 's,
        V: 's,
    {
        // SAFETY: the caller's promise.
        let full = unsafe { self.full() };
        // SAFETY: as above, and the slot is full.
        full.map(move |slot| unsafe { self.get(slot) })
    }

    /// Moves the entries out, in the order of `iter`. After that the segment can only be freed.
    ///
    /// # Safety
    /// The segment is allocated, and only the caller has access.
    pub(super) unsafe fn drain(self, mut taken: impl FnMut(Entry<K, V>)) {
        // SAFETY: the caller's promise.
        for slot in unsafe { self.full() } {
            // SAFETY: there is a slot `slot`.
            let control = unsafe { self.control(slot) };
            // SAFETY: the caller has access.
            unsafe { control.write(REMOVED) };
            // SAFETY: there is a slot `slot`.
            let entry = unsafe { self.entry(slot) };
            // SAFETY: invariant 2: the slot was full, and its control byte is changed.
            taken(unsafe { entry.read() });
        }
    }

    /// Drops the entries and frees the segment.
    ///
    /// # Safety
    /// The segment is allocated, and nothing has access after this.
    pub(super) unsafe fn free(self) {
        if std::mem::needs_drop::<Entry<K, V>>() {
            // SAFETY: the caller's promise.
            for slot in unsafe { self.full() } {
                // SAFETY: there is a slot `slot`.
                let entry = unsafe { self.entry(slot) };
                // SAFETY: invariant 2; the segment is freed below, so nothing reads the slot.
                unsafe { entry.drop_in_place() };
            }
        }
        // SAFETY: the caller's promise.
        let (layout, front) = Self::layout(unsafe { self.slots() });
        // SAFETY: invariant 1.
        let start = unsafe { self.0.cast::<u8>().sub(front) };
        // SAFETY: invariant 1: allocated by this layout, and the caller's promise.
        unsafe { dealloc(start.as_ptr(), layout) };
    }

    /// Copies all control bytes.
    ///
    /// # Safety
    /// Both segments are allocated, with equally many slots, and only the caller has access to
    /// `to`.
    unsafe fn copy_control(self, to: Self) {
        // SAFETY: the caller's promise.
        let slots = unsafe { self.slots() } as usize;
        // SAFETY: there is a slot 0.
        let from = unsafe { self.control(0) };
        // SAFETY: there is a slot 0.
        let to = unsafe { to.control(0) };
        // SAFETY: both have a byte for each slot, and are different allocations.
        unsafe { from.copy_to_nonoverlapping(to, slots) };
    }

    /// Returns a bitwise copy.
    ///
    /// # Safety
    /// The segment is allocated and not changed during the call. `K` and `V` are `Copy`.
    unsafe fn copy_bytes(self, birth: u64) -> Self {
        // SAFETY: the caller's promise.
        let header = Header {
            birth,
            ..*unsafe { self.header() }
        };
        let slots = header.slots as usize;
        let copy = Self::allocate(header);
        // SAFETY: the copy is new, and has as many slots.
        unsafe { self.copy_control(copy) };
        // The last slot comes first.
        // SAFETY: there is a last slot.
        let from = unsafe { self.entry(slots - 1) };
        // SAFETY: as above.
        let to = unsafe { copy.entry(slots - 1) };
        // SAFETY: there are so many slots in both, and the copy is new.
        unsafe { from.copy_to_nonoverlapping(to, slots) };
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
        let copy = Owned(Self::new(header.slots, header.depth, birth));
        // SAFETY: the caller's promise.
        for slot in unsafe { self.full() } {
            // SAFETY: the slot is full.
            let Entry { key, value } = unsafe { self.get(slot) };
            let entry = Entry {
                key: key.clone(),
                value: value.clone(),
            };
            // SAFETY: the copy has as many slots.
            let place = unsafe { copy.0.entry(slot) };
            // SAFETY: the copy is new.
            unsafe { place.write(entry) };
            // SAFETY: the slot is in this segment.
            let from = unsafe { self.control(slot) };
            // SAFETY: it is in this segment, which is not changed.
            let tag = unsafe { from.read() };
            // SAFETY: the copy has as many slots.
            let to = unsafe { copy.0.control(slot) };
            // After the foreign code, so that a panic drops what is initialized.
            // SAFETY: the copy is new.
            unsafe { to.write(tag) };
        }
        let copy = copy.into_inner();
        // Also those of removed entries.
        // SAFETY: the copy is new, and has as many slots.
        unsafe { self.copy_control(copy) };
        // SAFETY: the copy is new.
        let new = unsafe { copy.header_mut() };
        (new.len, new.removed) = (header.len, header.removed);
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

/// Returns the starts of the windows of a search: from the home to the end, then from slot 0 on.
fn windows(home: usize, slots: usize) -> impl Iterator<Item = usize> {
    let to_end = (home..slots).step_by(WINDOW);
    let round = (0..home).step_by(WINDOW);
    to_end
        .chain(round)
        .map(move |start| start.min(slots - WINDOW))
}
