//! No false positives: accesses that a lock, a channel, a join or a barrier orders are never
//! reported. Every map here would panic at its first report.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use untorn::{GoMap, OnOverlap};

type Map = GoMap<u64, u64>;

fn map() -> Map {
    Map::new().on_overlap(OnOverlap::Panic)
}

/// A minimal lock: no kernel, no fence but its own Acquire and Release.
#[derive(Default)]
struct SpinLock(AtomicBool);

struct Held<'l>(&'l SpinLock);

impl SpinLock {
    fn lock(&self) -> Held<'_> {
        let mut spins = 0;
        while self.0.swap(true, Ordering::Acquire) {
            while self.0.load(Ordering::Relaxed) {
                spins += 1;
                if spins % 1024 == 0 {
                    thread::yield_now();
                }
                hint::spin_loop();
            }
        }
        Held(self)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

/// A cheap sequence of pseudo-random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Returns the number of accesses under the lock; `just quiet` makes more.
fn accesses() -> usize {
    match std::env::var("UNTORN_QUIET_ACCESSES") {
        Ok(value) => value.parse().expect("UNTORN_QUIET_ACCESSES is a number"),
        Err(_) => 10_000_000,
    }
}

/// Makes one access, seven of eight times a read. Keeps `sum` equal to the sum of all values, which
/// shows that each access observes the previous one.
fn access(map: &Map, random: &mut Random, sum: &mut u64) {
    let number = random.next();
    let key = (number >> 8) % 64;
    match number % 256 {
        0..16 => {
            let old = map.insert(key, number >> 32).unwrap_or(0);
            *sum = *sum - old + (number >> 32);
        }
        16..31 => *sum -= map.remove(&key).unwrap_or(0),
        31 if number % 8192 == 31 => {
            map.clear();
            *sum = 0;
        }
        31 => {
            let mut total = 0;
            map.iter_with(|_, value| total += value);
            assert_eq!(total, *sum, "an access did not observe the previous one");
        }
        32..64 => _ = hint::black_box(map.len()),
        64..96 => _ = hint::black_box(map.contains_key(&key)),
        _ => _ = hint::black_box(map.get(&key)),
    }
}

/// The most repetitions until the lock has changed hands often enough.
const REPETITIONS: usize = 20;

#[test]
fn accesses_under_a_lock() {
    let accesses = accesses();
    let needed = accesses as u64 / 100_000;
    let (mut turns, mut repetitions) = (0, 0);
    // Threads of which only one has a processor rarely alternate.
    while turns <= needed {
        assert!(
            repetitions < REPETITIONS,
            "the threads alternated {turns} times"
        );
        turns += run_under_a_lock(accesses);
        repetitions += 1;
    }
}

/// Makes accesses under a lock. Returns how often it changed hands.
fn run_under_a_lock(accesses: usize) -> u64 {
    const THREADS: usize = 4;
    let per_thread = accesses / THREADS;
    let (map, lock) = (map(), SpinLock::default());
    let (sum, last, turns) = (Shared::default(), Shared::default(), Shared::default());
    thread::scope(|s| {
        for me in 0..THREADS {
            let (map, lock, sum, last, turns) = (&map, &lock, &sum, &last, &turns);
            s.spawn(move || {
                let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ me as u64);
                let mut left = per_thread;
                while left > 0 {
                    let batch = left.min((random.next() % 16 + 1) as usize);
                    let held = lock.lock();
                    let mut total = sum.get();
                    for _ in 0..batch {
                        access(map, &mut random, &mut total);
                    }
                    sum.set(total);
                    if last.get() != me as u64 {
                        turns.set(turns.get() + 1);
                        last.set(me as u64);
                    }
                    drop(held);
                    left -= batch;
                    // Yields the lock at times: otherwise the thread that releases a spin lock
                    // mostly reacquires it.
                    let spins = if batch > 12 { 200 } else { 0 };
                    for _ in 0..spins {
                        if last.get() != me as u64 {
                            break;
                        }
                        hint::spin_loop();
                    }
                }
            });
        }
    });
    let (accesses, turns) = (per_thread * THREADS, turns.get());
    println!(
        "{accesses} accesses by {THREADS} threads, the lock changed hands {turns} times, no report"
    );
    turns
}

/// A number that the lock guards.
#[derive(Default)]
struct Shared(std::sync::atomic::AtomicU64);

impl Shared {
    // Relaxed: accessed only under the lock.
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

#[test]
fn accesses_handed_over_by_a_channel() {
    const ROUNDS: u64 = 20_000;
    let map = Arc::new(map());
    let (there, to_there) = mpsc::channel::<u64>();
    let (back, to_here) = mpsc::channel::<u64>();
    let echo = {
        let map = Arc::clone(&map);
        untorn::spawn("echo", move || {
            for round in to_there {
                assert_eq!(map.get(&(round % 100)), Some(round));
                map.insert(round % 100, round + 1);
                back.send(round).expect("the other side receives");
            }
        })
    };
    for round in 0..ROUNDS {
        map.insert(round % 100, round);
        there.send(round).expect("the other side receives");
        assert_eq!(to_here.recv(), Ok(round));
        assert_eq!(map.get(&(round % 100)), Some(round + 1));
    }
    drop(there);
    echo.join().expect("no report");
}

#[test]
fn accesses_handed_over_by_join_and_scope() {
    const ROUNDS: u64 = 1000;
    let map = Arc::new(map());
    for round in 0..ROUNDS {
        let thread = {
            let map = Arc::clone(&map);
            thread::spawn(move || map.insert(round, round))
        };
        thread.join().expect("no report");
        assert_eq!(map.get(&round), Some(round));
        thread::scope(|s| {
            s.spawn(|| map.remove(&round));
        });
        assert!(map.is_empty());
    }
}

/// Phases: one thread writes, a barrier, all threads read, a barrier.
#[test]
fn accesses_in_phases() {
    const THREADS: u64 = 4;
    const PHASES: u64 = 2000;
    let (map, barrier, writes) = (map(), Barrier::new(THREADS as usize), AtomicUsize::new(0));
    thread::scope(|s| {
        for me in 0..THREADS {
            let (map, barrier, writes) = (&map, &barrier, &writes);
            s.spawn(move || {
                for phase in 0..PHASES {
                    if phase % THREADS == me {
                        map.insert(phase % 50, phase);
                        writes.fetch_add(1, Ordering::Relaxed);
                    }
                    barrier.wait();
                    for _ in 0..10 {
                        assert_eq!(map.get(&(phase % 50)), Some(phase));
                    }
                    map.iter_with(|_, value| assert!(*value <= phase));
                    barrier.wait();
                }
            });
        }
    });
    assert_eq!(writes.into_inner(), PHASES as usize);
}

/// Reads may overlap each other: `get` beside `iter_with` beside `deep_clone`.
#[test]
fn concurrent_reads_are_not_reported() {
    const THREADS: usize = 32;
    let map = map();
    for n in 0..1000 {
        map.insert(n, !n);
    }
    let start = Barrier::new(THREADS);
    thread::scope(|s| {
        for me in 0..THREADS {
            let (map, start) = (&map, &start);
            s.spawn(move || {
                start.wait();
                for n in 0..5000 {
                    match (n + me as u64) % 500 {
                        0 => assert_eq!(map.deep_clone().len(), 1000),
                        1 => map.iter_with(|key, value| assert_eq!(*key, !value)),
                        2 => assert_eq!(map.stats().count, 1000),
                        3 => assert!(map.trace(&5).found()),
                        _ => assert_eq!(map.get(&(n % 1000)), Some(!(n % 1000))),
                    }
                }
            });
        }
    });
    map.clear();
    assert!(map.is_empty());
}
