//! The traffic: one or more threads that refresh the pair every millisecond, and any number of
//! threads that read it.

use std::hint::black_box;
use std::io;
use std::sync::RwLock;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use super::{KEYS, Rival};
use crate::compare::{percentile, sorted};

/// The interval between refreshes.
const INTERVAL: Duration = Duration::from_millis(1);

/// Pairs read between two readings of the clock: reading it for each pair would dominate the
/// measurement.
const PAIRS_PER_SAMPLE: u64 = 64;

/// Small, so that a thousand threads fit; none of them has deep calls.
const STACK: usize = 128 << 10;

/// The number of readers and the duration.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Threads that read the pair without pause.
    pub readers: usize,
    /// The duration.
    pub time: Duration,
}

/// The measurement of one run, or of several runs of one map.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The reading time of each reader.
    pub time: Duration,
    /// The time until the last read and the last refresh had ended. It exceeds `time` by the time
    /// slices of other threads, and by operations that blocked.
    pub took: Duration,
    /// Refreshes made. Fewer than were due if some took longer than the interval.
    pub refreshes: u64,
    /// Refreshes due in that time: one each millisecond for each writer.
    pub due: u64,
    /// Pairs read in that time.
    pub pairs: u64,
    /// Pairs whose values came from two refreshes.
    pub torn: u64,
    /// Pairs of which a key was not found, although both were present all the time.
    pub missing: u64,
    /// The longest time that a thread took for 64 pairs, including the time slices of other threads
    /// on its processor. No read of the run took longer.
    pub slowest: Duration,
    /// The lateness of the refreshes.
    pub late: Lateness,
}

impl Measurement {
    /// Returns the pairs read per second by all readers together.
    #[must_use]
    pub fn pairs_per_second(&self) -> f64 {
        self.pairs as f64 / self.time.as_secs_f64()
    }

    /// Combines several runs into one: counts are summed, delays merged, and `slowest` is the
    /// maximum.
    #[must_use]
    pub fn pooled(plays: &[Self]) -> Self {
        let sum = |number: fn(&Self) -> u64| plays.iter().map(number).sum();
        let delays = plays.iter().flat_map(|play| &play.late.delays).copied();
        Self {
            time: plays.iter().map(|play| play.time).sum(),
            took: plays.iter().map(|play| play.took).sum(),
            refreshes: sum(|play| play.refreshes),
            due: sum(|play| play.due),
            pairs: sum(|play| play.pairs),
            torn: sum(|play| play.torn),
            missing: sum(|play| play.missing),
            slowest: plays
                .iter()
                .map(|play| play.slowest)
                .max()
                .unwrap_or_default(),
            late: Lateness::of(delays.collect()),
        }
    }
}

/// The delays from the moment when a refresh was due to its completion. One is due each
/// millisecond. If one takes longer, the next one covers all that became due meanwhile, and each
/// counts with its own delay.
#[derive(Clone, Debug)]
pub struct Lateness {
    /// The median.
    pub median: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The maximum.
    pub max: Duration,
    /// All delays in seconds, which pooling needs.
    delays: Vec<f64>,
}

impl Lateness {
    /// Computes the lateness from delays in seconds.
    ///
    /// # Panics
    /// Panics if there are none.
    #[must_use]
    pub fn of(delays: Vec<f64>) -> Self {
        let delays = sorted(delays);
        let [median, p99, max] =
            [50, 99, 100].map(|p| Duration::from_secs_f64(percentile(&delays, p)));
        Self {
            median,
            p99,
            max,
            delays,
        }
    }
}

/// The counts of one reader.
#[derive(Default)]
struct ReadCounts {
    pairs: u64,
    torn: u64,
    missing: u64,
    slowest: Duration,
}

/// A period of time.
#[derive(Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    /// Returns the period of this length that starts now.
    fn of(time: Duration) -> Self {
        let start = Instant::now();
        Self {
            start,
            end: start + time,
        }
    }
}

/// Runs the traffic over a new map with one writer.
///
/// # Errors
/// Returns an error if a thread cannot be started.
pub fn play<R: Rival>(traffic: &Traffic) -> io::Result<Measurement> {
    play_with_writers::<R>(traffic, 1)
}

/// Runs the traffic over a new map with this many writers, each of which refreshes on its own
/// schedule. The map must support that: most rivals here are written for one writer.
///
/// # Errors
/// Returns an error if a thread cannot be started.
///
/// # Panics
/// Panics if there is no writer.
pub fn play_with_writers<R: Rival>(traffic: &Traffic, writers: usize) -> io::Result<Measurement> {
    assert!(writers > 0, "the traffic needs a writer");
    let map = R::map();
    // Locked until all threads have started. They then read the start and the end from it, since on
    // a loaded machine no thread would be scheduled in time to signal them.
    let start_lock: RwLock<Span> = RwLock::new(Span::of(Duration::ZERO));
    let span = || *start_lock.read().expect("not poisoned");
    thread::scope(|scope| {
        let mut held = start_lock.write().expect("not poisoned");
        let thread = |name: &str| Builder::new().name(name.into()).stack_size(STACK);
        let (map, span) = (&map, &span);
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                // Every refresh has a different number.
                let numbers = (1 + writer as u64..).step_by(writers);
                thread("poller").spawn_scoped(scope, move || refresh::<R>(map, span(), numbers))
            })
            .collect::<io::Result<_>>()?;
        let readers: Vec<_> = (0..traffic.readers)
            .map(|_| thread("reader").spawn_scoped(scope, || read::<R>(map, span())))
            .collect::<io::Result<_>>()?;
        let whole = Span::of(traffic.time);
        *held = whole;
        drop(held);

        let mut all = ReadCounts::default();
        for reader in readers {
            let counts = reader.join().expect("no reader panics");
            all.pairs += counts.pairs;
            all.torn += counts.torn;
            all.missing += counts.missing;
            all.slowest = all.slowest.max(counts.slowest);
        }
        let (mut refreshes, mut delays) = (0, Vec::new());
        for writer in writers {
            let (done, late) = writer.join().expect("no writer panics");
            refreshes += done;
            delays.extend(late);
        }
        Ok(Measurement {
            time: traffic.time,
            took: whole.start.elapsed(),
            refreshes,
            due: delays.len() as u64,
            pairs: all.pairs,
            torn: all.torn,
            missing: all.missing,
            slowest: all.slowest,
            late: Lateness::of(delays),
        })
    })
}

/// Refreshes the pair on schedule until every due refresh is made. Returns the number of refreshes,
/// and the delay in seconds of each one that was due.
fn refresh<R: Rival>(
    map: &R::Map,
    span: Span,
    numbers: impl Iterator<Item = u64>,
) -> (u64, Vec<f64>) {
    let mut write = R::writer(map);
    let (mut refreshes, mut late) = (0, Vec::new());
    let mut due = span.start;
    for number in numbers {
        if due >= span.end {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let begun = Instant::now();
        write(number);
        refreshes += 1;
        let done = Instant::now();
        while due <= begun && due < span.end {
            late.push((done - due).as_secs_f64());
            due += INTERVAL;
        }
    }
    (refreshes, late)
}

/// Reads the pair without pause.
fn read<R: Rival>(map: &R::Map, span: Span) -> ReadCounts {
    let mut read = R::reader(map);
    let mut counts = ReadCounts::default();
    let mut clock = Instant::now();
    while clock < span.end {
        for _ in 0..PAIRS_PER_SAMPLE {
            match read(black_box(KEYS)) {
                Some((one, two)) => counts.torn += u64::from(one != two),
                None => counts.missing += 1,
            }
        }
        let now = Instant::now();
        counts.slowest = counts.slowest.max(now - clock);
        // Pairs read after the end do not count for the rate; a torn pair always counts.
        if now <= span.end {
            counts.pairs += PAIRS_PER_SAMPLE;
        }
        clock = now;
    }
    counts
}
