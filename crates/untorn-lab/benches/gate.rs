//! The cost of the gate: one lookup in an unchecked table, through the gate, and through other
//! checks; on one thread, and on two threads that read the same table at once.
//!
//! `cargo bench -p untorn-lab --bench gate`

use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::thread;

use atomic_refcell::AtomicRefCell;
use untorn::gomap::Table;
use untorn::{GoMap, OverlapCell};
use untorn_lab::compare::Comparison;

const ACCESSES: usize = 1 << 18;

type Unchecked = Table<u64, u64>;

/// All containers under test, with equal contents.
struct Containers {
    keys: Vec<u64>,
    unchecked: Unchecked,
    gomap: GoMap<u64, u64>,
    cell: OverlapCell<Unchecked>,
    refcell: AtomicRefCell<Unchecked>,
    lock: RwLock<Unchecked>,
}

impl Containers {
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

/// Looks up every key once.
type Read = fn(&Containers);

/// The read variants.
const READS: [(&str, Read); 6] = [
    ("gomap::Table, unchecked", |containers| {
        containers.read(|containers, key| containers.unchecked.get(key).copied());
    }),
    // A lower bound for a check without a word that readers share: the store that announces a
    // reader, then a fence before it checks for a writer.
    ("gomap::Table, after a store and a fence", |containers| {
        let (mine, other) = (AtomicUsize::new(0), AtomicUsize::new(0));
        containers.read(|containers, key| {
            mine.store(1, Ordering::Release);
            fence(Ordering::SeqCst);
            assert_eq!(other.load(Ordering::Acquire), 0);
            let elem = containers.unchecked.get(key).copied();
            mine.store(0, Ordering::Release);
            elem
        });
    }),
    ("GoMap", |containers| {
        containers.read(|containers, key| containers.gomap.get(key));
    }),
    ("OverlapCell<Table>", |containers| {
        containers.read(|containers, key| containers.cell.read().get(key).copied());
    }),
    ("AtomicRefCell<Table>", |containers| {
        containers.read(|containers, key| containers.refcell.borrow().get(key).copied());
    }),
    ("std RwLock<Table>", |containers| {
        containers.read(|containers, key| {
            let table = containers.lock.read().expect("not poisoned");
            table.get(key).copied()
        });
    }),
];

fn main() {
    for n in [16_u64, 1_000, 100_000, 1_000_000] {
        let mut containers = Containers::new(n);
        reads(&containers, n);
        overwrites(&mut containers, n);
    }
}

fn reads(containers: &Containers, n: u64) {
    let mut comparison = Comparison::new(format!("read, one thread, u64, {n} keys"));
    for (name, read) in READS {
        comparison = comparison.candidate(name, move || {
            read(containers);
            ACCESSES as u64
        });
    }
    comparison.print();

    // The time is that of both threads: if they do not slow each other down, the figure per
    // operation is half as large.
    let mut comparison = Comparison::new(format!("read, two threads, u64, {n} keys"));
    for (name, read) in READS {
        comparison = comparison.candidate(name, move || {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(move || read(containers));
                }
            });
            2 * ACCESSES as u64
        });
    }
    comparison.print();
}

fn overwrites(containers: &mut Containers, n: u64) {
    let Containers {
        keys,
        unchecked,
        gomap,
        cell,
        refcell,
        lock,
    } = containers;
    Comparison::new(format!("overwrite, one thread, u64, {n} keys"))
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
