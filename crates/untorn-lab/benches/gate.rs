//! What the gate costs: the same look-up in an unchecked table, through the gate, and through other checks.
//!
//! `cargo bench -p untorn-lab --bench gate`

use std::hint::black_box;
use std::sync::RwLock;

use atomic_refcell::AtomicRefCell;
use untorn::GoMap;
use untorn::gomap::Table;
use untorn_lab::contest::Contest;

const ACCESSES: usize = 1 << 18;

fn main() {
    for n in [16_u64, 1_000, 100_000, 1_000_000] {
        contests(n);
    }
}

fn contests(n: u64) {
    let mut random = fastrand::Rng::with_seed(7);
    let keys: Vec<u64> = (0..ACCESSES).map(|_| random.u64(..n)).collect();
    let table = || (0..n).map(|key| (key, key)).collect::<Table<u64, u64>>();
    let (unchecked, gomap) = (table(), GoMap::from(table()));
    let (refcell, lock) = (AtomicRefCell::new(table()), RwLock::new(table()));

    Contest::new(format!("read, one thread, u64, {n} keys"))
        .candidate("gomap::Table, unchecked", || {
            for key in &keys {
                black_box(unchecked.get(key).copied());
            }
            keys.len() as u64
        })
        .candidate("GoMap", || {
            for key in &keys {
                black_box(gomap.get(key));
            }
            keys.len() as u64
        })
        .candidate("AtomicRefCell<Table>", || {
            for key in &keys {
                black_box(refcell.borrow().get(key).copied());
            }
            keys.len() as u64
        })
        .candidate("std RwLock<Table>", || {
            for key in &keys {
                black_box(lock.read().expect("not poisoned").get(key).copied());
            }
            keys.len() as u64
        })
        .print();

    let mut unchecked = unchecked;
    Contest::new(format!("overwrite, one thread, u64, {n} keys"))
        .candidate("gomap::Table, unchecked", || {
            for &key in &keys {
                black_box(unchecked.insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("GoMap", || {
            for &key in &keys {
                black_box(gomap.insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("AtomicRefCell<Table>", || {
            for &key in &keys {
                black_box(refcell.borrow_mut().insert(key, key));
            }
            keys.len() as u64
        })
        .candidate("std RwLock<Table>", || {
            for &key in &keys {
                black_box(lock.write().expect("not poisoned").insert(key, key));
            }
            keys.len() as u64
        })
        .print();
}
