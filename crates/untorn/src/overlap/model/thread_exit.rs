//! Threads start and exit: a record that one thread releases is reused by another, while third
//! threads read it.

use std::sync::Mutex as StdMutex;

use loom::sync::Arc;

use super::{Bound, End, GATE, GET, INSERT, LEN, Record, Shared, Side, assert_whole, check};
use super::{join, spawn};

/// Starts thread 1, which reads and exits, and thread 2, which may reuse its record and reads.
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
                "a record with an access of its previous owner"
            );
            shared.read(slot, LEN);
            shared.registry.release(record);
        }),
    ]
}

/// A snapshot of a record that is being reused is of one of its owners.
#[test]
fn model_snapshot_is_of_one_thread() {
    let seen = std::sync::Arc::new(StdMutex::new([false; 2]));
    check("snapshot_is_of_one_thread", Bound::Preemptions(2), {
        let seen = std::sync::Arc::clone(&seen);
        move || {
            let shared = Shared::new();
            let record = shared.record(1);
            let threads = one_after_another(&shared, record);
            if let Some(side) = record.slots[0]
                .snapshot(GATE, false)
                .as_ref()
                .map(Side::of_snapshot)
            {
                let sides = [Side::of(1, GET, 0), Side::of(2, LEN, 0)];
                let which = sides.iter().position(|&allowed| allowed == side);
                let which = which.unwrap_or_else(|| panic!("{side:?} is no access"));
                seen.lock().expect("not poisoned")[which] = true;
            }
            threads.into_iter().for_each(join);
        }
    });
    assert_eq!(*seen.lock().expect("not poisoned"), [true; 2]);
}

/// An equal access by two threads in turn: line and description stay, the owner changes.
#[test]
fn model_snapshot_of_an_equal_access() {
    check("snapshot_of_an_equal_access", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let record = shared.record(1);
        let other = spawn(&shared, move |shared| {
            shared.read(&record.slots[0], GET);
            shared.registry.release(record);
            let record = shared.record(2);
            shared.read(&record.slots[0], GET);
        });
        if let Some(side) = record.slots[0]
            .snapshot(GATE, false)
            .as_ref()
            .map(Side::of_snapshot)
        {
            assert!([1, 2].contains(&side.thread));
        }
        join(other);
    });
}

/// A read of an identity that changes returns one thread or `None`.
#[test]
fn model_an_identity_is_whole() {
    let known = std::sync::Arc::new(StdMutex::new([false; 3]));
    check("an_identity_is_whole", Bound::None, {
        let known = std::sync::Arc::clone(&known);
        move || {
            let shared = Shared::new();
            let record = shared.record(1);
            let other = spawn(&shared, move |shared| {
                shared.registry.release(record);
                shared.record(2);
            });
            let who = record.slots[0].identity().get();
            who.iter().for_each(assert_whole);
            let number = who.map_or(0, |who| who.number as usize);
            known.lock().expect("not poisoned")[number] = true;
            join(other);
        }
    });
    assert_eq!(*known.lock().expect("not poisoned"), [true; 3]);
}

/// A writer that scans while threads start and exit does not enter while one of them is inside.
#[test]
fn model_a_write_while_threads_start_and_exit() {
    check(
        "a_write_while_threads_start_and_exit",
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

/// A record with a leaked access is not reused, and each later write reports the access.
#[test]
fn model_a_leaked_read_is_always_reported() {
    check("a_leaked_read_is_always_reported", Bound::None, || {
        let shared = Shared::new();
        let record = shared.record(1);
        let leaks = spawn(&shared, move |shared| {
            assert!(shared.gate.enter_read(&record.slots[0], GET).is_ok());
            shared.registry.release(record);
        });
        join(leaks);
        let next = shared.record(2);
        assert!(!std::ptr::eq(next, record));
        let end = shared.write(&next.slots[0], INSERT, 1);
        assert_eq!(end, End::Reported(Some(Side::of(1, GET, 0))));
    });
}
