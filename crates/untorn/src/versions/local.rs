//! The record of the current thread, and its slots.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

#[cfg(not(untorn_shuttle))]
use super::slots::PINS;
use super::slots::{Record, Registry, Slot};
use crate::sync::thread_local;

/// The records of all threads of the process.
#[cfg(not(untorn_shuttle))]
pub(crate) static REGISTRY: Registry = Registry::new();

#[cfg(untorn_shuttle)]
shuttle::lazy_static! {
    /// The records of all threads of one execution.
    pub(crate) static ref REGISTRY: Registry = Registry::new();
}

/// A record without a free slot, for the fast path of threads that have none.
#[cfg(not(untorn_shuttle))]
static BUSY: Record = Record::busy();

#[cfg(not(untorn_shuttle))]
thread_local! {
    /// The slots of a thread in asymmetric mode, for the fast path of a pin; or those of
    /// `BUSY`.
    static FAST: Cell<*const [Slot; PINS]> = const { Cell::new(&raw const BUSY.pins) };
}

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static GIVE_BACK_ON_EXIT: GiveBackOnExit = const { GiveBackOnExit(Cell::new(None)) };
}

/// Gives the record back when the thread ends.
struct GiveBackOnExit(Cell<Option<&'static Record>>);

impl Drop for GiveBackOnExit {
    fn drop(&mut self) {
        // First, so that the destructors of other thread-locals claim extra records. Shuttle may
        // have destroyed this thread-local already.
        #[cfg(not(untorn_shuttle))]
        FAST.set(&raw const BUSY.pins);
        _ = RECORD.try_with(Cell::take);
        if let Some(record) = self.0.take()
            && !REGISTRY.give_back(record)
        {
            REGISTRY.abandon();
        }
    }
}

/// Makes what has a `dyn` of it not `Send`, and takes no other auto trait away.
///
/// Its name is the first that the compiler states about a pin that is sent or held over an `await`:
/// of a struct it would state the innermost field instead.
trait StaysOnItsThreadUnlikeASnapshot: Sync + Unpin + UnwindSafe + RefUnwindSafe {}

/// A free slot of the current thread for a pin. Dropping it clears the slot. Not `Send`.
pub(super) struct Claim {
    /// One of `pins` of the thread's record, or the `moment` of a record that was claimed for this
    /// slot only.
    pub(super) slot: &'static Slot,
    _stays: PhantomData<dyn StaysOnItsThreadUnlikeASnapshot>,
}

impl Claim {
    #[inline(always)]
    fn of(slot: &'static Slot) -> Self {
        Self {
            slot,
            _stays: PhantomData,
        }
    }

    /// Claims a slot if the thread has a record, is in asymmetric mode, and one of its first
    /// slots is free.
    #[cfg(not(untorn_shuttle))]
    #[inline(always)]
    #[allow(
        unsafe_code,
        reason = "a pointer, since a constant holds no reference to it"
    )]
    pub(super) fn fast_pin() -> Option<Self> {
        // SAFETY: the slots of a static, or of a record of the static registry (slots.rs, 1).
        let [first, second, ..] = unsafe { &*FAST.get() };
        if first.is_free() {
            Some(Self::of(first))
        } else if second.is_free() {
            Some(Self::of(second))
        } else {
            None
        }
    }

    /// Claims a slot.
    pub(super) fn pin() -> Self {
        let slot = record().and_then(Record::free_pin);
        slot.map_or_else(Self::extra, Self::of)
    }

    /// Claims a slot in a record of its own: the thread's own has no free slot, or was given back.
    #[cold]
    fn extra() -> Self {
        Self::of(&REGISTRY.claim().moment)
    }

    /// Returns whether the record was claimed for this slot only.
    #[inline(always)]
    fn is_extra(&self) -> bool {
        // By its address, so that a pin carries nothing else.
        #[cfg(not(untorn_shuttle))]
        return self.slot.is_moment();
        #[cfg(untorn_shuttle)]
        return REGISTRY.has_moment(self.slot);
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        self.slot.clear();
        if self.is_extra() {
            give_back_extra(self.slot);
        }
    }
}

#[cold]
#[inline(never)]
fn give_back_extra(slot: &'static Slot) {
    REGISTRY.give_back_of(slot);
}

/// Calls `f` with the slot for the moment in which a handle takes its count. `f` leaves it free.
pub(super) fn with_moment<R>(f: impl FnOnce(&Slot) -> R) -> R {
    match record() {
        Some(record) => f(&record.moment),
        None => f(Claim::extra().slot),
    }
}

/// Returns the record of the current thread; `None` while its thread-locals are being destroyed.
#[inline]
fn record() -> Option<&'static Record> {
    RECORD.with(Cell::get).or_else(claim_record)
}

#[cold]
fn claim_record() -> Option<&'static Record> {
    GIVE_BACK_ON_EXIT
        .try_with(|give_back| {
            let record = REGISTRY.claim();
            // A global allocator may pin: then it has done so while a slab was allocated.
            if let Some(own) = give_back.0.get() {
                REGISTRY.give_back(record);
                return own;
            }
            give_back.0.set(Some(record));
            RECORD.with(|own| own.set(Some(record)));
            #[cfg(not(untorn_shuttle))]
            if super::fence::is_asymmetric() {
                FAST.set(&raw const record.pins);
            }
            record
        })
        .ok()
}
