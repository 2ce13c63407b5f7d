//! Free-running threads that break the rule as fast as they can. Which accesses are reported
//! depends on timing; but two conflicting accesses never succeed together, and no value is ever
//! torn or lost.

use std::hash::{Hash, Hasher};
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use untorn::gomap::Key;
use untorn::{GoMap, OnOverlap, Overlap};

use crate::support::silence::{is_report, silence_reports};

/// Runs one test at a time, so that each has two cores. Prints a message and returns `None` on a
/// machine with one core.
fn in_parallel() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    if thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
        println!("skipped: accesses rarely overlap on one core");
        return None;
    }
    Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the result of an access, or `None` if it was reported.
fn attempt<R>(access: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(access)) {
        Ok(result) => Some(result),
        Err(panic) => match panic.downcast_ref::<String>() {
            Some(message) if is_report(message) => None,
            _ => resume_unwind(panic),
        },
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// State that a key updates while it is compared, and so inside an access: whether each side is
/// inside, and how often both were.
struct Presence {
    inside: [AtomicBool; 2],
    both: AtomicUsize,
}

struct SideKey<'s> {
    /// The side that looks up this key; `None` for the stored key.
    side: Option<usize>,
    presence: &'s Presence,
}

impl PartialEq for SideKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        if let Some(side) = self.side.or(other.side) {
            let presence = self.presence;
            presence.inside[side].store(true, Ordering::SeqCst);
            for _ in 0..300 {
                if presence.inside[1 - side].load(Ordering::SeqCst) {
                    presence.both.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                hint::spin_loop();
            }
            presence.inside[side].store(false, Ordering::SeqCst);
        }
        true
    }
}

impl Eq for SideKey<'_> {}

impl Hash for SideKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        1.hash(state);
    }
}

impl Key for SideKey<'_> {}

/// A barrier of two threads that spin, so that both resume within a few nanoseconds.
#[derive(Default)]
struct SpinBarrier(AtomicUsize);

impl SpinBarrier {
    fn wait(&self, round: usize) {
        self.0.fetch_add(1, Ordering::SeqCst);
        let mut spins = 0;
        while self.0.load(Ordering::SeqCst) < 2 * (round + 1) {
            spins += 1;
            if spins % 512 == 0 {
                thread::yield_now();
            }
            hint::spin_loop();
        }
    }
}

/// Fills the store buffer of this core with slow stores, so that its next stores become visible
/// late. The fences of the gate exist for this case.
fn fill_store_buffer(lines: &[AtomicU64], random: &mut Random, stores: usize) {
    for _ in 0..stores {
        lines[random.below(lines.len())].store(1, Ordering::Relaxed);
    }
}

type Access = for<'s> fn(&GoMap<SideKey<'s>, u64>, SideKey<'s>);

/// Dekker's mutual exclusion, many times: two accesses start at the same time. One or both may be
/// refused, but both never succeed.
fn assert_mutual_exclusion(access: [Access; 2]) {
    const TIME_LIMIT: Duration = Duration::from_secs(10);
    // The limit while no accesses have overlapped, so that nothing is shown.
    const PATIENCE: Duration = Duration::from_secs(120);
    let Some(_alone) = in_parallel() else {
        return;
    };
    let lines: Vec<AtomicU64> = (0..16 << 20).map(AtomicU64::new).collect();
    let (mut rounds, mut reports) = (0, 0);
    // On a busy machine both threads often share a core, and each round costs a time slice.
    let start = Instant::now();
    while rounds < 200_000 && start.elapsed() < TIME_LIMIT
        || reports == 0 && start.elapsed() < PATIENCE
    {
        let (reported, both) = run_rounds(access, &lines, 0x9E37_79B9_7F4A_7C15 + rounds as u64);
        assert_eq!(both, 0, "both sides were inside");
        rounds += ROUNDS;
        reports += reported;
    }
    println!("{rounds} rounds, {reports} reports");
    assert!(reports > 0, "no accesses overlapped");
}

/// Rounds between two checks of the clock.
const ROUNDS: usize = 1000;

/// Returns how many accesses were reported, and how often both were inside at once.
fn run_rounds(access: [Access; 2], lines: &[AtomicU64], seed: u64) -> (usize, usize) {
    let presence = &Presence {
        inside: [false, false].map(AtomicBool::new),
        both: AtomicUsize::new(0),
    };
    let map = GoMap::new().on_overlap(OnOverlap::Panic);
    map.insert(
        SideKey {
            side: None,
            presence,
        },
        0,
    );
    let (start, reports) = (SpinBarrier::default(), AtomicUsize::new(0));
    thread::scope(|s| {
        for (me, access) in access.into_iter().enumerate() {
            let (map, start, reports) = (&map, &start, &reports);
            s.spawn(move || {
                silence_reports();
                let mut random = Random(seed ^ me as u64);
                for round in 0..ROUNDS {
                    let side = Some(me);
                    let stores = random.below(3) * 16;
                    let delay = random.below(4) * random.below(30);
                    start.wait(round);
                    for _ in 0..delay {
                        hint::spin_loop();
                    }
                    fill_store_buffer(lines, &mut random, stores);
                    if attempt(|| access(map, SideKey { side, presence })).is_none() {
                        reports.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    (reports.into_inner(), presence.both.load(Ordering::SeqCst))
}

#[test]
fn a_reader_and_a_writer_are_never_both_inside() {
    assert_mutual_exclusion([
        |map, key| assert_eq!(map.get(&key), Some(0)),
        |map, key| assert_eq!(map.insert(key, 0), Some(0)),
    ]);
}

#[test]
fn two_writers_are_never_both_inside() {
    assert_mutual_exclusion([
        |map, key| assert_eq!(map.insert(key, 0), Some(0)),
        |map, key| assert_eq!(map.insert(key, 0), Some(0)),
    ]);
}

/// Reports made through [`OnOverlap::Call`].
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn count(overlap: &Overlap) {
    assert_ne!(overlap.here.thread_number, overlap.other.thread_number);
    CALLS.fetch_add(1, Ordering::Relaxed);
}

/// The most repetitions until an access is reported: threads that share one core may not overlap.
const REPETITIONS: usize = 20;

/// Runs four threads, two of them writers, on one map, until accesses have succeeded and others
/// were reported. Returns how many.
fn hammer<V: Send + Sync>(
    map: &GoMap<u64, V>,
    rounds: usize,
    read: impl Fn(&GoMap<u64, V>, &mut Random) + Sync,
    write: impl Fn(&GoMap<u64, V>, &mut Random) + Sync,
) -> (usize, usize) {
    let (mut done, mut reported) = (0, 0);
    for _ in 0..REPETITIONS {
        let more = hammer_once(map, rounds, &read, &write);
        (done, reported) = (done + more.0, reported + more.1);
        if done > 0 && reported > 0 {
            break;
        }
    }
    println!("{done} accesses done, {reported} reported");
    assert!(done > 0 && reported > 0);
    (done, reported)
}

fn hammer_once<V: Send + Sync>(
    map: &GoMap<u64, V>,
    rounds: usize,
    read: impl Fn(&GoMap<u64, V>, &mut Random) + Sync,
    write: impl Fn(&GoMap<u64, V>, &mut Random) + Sync,
) -> (usize, usize) {
    let (done, reported) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(4);
    thread::scope(|s| {
        for me in 0..4 {
            let (read, write, done, reported, start) = (&read, &write, &done, &reported, &start);
            s.spawn(move || {
                silence_reports();
                let mut random = Random(0x2545_F491_4F6C_DD1D ^ me);
                start.wait();
                for _ in 0..rounds {
                    let result = attempt(|| {
                        if me % 2 == 0 {
                            read(map, &mut random);
                        } else {
                            write(map, &mut random);
                        }
                    });
                    let counter = if result.is_some() { done } else { reported };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (done.into_inner(), reported.into_inner())
}

/// Checks that the map's length and lookups agree with its entries.
fn assert_consistent<V>(map: &GoMap<u64, V>) {
    let mut keys = Vec::new();
    map.iter_with(|key, _| keys.push(*key));
    assert_eq!(keys.len(), map.len());
    assert!(keys.iter().all(|key| map.contains_key(key)));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), map.len(), "a key is present twice");
}

#[test]
fn pairs_are_never_torn() {
    const KEYS: usize = 1000;
    let Some(_alone) = in_parallel() else {
        return;
    };
    let map: GoMap<u64, [u64; 4]> = GoMap::new().on_overlap(OnOverlap::Panic);
    let whole = |[a, b, c, d]: [u64; 4]| a == !b && b == c && c == !d;
    hammer(
        &map,
        500_000,
        |map, random| {
            if random.below(100) == 0 {
                map.iter_with(|_, value| assert!(whole(*value)));
            } else if let Some(value) = map.get(&(random.below(KEYS) as u64)) {
                assert!(whole(value), "{value:?}");
            }
        },
        |map, random| {
            let n = random.below(1 << 30) as u64 * 1_021;
            match random.below(2000) {
                // Growth starts again from one bucket.
                0 => map.clear(),
                1..200 => drop(map.remove(&(random.below(KEYS) as u64))),
                _ => drop(map.insert(random.below(KEYS) as u64, [n, !n, !n, n])),
            }
        },
    );
    assert_consistent(&map);
}

#[test]
fn strings_are_never_torn() {
    const KEYS: usize = 300;
    let Some(_alone) = in_parallel() else {
        return;
    };
    let map: GoMap<u64, String> = GoMap::named("strings").on_overlap(OnOverlap::Call(count));
    let text = |n: usize| char::from(b'a' + (n % 26) as u8).to_string().repeat(n % 60);
    let whole = |text: &str| text.bytes().all(|byte| Some(byte) == text.bytes().next());
    let (_, reported) = hammer(
        &map,
        250_000,
        |map, random| match random.below(200) {
            0 => drop(map.deep_clone()),
            1 => map.iter_with(|_, text| assert!(whole(text))),
            _ => {
                let text = map.get(&(random.below(KEYS) as u64)).unwrap_or_default();
                assert!(whole(&text), "{text:?}");
            }
        },
        |map, random| {
            let key = random.below(KEYS) as u64;
            match random.below(1000) {
                0 => map.clear(),
                1..300 => drop(map.remove(&key)),
                n => drop(map.insert(key, text(n))),
            }
        },
    );
    assert_eq!(CALLS.load(Ordering::Relaxed), reported);
    assert_consistent(&map);
}
