//! What threads write down about their accesses: records, and the registry that lists them.
//!
//! ```text
//! Registry ─head─> Record ─next─> Record ─next─> ∅        a record per thread, reused, never freed
//!                   ├ identity   number, name, created at, confirmed
//!                   ├ slots[4]   { word, gate, operation, since, kept_open, changes }  one per access of the thread
//!                   └ blocks     slot blocks for the accesses beyond four: blocks.rs
//! ```
//!
//! # Owner of a record
//!
//! A thread acquires a record when it begins its first access, and releases it when it ends. If an
//! access is in the record then, because a guard is kept in another thread-local, the record is
//! *retired*: the accesses of the thread go on in it, and the last one to end releases it. A leaked
//! guard never ends, so its record is never released.
//!
//! # State of a slot
//!
//! | `word` | meaning |
//! |---|---|
//! | `ENDED` alone | free |
//! | location + `ENDED`, with or without `WRITE` | free; who met that access can still say from which line it was |
//! | location | a read of the gate `gate`, from this line, is going on |
//! | location + `WRITE` | a write, of which [`Gate::writer`](super::gate::Gate) says whether it has entered |
//!
//! What else a report says of an access, its *description*, is the gate, the operation, the moment and the owner. A read
//! of the same gate by the same operation as the slot's access before has the same description, and stores its word only.
//!
//! # Invariants
//!
//! 1. Records, and with them slots and identities, are leaked: a pointer to one is valid for ever.
//! 2. Only the thread that owns a record stores to its slots, its slot blocks and its identity. It
//!    owns one record at most.
//! 3. `word`, its low bits taken off, is null or came from a `&'static Location`; `operation` is null or came from a
//!    `&'static Operation`.
//! 4. *A line and its description.* Before a description changes, first `word` loses its line, then `changes` is counted
//!    up; the next line is stored when the description is whole. `kept_open` alone changes while the line stays: the
//!    count goes up, then it is stored; it is 0 again before the access ends, so no line is announced beside it. So
//!    whoever finds the same count before and after looking has seen the lines of one description and nothing but that
//!    description.
//!    Of what thread it is says `identity.rs`, 1.

#![allow(unsafe_code, reason = "named for it: see the invariants above")]

use std::panic::Location;
use std::ptr;

use super::blocks::SlotBlocks;
use super::identity::{Identity, Who, pointer_to};
use super::ordering_mutants::{acquire, fence, release};
use super::site::{Access, AccessKind, Operation};
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

/// Loads what only the calling thread stores (invariant 2): Relaxed is enough.
#[cfg(not(untorn_loom))]
macro_rules! own {
    ($atomic:expr) => {
        $atomic.load(Ordering::Relaxed)
    };
}

/// The same in a model, which fails if another thread's store is not ordered before it. For loom it is no step: of all
/// accesses to a word loom tries a store before the last one only, and a thread's own load would be that.
#[cfg(untorn_loom)]
macro_rules! own {
    ($atomic:expr) => {
        // SAFETY: invariant 2.
        unsafe { $atomic.unsync_load() }
    };
}
pub(super) use own;

/// The `word` of a slot that tells of no line.
const FREE: *mut Location<'static> = ptr::without_provenance_mut(ENDED);

/// One access of one thread.
pub(crate) struct Slot {
    word: AtomicPtr<Location<'static>>,
    gate: AtomicU64,
    operation: AtomicPtr<Operation>,
    since: AtomicU64,
    /// How often the three above, `kept_open`, or the owner have changed.
    changes: AtomicU64,
    /// Whether the write in this slot has its gate. For the owner only.
    has_gate: AtomicBool,
    /// Whether the end of an access in this slot has more to do than to retract it: the slot is in
    /// a slot block, or the record is retired. For the owner only.
    needs_cleanup: AtomicBool,
    /// The place among the slots of the record's slot blocks, or `IN_RECORD`.
    place: u32,
    /// Since when the access is being delayed; 0 if it is not.
    kept_open: AtomicU64,
    identity: &'static Identity,
}

/// What a slot says of the access in it.
pub(crate) struct Seen {
    pub(crate) who: Who,
    pub(crate) at: &'static Location<'static>,
    pub(crate) operation: &'static Operation,
    pub(crate) since: u64,
    /// Since when it is being delayed, if it is.
    pub(crate) kept_open: Option<u64>,
}

impl Slot {
    fn in_record(identity: &'static Identity) -> Self {
        Self::new(identity, IN_RECORD)
    }

    /// A slot of a slot block.
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
            changes: AtomicU64::new(0),
            has_gate: AtomicBool::new(false),
            needs_cleanup: AtomicBool::new(place != IN_RECORD),
            place,
            kept_open: AtomicU64::new(0),
            identity,
        }
    }

    /// Whether the description is that of a read of `gate` by `operation` already. For the owner.
    #[inline(always)]
    pub(crate) fn describes(&self, gate: u64, operation: &'static Operation) -> bool {
        own!(self.gate) == gate && own!(self.operation) == pointer_to(operation)
    }

    /// Describes the access that is about to be announced; `since` counts for writes only.
    pub(crate) fn describe(&self, gate: u64, operation: &'static Operation, since: u64) {
        self.forget();
        self.gate.store(gate, Ordering::Relaxed);
        self.operation
            .store(pointer_to(operation), Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// Takes the line of the slot's earlier access back, so that it is not put to another description (invariant 4).
    pub(super) fn forget(&self) {
        // Relaxed: that the access is over, which a scan may read from this, is in the fence in `retract`, or in `set` if
        // it was another owner's.
        self.word.store(FREE, Ordering::Relaxed);
        let changes = own!(self.changes);
        // Release: the word above, to whoever sees this count before the look (Acquire in `seen`).
        self.changes.store(changes + 1, release("forget.changes"));
        // Release: the count, to whoever sees anything of the next description (Acquire fence in `seen`); and the end of
        // the access, to the scan that sees the next gate, and so takes it for ended (Acquire in `reads_at`).
        fence(release("forget.fence"));
    }

    /// Writes down that the owner is entering the gate of the description.
    #[inline(always)]
    pub(crate) fn announce(&self, access: Access) {
        let writes = access.operation.kind == AccessKind::Write;
        let tag = if writes { WRITE } else { 0 };
        let word = pointer_to(access.at).map_addr(|address| address | tag);
        // Release: the description, the identity with it (Acquire in `reads_at` and `seen`). That a writer sees it in
        // time is the work of the fences in `gate.rs`.
        self.word.store(word, release("announce.word"));
    }

    /// Writes down since when the access in this slot is being delayed, or that it is not any more.
    pub(crate) fn keep_open(&self, since: Option<u64>) {
        let changes = own!(self.changes);
        // Relaxed: that the line is this access's, to whoever sees this count before the look, is in the SeqCst fence on
        // entering.
        self.changes.store(changes + 1, Ordering::Relaxed);
        // Release: the count, to whoever sees the moment below (Acquire fence in `who`).
        fence(release("keep_open.fence"));
        self.kept_open.store(since.unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether no access is in this slot. For the owner.
    #[inline(always)]
    pub(crate) fn is_free(&self) -> bool {
        own!(self.word).addr() & ENDED != 0
    }

    /// Writes down that the access is over.
    #[inline(always)]
    pub(crate) fn retract(&self) {
        let ended = own!(self.word).map_addr(|address| address | ENDED);
        // Release: what was read, to the writer whose scan finds the read ended (Acquire in `reads_at`).
        self.word.store(ended, release("retract.word"));
        // Release: that it is over, to whoever is told of it by anything that this thread stores from here on, however
        // weakly (the fences on entering in `gate.rs`).
        fence(release("retract.fence"));
    }

    /// Whether the owner has the gate by this slot. For the owner.
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

    /// Whether a read of `gate` is going on in this slot.
    #[inline]
    pub(crate) fn reads_at(&self, gate: u64) -> bool {
        // Acquire: with Release in `announce`, `retract` and `forget`.
        let word = self.word.load(acquire("reads_at.word"));
        // Acquire: with the fence in `forget`.
        word.addr() & BITS == 0 && self.gate.load(acquire("reads_at.gate")) == gate
    }

    /// The read or write of `gate` that this slot tells of, unless the owner is going on to something else.
    pub(crate) fn seen(&self, gate: u64, writes: bool) -> Option<Seen> {
        // Acquire: that the lines of earlier descriptions are gone (Release in `forget`).
        let changes = self.changes.load(acquire("seen.changes"));
        // Acquire: the description (Release in `announce`).
        let word = self.word.load(acquire("seen.word"));
        let same =
            self.gate.load(Ordering::Relaxed) == gate && (word.addr() & WRITE != 0) == writes;
        let operation = self.operation.load(Ordering::Relaxed);
        let since = self.since.load(Ordering::Relaxed);
        let kept_open = self.kept_open.load(Ordering::Relaxed);
        // The Acquire fence in it is for the loads above as well, with the fence in `forget`. If one of them found a newer
        // description or owner, the load below finds its count (invariant 4).
        let who = self.identity.who()?;
        let changed = self.changes.load(Ordering::Relaxed) != changes;
        if !same || changed {
            return None;
        }
        // SAFETY: invariant 3.
        let at = unsafe { word.map_addr(|address| address & !BITS).as_ref() }?;
        // SAFETY: invariant 3.
        let operation = unsafe { operation.as_ref() }?;
        Some(Seen {
            who,
            at,
            operation,
            since,
            kept_open: (kept_open != 0).then_some(kept_open),
        })
    }

    pub(crate) fn identity(&self) -> &'static Identity {
        self.identity
    }

    /// The slot that [`Gate::writer`](super::gate::Gate) names.
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

/// The accesses of one thread. Aligned so that no two threads store to one cache line, nor to two that the processor
/// fetches together; in this order, so that a scan finds all that it loads of a thread with few
/// accesses side by side.
#[repr(C, align(128))]
pub(crate) struct Record {
    pub(crate) slots: [Slot; SLOTS],
    next: AtomicPtr<Record>,
    owned: AtomicBool,
    /// Whether the last access that ends releases the record. For the owner only.
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
        self.blocks.claim(self.identity)
    }

    /// Leaves the release to the last access that ends. For the owner.
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

    /// Folds the slots of slot blocks that an access may be in.
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

/// All records there ever were.
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

    /// Every record, in use or not.
    pub(crate) fn records(&self) -> impl Iterator<Item = &'static Record> {
        // Acquire: the contents of this record and of all after it (Release in `push`).
        // SAFETY: invariant 1; only `push` stores here.
        let first = unsafe { self.head.load(acquire("records.head")).as_ref() };
        std::iter::successors(first, |record| record.next())
    }

    /// A record for the thread `who`: one that an ended thread left, or a new one.
    pub(crate) fn acquire(&self, who: &Who) -> &'static Record {
        let left = self.records().find(|record| {
            // A look first: most have an owner, and a compare-exchange would take their line from them. Acquire: what
            // the owner before did to the slots (Release in `release`).
            !record.owned.load(Ordering::Relaxed)
                && record
                    .owned
                    .compare_exchange(false, true, acquire("acquire.owned"), Ordering::Relaxed)
                    .is_ok()
        });
        let record = left.unwrap_or_else(|| self.push());
        record.identity.set(who);
        record
    }

    fn push(&self) -> &'static Record {
        let record: &'static Record = Box::leak(Box::new(Record::new()));
        let identity = record.identity;
        identity.record.store(pointer_to(record), Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            record.next.store(head, Ordering::Relaxed);
            // Release: the record (Acquire in `records`), with those that other threads pushed before: each push goes on
            // from the one that it found.
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

    /// Releases a record for the next thread, unless an access is in it; returns whether it did. An
    /// access whose guard was leaked never ends, and keeps the record.
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
            slot.forget();
        }
        // Relaxed: the slots and all above are in the fence in `forget` (Acquire in `acquire`).
        record.owned.store(false, Ordering::Relaxed);
        true
    }

    /// Frees a slot that needs cleanup after its access has ended, and releases the record if it is
    /// retired and that was the last access in it; returns whether it did. For the owner.
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

/// Frees the records of a model, which makes a registry for each execution.
#[cfg(any(untorn_loom, untorn_shuttle))]
impl Drop for Registry {
    fn drop(&mut self) {
        let mut next = last_stored(&mut self.head);
        while !next.is_null() {
            // SAFETY: leaked by `push`, and no thread is left that could look at it.
            let mut record = unsafe { Box::from_raw(next) };
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(pointer_to(record.identity)) });
            next = last_stored(&mut record.next);
        }
    }
}
