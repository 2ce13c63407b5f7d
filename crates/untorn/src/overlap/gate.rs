//! The gate: the protocol that detects two conflicting accesses in progress at the same time.
//!
//! A gate never blocks. An attempt to enter either succeeds or finds a conflicting access: then the
//! two overlap.
//!
//! # Protocol
//!
//! ```text
//! reader                                   writer
//! R0 set the slot's bits, if in a block    W0 as R0
//! R1 publish (gate, line) in own slot      W1 publish (gate, line) in own slot
//!                                             fence(Acquire)
//! R2 fence(SeqCst)                         W2 writer: null -> own slot, by compare-exchange;
//!                                             else overlap
//! R3 writer != null? overlap               W3 fence(SeqCst)
//!    … read …                              W4 a slot of any record, or one in a block whose bits
//!                                             are set, reads this gate? overlap
//! R5 unpublish                                … write …
//!    fence(Release)                        W5 writer: -> null; unpublish
//!                                             fence(Release)
//! R6 clear the slot's bits, if in a block  W6 as R6
//! ```
//!
//! A reader stores to its own record only, so readers do not slow each other down; the writer
//! pays, by a scan of all records. Most accesses are in the slots of a record; R0 and R6 are for
//! those in slot blocks (blocks.rs).
//!
//! # Invariants
//!
//! 1. *Exclusion.* While a write is inside, no other access is. Of two writes, the compare-exchange
//!    of W2 succeeds for one. Of a read and a write, one of R2 and W3 comes first in the single
//!    total order of `SeqCst` fences. If R2, then W4 observes the slot of R1 and the bits of R0,
//!    which stay set until R5 is over; if W3, then R3 observes the pointer of W2. So if both are at
//!    the gate at once, at least one of them finds the other.
//! 2. *Order.* A write happens-before each later access: W5 is a Release that R3 and W3 acquire. A
//!    read happens-before each later write: R5 is a Release that W4 acquires, from the slot, or,
//!    where W4 finds a bit clear, from the word of that bit: R6 stores it after the fence.
//! 3. *No false positive.* A slot contains a read of a gate only between R1 and R5, and the pointer
//!    is not null only between W2 and W5: so an access that finds either has found an access in
//!    progress. Stale values are excluded: R5 and W5 are followed by a Release fence, W2 is
//!    preceded by an Acquire fence, and R2 is one too. So an access that begins after another has
//!    ended observes that end, even if only a Relaxed flag orders the two. (W4 loads the line, then
//!    the gate. It may combine the line of a slot's earlier read with the gate of the owner's next
//!    description, and so find a read just before R1. That read is in progress as well and will
//!    find the pointer.) Bits only select the slots that W4 loads.

use std::ptr;

use super::record::{Record, Registry, SLOTS, Slot};
use super::site::Access;
use crate::ordering_mutants::{acquire, fence, release, seq_cst};
#[cfg(not(untorn_loom))]
use crate::sync::Counter;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, replace_null};

/// The state of one gate: the slot of the writer inside, and the number that readers publish.
pub(crate) struct Gate {
    writer: AtomicPtr<Slot>,
    /// 0 until the first access. Never reused, so a leaked access is attributed to this gate only.
    number: AtomicU64,
}

/// The accesses that an attempt to enter conflicts with.
pub(crate) struct Conflict {
    /// The slot of one conflicting access.
    pub(crate) other: &'static Slot,
    /// Set if that access is a write.
    pub(crate) writes: bool,
    /// The number of readers inside besides that access.
    pub(crate) additional_readers: usize,
}

/// The reads found by a writer's scan.
#[derive(Default)]
struct Readers {
    first: Option<&'static Slot>,
    /// The number of reads besides the first.
    additional: usize,
}

impl Gate {
    #[cfg(not(untorn_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            writer: AtomicPtr::new(ptr::null_mut()),
            number: AtomicU64::new(0),
        }
    }

    /// Creates a gate with a given number: a counter in a static is not reset between executions of
    /// a loom model.
    #[cfg(untorn_loom)]
    pub(crate) fn numbered(number: u64) -> Self {
        Self {
            writer: AtomicPtr::new(ptr::null_mut()),
            number: AtomicU64::new(number),
        }
    }

    /// Returns the number of this gate.
    #[inline(always)]
    pub(crate) fn number(&self) -> u64 {
        // Relaxed: the number never changes once it is not 0.
        let number = self.number.load(Ordering::Relaxed);
        if number == 0 {
            self.draw_number()
        } else {
            number
        }
    }

    #[cfg(not(untorn_loom))]
    #[cold]
    fn draw_number(&self) -> u64 {
        static NEXT: Counter = Counter::new(1);
        let drawn = NEXT.fetch_add(1, Ordering::Relaxed);
        self.number
            .compare_exchange(0, drawn, Ordering::Relaxed, Ordering::Relaxed)
            .map_or_else(|first| first, |_| drawn)
    }

    #[cfg(untorn_loom)]
    fn draw_number(&self) -> u64 {
        unreachable!("numbered when it was made")
    }

    /// Enters to read. On a conflict the slot stays published until
    /// [`leave_read`](Self::leave_read).
    #[inline(always)]
    pub(crate) fn enter_read(&self, slot: &'static Slot, access: Access) -> Result<(), Conflict> {
        // Relaxed: the number never changes once it is not 0.
        let number = self.number.load(Ordering::Relaxed);
        // A number of 0 is in no description.
        if !slot.describes(number, access.operation) {
            slot.describe(self.number(), access.operation, 0);
        }
        slot.publish(access);
        // SeqCst: with the fence in `enter_write` (invariant 1). The Acquire in it: with the fence
        // in `unpublish` (invariant 3).
        fence(seq_cst("enter_read.fence"));
        // Acquire: with the Release in `leave_write` (invariant 2), and, for the writer's slot,
        // with the one in `enter_write`.
        let writer = self.writer.load(acquire("enter_read.writer"));
        if writer.is_null() {
            Ok(())
        } else {
            Err(self.conflict_with_writer(writer))
        }
    }

    #[inline(always)]
    pub(crate) fn leave_read(&self, slot: &'static Slot) {
        slot.unpublish();
    }

    /// Enters to write. On a conflict with a reader this write holds the gate until
    /// [`leave_write`](Self::leave_write); on a conflict with a writer that writer holds it.
    #[inline]
    pub(crate) fn enter_write(
        &self,
        registry: &Registry,
        slot: &'static Slot,
        access: Access,
        since: u64,
    ) -> Result<(), Conflict> {
        let number = self.number();
        slot.describe(number, access.operation, since);
        slot.publish(access);
        // Acquire: the end of an earlier write, with the fence in `unpublish` (invariant 3).
        fence(acquire("enter_write.before"));
        // Release: the slot, to readers and writers that find the pointer. Acquire: the slot of the
        // writer that is found. The effects of earlier writes are acquired by the fence below, with
        // the Release in `leave_write` (invariant 2).
        let taken = replace_null(
            &self.writer,
            slot.as_pointer(),
            release("enter_write.writer"),
            acquire("enter_write.found"),
        );
        if let Err(writer) = taken {
            return Err(self.conflict_with_writer(writer));
        }
        slot.set_has_gate(true);
        // SeqCst: with the fence in `enter_read` (invariant 1).
        fence(seq_cst("enter_write.fence"));
        let readers = Self::readers(registry, number);
        match readers.first {
            None => Ok(()),
            Some(other) => Err(Conflict {
                other,
                writes: false,
                additional_readers: readers.additional,
            }),
        }
    }

    /// Returns the reads in progress: the scan of a writer.
    #[inline(always)]
    fn readers(registry: &Registry, number: u64) -> Readers {
        for record in registry.records() {
            let first = record.slots.iter().position(|slot| slot.is_reading(number));
            if first.is_some() || record.has_blocks_in_use() {
                return Self::readers_from(record, first, number);
            }
        }
        Readers::default()
    }

    /// Continues the scan from a record in which `first` is the first slot with a read.
    #[cold]
    fn readers_from(record: &'static Record, first: Option<usize>, number: u64) -> Readers {
        let count = |mut readers: Readers, slot: &'static Slot| {
            if slot.is_reading(number) {
                readers.additional += usize::from(readers.first.is_some());
                readers.first = readers.first.or(Some(slot));
            }
            readers
        };
        let found = Readers {
            first: first.map(|first| &record.slots[first]),
            additional: 0,
        };
        let rest = first.map_or(SLOTS, |first| first + 1);
        let found = record.slots[rest..].iter().fold(found, count);
        let found = record.fold_block_slots(found, count);
        record.after().fold(found, |found, record| {
            let found = record.slots.iter().fold(found, count);
            record.fold_block_slots(found, count)
        })
    }

    /// Leaves after a write that entered, and after one that found a conflict.
    #[inline(always)]
    pub(crate) fn leave_write(&self, slot: &'static Slot) {
        if slot.has_gate() {
            slot.set_has_gate(false);
            // Release: what was written, to the next access that enters (Acquire in `enter_read`
            // and `enter_write`).
            self.writer
                .store(ptr::null_mut(), release("leave_write.writer"));
        }
        slot.unpublish();
    }

    /// Takes the gate without entering, unless this slot's write holds it already: from then on
    /// every access finds a writer. Returns false if another writer holds it.
    pub(crate) fn close(&self, slot: &'static Slot) -> bool {
        if slot.has_gate() {
            return true;
        }
        // Relaxed: accesses that are refused from here on report nothing, and the slot's contents
        // are released by the fence in `invalidate`.
        replace_null(
            &self.writer,
            slot.as_pointer(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        )
        .is_ok()
    }

    #[cold]
    #[allow(unsafe_code, reason = "one pointer back into a slot; see below")]
    fn conflict_with_writer(&self, writer: *mut Slot) -> Conflict {
        Conflict {
            // SAFETY: only pointers to slots are stored in `writer`, and slots are never freed
            // (record.rs, 1).
            other: unsafe { Slot::from_pointer(writer) },
            writes: true,
            additional_readers: 0,
        }
    }
}
