//! The traffic: one thread that refreshes the pair every millisecond, any number of threads that read it.

use std::hint::black_box;
use std::io;
use std::sync::RwLock;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use super::{KEYS, Rival};
use crate::contest::{percentile, sorted};

/// How often the pair is refreshed.
const EVERY: Duration = Duration::from_millis(1);

/// Pairs read between two looks at the clock: one look for each pair would be most of what is measured.
const STRETCH: u64 = 64;

/// A thousand threads must fit; none of them goes deep.
const STACK: usize = 128 << 10;

/// How many readers, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Threads that read the pair without pause.
    pub readers: usize,
    /// For how long.
    pub time: Duration,
}

/// What a play came to.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// How long the readers read.
    pub time: Duration,
    /// Refreshes made.
    pub refreshes: u64,
    /// Pairs read in that time.
    pub pairs: u64,
    /// Pairs whose values came from two refreshes.
    pub torn: u64,
    /// Pairs of which a key was not found, although both were there all the time.
    pub missing: u64,
    /// The longest time that a thread took for 64 pairs, other threads' turns on its processor included. No read of the
    /// play took longer.
    pub slowest: Duration,
    /// How late the refreshes were.
    pub late: Lateness,
}

impl Tally {
    /// Pairs read per second, by all readers together.
    #[must_use]
    pub fn pairs_per_second(&self) -> f64 {
        self.pairs as f64 / self.time.as_secs_f64()
    }
}

/// From when a refresh was due to when it was done. One is due each millisecond; if one takes longer than that, those that
/// became due meanwhile are all made good by the next, and each counts with its own delay.
#[derive(Clone, Copy, Debug)]
pub struct Lateness {
    /// Half are later.
    pub median: Duration,
    /// One in a hundred is later.
    pub p99: Duration,
    /// None is later.
    pub max: Duration,
}

impl Lateness {
    fn of(late: &[Duration]) -> Self {
        let late = sorted(late.iter().map(Duration::as_secs_f64).collect());
        let [median, p99, max] =
            [50, 99, 100].map(|p| Duration::from_secs_f64(percentile(&late, p)));
        Self { median, p99, max }
    }
}

/// What one reader saw.
#[derive(Default)]
struct Seen {
    pairs: u64,
    torn: u64,
    missing: u64,
    slowest: Duration,
}

/// From when to when.
#[derive(Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    /// From now on.
    fn of(time: Duration) -> Self {
        let start = Instant::now();
        Self {
            start,
            end: start + time,
        }
    }
}

/// Runs the traffic over a new map.
///
/// # Errors
/// If a thread cannot be started.
pub fn play<R: Rival>(traffic: &Traffic) -> io::Result<Tally> {
    let map = R::map();
    // Closed until all threads are there; then they know when it began and when it ends, for nobody who could tell them
    // would get a turn in time.
    let gate: RwLock<Span> = RwLock::new(Span::of(Duration::ZERO));
    let span = || *gate.read().expect("nobody panics");
    thread::scope(|scope| {
        let mut closed = gate.write().expect("nobody panics");
        let thread = |name: &str| Builder::new().name(name.into()).stack_size(STACK);
        let writer = thread("poller").spawn_scoped(scope, || refresh::<R>(&map, span()))?;
        let readers: Vec<_> = (0..traffic.readers)
            .map(|_| thread("reader").spawn_scoped(scope, || read::<R>(&map, span())))
            .collect::<io::Result<_>>()?;
        *closed = Span::of(traffic.time);
        drop(closed);

        let mut all = Seen::default();
        for reader in readers {
            let seen = reader.join().expect("no reader panics");
            all.pairs += seen.pairs;
            all.torn += seen.torn;
            all.missing += seen.missing;
            all.slowest = all.slowest.max(seen.slowest);
        }
        let (refreshes, late) = writer.join().expect("the writer does not panic");
        Ok(Tally {
            time: traffic.time,
            refreshes,
            pairs: all.pairs,
            torn: all.torn,
            missing: all.missing,
            slowest: all.slowest,
            late: Lateness::of(&late),
        })
    })
}

/// Refreshes the pair when it is due; how often, and how late each time that it was due.
fn refresh<R: Rival>(map: &R::Map, span: Span) -> (u64, Vec<Duration>) {
    let mut write = R::writer(map);
    let (mut refreshes, mut late) = (0, Vec::new());
    let mut due = span.start;
    loop {
        let begun = Instant::now();
        refreshes += 1;
        write(refreshes);
        let done = Instant::now();
        while due <= begun {
            late.push(done - due);
            due += EVERY;
        }
        if done >= span.end {
            return (refreshes, late);
        }
        thread::sleep(due.saturating_duration_since(done));
    }
}

/// Reads the pair without pause.
fn read<R: Rival>(map: &R::Map, span: Span) -> Seen {
    let mut read = R::reader(map);
    let mut seen = Seen::default();
    let mut clock = Instant::now();
    while clock < span.end {
        for _ in 0..STRETCH {
            match read(black_box(KEYS)) {
                Some((one, two)) => seen.torn += u64::from(one != two),
                None => seen.missing += 1,
            }
        }
        let now = Instant::now();
        seen.slowest = seen.slowest.max(now - clock);
        // What was read after the end makes no rate; a torn pair is one at any time.
        if now <= span.end {
            seen.pairs += STRETCH;
        }
        clock = now;
    }
    seen
}
