//! Reader slots: the words by which threads protect versions from being freed.
//!
//! ```text
//! Registry ── Slab ──next──▶ Slab ──▶ ∅      never freed
//!              ├ occupied    a bit for each record that has an owner
//!              └ records     { moment, pins[7] }   a line for each thread
//! ```
//!
//! A slot contains the address of a version, or the announcement of a cell (newest.rs), or 0. It is
//! its own flag: a slot that contains 0 is free.
//!
//! # Invariants
//!
//! 1. Slabs are leaked, but for the first, which is part of the registry: a reference to a record
//!    of a static registry is always valid.
//! 2. A record has one owner at most, the thread that set its bit; only that thread stores a word
//!    other than 0 to its slots. A pin that was left in a record when its thread ended may still
//!    store 0; such a record keeps its bit for good, so it has no later owner.
//! 3. The bit of a record is set before its first slot is stored to, and cleared after the last
//!    slot is 0. So a scan reads the slots of records whose bit is set only.
//! 4. Every store to a slot is Release and every load by a scan is Acquire, from the slot or
//!    from a bit that is clear. So all that a thread read under a word of a slot happens before a
//!    scan that finds another word, and what it counted is counted there. A Relaxed store would not
//!    be part of the release sequence of the store before it.

use crate::ordering_mutants::{acquire, release};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

/// The slots of a record for pins. Models and schedules have few, since each costs a scan a step.
pub(super) const PINS: usize = if cfg!(untorn_loom) {
    1
} else if cfg!(untorn_shuttle) {
    2
} else {
    7
};

/// The records of a slab. Shuttle's tasks have small stacks, on which the first slab is created.
const RECORDS: usize = if cfg!(any(untorn_loom, untorn_shuttle)) {
    2
} else {
    usize::BITS as usize
};

/// A word that protects a version, or all versions of a cell.
pub(crate) struct Slot(AtomicUsize);

#[cfg_attr(untorn_loom, allow(unsafe_code, reason = "see the invariants above"))]
impl Slot {
    /// Stores a word, for the owner of the record.
    #[inline(always)]
    pub(super) fn protect(&self, word: usize) {
        // Release: invariant 4 (Acquire in `shown`).
        self.0.store(word, release("protect.slot"));
    }

    /// Frees the slot.
    #[inline(always)]
    pub(super) fn clear(&self) {
        // Release: invariant 4 (Acquire in `shown`).
        self.0.store(0, release("clear.slot"));
    }

    /// Returns whether the slot is free, for the owner of the record.
    #[inline(always)]
    pub(super) fn is_free(&self) -> bool {
        // Relaxed: only the owner makes a slot anything but free (invariant 2).
        #[cfg(not(untorn_loom))]
        let word = self.0.load(Ordering::Relaxed);
        // Not an access for loom, which reorders a store with the last access to a word only; but
        // it fails if the store of an earlier owner is not ordered before this.
        #[cfg(untorn_loom)]
        // SAFETY: invariant 2.
        let word = unsafe { self.0.unsync_load() };
        word == 0
    }

    /// Returns whether this is the first slot of its record. Records are aligned to their slots.
    #[cfg(not(any(untorn_loom, untorn_shuttle)))]
    #[inline(always)]
    pub(super) fn is_moment(&self) -> bool {
        const { assert!(align_of::<Record>() >= SLOTS_SIZE && SLOTS_SIZE.is_power_of_two()) };
        std::ptr::from_ref(self).addr().is_multiple_of(SLOTS_SIZE)
    }

    fn shown(&self) -> usize {
        // Acquire: with the Release in `protect` and `clear` (invariant 4).
        self.0.load(acquire("shown.slot"))
    }
}

/// The size of the slots of a record.
#[cfg(not(any(untorn_loom, untorn_shuttle)))]
const SLOTS_SIZE: usize = (PINS + 1) * size_of::<Slot>();

/// The slots of one thread.
///
/// Aligned so that no two threads store to one cache line, nor to two that the processor fetches
/// together.
#[repr(C, align(128))]
pub(crate) struct Record {
    /// The slot for the moment in which a handle takes its count. It is never held over foreign
    /// code, so it is free whenever it is needed.
    pub(super) moment: Slot,
    pub(super) pins: [Slot; PINS],
}

impl Record {
    /// Creates a record without a free slot, which has no owner and is in no slab.
    #[cfg(not(any(untorn_loom, untorn_shuttle)))]
    pub(super) const fn busy() -> Self {
        Self {
            moment: Slot(AtomicUsize::new(1)),
            pins: [const { Slot(AtomicUsize::new(1)) }; PINS],
        }
    }

    /// Returns a free slot for a pin. For the owner.
    pub(super) fn free_pin(&self) -> Option<&Slot> {
        self.pins.iter().find(|slot| slot.is_free())
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.pins.iter().chain([&self.moment])
    }

    /// Returns whether all slots are free. For the owner.
    fn is_free(&self) -> bool {
        self.slots().all(Slot::is_free)
    }
}

struct Slab {
    /// The bits of the records that have an owner.
    occupied: AtomicUsize,
    next: AtomicPtr<Slab>,
    records: [Record; RECORDS],
}

/// Defines constructors that are `const`, except for loom, whose atomics are not.
macro_rules! constructors {
    ($($const:ident)?) => {
        impl Slab {
            $($const)? fn new() -> Self {
                Self {
                    occupied: AtomicUsize::new(0),
                    next: AtomicPtr::new(std::ptr::null_mut()),
                    records: records(),
                }
            }
        }

        $($const)? fn slot() -> Slot {
            Slot(AtomicUsize::new(0))
        }

        impl Registry {
            pub(super) $($const)? fn new() -> Self {
                Self {
                    first: Slab::new(),
                    abandoned: AtomicUsize::new(0),
                }
            }
        }
    };
}

#[cfg(not(untorn_loom))]
constructors!(const);
#[cfg(untorn_loom)]
constructors!();

#[cfg(not(untorn_loom))]
const fn records() -> [Record; RECORDS] {
    [const {
        Record {
            moment: slot(),
            pins: [const { slot() }; PINS],
        }
    }; RECORDS]
}

#[cfg(untorn_loom)]
fn records() -> [Record; RECORDS] {
    std::array::from_fn(|_| Record {
        pins: std::array::from_fn(|_| slot()),
        moment: slot(),
    })
}

/// The records of all threads.
pub(crate) struct Registry {
    first: Slab,
    /// The number of records that a thread left behind with a pin in them.
    abandoned: AtomicUsize,
}

/// Counts of the registry, for statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistryStats {
    /// The records that have an owner, abandoned ones included.
    pub(crate) records: usize,
    /// The slots that are not free.
    pub(crate) slots: usize,
    /// The records that a thread left behind with a pin in them.
    pub(crate) abandoned: usize,
}

impl Registry {
    fn slabs(&self) -> impl Iterator<Item = &Slab> {
        std::iter::successors(Some(&self.first), |slab| slab.next())
    }

    /// Returns the first record, for models in which another thread has claimed it: loom reorders a
    /// store with the last access to its word only, which would be the thread's own claim.
    #[cfg(all(test, untorn_loom))]
    pub(super) fn first(&self) -> &Record {
        &self.first.records[0]
    }

    /// Claims a record for the current thread.
    pub(super) fn claim(&self) -> &Record {
        let mut slab = &self.first;
        loop {
            if let Some(record) = slab.claim() {
                return record;
            }
            slab = match slab.next() {
                Some(next) => next,
                None => slab.push(),
            };
        }
    }

    /// Gives back a record whose slots are free, and returns whether they are. For the owner, which
    /// must not use the record again if this returns true.
    pub(super) fn give_back(&self, record: &Record) -> bool {
        let is_free = record.is_free();
        if is_free {
            self.give_back_of(&record.moment);
        }
        is_free
    }

    /// Gives back the record that `slot` is in. Its slots are free. For the owner.
    pub(super) fn give_back_of(&self, slot: &Slot) {
        let slot = std::ptr::from_ref(slot).cast();
        let is_in = |slab: &&Slab| slab.records.as_ptr_range().contains(&slot);
        if let Some(slab) = self.slabs().find(is_in) {
            let i = (slot.addr() - slab.records.as_ptr().addr()) / size_of::<Record>();
            // Release: what was read under the slots, and the slots themselves (Acquire in
            // `collect` and `Slab::claim`).
            slab.occupied
                .fetch_and(!(1 << i), release("give_back.occupied"));
        }
    }

    /// Returns whether `slot` is the first one of its record.
    #[cfg(untorn_shuttle)]
    pub(super) fn has_moment(&self, slot: &Slot) -> bool {
        let mut records = self.slabs().flat_map(|slab| &slab.records);
        records.any(|record| std::ptr::eq(&record.moment, slot))
    }

    /// Counts a record that its thread leaves behind with a pin in it.
    pub(super) fn abandon(&self) {
        // Relaxed: a number for statistics.
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds every word that is in a slot. For a scan, after the heavy fence.
    pub(super) fn collect(&self, shown: &mut Vec<usize>) {
        for slab in self.slabs() {
            // Acquire: with the Release in `give_back` (invariant 4).
            let mut occupied = slab.occupied.load(acquire("collect.occupied"));
            while occupied != 0 {
                let i = occupied.trailing_zeros() as usize;
                occupied &= occupied - 1;
                let words = slab.records[i].slots().map(Slot::shown);
                shown.extend(words.filter(|word| *word != 0));
            }
        }
    }

    /// Returns the counts of this moment.
    pub(crate) fn stats(&self) -> RegistryStats {
        let mut shown = Vec::new();
        self.collect(&mut shown);
        let occupied = |slab: &Slab| slab.occupied.load(Ordering::Relaxed).count_ones() as usize;
        RegistryStats {
            records: self.slabs().map(occupied).sum(),
            slots: shown.len(),
            abandoned: self.abandoned.load(Ordering::Relaxed),
        }
    }
}

impl Slab {
    fn claim(&self) -> Option<&Record> {
        loop {
            // Relaxed: the read-modify-write below decides.
            let occupied = self.occupied.load(Ordering::Relaxed);
            let i = occupied.trailing_ones() as usize;
            if i >= RECORDS {
                return None;
            }
            let bit = 1 << i;
            // Acquire: the last stores of the previous owner to the slots come before those of this
            // one (Release in `give_back`). The fence of the first pin makes a scan observe the
            // bit.
            let before = self.occupied.fetch_or(bit, acquire("claim.occupied"));
            if before & bit == 0 {
                return Some(&self.records[i]);
            }
        }
    }
}

#[allow(unsafe_code, reason = "see the invariants above")]
impl Slab {
    fn next(&self) -> Option<&Self> {
        // Acquire: the contents of the slab (Release in `push`).
        let next = self.next.load(acquire("next.slab"));
        // SAFETY: invariant 1; only `push` stores here.
        unsafe { next.as_ref() }
    }

    /// Adds a slab behind this one, unless another thread does, and returns it.
    fn push(&self) -> &Self {
        let new = Box::into_raw(Box::new(Self::new()));
        // Release: the contents (Acquire in `next`, and on failure here).
        let pushed = self.next.compare_exchange(
            std::ptr::null_mut(),
            new,
            release("push.slab"),
            acquire("push.found"),
        );
        let slab = match pushed {
            Ok(_) => new,
            Err(first) => {
                // SAFETY: made above, and not shared.
                drop(unsafe { Box::from_raw(new) });
                first
            }
        };
        // SAFETY: invariant 1.
        unsafe { &*slab }
    }
}

/// Frees the slabs of a model, which creates a registry for each execution.
#[cfg(any(untorn_loom, untorn_shuttle))]
#[allow(unsafe_code, reason = "the inverse of `push`")]
impl Drop for Registry {
    fn drop(&mut self) {
        let mut next = crate::sync::last_stored(&mut self.first.next);
        while !next.is_null() {
            // SAFETY: leaked by `push`, and no thread is left that has a reference to it.
            let mut slab = unsafe { Box::from_raw(next) };
            next = crate::sync::last_stored(&mut slab.next);
        }
    }
}
