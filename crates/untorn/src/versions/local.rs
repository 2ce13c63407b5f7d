//! The record of the current thread, and its slots.

use std::cell::Cell;
use std::marker::PhantomData;

use super::fence;
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

thread_local! {
    /// The record of a thread on the asymmetric road, for the fast path of a pin.
    static FAST: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static GIVE_BACK_ON_EXIT: GiveBackOnExit = const { GiveBackOnExit(Cell::new(None)) };
}

/// Gives the record back when the thread ends.
struct GiveBackOnExit(Cell<Option<&'static Record>>);

impl Drop for GiveBackOnExit {
    fn drop(&mut self) {
        // First, so that the destructors of other thread-locals claim extra records. Shuttle may
        // have destroyed these thread-locals already.
        _ = FAST.try_with(Cell::take);
        _ = RECORD.try_with(Cell::take);
        if let Some(record) = self.0.take()
            && !REGISTRY.give_back(record)
        {
            REGISTRY.abandon();
        }
    }
}

/// A free slot of the current thread. Dropping it clears the slot. Not `Send`.
pub(super) struct Claim {
    pub(super) slot: &'static Slot,
    /// The record, if it was claimed for this slot only.
    extra: Option<&'static Record>,
    _not_send: PhantomData<*const ()>,
}

impl Claim {
    #[inline(always)]
    fn of(slot: &'static Slot) -> Self {
        Self {
            slot,
            extra: None,
            _not_send: PhantomData,
        }
    }

    /// Claims a slot for a pin if the thread has a record, is on the asymmetric road, and one of its
    /// first slots is free.
    #[inline(always)]
    pub(super) fn fast_pin() -> Option<Self> {
        let record = FAST.with(Cell::get)?;
        let [first, second, ..] = &record.pins;
        if first.is_free() {
            Some(Self::of(first))
        } else if second.is_free() {
            Some(Self::of(second))
        } else {
            None
        }
    }

    /// Claims a slot for a pin.
    pub(super) fn pin() -> Self {
        let slot = record().and_then(Record::free_pin);
        slot.map_or_else(Self::extra, Self::of)
    }

    /// Claims the slot for the moment in which a handle takes its count.
    pub(super) fn moment() -> Self {
        record().map_or_else(Self::extra, |record| Self::of(&record.moment))
    }

    /// Claims a slot in a record of its own: the thread's own has no free slot, or was given back.
    #[cold]
    fn extra() -> Self {
        let record = REGISTRY.claim();
        Self {
            slot: &record.moment,
            extra: Some(record),
            _not_send: PhantomData,
        }
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        self.slot.clear();
        if let Some(record) = self.extra {
            give_back(record);
        }
    }
}

#[cold]
fn give_back(record: &'static Record) {
    // Its only slot has just been cleared.
    REGISTRY.give_back(record);
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
            give_back.0.set(Some(record));
            RECORD.with(|own| own.set(Some(record)));
            if fence::is_asymmetric() {
                FAST.with(|own| own.set(Some(record)));
            }
            record
        })
        .ok()
}
