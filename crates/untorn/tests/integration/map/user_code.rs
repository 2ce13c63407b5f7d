//! User code that panics, counts and writes back: `Hash`, `Eq`, `Clone`, `Drop` and closures.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use untorn::Map;

thread_local! {
    /// Calls of user code up to the one that panics; 0 is never.
    pub(crate) static FUSE: Cell<usize> = const { Cell::new(0) };
    /// Drops up to the one that writes to a map; 0 is never.
    pub(crate) static DROPS: Cell<usize> = const { Cell::new(0) };
    /// The action of that drop.
    pub(crate) static ON_DROP: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

pub(super) fn tick() {
    let left = FUSE.get();
    FUSE.set(left.saturating_sub(1));
    if left == 1 {
        // Without a message: there are thousands.
        resume_unwind(Box::new("the chosen call"));
    }
}

/// A counter of live values that also records which threads dropped one.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) live: AtomicUsize,
    dropped_by: Mutex<Vec<ThreadId>>,
}

/// A key and a value that count themselves in a ledger.
pub(crate) struct Counted(pub(crate) u64, Arc<Ledger>);

impl Counted {
    pub(crate) fn new(number: u64, ledger: &Arc<Ledger>) -> Self {
        ledger.live.fetch_add(1, Ordering::Relaxed);
        Self(number, Arc::clone(ledger))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        tick();
        Self::new(self.0, &self.1)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.1.live.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "dropped more often than made");
        let thread = thread::current().id();
        let mut dropped_by = self.1.dropped_by.lock().expect("not poisoned");
        if dropped_by.last() != Some(&thread) {
            dropped_by.push(thread);
        }
        drop(dropped_by);
        let left = DROPS.get();
        DROPS.set(left.saturating_sub(1));
        if left == 1
            && let Some(write) = ON_DROP.take()
        {
            write();
        }
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        tick();
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        tick();
        self.0.hash(state);
    }
}

pub(crate) type Counts = Map<Counted, Counted>;
type Write = fn(&Counts, &Arc<Ledger>);

/// Writes that each make exactly one revision.
const WRITES: [Write; 21] = [
    |map, ledger| _ = map.insert(Counted::new(500, ledger), Counted::new(1, ledger)),
    |map, ledger| _ = map.insert(Counted::new(3, ledger), Counted::new(1, ledger)),
    |map, ledger| _ = map.remove(&Counted::new(3, ledger)),
    |map, _| {
        map.retain(|key, _| {
            tick();
            key.0 >= 57
        });
    },
    |map, _| map.retain(|key, _| key.0 < 5),
    |map, ledger| {
        _ = map.update(Counted::new(3, ledger), |old| {
            tick();
            old.cloned()
        });
    },
    |map, ledger| {
        _ = map.update_if_present(&Counted::new(3, ledger), |old| {
            tick();
            Some(old.clone())
        });
    },
    |map, ledger| _ = map.update_if(&Counted::new(3, ledger), |_| true, Counted::clone),
    |map, ledger| _ = map.remove_if(&Counted::new(3, ledger), |value| value.0 == 3),
    |map, _| {
        _ = map.extract_if(|key, _| {
            tick();
            key.0 < 5
        });
    },
    |map, ledger| {
        let (view, keys) = (map.snapshot(), [Counted::new(3, ledger)]);
        let done = map.batch_if_keys_unchanged(&view, &keys, |batch| {
            tick();
            batch.update_if_present(&keys[0], |old| Some(old.clone()));
        });
        assert!(done.is_ok());
    },
    |map, ledger| {
        map.get_or_insert_with(Counted::new(700, ledger), || {
            tick();
            Counted::new(7, ledger)
        });
    },
    |map, ledger| {
        map.batch(|batch| {
            for key in 90..150 {
                batch.get_or_insert_with(Counted::new(key, ledger), || {
                    tick();
                    Counted::new(7, ledger)
                });
            }
        });
    },
    |map, ledger| {
        map.batch(|batch| {
            for key in 100..160 {
                batch.insert(Counted::new(key, ledger), Counted::new(0, ledger));
                tick();
            }
            batch.remove(&Counted::new(1, ledger));
        });
    },
    |map, ledger| {
        let of = |key| (Counted::new(key, ledger), Counted::new(key / 2, ledger));
        map.refresh((30..70).map(of));
    },
    |map, ledger| {
        let of = |key| (Counted::new(key, ledger), Counted::new(key / 2, ledger));
        assert!(map.refresh_unique((30..70).map(of)).is_ok());
    },
    |map, ledger| {
        let keys = (30..70).map(|key| Counted::new(key, ledger));
        map.refresh_with(keys, |key, old| {
            tick();
            (key.0 % 2 == 0).then(|| Counted::new(old.map_or(7, |old| old.0 + 1), ledger))
        });
    },
    |map, ledger| {
        let done = map.batch_if_unchanged(&map.snapshot(), |batch| {
            tick();
            batch.clear();
            batch.insert(Counted::new(1, ledger), Counted::new(1, ledger));
        });
        assert!(done.is_ok());
    },
    |map, ledger| {
        let mut batch = map.begin_batch();
        for key in 10..40 {
            tick();
            batch.update(Counted::new(key, ledger), |old| {
                (key % 2 == 0).then(|| Counted::new(old.map_or(7, |old| old.0 + 1), ledger))
            });
        }
        batch.retain(|key, _| {
            tick();
            key.0 % 5 != 0
        });
        batch.commit();
    },
    |map, ledger| {
        let done = map.try_batch(|batch| {
            tick();
            batch.clear();
            batch.extend((0..5).map(|key| (Counted::new(key, ledger), Counted::new(0, ledger))));
            Ok::<_, ()>(Counted::new(0, ledger))
        });
        assert!(done.is_ok());
    },
    |map, ledger| {
        map.extend((50..90).map(|key| (Counted::new(key, ledger), Counted::new(0, ledger))));
    },
];

#[test]
fn panic_in_user_code_publishes_nothing() {
    let mut panics = 0;
    // One segment, one that the next insert enlarges, one that it splits, and several.
    for entries in [20, 28, 52, 120] {
        for write in WRITES {
            let ledger = Arc::new(Ledger::default());
            let of = |key| (Counted::new(key, &ledger), Counted::new(key, &ledger));
            let map: Counts = (0..entries).map(of).collect();
            map.remove(&Counted::new(entries - 1, &ledger));
            map.insert(
                Counted::new(entries - 1, &ledger),
                Counted::new(entries - 1, &ledger),
            );
            map.reclaim();
            let alone = ledger.live.load(Ordering::Relaxed);
            let (fork, before) = (map.fork(), map.snapshot());
            let mut step = 1;
            // Each of the first calls, then fewer and fewer.
            for k in std::iter::from_fn(|| {
                step += 1 + step / 64;
                Some(step - 1)
            }) {
                FUSE.set(k);
                let caught = catch_unwind(AssertUnwindSafe(|| write(&map, &ledger)));
                let untouched = FUSE.replace(0) > 0;
                if caught.is_ok() {
                    // The write succeeded, so no call panicked.
                    assert!(untouched);
                    break;
                }
                panics += 1;
                assert!(std::ptr::eq(&*map.pin(), &*before), "nothing was published");
                assert!(*map.pin() == *fork.pin());
                assert_eq!(ledger.live.load(Ordering::Relaxed), alone, "nothing leaks");
            }
            assert_eq!(map.revision().get(), before.revision().get() + 1);
            assert_eq!(map.pin().iter().count(), map.len());
            drop((map, before, fork));
            assert_eq!(ledger.live.load(Ordering::Relaxed), 0);
        }
    }
    assert!(panics > 2_000, "{panics} panics");
}

#[test]
fn batch_stays_consistent_after_a_caught_panic() {
    let ledger = Arc::new(Ledger::default());
    let of = |key| (Counted::new(key, &ledger), Counted::new(key, &ledger));
    let mut caught = 0;
    for k in (1..200).step_by(3) {
        // Enough entries for two levels of branches.
        let map: Counts = (0..6_000).map(of).collect();
        map.batch(|batch| {
            for key in 0..6_000 {
                let key = Counted::new(key, &ledger);
                FUSE.set(if key.0.is_multiple_of(7) { k } else { 0 });
                let removed = catch_unwind(AssertUnwindSafe(|| batch.remove(&key)));
                FUSE.set(0);
                caught += usize::from(removed.is_err());
                if key.0 > 5_900 || (removed.is_err() && caught % 50 == 0) {
                    assert_eq!(batch.get(&key).is_some(), removed.is_err());
                    break;
                }
            }
            batch.insert(Counted::new(9_999, &ledger), Counted::new(0, &ledger));
        });
        let view = map.pin();
        assert_eq!(
            (view.iter().count(), view.iter().len()),
            (map.len(), map.len())
        );
    }
    assert!(caught > 100, "{caught} panics");
    assert_eq!(ledger.live.load(Ordering::Relaxed), 0);
}

#[test]
fn readers_drop_nothing_while_the_map_lives() {
    let ledger = Arc::new(Ledger::default());
    let of = |key| (Counted::new(key, &ledger), Counted::new(0, &ledger));
    let map: Counts = (0..500).map(of).collect();
    let done = AtomicBool::new(false);
    let readers: Vec<ThreadId> = thread::scope(|scope| {
        let read = || {
            let (mut reader, mut reads) = (map.reader(), 0);
            while !done.load(Ordering::Acquire) || reads == 0 {
                let (snapshot, pin) = (map.snapshot(), map.pin());
                thread::yield_now();
                assert_eq!(
                    (snapshot.len(), pin.len(), reader.latest().len()),
                    (500, 500, 500)
                );
                reads += 1;
            }
            thread::current().id()
        };
        let handles: Vec<_> = (0..3).map(|_| scope.spawn(read)).collect();
        for generation in 1..3_000 {
            let (key, value) = (generation % 500, generation);
            map.insert(Counted::new(key, &ledger), Counted::new(value, &ledger));
        }
        done.store(true, Ordering::Release);
        let joined = handles.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|id| id.expect("no reader panics")).collect()
    });
    map.reclaim();
    assert_eq!(
        (map.retained(), ledger.live.load(Ordering::Relaxed)),
        (0, 1_000)
    );
    let dropped_by = ledger.dropped_by.lock().expect("not poisoned").clone();
    assert!(!dropped_by.is_empty());
    assert!(!dropped_by.iter().any(|thread| readers.contains(thread)));
    let mut idle = map.reader();
    idle.latest();
    drop(map);
    assert_eq!(
        ledger.live.load(Ordering::Relaxed),
        1_000,
        "the reader keeps its version"
    );
    drop(idle);
    assert_eq!(ledger.live.load(Ordering::Relaxed), 0);
}
