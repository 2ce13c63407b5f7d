//! The gate: who may be inside at the same time, and who must be told that they were.
//!
//! A gate never makes anyone wait. Entering either succeeds, or finds an access that may not be there at the same
//! time: then there was an overlap.
//!
//! # Protocol
//!
//! ```text
//! reader                                   writer
//! R0 set the slot's bits, if in a block    W0 as R0
//! R1 announce (gate, line) in own slot     W1 announce (gate, line) in own slot
//!                                             fence(Acquire)
//! R2 fence(SeqCst)                         W2 writer: null -> own slot, by compare-exchange; else overlap
//! R3 writer != null? overlap               W3 fence(SeqCst)
//!    … read …                              W4 a slot of any record, or one in a block whose bits are
//!                                             set, reads this gate? overlap
//! R5 retract                                  … write …
//!    fence(Release)                        W5 writer: -> null; retract
//!                                             fence(Release)
//! R6 clear the slot's bits, if in a block  W6 as R6
//! ```
//!
//! Readers store to their own record only, so they do not slow each other down; the writer pays for looking at all
//! records. Most accesses are in the slots of a record; R0 and R6 are for those in slot blocks
//! (blocks.rs).
//!
//! # Invariants
//!
//! 1. *Exclusion.* While a write is inside, no other access is. Of two writes W2 lets one in. Of a read and a write,
//!    one of R2 and W3 comes first in the single order of `SeqCst` fences: if R2, then W4 sees the
//!    slot of R1 and the bits of R0, which stay set until R5 is over; if
//!    W3, then R3 sees the pointer of W2. So if both are at the gate at once, at least one of them finds the other.
//! 2. *Order.* What a write did is seen by each later access: W5 is a Release that R3 and W3 acquire. What a read
//!    saw comes before each later write: R5 is a Release that W4 acquires, from the slot, or, where
//!    W4 finds a bit clear, from the word of that bit: R6 stores it after the fence.
//! 3. *No false report.* A slot says that it reads a gate only between R1 and R5, and the pointer is not null only
//!    between W2 and W5: so whoever finds one finds an access in progress. Nor is an old value found: after R5 and W5
//!    comes a Release fence, before W2 an Acquire fence, and R2 is one too; so an access that begins after another has
//!    ended finds it ended, even if nothing but a Relaxed flag says that it has. (W4 looks at the line, then at the gate.
//!    It may put the line of a slot's earlier read beside the gate that the owner has described since, and so find a read
//!    just before R1: one in progress as well, which will find the pointer.) Bits only say which
//!    slots W4 looks at.

use std::ptr;

use super::ordering_mutants::{acquire, fence, release, seq_cst};
use super::record::{Record, Registry, SLOTS, Slot};
use super::site::Access;
#[cfg(not(untorn_loom))]
use crate::sync::Counter;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, replace_null};

/// The state of one gate: the writer inside, by its slot, and the number that readers announce.
pub(crate) struct Gate {
    writer: AtomicPtr<Slot>,
    /// 0 until the first access. Never used for another gate, so a forgotten access can be blamed on this one only.
    number: AtomicU64,
}

/// What stands in the way of an access.
pub(crate) struct Busy {
    /// The slot of one access that is inside.
    pub(crate) other: &'static Slot,
    /// Whether that one is a write.
    pub(crate) writes: bool,
    /// How many readers are inside besides that one.
    pub(crate) more: usize,
}

/// The reads that a scan has found.
#[derive(Default)]
struct Readers {
    first: Option<&'static Slot>,
    /// How many there are besides the first.
    more: usize,
}

impl Gate {
    #[cfg(not(untorn_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            writer: AtomicPtr::new(ptr::null_mut()),
            number: AtomicU64::new(0),
        }
    }

    /// A gate whose number is given: loom knows no statics, so it cannot count them.
    #[cfg(untorn_loom)]
    pub(crate) fn numbered(number: u64) -> Self {
        Self {
            writer: AtomicPtr::new(ptr::null_mut()),
            number: AtomicU64::new(number),
        }
    }

    /// The number of this gate.
    #[inline(always)]
    pub(crate) fn number(&self) -> u64 {
        // Relaxed: a number that is seen is the right one.
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

    /// Enters to read. On an overlap the announcement stays until [`leave_read`](Self::leave_read).
    #[inline(always)]
    pub(crate) fn enter_read(&self, slot: &'static Slot, access: Access) -> Result<(), Busy> {
        // Relaxed: a number that is seen is the right one.
        let number = self.number.load(Ordering::Relaxed);
        // A number that has not been drawn is in no description.
        if !slot.describes(number, access.operation) {
            slot.describe(self.number(), access.operation, 0);
        }
        slot.announce(access);
        // SeqCst: with the fence in `enter_write` (invariant 1). The Acquire in it: with the fence in
        // `retract` (invariant 3).
        fence(seq_cst("enter_read.fence"));
        // Acquire: with the Release in `leave_write` (invariant 2), and for what the writer announced, with the
        // one in `enter_write`.
        let writer = self.writer.load(acquire("enter_read.writer"));
        if writer.is_null() {
            Ok(())
        } else {
            Err(self.busy_with_writer(writer))
        }
    }

    #[inline(always)]
    pub(crate) fn leave_read(&self, slot: &'static Slot) {
        slot.retract();
    }

    /// Enters to write. On an overlap with a reader the gate stays taken until [`leave_write`](Self::leave_write);
    /// on one with a writer it is that one's.
    #[inline]
    pub(crate) fn enter_write(
        &self,
        registry: &Registry,
        slot: &'static Slot,
        access: Access,
        since: u64,
    ) -> Result<(), Busy> {
        let number = self.number();
        slot.describe(number, access.operation, since);
        slot.announce(access);
        // Acquire: that an earlier writer is gone, with the fence in `retract` (invariant 3).
        fence(acquire("enter_write.before"));
        // Release: the slot, to readers and writers that find the pointer. Acquire: the slot of the writer that is found.
        // What earlier writers did is acquired by the fence below, with the Release in `leave_write` (invariant 2).
        let taken = replace_null(
            &self.writer,
            slot.as_pointer(),
            release("enter_write.writer"),
            acquire("enter_write.found"),
        );
        if let Err(writer) = taken {
            return Err(self.busy_with_writer(writer));
        }
        slot.set_has_gate(true);
        // SeqCst: with the fence in `enter_read` (invariant 1).
        fence(seq_cst("enter_write.fence"));
        let readers = Self::readers(registry, number);
        match readers.first {
            None => Ok(()),
            Some(other) => Err(Busy {
                other,
                writes: false,
                more: readers.more,
            }),
        }
    }

    /// Returns the reads that are going on: the scan of a writer.
    #[inline(always)]
    fn readers(registry: &Registry, number: u64) -> Readers {
        for record in registry.records() {
            let first = record.slots.iter().position(|slot| slot.reads_at(number));
            if first.is_some() || record.has_blocks_in_use() {
                return Self::readers_from(record, first, number);
            }
        }
        Readers::default()
    }

    /// The rest of the scan, from a record in which `first` is the first slot that reads.
    #[cold]
    fn readers_from(record: &'static Record, first: Option<usize>, number: u64) -> Readers {
        let count = |mut readers: Readers, slot: &'static Slot| {
            if slot.reads_at(number) {
                readers.more += usize::from(readers.first.is_some());
                readers.first = readers.first.or(Some(slot));
            }
            readers
        };
        let found = Readers {
            first: first.map(|first| &record.slots[first]),
            more: 0,
        };
        let rest = first.map_or(SLOTS, |first| first + 1);
        let found = record.slots[rest..].iter().fold(found, count);
        let found = record.fold_block_slots(found, count);
        record.after().fold(found, |found, record| {
            let found = record.slots.iter().fold(found, count);
            record.fold_block_slots(found, count)
        })
    }

    /// Leaves after a write, whether it had entered or found the gate taken.
    #[inline(always)]
    pub(crate) fn leave_write(&self, slot: &'static Slot) {
        if slot.has_gate() {
            slot.set_has_gate(false);
            // Release: what was written, to whoever enters next (Acquire in `enter_read` and `enter_write`).
            self.writer
                .store(ptr::null_mut(), release("leave_write.writer"));
        }
        slot.retract();
    }

    /// Takes the gate without entering, unless this slot's write has it already: from here on every access finds it taken.
    /// False if another writer has it.
    pub(crate) fn close(&self, slot: &'static Slot) -> bool {
        if slot.has_gate() {
            return true;
        }
        // Relaxed: whoever is turned away from here on is not heard, and that the slot exists is in the fence in `forget`.
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
    fn busy_with_writer(&self, writer: *mut Slot) -> Busy {
        Busy {
            // SAFETY: only pointers to slots are stored in `writer`, and slots are never freed (record.rs, 1).
            other: unsafe { Slot::from_pointer(writer) },
            writes: true,
            more: 0,
        }
    }
}
