//! Loom models of the cell as shipped, in symmetric mode, in which a pin executes a fence: every
//! interleaving, and every value that the memory model permits a load to return.
//!
//! `just loom` runs them; each prints its number of executions and their bound. A model has one
//! slot for pins in each record, two records in a slab, and one attempt of a pin before it
//! announces its cell. `just ordering-mutants` weakens each ordering once, and a model must fail.
//!
//! | file | what holds in every execution |
//! |---|---|
//! | `pins.rs` | a pinned version is not freed, and its reads happen before it is |
//! | `handles.rs` | nor is a counted one; while the owner lives no handle frees; the end of the owner |
//! | `records.rs` | all of this while threads end and records are claimed again, and in new slabs |
//! | `lock.rs` | one writer at a time, none waits forever, none is overtaken without end |
//!
//! Each version has a loom cell that its drop writes to, so loom reports a read that no chain of
//! Release and Acquire orders before the drop. Memory is freed at the end of an execution, so that
//! a read after the drop finds the mark of the drop.

#![allow(unsafe_code, reason = "reads versions that a slot protects")]

mod handles;
mod lock;
mod pins;
mod records;

use loom::sync::Arc;
use loom::thread;

use super::cell::Versions;
use super::reclaim::Weight;
use super::slots::{Record, Registry, Slot};
use crate::loom_models::{self, Bound};
use crate::sync::{self, UnsafeCell, free_dropped};

/// The weight of a version: a scan is due at each commit.
const SCAN: Weight = Weight {
    retired: 1,
    newest: 1,
    commits: 1,
};

/// The weight of a version that makes no scan due.
const NO_SCAN: Weight = Weight {
    commits: usize::MAX,
    ..SCAN
};

/// A version that detects reads after its drop.
struct Contents {
    number: u64,
    alive: UnsafeCell<bool>,
}

// SAFETY: loom checks that reads happen before the drop.
unsafe impl Send for Contents {}
// SAFETY: as above.
unsafe impl Sync for Contents {}

impl Contents {
    fn new(number: u64) -> Self {
        Self {
            number,
            alive: UnsafeCell::new(true),
        }
    }

    fn read(&self) -> u64 {
        // SAFETY: see `Sync`.
        assert!(
            self.alive.with(|alive| unsafe { *alive }),
            "read after free"
        );
        self.number
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        // SAFETY: see `Sync`.
        self.alive.with_mut(|alive| unsafe { *alive = false });
    }
}

/// A cell, and the records of all threads. Models that create versions on one thread only check
/// that this thread frees them.
struct Shared {
    registry: Registry,
    cell: Versions<Contents>,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            registry: Registry::new(),
            cell: Versions::new(Contents::new(0)),
        })
    }

    fn record(&self) -> &Record {
        self.registry.claim()
    }

    /// Returns the newest version. The model must not use it after it has cleared the slot.
    fn protect(&self, slot: &Slot) -> &Contents {
        self.read(self.cell.newest().protect(slot))
    }

    /// Reads a version of this cell.
    fn read(&self, version: *const Contents) -> &Contents {
        // SAFETY: a slot protects it (newest.rs, 2), and its memory is not freed before the end of
        // the execution.
        let version = unsafe { &*version };
        version.read();
        version
    }

    /// Pins, reads and unpins.
    fn pin(&self, slot: &Slot) -> u64 {
        let number = self.protect(slot).read();
        slot.clear();
        number
    }

    fn count(&self, slot: &Slot) -> sync::Arc<Contents> {
        self.cell.newest().count(slot)
    }

    /// Publishes a version, and drops what a scan has found free.
    fn commit(&self, number: u64, weight: Weight) {
        let version = sync::Arc::new(Contents::new(number));
        let mut writer = self.cell.write();
        let freed = writer.publish(&self.registry, version, weight);
        drop(writer);
        drop(freed);
    }
}

/// Checks `body` in every execution within the bound.
fn check(name: &str, bound: Bound, body: impl Fn() + Sync + Send + 'static) {
    loom_models::check(name, bound, move || {
        // What the execution before this one has dropped.
        free_dropped();
        body();
    });
}

/// Starts a thread of a model.
fn spawn(shared: &Arc<Shared>, body: impl FnOnce(&Shared) + 'static) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || body(&shared))
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("the model does not panic");
    }
}
