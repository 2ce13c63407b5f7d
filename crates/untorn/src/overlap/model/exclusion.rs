//! No two accesses are inside at once, one of them a write, and what one did the next one sees.

use super::{Bound, CURSOR, GET, INSERT, LEN, REMOVE, Shared, Slot, check, join, spawn};

type Body = fn(&Shared, &'static Slot);

fn read(shared: &Shared, slot: &'static Slot) {
    shared.read(slot, GET);
}

fn write(shared: &Shared, slot: &'static Slot) {
    shared.write(slot, INSERT, 1);
}

/// Runs the bodies on a thread each, the last on this one.
fn run(bodies: &[Body], attempts: u64) {
    let shared = Shared::new();
    let mut threads: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(i, &body)| {
            let slot = &shared.record(i as u64 + 1).slots[0];
            move |shared: &Shared| body(shared, slot)
        })
        .collect();
    let last = threads.pop().expect("a body");
    let threads: Vec<_> = threads
        .into_iter()
        .map(|body| spawn(&shared, body))
        .collect();
    last(&shared);
    threads.into_iter().for_each(join);
    shared.assert_attempts(attempts);
}

#[test]
fn model_writer_and_reader() {
    check("writer_and_reader", Bound::None, || run(&[write, read], 2));
}

#[test]
fn model_two_writers() {
    check("two_writers", Bound::None, || run(&[write, write], 2));
}

#[test]
fn model_writer_and_two_readers() {
    check("writer_and_two_readers", Bound::Preemptions(4), || {
        run(&[write, read, read], 3);
    });
}

#[test]
fn model_two_writers_and_reader() {
    check("two_writers_and_reader", Bound::Preemptions(3), || {
        run(&[write, write, read], 3);
    });
}

/// The write after a read of the same thread, against a reader that comes again: slots are reused.
#[test]
fn model_slots_are_reused() {
    check("slots_are_reused", Bound::Preemptions(3), || {
        let read_then_write: Body = |shared, slot| {
            read(shared, slot);
            write(shared, slot);
        };
        let write_then_read: Body = |shared, slot| {
            write(shared, slot);
            read(shared, slot);
        };
        run(&[read_then_write, write_then_read], 4);
    });
}

/// A cursor: several short reads in a row, with a write at any time between or in the middle of them.
#[test]
fn model_steps_of_a_cursor() {
    check("steps_of_a_cursor", Bound::None, || {
        let cursor: Body = |shared, slot| {
            for _ in 0..3 {
                shared.read(slot, CURSOR);
            }
        };
        run(&[cursor, write], 4);
    });
}

/// Reads by different methods, between which the slot changes its description.
#[test]
fn model_reads_by_two_methods() {
    check("reads_by_two_methods", Bound::Preemptions(5), || {
        let reads: Body = |shared, slot| {
            shared.read(slot, GET);
            shared.read(slot, LEN);
        };
        run(&[reads, write], 3);
    });
}

/// A slot that serves another gate next: the read before has ended all the same.
#[test]
fn model_reads_of_two_gates() {
    check("reads_of_two_gates", Bound::Preemptions(3), || {
        let reads: Body = |shared, slot| {
            shared.read(slot, GET);
            shared.read_elsewhere(slot, GET);
            shared.read(slot, GET);
        };
        run(&[reads, write], 3);
    });
}

/// An attempt that is turned away leaves, and tries again.
#[test]
fn model_who_is_turned_away_tries_again() {
    check(
        "who_is_turned_away_tries_again",
        Bound::Preemptions(2),
        || {
            let shared = Shared::new();
            let slots = [1, 2].map(|number| &shared.record(number).slots[0]);
            let other = spawn(&shared, move |shared| {
                if !shared.write(slots[0], INSERT, 1).entered() {
                    shared.write(slots[0], REMOVE, 2);
                }
            });
            if !shared.read(slots[1], GET).entered() && !shared.read(slots[1], GET).entered() {
                shared.write(slots[1], INSERT, 3);
            }
            join(other);
        },
    );
}

/// Reads inside reads, each in a slot of its own: leaving one does not let a writer in beside the other.
#[test]
fn model_reads_inside_reads() {
    check("reads_inside_reads", Bound::None, || {
        let shared = Shared::new();
        let (reader, writer) = (shared.record(1), shared.record(2));
        let other = spawn(&shared, move |shared| {
            shared.read_with(&reader.slots[0], CURSOR, || {
                shared.read(&reader.slots[1], GET);
            });
        });
        shared.write(&writer.slots[0], INSERT, 1);
        join(other);
    });
}

/// A write from inside a read of the same thread is turned away, and lets nobody in meanwhile.
#[test]
fn model_a_write_inside_a_read() {
    check("a_write_inside_a_read", Bound::None, || {
        let shared = Shared::new();
        let (one, two) = (shared.record(1), shared.record(2));
        let other = spawn(&shared, move |shared| {
            shared.read_with(&one.slots[0], GET, || {
                assert!(!shared.write(&one.slots[1], INSERT, 1).entered());
            });
        });
        shared.write(&two.slots[0], INSERT, 1);
        join(other);
    });
}
