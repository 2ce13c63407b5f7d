//! Accesses in slot blocks: a scan finds them by the occupancy bitmap, and all properties of
//! accesses in the slots of a record hold.
//!
//! In the models a record has a block of two slots and one of four, and a word of the bitmap has
//! two bits: so the second block has two levels.

use std::sync::Mutex as StdMutex;

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;

use super::{Bound, CURSOR, End, GATE, GET, INSERT, LEN, Record, Shared, Side, Slot, check};
use super::{join, spawn};
use crate::sync::{Counter, Ordering, with_old_values};

/// The number of slots of blocks that are claimed before a model begins.
const NEW_BLOCK: usize = 0;
const SECOND_BLOCK: usize = 2;

/// Returns a record with `claimed` slots of blocks in use, in which no access is published.
fn record_with(shared: &Shared, claimed: usize) -> &'static Record {
    let record = shared.record(1);
    for _ in 0..claimed {
        record.claim_in_block();
    }
    record
}

/// Returns a record with a slot block that was used before and is free.
fn record_with_used_block(shared: &Shared) -> &'static Record {
    let record = shared.record(1);
    shared.registry.clean_up(record.claim_in_block());
    record
}

fn reader_and_writer(name: &str, bound: Bound, record: fn(&Shared) -> &'static Record) {
    check(name, bound, move || {
        let shared = Shared::new();
        let writer = &shared.record(2).slots[0];
        let record = record(&shared);
        let reader = spawn(&shared, move |shared| {
            shared.read_in_block(record, GET);
        });
        shared.write(writer, INSERT, 1);
        join(reader);
        shared.assert_attempts(2);
    });
}

/// A block that was used before: only the bits are stored again.
#[test]
fn model_a_read_in_a_slot_block() {
    reader_and_writer(
        "a_read_in_a_slot_block",
        Bound::None,
        record_with_used_block,
    );
}

/// The scan finds a block that is allocated meanwhile, or the reader finds the writer.
#[test]
fn model_new_slot_blocks_are_seen() {
    reader_and_writer("new_slot_blocks_are_seen", Bound::None, |shared| {
        record_with(shared, NEW_BLOCK)
    });
}

/// Bits of two levels, in words that have bits of another slot.
#[test]
fn model_a_read_in_a_block_of_two_levels() {
    reader_and_writer("a_read_in_a_block_of_two_levels", Bound::None, |shared| {
        record_with(shared, SECOND_BLOCK + 2)
    });
}

/// The slot of a read that has left is reused by the next read.
#[test]
fn model_slots_of_blocks_are_reused() {
    check("slots_of_blocks_are_reused", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let writer = &shared.record(2).slots[0];
        let record = record_with_used_block(&shared);
        let reader = spawn(&shared, move |shared| {
            shared.read_in_block(record, GET);
            shared.read_in_block(record, LEN);
        });
        shared.write(writer, INSERT, 1);
        join(reader);
        shared.assert_attempts(3);
    });
}

/// Nested reads, in two words of the bitmap: the end of one does not hide the other.
#[test]
fn model_reads_in_two_words_of_a_bitmap() {
    check("reads_in_two_words_of_a_bitmap", Bound::None, || {
        let shared = Shared::new();
        let writer = &shared.record(2).slots[0];
        let record = record_with(&shared, SECOND_BLOCK + 1);
        let reader = spawn(&shared, move |shared| {
            shared.read_in_block_with(record, CURSOR, || {
                shared.read_in_block(record, GET);
            });
        });
        shared.write(writer, INSERT, 1);
        join(reader);
    });
}

/// A writer reports all readers, in the record and in two blocks, if none leaves meanwhile.
#[test]
fn model_reads_in_slot_blocks_are_counted() {
    let reported = std::sync::Arc::new(StdMutex::new([false; 4]));
    check("reads_in_slot_blocks_are_counted", Bound::Preemptions(4), {
        let reported = std::sync::Arc::clone(&reported);
        move || {
            let shared = Shared::new();
            let writer = &shared.record(2).slots[0];
            let record = record_with(&shared, SECOND_BLOCK - 1);
            let inside = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&inside);
            let reader = spawn(&shared, move |shared| {
                let slots = [
                    &record.slots[1],
                    record.claim_in_block(),
                    record.claim_in_block(),
                ];
                let enter = |slot: &'static Slot| {
                    let entered = shared.gate.enter_read(slot, GET).is_ok();
                    if !entered {
                        shared.gate.leave_read(slot);
                    }
                    entered
                };
                flag.store(slots.into_iter().all(enter), Ordering::Relaxed);
            });
            let all = inside.load(Ordering::Relaxed);
            let end = shared.gate.enter_write(&shared.registry, writer, INSERT, 1);
            let readers = end
                .err()
                .map_or(0, |conflict| conflict.additional_readers + 1);
            shared.gate.leave_write(writer);
            assert!(!all || readers == 3, "{readers} readers");
            reported.lock().expect("not poisoned")[readers] = true;
            join(reader);
        }
    });
    let reported = reported.lock().expect("not poisoned");
    assert_eq!(*reported, [true; 4], "never so many");
}

/// A read in a slot block, then a Relaxed flag, then a write: the write is not reported, and the
/// read happens-before it.
#[test]
fn model_a_write_after_a_read_in_a_block_by_a_flag() {
    let found = std::sync::Arc::new(Counter::new(0));
    let model = {
        let found = std::sync::Arc::clone(&found);
        move || {
            let shared = Shared::new();
            let writer = &shared.record(2).slots[0];
            let record = record_with_used_block(&shared);
            let flag = Arc::new(AtomicBool::new(false));
            let set = Arc::clone(&flag);
            let reader = spawn(&shared, move |shared| {
                let end = shared.read_in_block(record, GET);
                set.store(true, Ordering::Relaxed);
                end
            });
            if flag.load(Ordering::Relaxed) {
                found.fetch_add(1, Ordering::Relaxed);
                assert_eq!(shared.write(writer, INSERT, 1), End::Entered);
            }
            assert_eq!(join(reader), End::Entered);
        }
    };
    with_old_values(|| {
        check(
            "a_write_after_a_read_in_a_block_by_a_flag",
            Bound::None,
            model,
        )
    });
    assert!(
        found.load(Ordering::Relaxed) > 0,
        "the flag was never found"
    );
}

/// Of a read in a slot block and a write known to overlap, one reports.
#[test]
fn model_an_overlapping_read_in_a_block_is_reported() {
    let overlaps = std::sync::Arc::new(Counter::new(0));
    check("an_overlapping_read_in_a_block_is_reported", Bound::None, {
        let overlaps = std::sync::Arc::clone(&overlaps);
        move || {
            let shared = Shared::new();
            let writer = &shared.record(2).slots[0];
            let record = record_with_used_block(&shared);
            let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
            let set_and_load = |flags: &[AtomicBool; 2], mine: usize| {
                flags[mine].store(true, Ordering::Relaxed);
                flags[1 - mine].load(Ordering::Relaxed)
            };
            let reader = spawn(&shared, {
                let flags = Arc::clone(&flags);
                move |shared| {
                    let slot = record.claim_in_block();
                    let entered = shared.gate.enter_read(slot, GET).is_ok();
                    let found = set_and_load(&flags, 0);
                    shared.gate.leave_read(slot);
                    shared.registry.clean_up(slot);
                    (entered, found)
                }
            });
            let entered = shared.gate.enter_write(&shared.registry, writer, INSERT, 1);
            let (entered, found) = (entered.is_ok(), set_and_load(&flags, 1));
            shared.gate.leave_write(writer);
            let (reads, finds) = join(reader);
            if found && finds {
                overlaps.fetch_add(1, Ordering::Relaxed);
                assert!(!(entered && reads), "an overlap that was not reported");
            }
        }
    });
    assert!(
        overlaps.load(Ordering::Relaxed) > 0,
        "never known to overlap"
    );
}

/// A write in a slot block of a new thread: the other writer reports it completely.
#[test]
fn model_a_writer_in_a_new_block_is_reported() {
    fn write(shared: &Shared, number: u64, slot: &'static Slot) {
        if let End::Reported(Some(side)) = shared.write(slot, INSERT, number) {
            let other = 3 - number;
            assert_eq!(side, Side::of(other, INSERT, other));
        }
    }
    check(
        "a_writer_in_a_new_block_is_reported",
        Bound::Preemptions(4),
        || {
            let shared = Shared::new();
            let other = spawn(&shared, |shared| {
                let slot = shared.record(1).claim_in_block();
                write(shared, 1, slot);
                shared.registry.clean_up(slot);
            });
            let slot = &shared.record(2).slots[0];
            write(&shared, 2, slot);
            join(other);
            shared.assert_attempts(2);
        },
    );
}

/// Starts thread 1, which reads in a slot block and exits, and thread 2, which may reuse its record
/// and reads in a slot block.
fn one_after_another(
    shared: &Arc<Shared>,
    record: &'static Record,
) -> [loom::thread::JoinHandle<()>; 2] {
    [
        spawn(shared, move |shared| {
            shared.read_in_block(record, GET);
            assert!(shared.registry.release(record));
        }),
        spawn(shared, move |shared| {
            let record = shared.record(2);
            shared.read_in_block(record, LEN);
            assert!(shared.registry.release(record));
        }),
    ]
}

/// A snapshot of a slot block that is being reused is of one of its owners.
#[test]
fn model_snapshot_in_a_block_is_of_one_thread() {
    let seen = std::sync::Arc::new(StdMutex::new([false; 2]));
    check(
        "snapshot_in_a_block_is_of_one_thread",
        Bound::Preemptions(2),
        {
            let seen = std::sync::Arc::clone(&seen);
            move || {
                let shared = Shared::new();
                let record = shared.record(1);
                let slot = record.claim_in_block();
                shared.registry.clean_up(slot);
                let threads = one_after_another(&shared, record);
                if let Some(side) = slot.snapshot(GATE, false).as_ref().map(Side::of_snapshot) {
                    let sides = [Side::of(1, GET, 0), Side::of(2, LEN, 0)];
                    let which = sides.iter().position(|&allowed| allowed == side);
                    let which = which.unwrap_or_else(|| panic!("{side:?} is no access"));
                    seen.lock().expect("not poisoned")[which] = true;
                }
                threads.into_iter().for_each(join);
            }
        },
    );
    assert_eq!(*seen.lock().expect("not poisoned"), [true; 2]);
}

/// An equal access by two owners in turn: line and description stay, the owner changes.
#[test]
fn model_snapshot_of_an_equal_access_in_a_block() {
    check(
        "snapshot_of_an_equal_access_in_a_block",
        Bound::Preemptions(3),
        || {
            let shared = Shared::new();
            let record = shared.record(1);
            let slot = record.claim_in_block();
            shared.registry.clean_up(slot);
            let other = spawn(&shared, move |shared| {
                shared.read_in_block(record, GET);
                shared.registry.release(record);
                let record = shared.record(2);
                shared.read_in_block(record, GET);
            });
            if let Some(side) = slot.snapshot(GATE, false).as_ref().map(Side::of_snapshot) {
                assert!([1, 2].contains(&side.thread));
            }
            join(other);
        },
    );
}

/// A writer that scans while slot blocks are reused does not enter while a read is inside.
#[test]
fn model_a_write_while_slot_blocks_change_hands() {
    check(
        "a_write_while_slot_blocks_change_hands",
        Bound::Preemptions(2),
        || {
            let shared = Shared::new();
            let writer = &shared.record(3).slots[0];
            let record = record_with_used_block(&shared);
            let threads = one_after_another(&shared, record);
            shared.write(writer, INSERT, 1);
            threads.into_iter().for_each(join);
            shared.assert_attempts(3);
        },
    );
}

/// Bits stored by the next owner of a block, which does not use the slot of an earlier read: a scan
/// that observes them has acquired the end of that read.
#[test]
fn model_bits_of_the_next_owner_of_a_block() {
    check(
        "bits_of_the_next_owner_of_a_block",
        Bound::Preemptions(3),
        || {
            let shared = Shared::new();
            let writer = &shared.record(3).slots[0];
            let record = record_with_used_block(&shared);
            let reader = spawn(&shared, move |shared| {
                let first = record.claim_in_block();
                shared.read_in_block(record, GET);
                shared.registry.clean_up(first);
                assert!(shared.registry.release(record));
            });
            let next = spawn(&shared, |shared| {
                shared.record(2).claim_in_block();
            });
            shared.write(writer, INSERT, 1);
            join(reader);
            join(next);
            shared.assert_attempts(2);
        },
    );
}

/// A guard leaked in a slot block: its record is not reused, and each write reports it.
#[test]
fn model_a_read_leaked_in_a_block_is_always_reported() {
    check(
        "a_read_leaked_in_a_block_is_always_reported",
        Bound::None,
        || {
            let shared = Shared::new();
            let record = shared.record(1);
            let leaks = spawn(&shared, move |shared| {
                let slot = record.claim_in_block();
                assert!(shared.gate.enter_read(slot, GET).is_ok());
                assert!(!shared.registry.release(record));
                record.retire();
                // The end of a later access does not release the record.
                let end = shared.read_with(&record.slots[0], LEN, || ());
                assert_eq!(end, End::Entered);
                assert!(record.slots[0].needs_cleanup());
                assert!(!shared.registry.clean_up(&record.slots[0]));
            });
            join(leaks);
            let next = shared.record(2);
            assert!(!std::ptr::eq(next, record));
            let end = shared.write(&next.slots[0], INSERT, 1);
            assert_eq!(end, End::Reported(Some(Side::of(1, GET, 0))));
        },
    );
}

/// Checks a thread that exits with a guard in a thread-local: the end of that access releases the
/// record, which another thread may reuse from then on.
fn retired(name: &str, claim: fn(&'static Record) -> &'static Slot) {
    let reused = std::sync::Arc::new(StdMutex::new([false; 2]));
    check(name, Bound::Preemptions(2), {
        let reused = std::sync::Arc::clone(&reused);
        move || {
            let shared = Shared::new();
            let writer = &shared.record(3).slots[0];
            let record = shared.record(1);
            let ends = spawn(&shared, move |shared| {
                let slot = claim(record);
                let end = shared.read_with(slot, GET, || {
                    assert!(!shared.registry.release(record));
                    record.retire();
                });
                if slot.needs_cleanup() {
                    assert_eq!(shared.registry.clean_up(slot), end.entered());
                } else {
                    assert!(!end.entered());
                }
            });
            let next = spawn(&shared, move |shared| {
                let next = shared.record(2);
                let slot = &next.slots[0];
                assert!(!slot.needs_cleanup(), "the record is retired");
                shared.read(slot, LEN);
                std::ptr::eq(next, record)
            });
            shared.write(writer, INSERT, 1);
            join(ends);
            let next = join(next);
            reused.lock().expect("not poisoned")[usize::from(next)] = true;
            shared.assert_attempts(3);
        }
    });
    let reused = reused.lock().expect("not poisoned");
    assert_eq!(*reused, [true; 2], "of two orders one was not tried");
}

#[test]
fn model_a_retired_record_is_released() {
    retired("a_retired_record_is_released", |record| &record.slots[0]);
}

#[test]
fn model_a_retired_record_with_blocks_is_released() {
    retired("a_retired_record_with_blocks_is_released", |record| {
        record.claim_in_block()
    });
}
