//! What the gate costs: the same look-up in an unchecked table, through the gate, and through other checks; on one thread,
//! and on two that read the same table at once.
//!
//! `cargo bench -p untorn-lab --bench gate`

use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::thread;

use atomic_refcell::AtomicRefCell;
use untorn::gomap::Table;
use untorn::{GoMap, OverlapCell};
use untorn_lab::contest::Contest;

const ACCESSES: usize = 1 << 18;

type Unchecked = Table<u64, u64>;

/// Everything that is asked, with the same contents.
struct Shelf {
    keys: Vec<u64>,
    unchecked: Unchecked,
    gomap: GoMap<u64, u64>,
    cell: OverlapCell<Unchecked>,
    refcell: AtomicRefCell<Unchecked>,
    lock: RwLock<Unchecked>,
}

impl Shelf {
    fn new(n: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let table = || (0..n).map(|key| (key, key)).collect::<Unchecked>();
        Self {
            keys: (0..ACCESSES).map(|_| random.u64(..n)).collect(),
            unchecked: table(),
            gomap: GoMap::from(table()),
            cell: OverlapCell::new(table()),
            refcell: AtomicRefCell::new(table()),
            lock: RwLock::new(table()),
        }
    }

    fn read(&self, get: impl Fn(&Self, &u64) -> Option<u64>) {
        for key in &self.keys {
            black_box(get(self, key));
        }
    }
}

/// Reads everything once.
type Read = fn(&Shelf);

/// The ways to read.
const READS: [(&str, Read); 6] = [
    ("gomap::Table, unchecked", |shelf| {
        shelf.read(|shelf, key| shelf.unchecked.get(key).copied());
    }),
    // The least that a check without a word that readers share can be: what the reader does, and a fence before it looks.
    ("the same after a store and a fence", |shelf| {
        let (mine, other) = (AtomicUsize::new(0), AtomicUsize::new(0));
        shelf.read(|shelf, key| {
            mine.store(1, Ordering::Release);
            fence(Ordering::SeqCst);
            assert_eq!(other.load(Ordering::Acquire), 0);
            let elem = shelf.unchecked.get(key).copied();
            mine.store(0, Ordering::Release);
            elem
        });
    }),
    ("GoMap", |shelf| {
        shelf.read(|shelf, key| shelf.gomap.get(key));
    }),
    ("OverlapCell<Table>", |shelf| {
        shelf.read(|shelf, key| shelf.cell.read().get(key).copied());
    }),
    ("AtomicRefCell<Table>", |shelf| {
        shelf.read(|shelf, key| shelf.refcell.borrow().get(key).copied());
    }),
    ("std RwLock<Table>", |shelf| {
        shelf.read(|shelf, key| {
            let table = shelf.lock.read().expect("not poisoned");
            table.get(key).copied()
        });
    }),
];

fn main() {
    for n in [16_u64, 1_000, 100_000, 1_000_000] {
        let mut shelf = Shelf::new(n);
        reads(&shelf, n);
        overwrites(&mut shelf, n);
    }
}

fn reads(shelf: &Shelf, n: u64) {
    let mut contest = Contest::new(format!("read, one thread, u64, {n} keys"));
    for (name, read) in READS {
        contest = contest.candidate(name, move || {
            read(shelf);
            ACCESSES as u64
        });
    }
    contest.print();

    // Times are of the whole, so two threads that are not in each other's way take half as long for each.
    let mut contest = Contest::new(format!("read, two threads, u64, {n} keys"));
    for (name, read) in READS {
        contest = contest.candidate(name, move || {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(move || read(shelf));
                }
            });
            2 * ACCESSES as u64
        });
    }
    contest.print();
}

fn overwrites(shelf: &mut Shelf, n: u64) {
    let Shelf {
        keys,
        unchecked,
        gomap,
        cell,
        refcell,
        lock,
    } = shelf;
    Contest::new(format!("overwrite, one thread, u64, {n} keys"))
        .candidate("gomap::Table, unchecked", || {
            for &key in &*keys {
                black_box(unchecked.insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("GoMap", || {
            for &key in &*keys {
                black_box(gomap.insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("OverlapCell<Table>", || {
            for &key in &*keys {
                black_box(cell.write().insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("AtomicRefCell<Table>", || {
            for &key in &*keys {
                black_box(refcell.borrow_mut().insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("std RwLock<Table>", || {
            for &key in &*keys {
                black_box(lock.write().expect("not poisoned").insert(key, key));
            }
            keys.len() as u64
        })
        .print();
}
