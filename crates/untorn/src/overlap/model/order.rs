//! Order that passes through another gate: what one thread did at the first gate before an access to the second comes
//! before what another does at the first gate after an access to the second that has come later. It is seen, and it is
//! not reported.

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{Bound, End, GET, INSERT, LEN, REMOVE, Shared, Slot, check, join, spawn};
use crate::sync::{Counter, Ordering, with_old_values};

type Body = fn(&Shared, &'static Slot) -> End;

const READ: Body = |shared, slot| shared.read(slot, GET);
const WRITE: Body = |shared, slot| shared.write(slot, INSERT, 1);

/// An access to the other gate. Who hands over leaves word, there or by a flag, from inside; who takes over says whether it
/// has found that.
type Elsewhere = fn(&Shared, &'static Slot, &AtomicBool) -> bool;

const LEAVE_WORD: Elsewhere = |shared, slot, _| {
    shared.write_other(slot, REMOVE, |value| *value = 1);
    false
};

const FIND_IT_BY_READING: Elsewhere = |shared, slot, _| {
    let mut found = false;
    shared.read_other(slot, LEN, |value| found = value == 1);
    found
};

const FIND_IT_BY_WRITING: Elsewhere = |shared, slot, _| {
    let mut found = false;
    shared.write_other(slot, REMOVE, |value| {
        found = *value == 1;
        *value = 2;
    });
    found
};

/// A read changes nothing behind its gate. Who finds the flag set from inside a write comes after that read.
const SET_A_FLAG: Elsewhere = |shared, slot, flag| {
    shared.read_other(slot, LEN, |_| flag.store(true, Ordering::Relaxed));
    false
};

const FIND_THE_FLAG: Elsewhere = |shared, slot, flag| {
    let mut found = false;
    shared.write_other(slot, REMOVE, |_| found = flag.load(Ordering::Relaxed));
    found
};

fn by_another_gate(name: &str, accesses: [Body; 2], elsewhere: [Elsewhere; 2]) {
    let [first, second] = accesses;
    let [hand_over, take_over] = elsewhere;
    let taken = std::sync::Arc::new(Counter::new(0));
    let take = std::sync::Arc::clone(&taken);
    let model = move || {
        let shared = Shared::new();
        let flag = Arc::new(AtomicBool::new(false));
        let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
        let other = {
            let flag = Arc::clone(&flag);
            spawn(&shared, move |shared| {
                let end = first(shared, slots[0]);
                hand_over(shared, slots[0], &flag);
                end
            })
        };
        if take_over(&shared, slots[1], &flag) {
            take.fetch_add(1, Ordering::Relaxed);
            assert_eq!(second(&shared, slots[1]), End::Entered);
        }
        assert_eq!(join(other), End::Entered);
    };
    check(name, Bound::None, model.clone());
    with_old_values(|| check(name, Bound::None, model));
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken > 0, "it was never handed over");
}

#[test]
fn model_order_by_a_write_and_a_read_elsewhere() {
    let elsewhere = [LEAVE_WORD, FIND_IT_BY_READING];
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
    let elsewhere = [LEAVE_WORD, FIND_IT_BY_WRITING];
    by_another_gate("read_then_write_by_two_writes", [READ, WRITE], elsewhere);
    by_another_gate("write_then_read_by_two_writes", [WRITE, READ], elsewhere);
    by_another_gate("write_then_write_by_two_writes", [WRITE, WRITE], elsewhere);
}

#[test]
fn model_order_by_a_read_and_a_write_elsewhere() {
    let elsewhere = [SET_A_FLAG, FIND_THE_FLAG];
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
