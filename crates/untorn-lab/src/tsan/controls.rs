//! Programs without a race. ThreadSanitizer must not report those whose order it can observe. For
//! those that are ordered by code of std, which is compiled without it, any result is accepted and
//! shown.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use untorn::{GoMap, Map, OverlapCell, ReadGuard, WriteGuard, spawn, spawn_scoped};

use super::races::{Config, touch};
use super::scenario::{Expected, Scenario};

const THREADS: u64 = 4;
const ROUNDS: u64 = 200;

/// A lock that ThreadSanitizer observes completely.
#[derive(Default)]
struct SpinLock(AtomicBool);

impl SpinLock {
    fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        while self.0.swap(true, Ordering::Acquire) {
            thread::yield_now();
        }
        let result = f();
        self.0.store(false, Ordering::Release);
        result
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// The data shared by the threads.
struct Shared {
    map: Config,
    cell: OverlapCell<[u64; 2]>,
}

fn config() -> &'static Shared {
    let map: Config = (0..100).map(|n| (n, n)).collect();
    leak(Shared {
        map: map.with_name("config"),
        cell: OverlapCell::named("config", [0; 2]),
    })
}

/// Runs `work` on several threads, each with its number, and joins them.
fn together(work: impl Fn(u64) + Send + Sync + 'static) {
    let work = leak(work);
    let threads = (0..THREADS).map(|number| spawn("worker", move || work(number)));
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("it ends");
    }
}

fn read(Shared { map, cell }: &Shared, key: u64) {
    map.get(&key);
    map.get_with(&key, |_| ());
    assert!(map.len() < 1000);
    let mut cursor = map.cursor();
    cursor.next();
    cursor.next_with(|_, _| ());
    if key.is_multiple_of(50) {
        assert!(!map.deep_clone().is_nil());
        assert!(!format!("{map:?}").is_empty());
        assert!(!format!("{cell:?}").is_empty());
    }
    let (first, second) = (cell.read(), cell.try_read().expect("no thread writes"));
    let again = ReadGuard::clone(&first);
    let part = ReadGuard::map(first, |values| &values[0]);
    assert_eq!(*part, second[1]);
    drop(second);
    assert_eq!(*part, again[1]);
}

fn write(Shared { map, cell }: &Shared, key: u64) {
    map.insert(key, key);
    map.remove(&(key / 2));
    if key.is_multiple_of(100) {
        map.clear();
        cell.take();
        cell.replace([1; 2]);
    }
    *cell.write() = [key; 2];
    let mut second = WriteGuard::map(cell.try_write().expect("no other access"), |values| {
        &mut values[1]
    });
    *second = key;
}

/// Reads and writes, each round under a lock.
fn under(lock: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) {
    let map = config();
    together(move |number| {
        for round in 0..ROUNDS {
            let key = number * ROUNDS + round;
            lock(&mut || {
                read(map, key);
                write(map, key);
            });
        }
    });
}

/// Reads and writes under a lock that several readers hold at once.
fn under_shared(
    reading: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    writing: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static,
) {
    let map = config();
    together(move |number| {
        for round in 0..ROUNDS {
            let key = number * ROUNDS + round;
            reading(&mut || read(map, key));
            writing(&mut || write(map, key));
        }
    });
}

fn spin_lock() {
    let lock = leak(SpinLock::default());
    under(|f| {
        lock.with(|| {
            f();
            pause();
        });
    });
}

fn parking_lot_mutex() {
    let lock = leak(parking_lot::Mutex::new(()));
    under(|f| {
        let _held = lock.lock();
        f();
        pause();
    });
}

fn parking_lot_rwlock() {
    let lock = leak(parking_lot::RwLock::new(()));
    let reading = |f: &mut dyn FnMut()| {
        let _held = lock.read();
        f();
        pause();
    };
    under_shared(reading, |f| {
        let _held = lock.write();
        f();
        pause();
    });
}

/// Many readers, which also create cursors at the same time, and no writer.
fn readers() {
    let map = config();
    together(move |number| {
        for round in 0..ROUNDS {
            read(map, number * ROUNDS + round);
        }
    });
}

/// One thread after the other, ordered by spawn and join.
fn started_and_joined() {
    let map = config();
    for number in 0..20 {
        read(map, number);
        let writer = spawn("writer", move || {
            read(map, number);
            write(map, number);
        });
        writer.join().expect("it ends");
        write(map, number);
    }
}

/// A map created by one thread and used by another, which waits for a flag.
fn flag() {
    let (map, ready): (&Shared, &AtomicBool) = (config(), leak(AtomicBool::new(false)));
    let writer = spawn("writer", move || {
        write(map, 1);
        ready.store(true, Ordering::Release);
    });
    let reader = spawn("reader", move || {
        while !ready.load(Ordering::Acquire) {
            thread::yield_now();
        }
        read(map, 1);
        write(map, 1);
    });
    writer.join().expect("it ends");
    reader.join().expect("it ends");
}

/// The writers of one map and cell are ordered by a lock that each takes inside a read of another
/// map.
fn lock_in_a_closure() {
    let (outer, inner, lock) = (config(), config(), leak(SpinLock::default()));
    together(move |number| {
        for round in 0..ROUNDS {
            let write_inner = || lock.with(|| write(inner, number * ROUNDS + round));
            outer.map.get_with(&1, |_| write_inner());
            outer.map.cursor().next_with(|_, _| write_inner());
            if round == 0 {
                outer.map.iter_with(|_, _| write_inner());
            }
            let reading = outer.cell.read();
            write_inner();
            drop(ReadGuard::map(reading, |values| {
                write_inner();
                values
            }));
        }
    });
}

/// The writers are ordered by a lock that they take inside a `Clone`.
fn lock_in_clone() {
    struct Elem {
        lock: &'static SpinLock,
        map: &'static Shared,
    }

    impl Clone for Elem {
        fn clone(&self) -> Self {
            self.lock.with(|| write(self.map, 1));
            Self { ..*self }
        }
    }

    let (lock, map) = (leak(SpinLock::default()), config());
    let outer = leak(GoMap::from([(1, Elem { lock, map })]));
    together(move |_| {
        for _ in 0..ROUNDS {
            _ = outer.get(&1);
            _ = outer.cursor().next();
        }
    });
}

/// An order established by a panic hook: the panic reports an overlap of a thread with itself.
fn panic_hook() {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    panic::set_hook(Box::new(|_| PANICKED.store(true, Ordering::Release)));
    let cell = leak(OverlapCell::new(()));
    let first = spawn("first", || {
        touch();
        let _reading = cell.read();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| drop(cell.write())));
        assert!(caught.is_err());
    });
    let second = spawn("second", || {
        while !PANICKED.load(Ordering::Acquire) {
            thread::yield_now();
        }
        touch();
    });
    first.join().expect("it ends");
    second.join().expect("it ends");
}

/// The last owner of the map frees it.
fn arc() {
    for _ in 0..20 {
        let map = Arc::new(GoMap::named("config"));
        map.insert(1, "265".to_owned());
        let readers = [(); 2].map(|()| {
            let map = Arc::clone(&map);
            spawn("reader", move || map.get(&1))
        });
        drop(map);
        for reader in readers {
            reader.join().expect("it ends");
        }
    }
}

/// Holds the lock long enough for the other threads to block.
fn pause() {
    thread::sleep(Duration::from_micros(50));
}

fn std_mutex() {
    let lock = leak(Mutex::new(()));
    under(|f| {
        let _held = lock.lock().expect("not poisoned");
        f();
        pause();
    });
}

fn std_rwlock() {
    let lock = leak(RwLock::new(()));
    let reading = |f: &mut dyn FnMut()| {
        let _held = lock.read().expect("not poisoned");
        f();
        pause();
    };
    under_shared(reading, |f| {
        let _held = lock.write().expect("not poisoned");
        f();
        pause();
    });
}

/// The thread that may use the map changes with each message.
fn std_channel() {
    let map = config();
    let (send, receive) = mpsc::channel();
    let reader = spawn("reader", move || {
        for key in receive {
            read(map, key);
        }
    });
    for key in 0..ROUNDS {
        // Only before the first message is sent.
        if key == 0 {
            write(map, key);
        }
        send.send(key).expect("the receiver exists");
    }
    drop(send);
    reader.join().expect("it ends");
    write(map, 1);
}

fn std_barrier() {
    let (map, barrier) = (config(), leak(Barrier::new(THREADS as usize)));
    together(move |number| {
        for round in 0..ROUNDS {
            if round % THREADS == number {
                write(map, round);
            }
            barrier.wait();
        }
    });
}

fn scope(join: bool) {
    let map = config();
    for number in 0..50 {
        thread::scope(|scope| {
            let writer = spawn_scoped(scope, "writer", || write(map, number));
            if join {
                writer.join().expect("it ends");
            }
        });
        write(map, number);
    }
}

/// `Map`, read while it is written.
fn map() {
    let map = leak(Map::<u64, u64>::new());
    together(move |number| {
        for round in 0..ROUNDS {
            if number == 0 {
                map.insert(round % 10, round);
            } else {
                map.get(&(round % 10));
            }
        }
    });
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let silent = [
        ("a spin lock", spin_lock as fn()),
        ("parking_lot::Mutex", parking_lot_mutex),
        ("parking_lot::RwLock", parking_lot_rwlock),
        ("readers and cursors only", readers),
        ("threads started and joined", started_and_joined),
        ("a flag with Release and Acquire", flag),
        (
            "a lock taken in a closure, under a guard",
            lock_in_a_closure,
        ),
        ("a lock taken in Clone", lock_in_clone),
        ("a panic hook", panic_hook),
        ("scoped threads, joined", || scope(true)),
    ];
    let of_std = [
        ("std Mutex", std_mutex as fn()),
        ("std RwLock", std_rwlock),
        ("std mpsc", std_channel),
        ("std Barrier", std_barrier),
        ("scoped threads, left to the scope", || scope(false)),
        ("Arc, dropped by its last owner", arc),
        ("untorn::Map, read while written", map),
    ];
    let suppressed = [
        ("Arc, with the suppression", arc as fn()),
        ("untorn::Map, with the suppression", map),
    ];
    let silent = silent.map(|(name, run)| Scenario::new(name, Expected::NoReports, run));
    let suppressed = suppressed
        .map(|(name, run)| Scenario::new(name, Expected::NoReports, run).with_suppressions());
    let of_std = of_std.map(|(name, run)| Scenario::new(name, Expected::Anything, run));
    [silent.to_vec(), suppressed.to_vec(), of_std.to_vec()].concat()
}
