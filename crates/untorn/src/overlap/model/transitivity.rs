//! Transitivity: happens-before edges through another gate.
//!
//! One thread accesses the first gate and then the second; another thread accesses the second gate
//! later, and then the first. The first access to the first gate happens-before the other one: its
//! effects are observed, and no overlap is reported.

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{Bound, End, GET, INSERT, LEN, REMOVE, Shared, Slot, check, join, spawn};
use crate::sync::{Counter, Ordering, with_old_values};

type Body = fn(&Shared, &'static Slot) -> End;

const READ: Body = |shared, slot| shared.read(slot, GET);
const WRITE: Body = |shared, slot| shared.write(slot, INSERT, 1);

/// An access to the other gate. The first one stores a value or a flag while inside; the second one
/// returns whether it has found that.
type Elsewhere = fn(&Shared, &'static Slot, &AtomicBool) -> bool;

const WRITE_VALUE: Elsewhere = |shared, slot, _| {
    shared.write_other(slot, REMOVE, |value| *value = 1);
    false
};

const FIND_VALUE_BY_READ: Elsewhere = |shared, slot, _| {
    let mut found = false;
    shared.read_other(slot, LEN, |value| found = value == 1);
    found
};

const FIND_VALUE_BY_WRITE: Elsewhere = |shared, slot, _| {
    let mut found = false;
    shared.write_other(slot, REMOVE, |value| {
        found = *value == 1;
        *value = 2;
    });
    found
};

/// A read that sets a flag while inside. A write that finds the flag set comes after that read.
const SET_FLAG: Elsewhere = |shared, slot, flag| {
    shared.read_other(slot, LEN, |_| flag.store(true, Ordering::Relaxed));
    false
};

const FIND_FLAG: Elsewhere = |shared, slot, flag| {
    let mut found = false;
    shared.write_other(slot, REMOVE, |_| found = flag.load(Ordering::Relaxed));
    found
};

fn by_another_gate(name: &str, accesses: [Body; 2], elsewhere: [Elsewhere; 2]) {
    let [first, second] = accesses;
    let [release, acquire] = elsewhere;
    let found_edges = std::sync::Arc::new(Counter::new(0));
    let count = std::sync::Arc::clone(&found_edges);
    let model = move || {
        let shared = Shared::new();
        let flag = Arc::new(AtomicBool::new(false));
        let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
        let other = {
            let flag = Arc::clone(&flag);
            spawn(&shared, move |shared| {
                let end = first(shared, slots[0]);
                release(shared, slots[0], &flag);
                end
            })
        };
        if acquire(&shared, slots[1], &flag) {
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(second(&shared, slots[1]), End::Entered);
        }
        assert_eq!(join(other), End::Entered);
    };
    check(name, Bound::None, model.clone());
    with_old_values(|| check(name, Bound::None, model));
    let found_edges = found_edges.load(Ordering::Relaxed);
    assert!(found_edges > 0, "the edge was never found");
}

#[test]
fn model_order_by_a_write_and_a_read_elsewhere() {
    let elsewhere = [WRITE_VALUE, FIND_VALUE_BY_READ];
    by_another_gate(
        "read_then_write_by_a_write_and_a_read",
        [READ, WRITE],
        elsewhere,
    );
    by_another_gate(
        "write_then_read_by_a_write_and_a_read",
        [WRITE, READ],
        elsewhere,
    );
    by_another_gate(
        "write_then_write_by_a_write_and_a_read",
        [WRITE, WRITE],
        elsewhere,
    );
}

#[test]
fn model_order_by_two_writes_elsewhere() {
    let elsewhere = [WRITE_VALUE, FIND_VALUE_BY_WRITE];
    by_another_gate("read_then_write_by_two_writes", [READ, WRITE], elsewhere);
    by_another_gate("write_then_read_by_two_writes", [WRITE, READ], elsewhere);
    by_another_gate("write_then_write_by_two_writes", [WRITE, WRITE], elsewhere);
}

#[test]
fn model_order_by_a_read_and_a_write_elsewhere() {
    let elsewhere = [SET_FLAG, FIND_FLAG];
    by_another_gate(
        "read_then_write_by_a_read_and_a_write",
        [READ, WRITE],
        elsewhere,
    );
    by_another_gate(
        "write_then_read_by_a_read_and_a_write",
        [WRITE, READ],
        elsewhere,
    );
    by_another_gate(
        "write_then_write_by_a_read_and_a_write",
        [WRITE, WRITE],
        elsewhere,
    );
}
