//! No false negatives: of two attempts known to overlap, at least one reports.
//!
//! Each attempt sets a flag, Relaxed, after it has begun, and loads the other's flag before it
//! ends. If each has found the other's flag set, each began before the other ended.

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{Access, AccessKind, Bound, CURSOR, End, GET, INSERT, REMOVE, Shared, Side, Slot};
use super::{check, join, spawn};
use crate::sync::{Counter, Ordering};

/// Makes one attempt; returns whether it found the other's flag set.
fn attempt(shared: &Shared, slot: &'static Slot, access: Access, flags: [&AtomicBool; 2]) -> bool {
    let [mine, other] = flags;
    let mut found = false;
    let set_and_load = || {
        mine.store(true, Ordering::Relaxed);
        other.load(Ordering::Relaxed)
    };
    if access.operation.kind == AccessKind::Write {
        let taken = shared
            .gate
            .enter_write(&shared.registry, slot, access, 1)
            .is_ok();
        found |= set_and_load();
        shared.gate.leave_write(slot);
        shared.count(if taken {
            End::Entered
        } else {
            End::Reported(None)
        });
    } else {
        let free = shared.gate.enter_read(slot, access).is_ok();
        found |= set_and_load();
        shared.gate.leave_read(slot);
        shared.count(if free {
            End::Entered
        } else {
            End::Reported(None)
        });
    }
    found
}

fn known_to_overlap(name: &str, accesses: [Access; 2]) {
    let overlaps = std::sync::Arc::new(Counter::new(0));
    let count = std::sync::Arc::clone(&overlaps);
    check(name, Bound::None, move || {
        let shared = Shared::new();
        let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
        let other = {
            let flags = Arc::clone(&flags);
            spawn(&shared, move |shared| {
                attempt(shared, slots[0], accesses[0], [&flags[0], &flags[1]])
            })
        };
        let found = attempt(&shared, slots[1], accesses[1], [&flags[1], &flags[0]]);
        if join(other) && found {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(shared.reports() > 0, "an overlap that was not reported");
        }
        shared.assert_attempts(2);
    });
    let overlaps = overlaps.load(Ordering::Relaxed);
    assert!(overlaps > 0, "no execution was known to overlap");
}

#[test]
fn model_an_overlapping_read_and_write_are_reported() {
    known_to_overlap("an_overlapping_read_and_write_are_reported", [GET, INSERT]);
}

#[test]
fn model_overlapping_writes_are_reported() {
    known_to_overlap("overlapping_writes_are_reported", [REMOVE, INSERT]);
}

/// Checks two threads that register during the model, started in both orders, since loom does not
/// explore all orders here by itself.
fn new_threads(name: &str, bodies: [fn(&Shared); 2]) {
    for [one, two] in [bodies, [bodies[1], bodies[0]]] {
        check(name, Bound::Preemptions(4), move || {
            let shared = Shared::new();
            let other = spawn(&shared, one);
            two(&shared);
            join(other);
            shared.assert_attempts(2);
        });
    }
}

/// The scan of a writer finds the new reader, or the reader finds the writer.
#[test]
fn model_new_threads_are_seen() {
    new_threads(
        "new_threads_are_seen",
        [
            |shared| {
                let slot = &shared.record(1).slots[0];
                shared.read(slot, GET);
            },
            |shared| {
                let slot = &shared.record(2).slots[0];
                shared.write(slot, INSERT, 5);
            },
        ],
    );
}

/// An access that finds a new writer reports it completely.
#[test]
fn model_new_writers_are_reported() {
    fn write(shared: &Shared, number: u64) {
        let slot = &shared.record(number).slots[0];
        if let End::Reported(Some(side)) = shared.write(slot, INSERT, number) {
            let other = 3 - number;
            assert_eq!(side, Side::of(other, INSERT, other));
        }
    }
    new_threads(
        "new_writers_are_reported",
        [|shared| write(shared, 1), |shared| write(shared, 2)],
    );
}

/// Two threads that register at the same time: the scan finds both records.
#[test]
fn model_two_new_threads_are_seen() {
    check("two_new_threads_are_seen", Bound::Preemptions(2), || {
        let shared = Shared::new();
        let writer = &shared.record(1).slots[0];
        let readers = [2, 3].map(|number| {
            spawn(&shared, move |shared| {
                let slot = &shared.record(number).slots[0];
                shared.read(slot, GET);
            })
        });
        shared.write(writer, INSERT, 1);
        readers.into_iter().for_each(join);
        shared.assert_attempts(3);
    });
}

/// No access enters a closed gate. The thread that closes it is new, and an access that finds its
/// slot has a valid snapshot of it.
#[test]
fn model_a_closed_gate_refuses_all_accesses() {
    fn close(shared: &Shared, closed: &AtomicBool) {
        let slot = &shared.record(1).slots[0];
        if shared.gate.enter_read(slot, CURSOR).is_ok() {
            assert!(shared.gate.close(slot));
            closed.store(true, Ordering::Release);
        }
    }

    fn attempt_twice(shared: &Shared, closed: &AtomicBool) {
        let slot = &shared.record(2).slots[0];
        let closed = closed.load(Ordering::Acquire);
        let first = shared.read(slot, GET).entered();
        assert!(!(closed && first), "a read entered");
        let second = shared.read(slot, GET).entered();
        assert!(first || !second, "opened again");
        if closed {
            assert!(!shared.write(slot, INSERT, 1).entered(), "a write entered");
        }
    }

    type Body = fn(&Shared, &AtomicBool);
    for [one, two] in [[close as Body, attempt_twice], [attempt_twice, close]] {
        check(
            "a_closed_gate_refuses_all_accesses",
            Bound::None,
            move || {
                let shared = Shared::new();
                let closed = Arc::new(AtomicBool::new(false));
                let other = {
                    let closed = Arc::clone(&closed);
                    spawn(&shared, move |shared| one(shared, &closed))
                };
                two(&shared, &closed);
                join(other);
            },
        );
    }
}
