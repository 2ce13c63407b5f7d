//! Gates: which accesses conflict, with whom, and with how many.

use std::collections::BTreeSet;
use std::ptr;
use std::thread;

use super::{GET, INSERT, enter, leave, record};
use crate::overlap::gate::Gate;
use crate::overlap::record::{Registry, Slot};
use crate::overlap::site::{Access, AccessKind};

/// The records of these tests. A write scans those of all of them, but finds its own gate only.
static REGISTRY: Registry = Registry::new();

const GATES: usize = if cfg!(miri) { 10 } else { 100 };

#[test]
fn each_gate_has_one_number_of_its_own() {
    let gates = [const { Gate::new() }; GATES];
    // Two threads draw the numbers at once.
    let numbers = || gates.each_ref().map(Gate::number);
    let drawn = thread::scope(|s| {
        let threads = [s.spawn(numbers), s.spawn(numbers)];
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(drawn, [numbers(); 2]);
    let distinct = BTreeSet::from(drawn[0]);
    assert_eq!(distinct.len(), GATES);
    assert!(!distinct.contains(&0), "a slot that was never used has it");
}

#[test]
fn accesses_of_two_gates_never_conflict() {
    let registry = &REGISTRY;
    for (one, other) in [(&GET, &INSERT), (&INSERT, &GET), (&INSERT, &INSERT)] {
        let gates = [const { Gate::new() }; 2];
        let slots = [1, 2].map(|number| &record(registry, number).slots[0]);
        assert!(enter(&gates[0], registry, slots[0], Access::here(one)).is_ok());
        assert!(enter(&gates[1], registry, slots[1], Access::here(other)).is_ok());
        leave(&gates[1], slots[1], other);
        leave(&gates[0], slots[0], one);
    }
}

/// Every pair of kinds. A refused access disturbs nothing: the next one is refused as well.
#[test]
fn conflicts_last_as_long_as_the_first_access() {
    let registry = &REGISTRY;
    for first in [&GET, &INSERT] {
        for second in [&GET, &INSERT] {
            let gate = Gate::new();
            let slots = [1, 2].map(|number| &record(registry, number).slots[0]);
            let writes = first.kind == AccessKind::Write;
            let conflicts = writes || second.kind == AccessKind::Write;
            assert!(enter(&gate, registry, slots[0], Access::here(first)).is_ok());
            for _ in 0..2 {
                let end = enter(&gate, registry, slots[1], Access::here(second));
                assert_eq!(end.is_err(), conflicts, "{first:?} {second:?}");
                if let Err(conflict) = end {
                    assert!(ptr::eq(conflict.other, slots[0]));
                    assert_eq!((conflict.writes, conflict.additional_readers), (writes, 0));
                }
                leave(&gate, slots[1], second);
            }
            leave(&gate, slots[0], first);
            assert!(enter(&gate, registry, slots[1], Access::here(second)).is_ok());
            leave(&gate, slots[1], second);
        }
    }
}

/// Reads of two threads, in the slots of their records and in slot blocks, which end one by one.
#[test]
fn a_writer_counts_the_readers_in_all_slots() {
    static OWN: Registry = Registry::new();
    let gate = Gate::new();
    let writer = &record(&OWN, 1).slots[0];
    let readers = [2, 3].map(|number| record(&OWN, number));
    let enter_read = |n: usize| {
        let slot = readers[n % 2].claim();
        assert!(gate.enter_read(slot, Access::here(&GET)).is_ok());
        slot
    };
    let mut inside: Vec<_> = (0..2 * 9).map(enter_read).collect();
    loop {
        let end = gate.enter_write(&OWN, writer, Access::here(&INSERT), 1);
        gate.leave_write(writer);
        match end {
            Ok(()) => break assert!(inside.is_empty()),
            Err(conflict) => {
                assert_eq!(conflict.additional_readers + 1, inside.len());
                assert!(inside.iter().any(|&slot| ptr::eq(slot, conflict.other)));
            }
        }
        let slot = inside.remove(0);
        gate.leave_read(slot);
        if slot.needs_cleanup() {
            OWN.clean_up(slot);
        }
    }
}

/// A report that ends the process closes the gate first, so that the value stays as it is.
#[test]
fn a_closed_gate_refuses_every_access() {
    type Prepare = fn(&Gate, [&'static Slot; 2]);
    let refuses = |gate: &Gate, slots: [&'static Slot; 2], by: &'static Slot| {
        for operation in [&GET, &INSERT] {
            let end = enter(gate, &REGISTRY, slots[1], Access::here(operation));
            let conflict = end.expect_err("the gate is closed");
            assert!(conflict.writes && ptr::eq(conflict.other, by));
            leave(gate, slots[1], operation);
        }
    };
    // The state of the gate, and whether the first slot's access can close it.
    let cases: [(Prepare, bool); 3] = [
        (
            |gate, [own, _]| assert!(gate.enter_read(own, Access::here(&GET)).is_ok()),
            true,
        ),
        (
            |gate, [own, _]| {
                let entered = gate.enter_write(&REGISTRY, own, Access::here(&INSERT), 1);
                assert!(entered.is_ok());
            },
            true,
        ),
        (
            |gate, [_, other]| {
                let entered = gate.enter_write(&REGISTRY, other, Access::here(&INSERT), 1);
                assert!(entered.is_ok());
            },
            false,
        ),
    ];
    for (prepare, closes) in cases {
        let gate = Gate::new();
        let [own, other, third] = [1, 2, 3].map(|number| &record(&REGISTRY, number).slots[0]);
        prepare(&gate, [own, other]);
        assert_eq!(gate.close(own), closes);
        refuses(&gate, [own, third], if closes { own } else { other });
        if !closes {
            gate.leave_write(other);
            assert!(gate.close(own), "the other write has ended");
            refuses(&gate, [own, third], own);
        }
    }
}
