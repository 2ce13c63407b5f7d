//! Free running: threads that break the rule as fast as they can. What is reported is luck; that two sides are never
//! inside at once unreported, and that nothing is ever torn or lost, is not.

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

/// One test at a time, so that each has two cores; `None`, and says why, where there is but one.
fn in_parallel() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    if thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
        println!("skipped: on one core accesses hardly ever overlap");
        return None;
    }
    Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The result of an access, or `None` if it was reported.
fn attempt<R>(access: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(access)) {
        Ok(result) => Some(result),
        Err(panic) => match panic.downcast_ref::<String>() {
            Some(message) if is_report(message) => None,
            _ => resume_unwind(panic),
        },
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// A key that tells, while it is compared and so from inside an access, whether the other side is inside too.
struct Sentry {
    inside: [AtomicBool; 2],
    both: AtomicUsize,
}

struct Visitor<'s> {
    /// Which side asks with this key; the stored key is nobody's.
    side: Option<usize>,
    sentry: &'s Sentry,
}

impl PartialEq for Visitor<'_> {
    fn eq(&self, other: &Self) -> bool {
        if let Some(side) = self.side.or(other.side) {
            let sentry = self.sentry;
            sentry.inside[side].store(true, Ordering::SeqCst);
            for _ in 0..300 {
                if sentry.inside[1 - side].load(Ordering::SeqCst) {
                    sentry.both.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                hint::spin_loop();
            }
            sentry.inside[side].store(false, Ordering::SeqCst);
        }
        true
    }
}

impl Eq for Visitor<'_> {}

impl Hash for Visitor<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        1.hash(state);
    }
}

impl Key for Visitor<'_> {}

/// Where two threads wait for each other without the kernel, so that they go on in the same few nanoseconds.
#[derive(Default)]
struct Start(AtomicUsize);

impl Start {
    fn line_up(&self, round: usize) {
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

/// Stores that will take the memory a while, so that the next ones of this core wait behind them and are late for
/// everybody else: the moment that the fences of the gate are for.
fn clog(lines: &[AtomicU64], dice: &mut Dice, stores: usize) {
    for _ in 0..stores {
        lines[dice.below(lines.len())].store(1, Ordering::Relaxed);
    }
}

type Access = for<'s> fn(&GoMap<Visitor<'s>, u64>, Visitor<'s>);

/// Dekker's question, asked again and again: a reader and a writer step in at the same time. Both may be turned
/// away, one may, but never are both let in.
fn nobody_is_let_in_beside(access: [Access; 2]) {
    const AT_MOST: Duration = Duration::from_secs(10);
    let Some(_alone) = in_parallel() else {
        return;
    };
    let lines: Vec<AtomicU64> = (0..4 << 20).map(AtomicU64::new).collect();
    let (mut rounds, mut reports) = (0, 0);
    // On a busy machine the two share a core most of the time, and each round costs a turn of the scheduler.
    let start = Instant::now();
    while rounds < 200_000 && start.elapsed() < AT_MOST {
        let (reported, both) = step_in(access, &lines, 0x9E37_79B9_7F4A_7C15 + rounds as u64);
        assert_eq!(both, 0, "both sides were inside");
        rounds += ROUNDS;
        reports += reported;
    }
    println!("{rounds} rounds, {reports} reports");
    assert!(reports > 0, "never at the gate at once");
}

/// Rounds between two looks at the clock.
const ROUNDS: usize = 1000;

/// How many accesses were reported, and how often two were inside at once.
fn step_in(access: [Access; 2], lines: &[AtomicU64], seed: u64) -> (usize, usize) {
    let sentry = &Sentry {
        inside: [false, false].map(AtomicBool::new),
        both: AtomicUsize::new(0),
    };
    let map = GoMap::new().on_overlap(OnOverlap::Panic);
    map.insert(Visitor { side: None, sentry }, 0);
    let (start, reports) = (Start::default(), AtomicUsize::new(0));
    thread::scope(|s| {
        for (me, access) in access.into_iter().enumerate() {
            let (map, start, reports) = (&map, &start, &reports);
            s.spawn(move || {
                silence_reports();
                let mut dice = Dice(seed ^ me as u64);
                for round in 0..ROUNDS {
                    let side = Some(me);
                    let stores = dice.below(3) * 16;
                    let delay = dice.below(4) * dice.below(30);
                    start.line_up(round);
                    for _ in 0..delay {
                        hint::spin_loop();
                    }
                    clog(lines, &mut dice, stores);
                    if attempt(|| access(map, Visitor { side, sentry })).is_none() {
                        reports.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    (reports.into_inner(), sentry.both.load(Ordering::SeqCst))
}

#[test]
fn a_reader_and_a_writer_are_never_both_inside() {
    nobody_is_let_in_beside([
        |map, key| assert_eq!(map.get(&key), Some(0)),
        |map, key| assert_eq!(map.insert(key, 0), Some(0)),
    ]);
}

#[test]
fn two_writers_are_never_both_inside() {
    nobody_is_let_in_beside([
        |map, key| assert_eq!(map.insert(key, 0), Some(0)),
        |map, key| assert_eq!(map.insert(key, 0), Some(0)),
    ]);
}

/// Reports that were made known by [`OnOverlap::Call`].
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn count(overlap: &Overlap) {
    assert_ne!(overlap.here.thread_number, overlap.other.thread_number);
    CALLS.fetch_add(1, Ordering::Relaxed);
}

/// Four threads, two of them writers, on one map; `done` and `reported` accesses of all.
fn hammer<V: Send + Sync>(
    map: &GoMap<u64, V>,
    rounds: usize,
    read: impl Fn(&GoMap<u64, V>, &mut Dice) + Sync,
    write: impl Fn(&GoMap<u64, V>, &mut Dice) + Sync,
) -> (usize, usize) {
    let (done, reported) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(4);
    thread::scope(|s| {
        for me in 0..4 {
            let (read, write, done, reported, start) = (&read, &write, &done, &reported, &start);
            s.spawn(move || {
                silence_reports();
                let mut dice = Dice(0x2545_F491_4F6C_DD1D ^ me);
                start.wait();
                for _ in 0..rounds {
                    let result = attempt(|| {
                        if me % 2 == 0 {
                            read(map, &mut dice);
                        } else {
                            write(map, &mut dice);
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

/// What the map says of itself agrees with what is in it.
fn assert_sane<V>(map: &GoMap<u64, V>) {
    let mut keys = Vec::new();
    map.iter_with(|key, _| keys.push(*key));
    assert_eq!(keys.len(), map.len());
    assert!(keys.iter().all(|key| map.contains_key(key)));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), map.len(), "a key is there twice");
}

#[test]
fn pairs_are_never_torn() {
    const KEYS: usize = 1000;
    let Some(_alone) = in_parallel() else {
        return;
    };
    let map: GoMap<u64, [u64; 4]> = GoMap::new().on_overlap(OnOverlap::Panic);
    let whole = |[a, b, c, d]: [u64; 4]| a == !b && b == c && c == !d;
    let (done, reported) = hammer(
        &map,
        500_000,
        |map, dice| {
            if dice.below(100) == 0 {
                map.iter_with(|_, value| assert!(whole(*value)));
            } else if let Some(value) = map.get(&(dice.below(KEYS) as u64)) {
                assert!(whole(value), "{value:?}");
            }
        },
        |map, dice| {
            let n = dice.below(1 << 30) as u64 * 1_021;
            match dice.below(2000) {
                // Begins to grow from one bucket anew.
                0 => map.clear(),
                1..200 => drop(map.remove(&(dice.below(KEYS) as u64))),
                _ => drop(map.insert(dice.below(KEYS) as u64, [n, !n, !n, n])),
            }
        },
    );
    println!("{done} accesses done, {reported} reported");
    assert!(done > 0 && reported > 0);
    assert_sane(&map);
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
    let (done, reported) = hammer(
        &map,
        250_000,
        |map, dice| match dice.below(200) {
            0 => drop(map.deep_clone()),
            1 => map.iter_with(|_, text| assert!(whole(text))),
            _ => {
                let text = map.get(&(dice.below(KEYS) as u64)).unwrap_or_default();
                assert!(whole(&text), "{text:?}");
            }
        },
        |map, dice| {
            let key = dice.below(KEYS) as u64;
            match dice.below(1000) {
                0 => map.clear(),
                1..300 => drop(map.remove(&key)),
                n => drop(map.insert(key, text(n))),
            }
        },
    );
    println!("{done} accesses done, {reported} reported");
    assert!(done > 0 && reported > 0);
    assert_eq!(CALLS.load(Ordering::Relaxed), reported);
    assert_sane(&map);
}
