//! Threads come and go: a record that one has left is another's next, while third threads look at it.

use std::sync::Mutex as Unwatched;

use loom::sync::Arc;

use super::{Bound, End, GATE, GET, INSERT, LEN, Record, Shared, Side, assert_whole, check};
use super::{join, spawn};

/// Thread 1 reads and ends; thread 2, which may get its record, reads.
fn one_after_another(
    shared: &Arc<Shared>,
    record: &'static Record,
) -> [loom::thread::JoinHandle<()>; 2] {
    [
        spawn(shared, move |shared| {
            shared.read(&record.slots[0], GET);
            shared.registry.release(record);
        }),
        spawn(shared, move |shared| {
            let record = shared.record(2);
            let slot = &record.slots[0];
            assert!(
                slot.is_free(),
                "a record with an access of its owner before"
            );
            shared.read(slot, LEN);
            shared.registry.release(record);
        }),
    ]
}

/// A report on a record that changes hands is of one of its owners.
#[test]
fn model_what_is_seen_is_of_one_thread() {
    let seen = std::sync::Arc::new(Unwatched::new([false; 2]));
    check("what_is_seen_is_of_one_thread", Bound::Preemptions(2), {
        let seen = std::sync::Arc::clone(&seen);
        move || {
            let shared = Shared::new();
            let record = shared.record(1);
            let threads = one_after_another(&shared, record);
            if let Some(side) = record.slots[0].seen(GATE, false).as_ref().map(Side::seen) {
                let sides = [Side::of(1, GET, 0), Side::of(2, LEN, 0)];
                let which = sides.iter().position(|&allowed| allowed == side);
                let which = which.unwrap_or_else(|| panic!("{side:?} is nobody's access"));
                seen.lock().expect("not poisoned")[which] = true;
            }
            threads.into_iter().for_each(join);
        }
    });
    assert_eq!(*seen.lock().expect("not poisoned"), [true; 2]);
}

/// The same access by two threads in turn: line and description stay, the owner does not.
#[test]
fn model_what_is_seen_of_the_same_access() {
    check(
        "what_is_seen_of_the_same_access",
        Bound::Preemptions(3),
        || {
            let shared = Shared::new();
            let record = shared.record(1);
            let other = spawn(&shared, move |shared| {
                shared.read(&record.slots[0], GET);
                shared.registry.release(record);
                let record = shared.record(2);
                shared.read(&record.slots[0], GET);
            });
            if let Some(side) = record.slots[0].seen(GATE, false).as_ref().map(Side::seen) {
                assert!([1, 2].contains(&side.thread));
            }
            join(other);
        },
    );
}

/// Whoever looks at an identity that changes sees one thread, or that it changes.
#[test]
fn model_an_identity_is_whole() {
    let known = std::sync::Arc::new(Unwatched::new([false; 3]));
    check("an_identity_is_whole", Bound::None, {
        let known = std::sync::Arc::clone(&known);
        move || {
            let shared = Shared::new();
            let record = shared.record(1);
            let other = spawn(&shared, move |shared| {
                shared.registry.release(record);
                shared.record(2);
            });
            let who = record.slots[0].identity().who();
            who.iter().for_each(assert_whole);
            let number = who.map_or(0, |who| who.number as usize);
            known.lock().expect("not poisoned")[number] = true;
            join(other);
        }
    });
    assert_eq!(*known.lock().expect("not poisoned"), [true; 3]);
}

/// A writer scans while threads end and begin: it is let in beside none of them.
#[test]
fn model_a_write_while_threads_come_and_go() {
    check(
        "a_write_while_threads_come_and_go",
        Bound::Preemptions(2),
        || {
            let shared = Shared::new();
            let writer = &shared.record(3).slots[0];
            let record = shared.record(1);
            let threads = one_after_another(&shared, record);
            shared.write(writer, INSERT, 1);
            threads.into_iter().for_each(join);
            shared.assert_attempts(3);
        },
    );
}

/// A record with an access that was forgotten is nobody's next, and the access is met for ever.
#[test]
fn model_a_forgotten_read_is_met_for_ever() {
    check("a_forgotten_read_is_met_for_ever", Bound::None, || {
        let shared = Shared::new();
        let record = shared.record(1);
        let forgetful = spawn(&shared, move |shared| {
            assert!(shared.gate.enter_read(&record.slots[0], GET).is_ok());
            shared.registry.release(record);
        });
        join(forgetful);
        let next = shared.record(2);
        assert!(!std::ptr::eq(next, record));
        let end = shared.write(&next.slots[0], INSERT, 1);
        assert_eq!(end, End::Reported(Some(Side::of(1, GET, 0))));
    });
}
