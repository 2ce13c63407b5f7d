//! How many further readers a writer is told of: as many as there are where none moves, and never one that has left.

use std::sync::Mutex as Unwatched;

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{Bound, GET, INSERT, LEN, Shared, Slot, check, join, spawn};
use crate::sync::Ordering;

/// What an attempt to write is told: how many readers there are besides the one that it met, or `None` if it entered.
fn further_readers(shared: &Shared, slot: &'static Slot) -> Option<usize> {
    let end = shared.gate.enter_write(&shared.registry, slot, INSERT, 1);
    let told = end.err().map(|busy| {
        assert!(!busy.writes, "nobody else writes");
        busy.more
    });
    shared.gate.leave_write(slot);
    told
}

/// A read that stays, if it enters.
fn enter_to_stay(shared: &Shared, slot: &'static Slot) -> bool {
    let entered = shared.gate.enter_read(slot, GET).is_ok();
    if !entered {
        shared.gate.leave_read(slot);
    }
    entered
}

/// Each of so many threads is in so many reads, and sets a flag, Relaxed, when it is. The writer that finds all flags set
/// is told of all reads but one; otherwise of no more than that.
fn readers_that_stay(name: &str, bound: Bound, threads: usize, reads: usize) {
    let all = threads * reads - 1;
    let told = std::sync::Arc::new(Unwatched::new(vec![false; all + 2]));
    check(name, bound, {
        let told = std::sync::Arc::clone(&told);
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
            let further = further_readers(&shared, writer);
            if stay {
                assert_eq!(further, Some(all), "as many as there are");
            }
            let place = further.map_or(0, |further| further + 1);
            told.lock().expect("not poisoned")[place] = true;
            readers.into_iter().for_each(|(reader, _)| join(reader));
        }
    });
    let told = told.lock().expect("not poisoned");
    assert!(told.iter().all(|&told| told), "never told: {told:?}");
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

/// Two readers, one of which may have left: then it is not counted, even if nothing but a Relaxed flag says so.
#[test]
fn model_a_reader_that_has_left_is_not_counted() {
    let told = std::sync::Arc::new(Unwatched::new([false; 2]));
    check("a_reader_that_has_left_is_not_counted", Bound::None, {
        let told = std::sync::Arc::clone(&told);
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
            let further = further_readers(&shared, writer).expect("somebody stays");
            assert!(!has_left || further == 0, "it had left");
            told.lock().expect("not poisoned")[further] = true;
            join(other);
        }
    });
    assert_eq!(*told.lock().expect("not poisoned"), [true; 2]);
}

/// A read that goes on in another slot, as by `ReadGuard::clone`, is met all the time: in the one, the other or both. The
/// scan comes by the new slot first.
#[test]
fn model_a_read_that_goes_on_in_another_slot_is_met() {
    let told = std::sync::Arc::new(Unwatched::new([false; 2]));
    check("a_read_that_goes_on_in_another_slot_is_met", Bound::None, {
        let told = std::sync::Arc::clone(&told);
        move || {
            let shared = Shared::new();
            let (reader, writer) = (shared.record(1), &shared.record(2).slots[0]);
            let [new, old] = &reader.slots;
            assert!(enter_to_stay(&shared, old));
            let writes = spawn(&shared, move |shared| further_readers(shared, writer));
            if shared.gate.enter_read(new, LEN).is_ok() {
                shared.gate.leave_read(old);
            } else {
                shared.gate.leave_read(new);
            }
            let further = join(writes).expect("the read goes on");
            told.lock().expect("not poisoned")[further] = true;
        }
    });
    assert_eq!(*told.lock().expect("not poisoned"), [true; 2]);
}
