//! Keys and values whose drop writes to the map that contained them.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;

use untorn::Map;

use super::user_code::{FUSE, tick};

/// A value whose drop writes to the map that contained it.
#[derive(Clone)]
struct Last {
    _on_drop: Option<Arc<WriteOnDrop>>,
}

/// A way to lose a value.
type Lose = fn(&Map<u64, Last>, Last);

const PLAIN: Last = Last { _on_drop: None };

struct WriteOnDrop(Weak<Map<u64, Last>>);

impl Drop for WriteOnDrop {
    fn drop(&mut self) {
        if let Some(map) = self.0.upgrade() {
            map.insert(1_000, PLAIN);
        }
    }
}

#[test]
fn drop_may_write_to_the_same_map() {
    let writes: [Lose; 10] = [
        |map, last| {
            map.insert(1, last);
            map.insert(1, PLAIN);
        },
        |map, last| {
            map.batch(|batch| {
                batch.insert(1, last);
                batch.clear();
            });
        },
        |map, last| {
            let refused = map.try_batch(|batch| {
                batch.insert(1, last);
                batch.clear();
                batch.insert(2, PLAIN);
                Err::<(), _>("no")
            });
            assert!(refused.is_err());
        },
        |map, last| {
            map.insert(1, last);
            map.remove(&1);
        },
        |map, last| {
            map.insert(1, last);
            map.clear();
        },
        |map, last| {
            map.insert(1, last);
            map.retain(|key, _| *key != 1);
        },
        |map, last| {
            map.insert(1, last);
            map.update(1, |_| None);
        },
        |map, last| {
            let refused = map.try_batch(|batch| {
                batch.insert(1, last);
                Err::<(), _>("no")
            });
            assert!(refused.is_err());
        },
        |map, last| {
            let mut batch = map.begin_batch();
            batch.insert(1, last);
            drop(batch);
        },
        |map, last| {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                map.batch(|batch| {
                    batch.insert(1, last);
                    panic!("after a write");
                });
            }));
            assert!(caught.is_err());
        },
    ];
    for write in writes {
        let map = Arc::new(Map::<u64, Last>::new());
        map.insert(5, PLAIN);
        write(
            &map,
            Last {
                _on_drop: Some(Arc::new(WriteOnDrop(Arc::downgrade(&map)))),
            },
        );
        map.reclaim();
        assert!(map.contains_key(&1_000), "the drop wrote");
    }
}

thread_local! {
    /// True if the next dropped value is to write.
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// A key that writes when it is dropped while armed.
#[derive(Clone)]
struct Name(u64, Weak<Map<Name, u64>>);

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if ARMED.take()
            && let Some(map) = self.1.upgrade()
        {
            map.insert(Name(1_000, Weak::new()), 0);
        }
    }
}

/// A way to pass a key to a map.
type Give = fn(&Map<Name, u64>, Name);

#[test]
fn drop_of_a_given_key_may_write() {
    let writes: [Give; 6] = [
        |map, key| _ = map.insert(key, 1),
        |map, key| _ = map.update(key, |_| Some(1)),
        |map, key| _ = map.update(key, |_| None),
        |map, key| _ = map.get_or_insert_with(key, || 1),
        |map, key| _ = map.batch(|batch| _ = batch.insert(key, 1)),
        |map, key| _ = map.batch(|batch| _ = batch.get_or_insert_with(key, || 1)),
    ];
    for write in writes {
        for stored in [false, true] {
            let map = Arc::new(Map::new());
            let key = |number| Name(number, Arc::downgrade(&map));
            map.insert(key(0), 0);
            if stored {
                map.insert(key(1), 0);
            }
            let given = key(1);
            ARMED.set(true);
            let wrote = || map.contains_key(&Name(1_000, Weak::new()));
            write(&map, given);
            // Before the lookup, whose key would be the first to be dropped.
            map.reclaim();
            let at_once = wrote();
            map.clear();
            map.reclaim();
            assert!(!ARMED.get() && (at_once || wrote()));
        }
    }
}

/// A way to replace a value.
type Replace = fn(&Map<u64, Writes>, Writes);

/// A value whose copies each write when they are dropped while armed.
#[derive(Clone)]
struct Writes(Weak<Map<u64, Writes>>);

impl Drop for Writes {
    fn drop(&mut self) {
        if ARMED.take()
            && let Some(map) = self.0.upgrade()
        {
            map.insert(1_000, self.clone());
        }
    }
}

#[test]
fn drop_of_a_replaced_value_may_write() {
    let writes: [Replace; 6] = [
        |map, value| _ = map.insert(1, value),
        |map, _| _ = map.remove(&1),
        |map, value| _ = map.update(1, |_| Some(value)),
        |map, _| _ = map.update(1, |_| None),
        |map, value| {
            map.clear();
            drop(value);
        },
        |map, value| {
            let refused = map.try_batch(|batch| {
                batch.insert(2, value);
                Err::<(), _>("no")
            });
            assert!(refused.is_err());
        },
    ];
    for write in writes {
        let map = Arc::new(Map::new());
        let value = Writes(Arc::downgrade(&map));
        map.insert(1, value.clone());
        ARMED.set(true);
        write(&map, value);
        map.reclaim();
        assert!(!ARMED.get() && map.contains_key(&1_000));
    }
}

/// A key whose `Hash` may panic, and whose `Drop` then writes to the map.
struct Fragile {
    number: u64,
    map: Weak<Map<Fragile, u64>>,
}

impl Fragile {
    fn new(number: u64, map: &Arc<Map<Self, u64>>) -> Self {
        Self {
            number,
            map: Arc::downgrade(map),
        }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            map: Weak::clone(&self.map),
        }
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        tick();
        self.number == other.number
    }
}

impl Eq for Fragile {}

impl Hash for Fragile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        tick();
        self.number.hash(state);
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if self.number != 1_000
            && thread::panicking()
            && let Some(map) = self.map.upgrade()
            && !map.contains_key(&Fragile::new(1_000, &map))
        {
            map.insert(Fragile::new(1_000, &map), 0);
        }
    }
}

#[test]
fn drop_after_a_panic_in_hash_or_eq_may_write() {
    type Write = fn(&Arc<Map<Fragile, u64>>);
    let writes: [Write; 6] = [
        |map| _ = map.insert(Fragile::new(1, map), 2),
        |map| _ = map.insert(Fragile::new(77, map), 2),
        |map| _ = map.update(Fragile::new(1, map), |_| Some(2)),
        |map| _ = map.get_or_insert_with(Fragile::new(77, map), || 2),
        |map| map.extend([1, 77, 78].map(|number| (Fragile::new(number, map), 2))),
        |map| {
            let mut batch = map.begin_batch();
            batch.extend([1, 77, 78].map(|number| (Fragile::new(number, map), 2)));
            batch.commit();
        },
    ];
    let mut written = 0;
    for write in writes {
        for k in 1..8 {
            let map = Arc::new(Map::new());
            for number in 0..5 {
                map.insert(Fragile::new(number, &map), 0);
            }
            FUSE.set(k);
            let caught = catch_unwind(AssertUnwindSafe(|| write(&map)));
            let panicked = FUSE.replace(0) == 0 && caught.is_err();
            let wrote = map.contains_key(&Fragile::new(1_000, &map));
            assert!(wrote || !panicked, "at call {k}");
            written += usize::from(wrote);
            map.clear();
            map.reclaim();
        }
    }
    assert!(written > 8, "{written} of them wrote");
}

/// The kept entries of a segment are cloned: a panic must not find some that it would drop under
/// the writer lock.
#[test]
fn panic_in_hash_of_a_removal_drops_no_clone() {
    type Write = fn(&Map<Fragile, u64>);
    let writes: [Write; 3] = [
        |map| map.retain(|key, _| key.number != 1),
        |map| drop(map.extract_if(|key, _| key.number == 1)),
        |map| _ = map.batch(|batch| batch.retain(|key, _| key.number != 1)),
    ];
    let mut panics = 0;
    for write in writes {
        for k in 1..12 {
            let map = Arc::new(Map::new());
            for number in 0..5 {
                map.insert(Fragile::new(number, &map), 0);
            }
            let _shared = map.snapshot();
            FUSE.set(k);
            let caught = catch_unwind(AssertUnwindSafe(|| write(&map)));
            FUSE.set(0);
            panics += usize::from(caught.is_err());
            // Keys that `extract_if` would have returned are dropped after the lock is released.
            let written = usize::from(map.contains_key(&Fragile::new(1_000, &map)));
            let kept = if caught.is_err() { 5 } else { 4 };
            assert_eq!(map.len(), kept + written);
            map.clear();
            map.reclaim();
        }
    }
    assert!(panics > 8, "{panics} panics");
}

/// Each `Drop` commits, and each commit may drop parts of large versions.
#[test]
fn drops_that_write_are_not_nested() {
    const ENTRIES: u64 = 20_000;
    let body = || {
        let map = Arc::new(Map::new());
        let last = |_| Last {
            _on_drop: Some(Arc::new(WriteOnDrop(Arc::downgrade(&map)))),
        };
        let lasts: Vec<_> = (0..ENTRIES).map(last).collect();
        let alive = lasts[0]._on_drop.as_ref().map(Arc::downgrade).expect("one");
        map.extend((0..).zip(lasts));
        map.clear();
        map.reclaim();
        assert!(alive.upgrade().is_none());
        assert_eq!(map.len(), 1, "a drop has written");
    };
    // A recursion over the parts does not fit.
    let thread = thread::Builder::new().stack_size(512 << 10).spawn(body);
    thread.expect("a thread").join().expect("no panic");
}
