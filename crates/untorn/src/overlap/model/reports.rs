//! What a report says of the other side, thread, operation, line and moment, is of one access; and of none that had
//! ended before the reporting one began.
//!
//! The observers here look at a slot without having entered a gate: so no `SeqCst` fence orders anything for them.

use std::sync::Mutex as Unwatched;

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{
    Access, AccessKind, Bound, End, GATE, GET, GET_ELSEWHERE, GET_WITH, INSERT, LEN, REMOVE,
    Shared, Side, Slot,
};
use super::{check, join, spawn};
use crate::sync::Ordering;

/// What an observer that looks at the slot of thread 1 while its owner does `owner` may see.
fn observed(
    name: &str,
    bound: Bound,
    writes: bool,
    owner: fn(&Shared, &'static Slot),
    allowed: &'static [fn() -> Side],
) {
    let seen = std::sync::Arc::new(Unwatched::new(vec![false; allowed.len() + 1]));
    let nothing = allowed.len();
    check(name, bound, {
        let seen = std::sync::Arc::clone(&seen);
        move || {
            let shared = Shared::new();
            let slot = &shared.record(1).slots[0];
            let other = spawn(&shared, move |shared| owner(shared, slot));
            let side = slot.seen(GATE, writes).as_ref().map(Side::seen);
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
fn model_what_is_seen_is_of_one_read() {
    observed(
        "what_is_seen_is_of_one_read",
        Bound::None,
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read(slot, LEN);
        },
        &[|| Side::of(1, GET, 0), || Side::of(1, LEN, 0)],
    );
}

/// That an access is delayed is not said of the one before it, of which it has all but the line.
#[test]
fn model_what_is_seen_is_kept_open_itself() {
    observed(
        "what_is_seen_is_kept_open_itself",
        Bound::Preemptions(4),
        false,
        |shared, slot| {
            shared.read(slot, GET);
            shared.read_with(slot, GET_ELSEWHERE, || {
                slot.keep_open(Some(7));
                slot.keep_open(None);
            });
        },
        &[
            || Side::of(1, GET, 0),
            || Side::of(1, GET_ELSEWHERE, 0),
            || Side {
                kept_open: Some(7),
                ..Side::of(1, GET_ELSEWHERE, 0)
            },
        ],
    );
}

/// Two methods called on one line, as by a function with `#[track_caller]`.
#[test]
fn model_what_is_seen_is_of_one_method() {
    observed(
        "what_is_seen_is_of_one_method",
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

/// The line of the first access comes again when the description has changed there and back.
#[test]
fn model_what_is_seen_when_a_line_comes_again() {
    observed(
        "what_is_seen_when_a_line_comes_again",
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

/// What the slot said while it served another gate is not said of this one.
#[test]
fn model_what_is_seen_is_of_one_gate() {
    observed(
        "what_is_seen_is_of_one_gate",
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
fn model_what_is_seen_is_of_one_write() {
    observed(
        "what_is_seen_is_of_one_write",
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

/// Thread 1 writes twice. Thread 2, if it finds a flag that was set, Relaxed, between the two, can only have met the
/// second.
fn met_after_a_flag(
    name: &str,
    access: Access,
    attempt: fn(&Shared, &'static Slot, Access) -> End,
) {
    let met = std::sync::Arc::new(Unwatched::new(false));
    check(name, Bound::None, {
        let met = std::sync::Arc::clone(&met);
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
                *met.lock().expect("not poisoned") = true;
            }
            join(other);
        }
    });
    assert!(*met.lock().expect("not poisoned"), "never met");
}

#[test]
fn model_a_reader_tells_of_the_write_it_met() {
    met_after_a_flag("a_reader_tells_of_the_write_it_met", GET, Shared::read);
}

#[test]
fn model_a_writer_tells_of_the_write_it_met() {
    met_after_a_flag(
        "a_writer_tells_of_the_write_it_met",
        INSERT,
        |shared, slot, access| shared.write(slot, access, 3),
    );
}

/// Thread 1 reads twice; the writer can only have met the second if it began after the first.
#[test]
fn model_a_writer_tells_of_the_read_it_met() {
    let met = std::sync::Arc::new(Unwatched::new(false));
    check("a_writer_tells_of_the_read_it_met", Bound::None, {
        let met = std::sync::Arc::clone(&met);
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
                *met.lock().expect("not poisoned") = true;
            }
            join(other);
        }
    });
    assert!(*met.lock().expect("not poisoned"), "never met");
}

/// Thread 1 stays until the report of thread 2, if there is one, has been made: then it is told of.
fn who_stays_is_told_of(name: &str, stays: Access, meets: Access) {
    check(name, Bound::None, move || {
        let shared = Shared::new();
        let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
        let other = spawn(&shared, move |shared| {
            let end = if meets.operation.kind == AccessKind::Write {
                shared.write(slots[1], meets, 2)
            } else {
                shared.read(slots[1], meets)
            };
            let since = u64::from(stays.operation.kind == AccessKind::Write);
            let told = End::Reported(Some(Side::of(1, stays, since)));
            assert!([End::Entered, told].contains(&end), "{end:?}");
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
fn model_a_reader_tells_of_the_writer_that_stays() {
    who_stays_is_told_of("a_reader_tells_of_the_writer_that_stays", INSERT, GET);
}

#[test]
fn model_a_writer_tells_of_the_writer_that_stays() {
    who_stays_is_told_of("a_writer_tells_of_the_writer_that_stays", INSERT, REMOVE);
}

#[test]
fn model_a_writer_tells_of_the_reader_that_stays() {
    who_stays_is_told_of("a_writer_tells_of_the_reader_that_stays", GET, INSERT);
}
