//! Counts of what dropped guards leave behind: records, and the work of a writer's scan.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::mem::forget;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{RECORD, REGISTRY, RELEASE_ON_EXIT};
use crate::overlap::blocks::WORDS_READ;
use crate::overlap::record::{Record, SLOTS};
use crate::{OverlapCell, ReadGuard};

const GUARDS: usize = scaled(4_000);

/// Returns the number of accesses or threads of a test: fewer under Miri, where each takes
/// thousands of times as long.
const fn scaled(count: usize) -> usize {
    if cfg!(miri) {
        count.div_ceil(40)
    } else {
        count
    }
}

/// The records that threads of other tests may acquire meanwhile.
const OF_OTHER_TESTS: usize = 200;

/// Serializes the tests of this file: a test that holds records would make others allocate more.
static SERIAL: Mutex<()> = Mutex::new(());

fn serial() -> MutexGuard<'static, ()> {
    SERIAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn records() -> usize {
    REGISTRY.records().count()
}

/// Runs `body` on a new thread, and so in a record without accesses.
fn on_a_thread(body: fn()) {
    thread::spawn(body).join().expect("the body does not panic");
}

fn own_record() -> &'static Record {
    RECORD.get().expect("after an access")
}

/// Returns the words of the bitmap and the slots that a scan reads of this thread's slot blocks.
fn scanned() -> (usize, usize) {
    WORDS_READ.set(0);
    let slots = own_record().fold_block_slots(0, |slots, _| slots + 1);
    (WORDS_READ.get(), slots)
}

fn cells() -> Vec<OverlapCell<usize>> {
    (0..GUARDS).map(OverlapCell::new).collect()
}

type Take = fn(&mut Vec<ReadGuard<'_, usize>>);

/// Orders in which guards are dropped: the last one first, the first one first, the middle one
/// first.
const ORDERS: [Take; 3] = [
    |held| drop(held.pop()),
    |held| drop(held.swap_remove(0)),
    |held| drop(held.swap_remove(held.len() / 2)),
];

#[test]
fn dropped_guards_are_not_scanned() {
    let _serial = serial();
    on_a_thread(|| {
        let cells = cells();
        let before = records();
        for take in ORDERS {
            let mut held: Vec<_> = cells.iter().map(OverlapCell::read).collect();
            assert_eq!(scanned().1, GUARDS - SLOTS);
            while !held.is_empty() {
                take(&mut held);
                let (_, slots) = scanned();
                assert!(slots <= held.len(), "{slots} slots for {}", held.len());
            }
            assert_eq!(scanned(), (0, 0));
            assert!(!own_record().has_blocks_in_use());
        }
        assert!(records() < before + OF_OTHER_TESTS);
    });
}

/// Words of the bitmap with one bit, and the levels above them.
#[test]
fn each_further_guard_is_found_by_scans() {
    let _serial = serial();
    on_a_thread(|| {
        let cells = cells();
        let mut held = Vec::new();
        // More than two words of a block's bitmap.
        for cell in cells.iter().take(300) {
            held.push(cell.read());
            assert_eq!(scanned().1, held.len().saturating_sub(SLOTS));
            assert!(cell.try_write().is_err(), "{} reads", held.len());
        }
    });
}

#[test]
fn one_guard_of_many_costs_a_scan_one_slot() {
    let _serial = serial();
    on_a_thread(|| {
        let cells = cells();
        for kept in [SLOTS, 70, GUARDS / 2, GUARDS - 1] {
            let mut held: Vec<_> = cells.iter().map(OverlapCell::read).collect();
            let kept = held.swap_remove(kept);
            drop(held);
            let (words, slots) = scanned();
            assert_eq!(slots, 1);
            // A block of 2,048 slots has 32 words, and one above them.
            assert!(words <= 2, "{words} words");
            assert!(cells[*kept].try_write().is_err(), "the read is in progress");
        }
    });
}

/// Returns the addresses of the slots that a scan finds in this thread's slot blocks.
fn slots_in_use() -> Vec<usize> {
    let slots = RefCell::new(Vec::new());
    own_record().fold_block_slots((), |(), slot| {
        slots.borrow_mut().push(std::ptr::from_ref(slot).addr());
    });
    slots.into_inner()
}

#[test]
fn slots_of_blocks_are_reused() {
    let _serial = serial();
    on_a_thread(|| {
        let cells = cells();
        let mut used = BTreeSet::new();
        for take in ORDERS {
            let mut held: Vec<_> = cells.iter().map(OverlapCell::read).collect();
            used.extend(slots_in_use());
            // Some are dropped and taken again before the rest.
            for _ in 0..GUARDS / 3 {
                take(&mut held);
            }
            held.extend(cells[..GUARDS / 3].iter().map(OverlapCell::read));
            used.extend(slots_in_use());
        }
        assert_eq!(used.len(), GUARDS - SLOTS);
    });
}

#[test]
fn slot_blocks_are_reused_by_later_threads() {
    let _serial = serial();
    static USED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());
    for _ in 0..scaled(50) {
        on_a_thread(|| {
            let cells = cells();
            let _held: Vec<_> = cells.iter().map(OverlapCell::read).collect();
            let used = slots_in_use();
            assert_eq!(used.len(), GUARDS - SLOTS);
            USED.lock().expect("not poisoned").extend(used);
        });
    }
    // Threads of other tests may have taken a record with blocks meanwhile.
    let used = USED.lock().expect("not poisoned").len();
    assert!(used < 20 * GUARDS, "{used} slots");
}

thread_local! {
    static KEPT: Cell<Vec<ReadGuard<'static, u8>>> = const { Cell::new(Vec::new()) };
}

/// Returns the number of records that `threads` threads leave, one after the other.
fn left_by(threads: usize, body: fn()) -> usize {
    let before = records();
    for _ in 0..threads {
        on_a_thread(body);
    }
    records() - before
}

#[test]
fn guards_in_thread_locals_release_records() {
    let _serial = serial();
    static CELL: OverlapCell<u8> = OverlapCell::new(1);
    let bodies: [(usize, fn()); 4] = [
        // The thread-local is registered before ours, and so destroyed after it.
        (scaled(8_000), || {
            KEPT.with(|kept| kept.set(vec![CELL.read()]));
        }),
        // In slot blocks too.
        (scaled(1_000), || {
            KEPT.with(|kept| kept.set((0..9).map(|_| CELL.read()).collect()));
        }),
        // The thread-local is registered after ours, and so destroyed before it.
        (scaled(1_000), || {
            let first = CELL.read();
            KEPT.set(vec![CELL.read(), first]);
        }),
        (scaled(1_000), || {
            let first = CELL.read();
            KEPT.set((0..9).map(|_| CELL.read()).chain([first]).collect());
        }),
    ];
    for (threads, body) in bodies {
        let left = left_by(threads, body);
        assert!(left < OF_OTHER_TESTS, "{left} records");
        assert!(CELL.try_write().is_ok(), "no guard is left");
    }
}

#[test]
fn records_with_leaked_guards_are_not_reused() {
    let _serial = serial();
    static CELL: OverlapCell<u8> = OverlapCell::new(1);
    static OWN: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());
    for _ in 0..scaled(100) {
        on_a_thread(|| {
            // The last guard is in a slot block; the others are dropped.
            let [.., last] = [(); SLOTS + 1].map(|()| CELL.read());
            forget(last);
            let own = std::ptr::from_ref(own_record()).addr();
            assert!(OWN.lock().expect("not poisoned").insert(own), "reused");
        });
    }
    let overlap = CELL
        .try_write()
        .map(drop)
        .expect_err("their guards are leaked");
    assert_eq!(overlap.additional_readers, scaled(100) - 1);
}

static CELL_OF_DESTRUCTORS: OverlapCell<u8> = OverlapCell::new(1);

struct ReadsWhenDropped;

impl Drop for ReadsWhenDropped {
    fn drop(&mut self) {
        let held: Vec<_> = (0..scaled(1_000))
            .map(|_| CELL_OF_DESTRUCTORS.read())
            .collect();
        assert_eq!(held.len(), scaled(1_000));
        drop(held);
        drop(CELL_OF_DESTRUCTORS.read());
    }
}

thread_local! {
    static READS_WHEN_DROPPED: ReadsWhenDropped = const { ReadsWhenDropped };
}

thread_local! {
    static OBSERVES_WHEN_DROPPED: ObservesWhenDropped = const { ObservesWhenDropped };
}

struct ObservesWhenDropped;

impl ObservesWhenDropped {
    /// Returns whether this thread may still use its record: it has not been released.
    fn is_consistent() -> bool {
        RELEASE_ON_EXIT.try_with(|_| ()).is_ok() || RECORD.get().is_none()
    }
}

/// The observations: before the accesses of the destructor, and after them.
static CONSISTENT: Mutex<Vec<[bool; 2]>> = Mutex::new(Vec::new());

impl Drop for ObservesWhenDropped {
    fn drop(&mut self) {
        let before = Self::is_consistent();
        let held = [(); SLOTS + 1].map(|()| CELL_OF_DESTRUCTORS.read());
        drop(held);
        let observed = [before, Self::is_consistent()];
        CONSISTENT.lock().expect("not poisoned").push(observed);
    }
}

/// Another thread owns it from then on.
#[test]
fn a_released_record_is_not_used_again() {
    let _serial = serial();
    on_a_thread(|| {
        OBSERVES_WHEN_DROPPED.with(|_| ());
        drop(CELL_OF_DESTRUCTORS.read());
    });
    let consistent = CONSISTENT.lock().expect("not poisoned");
    assert_eq!(*consistent, [[true; 2]]);
}

/// All accesses of a thread after the release of its record use one other record.
#[test]
fn accesses_of_destructors_leave_no_records() {
    let _serial = serial();
    let bodies: [fn(); 2] = [
        || {
            READS_WHEN_DROPPED.with(|_| ());
            drop(CELL_OF_DESTRUCTORS.read());
        },
        // With a guard in another thread-local, which is destroyed after that.
        || {
            KEPT.with(|_| ());
            READS_WHEN_DROPPED.with(|_| ());
            KEPT.set(vec![CELL_OF_DESTRUCTORS.read()]);
        },
    ];
    for body in bodies {
        let left = left_by(scaled(200), body);
        assert!(left < OF_OTHER_TESTS, "{left} records");
        assert!(CELL_OF_DESTRUCTORS.try_write().is_ok(), "no guard is left");
    }
}
