//! What threads write down about their accesses: records, and the registry that lists them.
//!
//! ```text
//! Registry ─head─> Record ─next─> Record ─next─> ∅        a record per thread, reused, never freed
//!                   ├ identity   name, number, created at
//!                   └ slots[4]   { gate, word, operation, since, … }  one per access that the thread is in
//! ```
//!
//! # State of a slot
//!
//! | `word` | meaning |
//! |---|---|
//! | null | free |
//! | location + `ENDED`, with or without `WRITE` | free; who met that access can still say from which line it was |
//! | location | a read of the gate `gate`, from this line, is going on |
//! | location + `WRITE` | a write, of which [`Gate::writer`](super::gate::Gate) says whether it has entered |
//!
//! # Invariants
//!
//! 1. Records, and with them slots and identities, are leaked: a pointer to one is valid for ever.
//! 2. Only the thread that owns a record stores to its slots and its identity.
//! 3. `word`, its low bits taken off, is null or came from a `&'static Location`; `operation` is null or came from a
//!    `&'static Operation`.
//! 4. `word` is stored last on entering, so whoever reads it sees the rest at least as new.

#![allow(unsafe_code, reason = "named for it: see the invariants above")]

use std::panic::Location;
use std::ptr;

use super::site::{Access, AccessKind, Name, Operation};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};

/// Accesses a record has room for. A thread that is in more at once takes further records.
pub(crate) const SLOTS: usize = 4;

/// The bit of `word` for a write. Both bits are free because a `Location` is aligned.
const WRITE: usize = 1;
/// The bit of `word` for an access that has ended.
const ENDED: usize = 2;
const BITS: usize = WRITE | ENDED;

const _: () = assert!(align_of::<Location<'static>>() > BITS);

/// Who a record belongs to.
pub(crate) struct Identity {
    number: AtomicU64,
    name: [AtomicU64; Name::LEN / 8],
    created_at: AtomicPtr<Location<'static>>,
}

/// The contents of an [`Identity`].
#[derive(Clone, Copy)]
pub(crate) struct Who {
    pub(crate) number: u64,
    pub(crate) name: Name,
    pub(crate) created_at: Option<&'static Location<'static>>,
}

fn pointer_to<T>(reference: &'static T) -> *mut T {
    ptr::from_ref(reference).cast_mut()
}

impl Identity {
    fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            name: std::array::from_fn(|_| AtomicU64::new(0)),
            created_at: AtomicPtr::new(ptr::null_mut()),
        }
    }

    // Stored with Release: after the slots of the thread before were cleared, so that whoever sees the new identity
    // and then looks at a slot again finds it cleared (fence in `seen`). Loaded Relaxed: by those who loaded a
    // slot's `word` with Acquire, which publishes it.

    fn set(&self, who: &Who) {
        self.number.store(who.number, Ordering::Release);
        let mut bytes = [0; Name::LEN];
        bytes[..who.name.len()].copy_from_slice(who.name.as_bytes());
        for (word, bytes) in self.name.iter().zip(bytes.chunks_exact(8)) {
            let bytes = bytes.try_into().expect("chunks of eight");
            word.store(u64::from_ne_bytes(bytes), Ordering::Release);
        }
        let created_at = who.created_at.map_or(ptr::null_mut(), pointer_to);
        self.created_at.store(created_at, Ordering::Release);
    }

    pub(crate) fn who(&self) -> Who {
        let mut bytes = [0; Name::LEN];
        for (word, bytes) in self.name.iter().zip(bytes.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        let name = std::str::from_utf8(&bytes[..len]).unwrap_or("<changing>");
        // SAFETY: null, or made of a `&'static Location` in `set`.
        let created_at = unsafe { self.created_at.load(Ordering::Relaxed).as_ref() };
        Who {
            number: self.number.load(Ordering::Relaxed),
            name: Name::new(name),
            created_at,
        }
    }
}

/// One access of one thread.
pub(crate) struct Slot {
    gate: AtomicU64,
    word: AtomicPtr<Location<'static>>,
    operation: AtomicPtr<Operation>,
    since: AtomicU64,
    /// Since when the access is being kept open; 0 if it is not.
    kept_open: AtomicU64,
    identity: &'static Identity,
}

/// What a slot says of the access in it.
pub(crate) struct Seen {
    pub(crate) who: Who,
    pub(crate) at: &'static Location<'static>,
    pub(crate) operation: &'static Operation,
    pub(crate) since: u64,
    /// Since when it is being kept open, if it is.
    pub(crate) kept_open: Option<u64>,
}

impl Slot {
    fn new(identity: &'static Identity) -> Self {
        Self {
            gate: AtomicU64::new(0),
            word: AtomicPtr::new(ptr::null_mut()),
            operation: AtomicPtr::new(ptr::null_mut()),
            since: AtomicU64::new(0),
            kept_open: AtomicU64::new(0),
            identity,
        }
    }

    /// Writes down that the owner is entering `gate`; `since` counts for writes only.
    #[inline(always)]
    pub(crate) fn announce(&self, gate: u64, access: Access, since: u64) {
        let writes = access.operation.kind == AccessKind::Write;
        // First the line of the slot's earlier access is taken back, so that it is not put to what follows. Release:
        // that access, as in `retract`, since a scan may find this null instead of what `retract` stored.
        self.word.store(ptr::null_mut(), Ordering::Release);
        // Release: the end of the slot's earlier access, to the scan that finds this newer number and so takes
        // the earlier one for ended (Acquire in `reads_at`).
        self.gate.store(gate, Ordering::Release);
        // Release, both: the null above, to whoever sees these (fence in `seen`).
        self.operation
            .store(pointer_to(access.operation), Ordering::Release);
        if writes {
            self.since.store(since, Ordering::Release);
        }
        let tag = if writes { WRITE } else { 0 };
        let word = pointer_to(access.at).map_addr(|address| address | tag);
        // Release: all of the above and the identity (Acquire in `reads_at` and `seen`). That a writer sees it in
        // time is the work of the fences in `gate.rs`.
        self.word.store(word, Ordering::Release);
    }

    /// Writes down since when the access in this slot is being kept open, or that it is not any more.
    pub(crate) fn keep_open(&self, since: Option<u64>) {
        // Release: the null of `announce`, to whoever sees this (fence in `seen`).
        self.kept_open.store(since.unwrap_or(0), Ordering::Release);
    }

    /// Whether no access is in this slot. For the owner.
    #[inline(always)]
    pub(crate) fn is_free(&self) -> bool {
        // Relaxed: the owner's own word.
        let word = self.word.load(Ordering::Relaxed);
        word.is_null() || word.addr() & ENDED != 0
    }

    /// Writes down that the access is over.
    #[inline(always)]
    pub(crate) fn retract(&self) {
        // Relaxed: the owner's own word.
        let word = self.word.load(Ordering::Relaxed);
        let ended = word.map_addr(|address| address | ENDED);
        // Release: what was read, to the writer whose scan finds the read ended (Acquire in `reads_at`).
        self.word.store(ended, Ordering::Release);
    }

    /// Forgets the access: the slot is about to have another owner.
    fn clear(&self) {
        // Release: as in `retract`.
        self.word.store(ptr::null_mut(), Ordering::Release);
    }

    /// Whether a read of `gate` is going on in this slot.
    #[inline]
    pub(crate) fn reads_at(&self, gate: u64) -> bool {
        // Acquire: with Release in `announce` and in `retract`.
        let word = self.word.load(Ordering::Acquire);
        // Acquire: with Release in `announce`.
        !word.is_null() && word.addr() & BITS == 0 && self.gate.load(Ordering::Acquire) == gate
    }

    /// The read or write of `gate` that this slot tells of, unless the owner has gone on to something else.
    pub(crate) fn seen(&self, gate: u64, writes: bool) -> Option<Seen> {
        // Acquire: with Release in `announce`.
        let word = self.word.load(Ordering::Acquire);
        let same =
            self.gate.load(Ordering::Acquire) == gate && (word.addr() & WRITE != 0) == writes;
        let operation = self.operation.load(Ordering::Relaxed);
        let since = self.since.load(Ordering::Relaxed);
        let kept_open = self.kept_open.load(Ordering::Relaxed);
        let who = self.identity.who();
        // Acquire fence: with Release in `announce` and in `Identity::set`. If one of the loads above found a newer
        // access or owner, the second look at `word` finds the null before it; if `word` is the same, all belong to it or to a newer access from the
        // same line.
        fence(Ordering::Acquire);
        if !same || self.word.load(Ordering::Relaxed) != word {
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
/// fetches together.
#[repr(align(128))]
pub(crate) struct Record {
    pub(crate) slots: [Slot; SLOTS],
    identity: &'static Identity,
    owned: AtomicBool,
    next: AtomicPtr<Record>,
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
        // Acquire, here and below: the record's contents (Release in `push`).
        // SAFETY: invariant 1; only `push` stores here.
        let first = unsafe { self.head.load(Ordering::Acquire).as_ref() };
        std::iter::successors(first, |record| {
            // SAFETY: invariant 1; only `push` stores here.
            unsafe { record.next.load(Ordering::Acquire).as_ref() }
        })
    }

    /// A record for the thread `who`: one that an ended thread left, or a new one.
    pub(crate) fn acquire(&self, who: &Who) -> &'static Record {
        let left = self.records().find(|record| {
            // A look first: most have an owner, and a compare-exchange would take their line from them. Acquire: what
            // the owner before did to the slots (Release in `release`).
            !record.owned.load(Ordering::Relaxed)
                && record
                    .owned
                    .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
        });
        let record = left.unwrap_or_else(|| self.push());
        record.identity.set(who);
        record
    }

    fn push(&self) -> &'static Record {
        let identity: &'static Identity = Box::leak(Box::new(Identity::new()));
        let record: &'static Record = Box::leak(Box::new(Record {
            slots: std::array::from_fn(|_| Slot::new(identity)),
            identity,
            owned: AtomicBool::new(true),
            next: AtomicPtr::new(ptr::null_mut()),
        }));
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            record.next.store(head, Ordering::Relaxed);
            // Release: the record (Acquire in `records`).
            match self.head.compare_exchange_weak(
                head,
                pointer_to(record),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return record,
                Err(newer) => head = newer,
            }
        }
    }

    /// Gives a record back, unless an access is still in it: that one was forgotten, and will be met for ever.
    pub(crate) fn release(&self, record: &'static Record) {
        if !record.slots.iter().all(Slot::is_free) {
            return;
        }
        for slot in &record.slots {
            slot.clear();
        }
        // Release: the slots (Acquire in `acquire`).
        record.owned.store(false, Ordering::Release);
    }
}
