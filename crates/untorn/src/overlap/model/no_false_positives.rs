//! No false positives: accesses that do not overlap are not reported, and each one observes the
//! effects of the previous one.
//!
//! The weakest order that a program can establish is a Relaxed flag: one thread sets it after its
//! access, another thread finds it set before its own. Then only the gate orders the two accesses.

use loom::sync::atomic::AtomicBool;
use loom::sync::{Arc, Mutex};

use super::{Bound, End, GET, INSERT, LEN, REMOVE, Shared, Slot, check, join, spawn};
use crate::sync::{Counter, Ordering, with_old_values};

type Body = fn(&Shared, &'static Slot) -> End;

const READ: Body = |shared, slot| shared.read(slot, GET);
const WRITE: Body = |shared, slot| shared.write(slot, INSERT, 1);

/// Checks `first` and then a flag on one thread, and `second` on another that finds the flag set.
fn by_a_flag(name: &str, first: Body, second: Body) {
    let found = std::sync::Arc::new(Counter::new(0));
    let find = std::sync::Arc::clone(&found);
    let model = move || {
        let shared = Shared::new();
        let flag = Arc::new(AtomicBool::new(false));
        let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
        let other = {
            let flag = Arc::clone(&flag);
            spawn(&shared, move |shared| {
                let end = first(shared, slots[0]);
                flag.store(true, Ordering::Relaxed);
                end
            })
        };
        if flag.load(Ordering::Relaxed) {
            find.fetch_add(1, Ordering::Relaxed);
            assert_eq!(second(&shared, slots[1]), End::Entered);
        }
        assert_eq!(join(other), End::Entered);
    };
    with_old_values(|| check(name, Bound::None, model));
    assert!(
        found.load(Ordering::Relaxed) > 0,
        "the flag was never found set"
    );
}

#[test]
fn model_a_read_after_a_write_by_a_flag() {
    by_a_flag("a_read_after_a_write_by_a_flag", WRITE, READ);
}

#[test]
fn model_a_write_after_a_read_by_a_flag() {
    by_a_flag("a_write_after_a_read_by_a_flag", READ, WRITE);
}

#[test]
fn model_a_write_after_a_write_by_a_flag() {
    by_a_flag("a_write_after_a_write_by_a_flag", WRITE, WRITE);
}

/// A write after two reads by different methods: the description of the slot has changed meanwhile.
#[test]
fn model_a_write_after_two_reads_by_a_flag() {
    const READS: Body = |shared, slot| {
        assert_eq!(shared.read(slot, GET), End::Entered);
        shared.read(slot, LEN)
    };
    by_a_flag("a_write_after_two_reads_by_a_flag", READS, WRITE);
}

/// A lock around each access, of two writing threads and a reading one.
#[test]
fn model_no_report_under_a_lock() {
    check("no_report_under_a_lock", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let lock = Arc::new(Mutex::new(()));
        let bodies: [Body; 3] = [WRITE, READ, |shared, slot| shared.write(slot, REMOVE, 2)];
        let mut number = 0;
        let [one, two, three] = bodies.map(|body| {
            number += 1;
            let (slot, lock) = (&shared.record(number).slots[0], Arc::clone(&lock));
            move |shared: &Shared| {
                let _held = lock.lock().expect("not poisoned");
                assert_eq!(body(shared, slot), End::Entered);
            }
        });
        let threads = [spawn(&shared, one), spawn(&shared, two)];
        three(&shared);
        threads.into_iter().for_each(join);
        shared.assert_attempts(3);
    });
}

/// Accesses after a join: the accesses of the joined thread have left.
#[test]
fn model_no_report_after_a_join() {
    check("no_report_after_a_join", Bound::None, || {
        let shared = Shared::new();
        let slots = [1, 2, 3].map(|number| &shared.record(number).slots[0]);
        let readers = [0, 1].map(|i| spawn(&shared, move |shared| shared.read(slots[i], GET)));
        for reader in readers {
            assert_eq!(join(reader), End::Entered);
        }
        assert_eq!(shared.write(slots[2], INSERT, 1), End::Entered);
        let writer = spawn(&shared, move |shared| shared.write(slots[0], INSERT, 2));
        assert_eq!(join(writer), End::Entered);
        assert_eq!(shared.read(slots[1], GET), End::Entered);
    });
}

/// Reads do not conflict, on two threads or nested on one.
#[test]
fn model_reads_do_not_conflict() {
    check("reads_do_not_conflict", Bound::None, || {
        let shared = Shared::new();
        let (one, two) = (shared.record(1), shared.record(2));
        let other = spawn(&shared, move |shared| {
            shared.read_with(&one.slots[0], GET, || {
                assert_eq!(shared.read(&one.slots[1], LEN), End::Entered);
            })
        });
        assert_eq!(shared.read(&two.slots[0], GET), End::Entered);
        assert_eq!(join(other), End::Entered);
    });
}
