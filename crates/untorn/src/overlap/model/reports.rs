//! Reports: the other side, with thread, operation, line and start time, is one access, and none
//! that had ended before the reporting access began.
//!
//! The observers here read a slot without entering a gate, so no `SeqCst` fence orders their loads.

use std::sync::Mutex as StdMutex;

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{
    Access, AccessKind, Bound, End, GATE, GET, GET_ELSEWHERE, GET_WITH, INSERT, LEN, REMOVE,
    Shared, Side, Slot,
};
use super::{check, join, spawn};
use crate::sync::Ordering;

/// Checks that a snapshot of thread 1's slot, taken while its owner runs `owner`, is one of
/// `allowed` or `None`, and that each of them occurs.
fn observed(
    name: &str,
    bound: Bound,
    writes: bool,
    owner: fn(&Shared, &'static Slot),
    allowed: &'static [fn() -> Side],
) {
    let seen = std::sync::Arc::new(StdMutex::new(vec![false; allowed.len() + 1]));
    let nothing = allowed.len();
    check(name, bound, {
        let seen = std::sync::Arc::clone(&seen);
        move || {
            let shared = Shared::new();
            let slot = &shared.record(1).slots[0];
            let other = spawn(&shared, move |shared| owner(shared, slot));
            let side = slot.snapshot(GATE, writes).as_ref().map(Side::of_snapshot);
            let which = match side {
                None => nothing,
                Some(side) => allowed
                    .iter()
                    .position(|allowed| allowed() == side)
                    .unwrap_or_else(|| panic!("{side:?} is no access of thread 1")),
            };
            seen.lock().expect("not poisoned")[which] = true;
            join(other);
        }
    });
    let seen = seen.lock().expect("not poisoned");
    assert!(seen.iter().all(|&seen| seen), "never seen: {seen:?}");
}

#[test]
fn model_snapshot_is_of_one_read() {
    observed(
        "snapshot_is_of_one_read",
        Bound::None,
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read(slot, LEN);
        },
        &[|| Side::of(1, GET, 0), || Side::of(1, LEN, 0)],
    );
}

/// A delay is not attributed to the previous access, whose description is the same.
#[test]
fn model_snapshot_has_its_own_delay() {
    observed(
        "snapshot_has_its_own_delay",
        Bound::Preemptions(4),
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read_with(slot, GET_ELSEWHERE, || {
                slot.set_delayed(Some(7));
                slot.set_delayed(None);
            });
        },
        &[
            || Side::of(1, GET, 0),
            || Side::of(1, GET_ELSEWHERE, 0),
            || Side {
                delayed_since: Some(7),
                ..Side::of(1, GET_ELSEWHERE, 0)
            },
        ],
    );
}

/// Two methods called on one line, as by a function with `#[track_caller]`.
#[test]
fn model_snapshot_is_of_one_method() {
    observed(
        "snapshot_is_of_one_method",
        Bound::Preemptions(4),
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read(slot, LEN);
            shared.read(slot, GET_WITH);
        },
        &[
            || Side::of(1, GET, 0),
            || Side::of(1, LEN, 0),
            || Side::of(1, GET_WITH, 0),
        ],
    );
}

/// The line of the first access recurs after the description has changed there and back.
#[test]
fn model_snapshot_when_a_line_recurs() {
    observed(
        "snapshot_when_a_line_recurs",
        Bound::Preemptions(4),
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read(slot, LEN);
            shared.read(slot, GET);
        },
        &[|| Side::of(1, GET, 0), || Side::of(1, LEN, 0)],
    );
}

/// An access to another gate in the same slot is not attributed to this gate.
#[test]
fn model_snapshot_is_of_one_gate() {
    observed(
        "snapshot_is_of_one_gate",
        Bound::Preemptions(4),
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read_elsewhere(slot, LEN);
            shared.read(slot, GET);
        },
        &[|| Side::of(1, GET, 0)],
    );
}

#[test]
fn model_snapshot_is_of_one_write() {
    observed(
        "snapshot_is_of_one_write",
        Bound::Preemptions(4),
        true,
        |shared, slot| {
            shared.write(slot, INSERT, 1);
            shared.read(slot, GET);
            shared.write(slot, REMOVE, 2);
        },
        &[|| Side::of(1, INSERT, 1), || Side::of(1, REMOVE, 2)],
    );
}

/// Checks two writes of thread 1 with a Relaxed flag set between them. If thread 2 finds the flag
/// set, its attempt can only conflict with the second write.
fn found_after_a_flag(
    name: &str,
    access: Access,
    attempt: fn(&Shared, &'static Slot, Access) -> End,
) {
    let found = std::sync::Arc::new(StdMutex::new(false));
    check(name, Bound::None, {
        let found = std::sync::Arc::clone(&found);
        move || {
            let shared = Shared::new();
            let flag = Arc::new(AtomicBool::new(false));
            let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
            let other = {
                let flag = Arc::clone(&flag);
                spawn(&shared, move |shared| {
                    shared.write(slots[0], INSERT, 1);
                    flag.store(true, Ordering::Relaxed);
                    shared.write(slots[0], REMOVE, 2);
                })
            };
            if flag.load(Ordering::Relaxed)
                && let End::Reported(Some(side)) = attempt(&shared, slots[1], access)
            {
                assert_eq!(side, Side::of(1, REMOVE, 2), "a write that had ended");
                *found.lock().expect("not poisoned") = true;
            }
            join(other);
        }
    });
    assert!(*found.lock().expect("not poisoned"), "never reported");
}

#[test]
fn model_a_reader_reports_the_write_it_found() {
    found_after_a_flag("a_reader_reports_the_write_it_found", GET, Shared::read);
}

#[test]
fn model_a_writer_reports_the_write_it_found() {
    found_after_a_flag(
        "a_writer_reports_the_write_it_found",
        INSERT,
        |shared, slot, access| shared.write(slot, access, 3),
    );
}

/// Two reads of thread 1: a writer that began after the first can only conflict with the second.
#[test]
fn model_a_writer_reports_the_read_it_found() {
    let found = std::sync::Arc::new(StdMutex::new(false));
    check("a_writer_reports_the_read_it_found", Bound::None, {
        let found = std::sync::Arc::clone(&found);
        move || {
            let shared = Shared::new();
            let flag = Arc::new(AtomicBool::new(false));
            let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
            let other = {
                let flag = Arc::clone(&flag);
                spawn(&shared, move |shared| {
                    shared.read(slots[0], GET);
                    flag.store(true, Ordering::Relaxed);
                    shared.read(slots[0], LEN);
                })
            };
            if flag.load(Ordering::Relaxed)
                && let End::Reported(Some(side)) = shared.write(slots[1], INSERT, 1)
            {
                assert_eq!(side, Side::of(1, LEN, 0), "a read that had ended");
                *found.lock().expect("not poisoned") = true;
            }
            join(other);
        }
    });
    assert!(*found.lock().expect("not poisoned"), "never reported");
}

/// Checks an access of thread 1 that stays inside until thread 2 has made its report: the report
/// has the access as its other side.
fn staying_access_is_reported(name: &str, stays: Access, attempts: Access) {
    check(name, Bound::None, move || {
        let shared = Shared::new();
        let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
        let other = spawn(&shared, move |shared| {
            let end = if attempts.operation.kind == AccessKind::Write {
                shared.write(slots[1], attempts, 2)
            } else {
                shared.read(slots[1], attempts)
            };
            let since = u64::from(stays.operation.kind == AccessKind::Write);
            let expected = End::Reported(Some(Side::of(1, stays, since)));
            assert!([End::Entered, expected].contains(&end), "{end:?}");
        });
        if stays.operation.kind == AccessKind::Write {
            let _ = shared
                .gate
                .enter_write(&shared.registry, slots[0], stays, 1);
            join(other);
            shared.gate.leave_write(slots[0]);
        } else {
            let _ = shared.gate.enter_read(slots[0], stays);
            join(other);
            shared.gate.leave_read(slots[0]);
        }
    });
}

#[test]
fn model_a_reader_reports_the_writer_that_stays() {
    staying_access_is_reported("a_reader_reports_the_writer_that_stays", INSERT, GET);
}

#[test]
fn model_a_writer_reports_the_writer_that_stays() {
    staying_access_is_reported("a_writer_reports_the_writer_that_stays", INSERT, REMOVE);
}

#[test]
fn model_a_writer_reports_the_reader_that_stays() {
    staying_access_is_reported("a_writer_reports_the_reader_that_stays", GET, INSERT);
}
