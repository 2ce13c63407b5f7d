//! Records: a seqlock per access of each thread, and the registry of all records.
//!
//! ```text
//! Registry ─head─> Record ─next─> Record ─next─> ∅   a record per thread, reused, never freed
//!                   ├ identity   number, name, created at, confirmed
//!                   ├ slots[4]   { word, gate, operation, since, delayed_since, seq }
//!                   │              one per access of the thread
//!                   └ blocks     slot blocks for the accesses beyond four: blocks.rs
//! ```
//!
//! # Owner of a record
//!
//! A thread acquires a record when it begins its first access, and releases it when it ends. If an
//! access is in the record then, because a guard is stored in another thread-local, the record is
//! *retired*: the accesses of the thread continue in it, and the last one to end releases it. The
//! access of a leaked guard never ends, so its record is never released.
//!
//! # State of a slot
//!
//! | `word` | meaning |
//! |---|---|
//! | `ENDED` alone | free |
//! | location + `ENDED`, with or without `WRITE` | free; a report can still name the line of the access that was here |
//! | location | a read of the gate `gate`, from this line, is in progress |
//! | location + `WRITE` | a write; [`Gate::writer`](super::gate::Gate) points here if it has entered |
//!
//! The *description* of an access is the rest of its report: gate, operation, start time and owner.
//! A read of the same gate by the same operation as the slot's previous access has the same
//! description, and stores its word only.
//!
//! # Invariants
//!
//! 1. Records, and with them slots and identities, are leaked: a pointer to one is always valid.
//! 2. Only the thread that owns a record stores to its slots, its slot blocks and its identity. It
//!    owns one record at most; a second one that it acquires because an access inside an allocation
//!    has acquired the first (blocks.rs, 6) is released unused.
//! 3. `word`, with its low bits cleared, is null or came from a `&'static Location`; `operation` is
//!    null or came from a `&'static Operation`.
//! 4. *A line and its description: a seqlock.* Before a description changes, first the line in
//!    `word` is cleared, then the sequence number `seq` is incremented; the next line is stored
//!    when the description is complete. Only `delayed_since` changes while the line stays: `seq` is
//!    incremented, then `delayed_since` is stored. It is 0 again before the access ends, so no
//!    later line is published beside it. So an optimistic read that validates, with the same `seq`
//!    before and after, has read lines of one description and nothing but that description. Which
//!    thread owns it is validated by the identity (identity.rs, 1).

#![allow(unsafe_code, reason = "see the invariants above")]

use std::panic::Location;
use std::ptr;

use super::blocks::SlotBlocks;
use super::identity::{Identity, ThreadIdentity, pointer_to};
use super::site::{Access, AccessKind, Operation};
use crate::ordering_mutants::{acquire, fence, release};
#[cfg(any(untorn_loom, untorn_shuttle))]
use crate::sync::last_stored;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// The slots in a record itself. The accesses of a thread beyond those are in slot blocks. The
/// models, whose scans take a step for each, have two.
pub(crate) const SLOTS: usize = if cfg!(untorn_loom) { 2 } else { 4 };

/// The `place` of a slot that is in a record itself.
const IN_RECORD: u32 = u32::MAX;

/// The bit of `word` for a write. Both bits are free because a `Location` is aligned.
const WRITE: usize = 1;
/// The bit of `word` for an access that has ended.
const ENDED: usize = 2;
const BITS: usize = WRITE | ENDED;

const _: () = assert!(align_of::<Location<'static>>() > BITS);

/// Loads a value that only the calling thread stores (invariant 2): Relaxed is enough.
#[cfg(not(untorn_loom))]
macro_rules! own {
    ($atomic:expr) => {
        $atomic.load(Ordering::Relaxed)
    };
}

/// Loads such a value in a model, which fails if another thread's store is not ordered before the
/// load. Loom does not count this load as an access: it reorders a store with the last access to a
/// word only, and a thread's own load would be that access.
#[cfg(untorn_loom)]
macro_rules! own {
    ($atomic:expr) => {
        // SAFETY: invariant 2.
        unsafe { $atomic.unsync_load() }
    };
}
pub(super) use own;

/// The `word` of a slot without a line.
const FREE: *mut Location<'static> = ptr::without_provenance_mut(ENDED);

/// One access of one thread.
pub(crate) struct Slot {
    word: AtomicPtr<Location<'static>>,
    gate: AtomicU64,
    operation: AtomicPtr<Operation>,
    since: AtomicU64,
    /// The sequence number: incremented when one of the three above, `delayed_since` or the owner
    /// changes.
    seq: AtomicU64,
    /// Set while the write in this slot holds its gate. For the owner only.
    has_gate: AtomicBool,
    /// Set if an access in this slot is cleaned up after it is unpublished: the slot is in a slot
    /// block, or the record is retired. For the owner only.
    needs_cleanup: AtomicBool,
    /// The place among the slots of the record's slot blocks, or `IN_RECORD`.
    place: u32,
    /// The time at which the delay of the access began; 0 if it is not being delayed.
    delayed_since: AtomicU64,
    identity: &'static Identity,
}

/// A validated snapshot of a slot: the access in it.
pub(crate) struct SlotSnapshot {
    pub(crate) thread: ThreadIdentity,
    pub(crate) location: &'static Location<'static>,
    pub(crate) operation: &'static Operation,
    pub(crate) since: u64,
    /// The time at which the delay began, if the access is being delayed.
    pub(crate) delayed_since: Option<u64>,
}

impl Slot {
    fn in_record(identity: &'static Identity) -> Self {
        Self::new(identity, IN_RECORD)
    }

    /// Creates a slot of a slot block.
    pub(super) fn in_block(identity: &'static Identity, place: usize) -> Self {
        let place = u32::try_from(place).expect("slot blocks have room for fewer");
        Self::new(identity, place)
    }

    fn new(identity: &'static Identity, place: u32) -> Self {
        Self {
            word: AtomicPtr::new(FREE),
            gate: AtomicU64::new(0),
            operation: AtomicPtr::new(ptr::null_mut()),
            since: AtomicU64::new(0),
            seq: AtomicU64::new(0),
            has_gate: AtomicBool::new(false),
            needs_cleanup: AtomicBool::new(place != IN_RECORD),
            place,
            delayed_since: AtomicU64::new(0),
            identity,
        }
    }

    /// Returns whether the description already is that of a read of `gate` by `operation`. For the
    /// owner.
    #[inline(always)]
    pub(crate) fn describes(&self, gate: u64, operation: &'static Operation) -> bool {
        own!(self.gate) == gate && own!(self.operation) == pointer_to(operation)
    }

    /// Describes the access that is about to be published; `since` has a meaning for writes only.
    pub(crate) fn describe(&self, gate: u64, operation: &'static Operation, since: u64) {
        self.invalidate();
        self.gate.store(gate, Ordering::Relaxed);
        self.operation
            .store(pointer_to(operation), Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// Clears the line of the slot's earlier access, so that no snapshot combines it with another
    /// description (invariant 4).
    pub(super) fn invalidate(&self) {
        // Relaxed: a scan may read from this that the access has ended; that end is released by the
        // fence in `unpublish`, or in `Identity::set` if the access was another owner's.
        self.word.store(FREE, Ordering::Relaxed);
        let seq = own!(self.seq);
        // Release: the word above, to a snapshot that begins with this `seq` (Acquire in
        // `snapshot`).
        self.seq.store(seq + 1, release("invalidate.seq"));
        // Release: `seq`, to a snapshot that observes any of the next description (Acquire fence in
        // `snapshot`); and the end of the access, to a scan that observes the next gate and so
        // finds that access ended (Acquire in `is_reading`).
        fence(release("invalidate.fence"));
    }

    /// Publishes that the owner is entering the gate of the description.
    #[inline(always)]
    pub(crate) fn publish(&self, access: Access) {
        let writes = access.operation.kind == AccessKind::Write;
        let tag = if writes { WRITE } else { 0 };
        let word = pointer_to(access.location).map_addr(|address| address | tag);
        // Release: the description and the identity (Acquire in `is_reading` and `snapshot`). The
        // fences in `gate.rs` ensure that a writer observes it in time.
        self.word.store(word, release("publish.word"));
    }

    /// Records that the access in this slot has been delayed since `since`, or that its delay is
    /// over.
    pub(crate) fn set_delayed(&self, since: Option<u64>) {
        let seq = own!(self.seq);
        // Relaxed: a snapshot that begins with this `seq` observes the line of this access, by the
        // SeqCst fence on entering.
        self.seq.store(seq + 1, Ordering::Relaxed);
        // Release: `seq`, to a snapshot that observes the store below (Acquire fence in
        // `Identity::get`).
        fence(release("set_delayed.fence"));
        self.delayed_since
            .store(since.unwrap_or(0), Ordering::Relaxed);
    }

    /// Returns whether no access is in this slot. For the owner.
    #[inline(always)]
    pub(crate) fn is_free(&self) -> bool {
        own!(self.word).addr() & ENDED != 0
    }

    /// Unpublishes the access: it has ended.
    #[inline(always)]
    pub(crate) fn unpublish(&self) {
        let ended = own!(self.word).map_addr(|address| address | ENDED);
        // Release: the read, to the writer whose scan finds it ended (Acquire in `is_reading`).
        self.word.store(ended, release("unpublish.word"));
        // Release: the end of the access, to an access that is ordered after it by any later store
        // of this thread, even a Relaxed one (the fences on entering in `gate.rs`).
        fence(release("unpublish.fence"));
    }

    /// Returns whether the write in this slot holds its gate. For the owner.
    #[inline(always)]
    pub(super) fn has_gate(&self) -> bool {
        own!(self.has_gate)
    }

    #[inline(always)]
    pub(super) fn set_has_gate(&self, has_gate: bool) {
        self.has_gate.store(has_gate, Ordering::Relaxed);
    }

    /// Returns whether the end of an access in this slot is followed by [`Registry::clean_up`]. For
    /// the owner.
    #[inline(always)]
    pub(crate) fn needs_cleanup(&self) -> bool {
        own!(self.needs_cleanup)
    }

    /// Returns whether a read of `gate` is in progress in this slot.
    #[inline]
    pub(crate) fn is_reading(&self, gate: u64) -> bool {
        // Acquire: with the Release in `publish`, `unpublish` and `invalidate`.
        let word = self.word.load(acquire("is_reading.word"));
        // Acquire: with the fence in `invalidate`.
        word.addr() & BITS == 0 && self.gate.load(acquire("is_reading.gate")) == gate
    }

    /// Returns the read or write of `gate` in this slot, by an optimistic read: `None` if the slot
    /// contains no such access, or changes during the call.
    pub(crate) fn snapshot(&self, gate: u64, writes: bool) -> Option<SlotSnapshot> {
        // Acquire: the lines of earlier descriptions are cleared (Release in `invalidate`).
        let seq = self.seq.load(acquire("snapshot.seq"));
        // Acquire: the description (Release in `publish`).
        let word = self.word.load(acquire("snapshot.word"));
        let same =
            self.gate.load(Ordering::Relaxed) == gate && (word.addr() & WRITE != 0) == writes;
        let operation = self.operation.load(Ordering::Relaxed);
        let since = self.since.load(Ordering::Relaxed);
        let delayed_since = self.delayed_since.load(Ordering::Relaxed);
        // Its Acquire fence is for the loads above as well, with the fence in `invalidate`. If one
        // of them observed a newer description or owner, the load below observes its `seq`
        // (invariant 4).
        let thread = self.identity.get()?;
        let changed = self.seq.load(Ordering::Relaxed) != seq;
        if !same || changed {
            return None;
        }
        // SAFETY: invariant 3.
        let location = unsafe { word.map_addr(|address| address & !BITS).as_ref() }?;
        // SAFETY: invariant 3.
        let operation = unsafe { operation.as_ref() }?;
        Some(SlotSnapshot {
            thread,
            location,
            operation,
            since,
            delayed_since: (delayed_since != 0).then_some(delayed_since),
        })
    }

    pub(crate) fn identity(&self) -> &'static Identity {
        self.identity
    }

    /// Returns the slot that [`Gate::writer`](super::gate::Gate) points at.
    ///
    /// # Safety
    /// `slot` came from a `&'static Slot`.
    pub(crate) unsafe fn from_pointer(slot: *mut Self) -> &'static Self {
        // SAFETY: by the contract, and invariant 1.
        unsafe { &*slot }
    }

    pub(crate) fn as_pointer(&'static self) -> *mut Self {
        pointer_to(self)
    }
}

/// The accesses of one thread.
///
/// Aligned so that no two threads store to one cache line, nor to two lines that the processor
/// fetches together. The fields are in this order so that all words that a scan loads of a thread
/// with few accesses are adjacent.
#[repr(C, align(128))]
pub(crate) struct Record {
    pub(crate) slots: [Slot; SLOTS],
    next: AtomicPtr<Record>,
    owned: AtomicBool,
    /// Set if the last access that ends releases the record. For the owner only.
    retired: AtomicBool,
    identity: &'static Identity,
    blocks: SlotBlocks,
}

impl Record {
    fn new() -> Self {
        let identity: &'static Identity = Box::leak(Box::new(Identity::new()));
        Self {
            slots: std::array::from_fn(|_| Slot::in_record(identity)),
            next: AtomicPtr::new(ptr::null_mut()),
            owned: AtomicBool::new(true),
            retired: AtomicBool::new(false),
            identity,
            blocks: SlotBlocks::new(),
        }
    }

    /// Returns a free slot. For the owner.
    pub(crate) fn claim(&'static self) -> &'static Slot {
        let free = self.slots.iter().find(|slot| slot.is_free());
        free.unwrap_or_else(|| self.claim_in_block())
    }

    /// Returns a free slot of a slot block. For the owner.
    pub(crate) fn claim_in_block(&self) -> &'static Slot {
        // A retired record must not be released meanwhile, by the end of an access inside an
        // allocation (blocks.rs, 6). The access that gets the slot releases it.
        let retired = own!(self.retired);
        if retired {
            self.retired.store(false, Ordering::Relaxed);
        }
        let slot = self.blocks.claim(self.identity);
        if retired {
            self.retired.store(true, Ordering::Relaxed);
        }
        slot
    }

    /// Defers the release of the record to the last access that ends. For the owner.
    pub(crate) fn retire(&self) {
        self.set_retired(true);
    }

    fn set_retired(&self, retired: bool) {
        self.retired.store(retired, Ordering::Relaxed);
        for slot in &self.slots {
            slot.needs_cleanup.store(retired, Ordering::Relaxed);
        }
    }

    /// Returns whether an access may be in a slot block. For a scan.
    #[inline(always)]
    pub(crate) fn has_blocks_in_use(&self) -> bool {
        self.blocks.are_in_use()
    }

    /// Folds the slots of slot blocks that may contain an access.
    pub(crate) fn fold_block_slots<B>(
        &self,
        initial: B,
        fold: impl Fn(B, &'static Slot) -> B + Copy,
    ) -> B {
        self.blocks.fold(initial, fold)
    }

    /// Returns every record that comes after this one.
    pub(crate) fn after(&self) -> impl Iterator<Item = &'static Self> + use<> {
        std::iter::successors(self.next(), |record| record.next())
    }

    fn next(&self) -> Option<&'static Self> {
        // Relaxed: never changes once the record is in the list.
        // SAFETY: invariant 1; only `push` stores here.
        unsafe { self.next.load(Ordering::Relaxed).as_ref() }
    }
}

/// The list of all records.
pub(crate) struct Registry {
    head: AtomicPtr<Record>,
}

impl Registry {
    #[cfg(not(untorn_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[cfg(untorn_loom)]
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Returns all records, in use or not.
    pub(crate) fn records(&self) -> impl Iterator<Item = &'static Record> {
        // Acquire: the contents of this record and of all after it (Release in `push`).
        // SAFETY: invariant 1; only `push` stores here.
        let first = unsafe { self.head.load(acquire("records.head")).as_ref() };
        std::iter::successors(first, |record| record.next())
    }

    /// Acquires a record for `thread`: one that an ended thread has released, or a new one.
    pub(crate) fn acquire(&self, thread: &ThreadIdentity) -> &'static Record {
        let left = self.records().find(|record| {
            // A load first: most records have an owner, and a compare-exchange would take the cache
            // line from it. Acquire: the previous owner's stores to the slots (the fence in
            // `invalidate`, called by `release`).
            !record.owned.load(Ordering::Relaxed)
                && record
                    .owned
                    .compare_exchange(false, true, acquire("acquire.owned"), Ordering::Relaxed)
                    .is_ok()
        });
        let record = left.unwrap_or_else(|| self.push());
        record.identity.set(thread);
        record
    }

    fn push(&self) -> &'static Record {
        let record: &'static Record = Box::leak(Box::new(Record::new()));
        let identity = record.identity;
        identity.record.store(pointer_to(record), Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            record.next.store(head, Ordering::Relaxed);
            // Release: the record (Acquire in `records`), and those that other threads pushed
            // before: pushes form one release sequence.
            match self.head.compare_exchange_weak(
                head,
                pointer_to(record),
                release("push.head"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return record,
                Err(newer) => head = newer,
            }
        }
    }

    /// Releases a record for the next thread, unless it contains an access; returns whether it was
    /// released. The access of a leaked guard never ends, so its record is never released.
    pub(crate) fn release(&self, record: &'static Record) -> bool {
        let free = record.slots.iter().all(Slot::is_free);
        if !free || !record.blocks.is_free() {
            return false;
        }
        if own!(record.retired) {
            record.set_retired(false);
        }
        record.blocks.reset();
        for slot in &record.slots {
            slot.invalidate();
        }
        // Relaxed: the stores to the slots are released by the fence in `invalidate` (Acquire in
        // `acquire`).
        record.owned.store(false, Ordering::Relaxed);
        true
    }

    /// Frees a slot that needs cleanup after its access has ended, and releases the record if it is
    /// retired and that was the last access in it; returns whether the record was released. For the
    /// owner.
    pub(crate) fn clean_up(&self, slot: &'static Slot) -> bool {
        let record = own!(slot.identity.record);
        // SAFETY: invariant 1; stored in `push`, and not null since.
        let record = unsafe { &*record };
        if slot.place != IN_RECORD {
            record.blocks.vacate(slot.place);
        }
        own!(record.retired) && self.release(record)
    }
}

/// Frees the records of a model, which creates a registry for each execution.
#[cfg(any(untorn_loom, untorn_shuttle))]
impl Drop for Registry {
    fn drop(&mut self) {
        let mut next = last_stored(&mut self.head);
        while !next.is_null() {
            // SAFETY: leaked by `push`, and no thread is left that has a reference to it.
            let mut record = unsafe { Box::from_raw(next) };
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(pointer_to(record.identity)) });
            next = last_stored(&mut record.next);
        }
    }
}
