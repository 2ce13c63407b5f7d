//! Exclusion and order: no two conflicting accesses are inside at once, and a write happens-before
//! the next access.

use super::{Bound, CURSOR, GET, INSERT, LEN, REMOVE, Shared, Slot, check, join, spawn};

type Body = fn(&Shared, &'static Slot);

fn read(shared: &Shared, slot: &'static Slot) {
    shared.read(slot, GET);
}

fn write(shared: &Shared, slot: &'static Slot) {
    shared.write(slot, INSERT, 1);
}

/// Runs each body on a thread of its own, the last one on this thread.
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

/// A read and then a write of one thread, against a write and then a read: slots are reused.
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

/// A cursor: several short reads in a row, with a write between or during any of them.
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

/// Reads by different methods, so that the description of the slot changes.
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

/// A slot that is used for another gate next: the read before has ended.
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

/// A refused attempt leaves the gate, and the thread tries again.
#[test]
fn model_refused_attempts_are_retried() {
    check(
        "refused_attempts_are_retried",
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

/// Nested reads, each in a slot of its own: no writer enters until both have left.
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

/// A write inside a read of the same thread is refused, and no other write enters meanwhile.
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
