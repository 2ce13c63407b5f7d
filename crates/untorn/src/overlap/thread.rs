//! The record of the current thread, and its slots for accesses.

#[cfg(all(test, not(untorn_shuttle)))]
mod tests;

use std::cell::Cell;
use std::marker::PhantomData;

use super::identity::ThreadIdentity;
use super::record::{Record, Registry, Slot};
use super::site::Name;
use super::tsan;
use crate::mutants::mutant;
use crate::sync::{current_thread, thread_local};
use crate::thread::{ThreadInfo, thread_info};

/// The records of all threads of the process.
#[cfg(not(untorn_shuttle))]
pub(crate) static REGISTRY: Registry = Registry::new();

#[cfg(untorn_shuttle)]
shuttle::lazy_static! {
    /// The records of all threads of one execution.
    pub(crate) static ref REGISTRY: Registry = Registry::new();
}

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static RELEASE_ON_EXIT: ReleaseOnExit = const { ReleaseOnExit(Cell::new(None)) };
}

fn current_identity() -> ThreadIdentity {
    let ThreadInfo { number, created_at } = thread_info();
    let thread = current_thread();
    ThreadIdentity {
        number,
        name: Name::new(thread.name().unwrap_or("<unnamed>")),
        created_at,
    }
}

/// Releases the record when the thread ends.
struct ReleaseOnExit(Cell<Option<&'static Record>>);

impl Drop for ReleaseOnExit {
    fn drop(&mut self) {
        if let Some(record) = self.0.take() {
            let _hidden = tsan::hide();
            if REGISTRY.release(record) {
                clear_record();
            } else if !mutant("records_are_not_retired") {
                record.retire();
            }
        }
    }
}

/// Clears the thread-local after the record was released. No user code has run on this thread since
/// the release.
fn clear_record() {
    // Shuttle may have destroyed this thread-local already.
    let _ = RECORD.try_with(Cell::take);
}

/// A slot of the current thread for one access, free until the access is published. Not `Send`.
pub(crate) struct Claim {
    pub(crate) slot: &'static Slot,
    _not_send: PhantomData<*const ()>,
}

impl Claim {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        match RECORD.with(Cell::get) {
            Some(record) if record.slots[0].is_free() => Self {
                slot: &record.slots[0],
                _not_send: PhantomData,
            },
            _ => Self::slow(),
        }
    }

    /// Claims a slot for the thread's first access, for an access inside another, or while the
    /// thread-locals are being destroyed.
    #[cold]
    fn slow() -> Self {
        let record = RECORD.with(Cell::get).unwrap_or_else(acquire_record);
        Self {
            slot: record.claim(),
            _not_send: PhantomData,
        }
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        if self.slot.needs_cleanup() {
            clean_up(self.slot);
        }
    }
}

#[cold]
fn clean_up(slot: &'static Slot) {
    let _hidden = tsan::hide();
    if REGISTRY.clean_up(slot) {
        clear_record();
    }
}

/// Acquires a record for the current thread.
fn acquire_record() -> &'static Record {
    let record = REGISTRY.acquire(&current_identity());
    // A global allocator may use a cell: then an access has begun while the record was allocated.
    if let Some(own) = RECORD.with(Cell::get) {
        REGISTRY.release(record);
        return own;
    }
    RECORD.with(|own| own.set(Some(record)));
    // While the thread-locals are being destroyed, the last access that ends releases the record.
    if RELEASE_ON_EXIT
        .try_with(|release| release.0.set(Some(record)))
        .is_err()
    {
        record.retire();
    }
    record
}
