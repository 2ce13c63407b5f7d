//! Slots: snapshots of the access in them, and what a record leaves to its next owner.

use std::panic::Location;

use super::{GET, INSERT, LEN, SINCE, enter, leave, record};
use crate::overlap::gate::Gate;
use crate::overlap::identity::{Identity, ThreadIdentity};
use crate::overlap::record::{Registry, Slot};
use crate::overlap::site::{Access, AccessKind, Name, Operation};

/// The records of these tests.
static REGISTRY: Registry = Registry::new();

fn slot() -> &'static Slot {
    &record(&REGISTRY, 1).slots[0]
}

#[test]
fn a_snapshot_is_of_one_gate_and_kind() {
    for (operation, writes) in [(&GET, false), (&INSERT, true)] {
        let (gate, other_gate) = (Gate::new(), Gate::new());
        let slot = slot();
        assert!(slot.snapshot(gate.number(), writes).is_none(), "never used");
        let access = Access::here(operation);
        assert!(enter(&gate, &REGISTRY, slot, access).is_ok());
        let snapshot = slot.snapshot(gate.number(), writes);
        let snapshot = snapshot.expect("it contains the access");
        assert_eq!(snapshot.location, access.location);
        assert_eq!(snapshot.operation.name, operation.name);
        assert_eq!(
            (snapshot.thread.number, &*snapshot.thread.name),
            (1, "tester")
        );
        assert_eq!(snapshot.delayed_since, None);
        assert!(!writes || snapshot.since == SINCE);
        assert!(slot.snapshot(other_gate.number(), writes).is_none());
        assert!(slot.snapshot(gate.number(), !writes).is_none());
        leave(&gate, slot, operation);
        assert!(slot.is_free());
        let ended = slot.snapshot(gate.number(), writes);
        assert_eq!(ended.map(|ended| ended.location), Some(access.location));
    }
}

/// A snapshot never combines the line of one access with the description of the next.
#[test]
fn a_new_description_has_no_line_at_first() {
    let gates = [const { Gate::new() }; 2];
    let slot = slot();
    assert!(gates[0].enter_read(slot, Access::here(&GET)).is_ok());
    gates[0].leave_read(slot);
    slot.describe(gates[1].number(), &LEN, 0);
    let snapshots = gates
        .each_ref()
        .map(|gate| slot.snapshot(gate.number(), false));
    assert!(snapshots.iter().all(Option::is_none));
    slot.publish(Access::here(&LEN));
    let snapshot = slot.snapshot(gates[1].number(), false);
    assert_eq!(snapshot.expect("it is published").operation.name, "len");
    slot.unpublish();
}

/// Such reads store their line only.
#[test]
fn equal_reads_need_no_new_description() {
    let (gate, other_gate) = (Gate::new(), Gate::new());
    let slot = slot();
    let described = || {
        let by =
            |gate: &Gate, operation: &'static Operation| slot.describes(gate.number(), operation);
        [by(&gate, &GET), by(&gate, &LEN), by(&other_gate, &GET)]
    };
    assert_eq!(described(), [false; 3]);
    for (operation, expected) in [
        (&GET, [true, false, false]),
        (&LEN, [false, true, false]),
        (&INSERT, [false; 3]),
        (&GET, [true, false, false]),
    ] {
        assert!(enter(&gate, &REGISTRY, slot, Access::here(operation)).is_ok());
        leave(&gate, slot, operation);
        assert_eq!(described(), expected, "{operation:?}");
    }
    assert!(other_gate.enter_read(slot, Access::here(&GET)).is_ok());
    other_gate.leave_read(slot);
    assert_eq!(described(), [false, false, true]);
}

/// An access that is dropped before it is published.
#[test]
fn a_slot_that_was_not_published_stays_free() {
    let slot = slot();
    slot.unpublish();
    assert!(slot.is_free());
    assert!(Gate::new().enter_read(slot, Access::here(&GET)).is_ok());
    assert!(!slot.is_free());
    for _ in 0..2 {
        slot.unpublish();
        assert!(slot.is_free());
    }
}

#[test]
fn a_delay_is_recorded_until_it_ends() {
    let gate = Gate::new();
    let slot = slot();
    assert!(gate.enter_read(slot, Access::here(&GET)).is_ok());
    for delayed_since in [None, Some(7), None, Some(9), None] {
        slot.set_delayed(delayed_since);
        let snapshot = slot.snapshot(gate.number(), false).expect("a read");
        assert_eq!(snapshot.delayed_since, delayed_since);
    }
    gate.leave_read(slot);
}

#[test]
fn only_blocks_and_retired_records_need_cleanup() {
    let record = record(&REGISTRY, 1);
    let of_record = || record.slots.each_ref().map(Slot::needs_cleanup);
    let in_block = record.claim_in_block();
    assert!(in_block.needs_cleanup());
    assert!(!REGISTRY.clean_up(in_block), "the thread has not ended");
    assert!(!of_record().contains(&true));
    record.retire();
    assert!(!of_record().contains(&false));
    assert!(
        REGISTRY.clean_up(&record.slots[0]),
        "no access is left in it"
    );
    assert!(!of_record().contains(&true), "of the next owner");
}

#[test]
fn a_reused_record_has_no_lines() {
    static OWN: Registry = Registry::new();
    let gate = Gate::new();
    let first = record(&OWN, 1);
    let slots = [&first.slots[0], first.claim_in_block()];
    for slot in slots {
        assert!(gate.enter_read(slot, Access::here(&GET)).is_ok());
        gate.leave_read(slot);
        assert!(slot.snapshot(gate.number(), false).is_some());
    }
    assert!(!OWN.clean_up(slots[1]), "the thread has not ended");
    assert!(OWN.release(first));
    let next = record(&OWN, 2);
    assert!(std::ptr::eq(first, next), "no other record is there");
    assert!(std::ptr::eq(next.claim_in_block(), slots[1]));
    for slot in slots {
        assert!(slot.snapshot(gate.number(), false).is_none());
        assert_eq!(slot.identity().get().map(|thread| thread.number), Some(2));
    }
}

#[test]
fn an_identity_returns_the_thread_it_was_given() {
    let identity = Identity::new();
    let long = "x".repeat(Name::LEN);
    let wide = "配".repeat(Name::LEN);
    for (number, name) in (1..).zip(["poller", &*long, "", "配", &*wide, "main"]) {
        for created_at in [None, Some(Location::caller())] {
            let name = Name::new(name);
            identity.set(&ThreadIdentity {
                number,
                name,
                created_at,
            });
            let thread = identity.get().expect("it does not change");
            assert_eq!((thread.number, thread.name), (number, name));
            assert_eq!(thread.created_at, created_at);
        }
    }
    // A number twice, two pointers, and one name.
    assert!(size_of::<Identity>() <= 4 * 8 + Name::LEN);
}

#[test]
fn an_unknown_thread_has_number_zero() {
    let unknown = ThreadIdentity::unknown();
    assert_eq!((unknown.number, &*unknown.name), (0, "<unknown>"));
    assert_eq!(unknown.created_at, None);
}

#[test]
fn iterations_and_clones_are_published_as_reads() {
    static ITER: Operation = super::operation("iter", AccessKind::Iterate);
    static CLONE: Operation = super::operation("clone", AccessKind::Clone);
    let gate = Gate::new();
    let slot = slot();
    for operation in [&ITER, &CLONE] {
        assert!(gate.enter_read(slot, Access::here(operation)).is_ok());
        assert!(slot.is_reading(gate.number()));
        gate.leave_read(slot);
        assert!(!slot.is_reading(gate.number()));
    }
}
