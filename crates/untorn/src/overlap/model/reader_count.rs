//! The number of additional readers that a writer reports: all of them if none enters or leaves
//! meanwhile, and never one that has left.

use std::sync::Mutex as StdMutex;

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{Bound, GET, INSERT, LEN, Shared, Slot, check, join, spawn};
use crate::sync::Ordering;

/// Attempts to write; returns the number of additional readers in the conflict, or `None` if the
/// write entered.
fn additional_readers(shared: &Shared, slot: &'static Slot) -> Option<usize> {
    let end = shared.gate.enter_write(&shared.registry, slot, INSERT, 1);
    let readers = end.err().map(|conflict| {
        assert!(!conflict.writes, "there is no other writer");
        conflict.additional_readers
    });
    shared.gate.leave_write(slot);
    readers
}

/// Begins a read that does not leave, if it enters.
fn enter_to_stay(shared: &Shared, slot: &'static Slot) -> bool {
    let entered = shared.gate.enter_read(slot, GET).is_ok();
    if !entered {
        shared.gate.leave_read(slot);
    }
    entered
}

/// Checks `threads` threads that begin `reads` reads each and then set a flag, Relaxed. A writer
/// that finds all flags set reports all reads but one as additional readers; otherwise no more.
fn readers_that_stay(name: &str, bound: Bound, threads: usize, reads: usize) {
    let all = threads * reads - 1;
    let reported = std::sync::Arc::new(StdMutex::new(vec![false; all + 2]));
    check(name, bound, {
        let reported = std::sync::Arc::clone(&reported);
        move || {
            let shared = Shared::new();
            let writer = &shared.record(9).slots[0];
            let readers: Vec<_> = (1..=threads as u64)
                .map(|number| {
                    let record = shared.record(number);
                    let inside = Arc::new(AtomicBool::new(false));
                    let flag = Arc::clone(&inside);
                    let reader = spawn(&shared, move |shared| {
                        let slots = &record.slots[..reads];
                        let inside = slots.iter().all(|slot| enter_to_stay(shared, slot));
                        flag.store(inside, Ordering::Relaxed);
                    });
                    (reader, inside)
                })
                .collect();
            let mut inside = readers.iter().map(|(_, inside)| inside);
            let stay = inside.all(|inside| inside.load(Ordering::Relaxed));
            let additional = additional_readers(&shared, writer);
            if stay {
                assert_eq!(additional, Some(all), "as many as there are");
            }
            let place = additional.map_or(0, |additional| additional + 1);
            reported.lock().expect("not poisoned")[place] = true;
            readers.into_iter().for_each(|(reader, _)| join(reader));
        }
    });
    let reported = reported.lock().expect("not poisoned");
    let all = reported.iter().all(|&reported| reported);
    assert!(all, "some counts were never reported: {reported:?}");
}

#[test]
fn model_two_readers_that_stay_are_counted() {
    readers_that_stay(
        "two_readers_that_stay_are_counted",
        Bound::Preemptions(4),
        2,
        1,
    );
}

#[test]
fn model_reads_inside_reads_are_counted() {
    readers_that_stay("reads_inside_reads_are_counted", Bound::None, 1, 2);
}

/// Two readers, one of which may have left: then it is not counted, even if only a Relaxed flag
/// orders its end before the scan.
#[test]
fn model_a_reader_that_has_left_is_not_counted() {
    let reported = std::sync::Arc::new(StdMutex::new([false; 2]));
    check("a_reader_that_has_left_is_not_counted", Bound::None, {
        let reported = std::sync::Arc::clone(&reported);
        move || {
            let shared = Shared::new();
            let [stays, leaves, writer] = [1, 2, 3].map(|number| &shared.record(number).slots[0]);
            let left = Arc::new(AtomicBool::new(false));
            assert!(enter_to_stay(&shared, stays));
            let other = {
                let left = Arc::clone(&left);
                spawn(&shared, move |shared| {
                    shared.read(leaves, GET);
                    left.store(true, Ordering::Relaxed);
                })
            };
            let has_left = left.load(Ordering::Relaxed);
            let additional = additional_readers(&shared, writer).expect("one reader stays");
            assert!(!has_left || additional == 0, "it had left");
            reported.lock().expect("not poisoned")[additional] = true;
            join(other);
        }
    });
    assert_eq!(*reported.lock().expect("not poisoned"), [true; 2]);
}

/// A read that continues in another slot, as by `ReadGuard::clone`, is found at any time: in one
/// slot, the other, or both. The scan loads the new slot first.
#[test]
fn model_a_read_that_changes_slots_is_found() {
    let reported = std::sync::Arc::new(StdMutex::new([false; 2]));
    check("a_read_that_changes_slots_is_found", Bound::None, {
        let reported = std::sync::Arc::clone(&reported);
        move || {
            let shared = Shared::new();
            let (reader, writer) = (shared.record(1), &shared.record(2).slots[0]);
            let [new, old] = &reader.slots;
            assert!(enter_to_stay(&shared, old));
            let writes = spawn(&shared, move |shared| additional_readers(shared, writer));
            if shared.gate.enter_read(new, LEN).is_ok() {
                shared.gate.leave_read(old);
            } else {
                shared.gate.leave_read(new);
            }
            let additional = join(writes).expect("the read is in progress");
            reported.lock().expect("not poisoned")[additional] = true;
        }
    });
    assert_eq!(*reported.lock().expect("not poisoned"), [true; 2]);
}
