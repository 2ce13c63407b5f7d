//! Tests of the detector's parts, each by itself: gates, slots, the sides of a report, its text.

mod conflicts;
mod policies;
mod sides;
mod slots;
mod texts;

use std::panic::Location;

use super::gate::{Conflict, Gate};
use super::identity::ThreadIdentity;
use super::record::{Record, Registry, Slot};
use super::site::{Access, AccessKind, Name, Operation};

static GET: Operation = operation("get", AccessKind::Read);
static LEN: Operation = operation("len", AccessKind::Read);
static INSERT: Operation = operation("insert", AccessKind::Write);

/// The start time of each write.
const SINCE: u64 = 5;

const fn operation(name: &'static str, kind: AccessKind) -> Operation {
    Operation { name, kind }
}

/// Acquires a record for a thread with this number. A test accesses its records from one thread.
#[track_caller]
fn record(registry: &Registry, number: u64) -> &'static Record {
    registry.acquire(&ThreadIdentity {
        number,
        name: Name::new("tester"),
        created_at: Some(Location::caller()),
    })
}

/// Enters a gate, as a read or as a write.
fn enter(
    gate: &Gate,
    registry: &Registry,
    slot: &'static Slot,
    access: Access,
) -> Result<(), Conflict> {
    match access.operation.kind {
        AccessKind::Write => gate.enter_write(registry, slot, access, SINCE),
        _ => gate.enter_read(slot, access),
    }
}

fn leave(gate: &Gate, slot: &'static Slot, operation: &Operation) {
    match operation.kind {
        AccessKind::Write => gate.leave_write(slot),
        _ => gate.leave_read(slot),
    }
}
