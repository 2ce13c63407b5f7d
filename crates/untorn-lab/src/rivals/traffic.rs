//! The traffic: a thread, or several, for which a refresh of the pair is due every millisecond, and any number of threads
//! that read it.

use std::hint::black_box;
use std::io;
use std::sync::RwLock;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use super::{KEYS, Rival};
use crate::contest::{percentile, sorted};

/// How often a refresh is due.
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

/// What a play, or several of one map, came to.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How long the readers read.
    pub time: Duration,
    /// How long it took until the last read and the last refresh had ended: longer than that by other threads' turns, and
    /// by what hung.
    pub took: Duration,
    /// Refreshes made. Fewer than were due if some took longer than until the next was due.
    pub refreshes: u64,
    /// Refreshes due in that time: one each millisecond for each writer.
    pub due: u64,
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

    /// Several plays as if they were one: numbers are summed, delays put together; of the slowest the slowest.
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

/// From when a refresh was due to when it was done. One is due each millisecond; if one takes longer than that, those that
/// became due meanwhile are all made good by the next, and each counts with its own delay.
#[derive(Clone, Debug)]
pub struct Lateness {
    /// Half are later.
    pub median: Duration,
    /// One in a hundred is later.
    pub p99: Duration,
    /// None is later.
    pub max: Duration,
    /// All of them in seconds, for they cannot be pooled otherwise.
    delays: Vec<f64>,
}

impl Lateness {
    /// Of refreshes that were as many seconds late.
    ///
    /// # Panics
    /// If there are none.
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

/// Runs the traffic over a new map that one thread refreshes.
///
/// # Errors
/// If a thread cannot be started.
pub fn play<R: Rival>(traffic: &Traffic) -> io::Result<Tally> {
    play_with_writers::<R>(traffic, 1)
}

/// Runs the traffic over a new map that so many threads refresh, each when it is due. The map must allow that: most
/// rivals here are written for one.
///
/// # Errors
/// If a thread cannot be started.
///
/// # Panics
/// If there is no writer.
pub fn play_with_writers<R: Rival>(traffic: &Traffic, writers: usize) -> io::Result<Tally> {
    assert!(writers > 0, "the traffic needs a writer");
    let map = R::map();
    // Closed until all threads are there; then they know when it began and when it ends, for nobody who could tell them
    // would get a turn in time.
    let gate: RwLock<Span> = RwLock::new(Span::of(Duration::ZERO));
    let span = || *gate.read().expect("nobody panics");
    thread::scope(|scope| {
        let mut closed = gate.write().expect("nobody panics");
        let thread = |name: &str| Builder::new().name(name.into()).stack_size(STACK);
        let (map, span) = (&map, &span);
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                // No two refreshes have the same number.
                let numbers = (1 + writer as u64..).step_by(writers);
                thread("poller").spawn_scoped(scope, move || refresh::<R>(map, span(), numbers))
            })
            .collect::<io::Result<_>>()?;
        let readers: Vec<_> = (0..traffic.readers)
            .map(|_| thread("reader").spawn_scoped(scope, || read::<R>(map, span())))
            .collect::<io::Result<_>>()?;
        let whole = Span::of(traffic.time);
        *closed = whole;
        drop(closed);

        let mut all = Seen::default();
        for reader in readers {
            let seen = reader.join().expect("no reader panics");
            all.pairs += seen.pairs;
            all.torn += seen.torn;
            all.missing += seen.missing;
            all.slowest = all.slowest.max(seen.slowest);
        }
        let (mut refreshes, mut delays) = (0, Vec::new());
        for writer in writers {
            let (done, late) = writer.join().expect("no writer panics");
            refreshes += done;
            delays.extend(late);
        }
        Ok(Tally {
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

/// Refreshes the pair when it is due, until all that was due is done; how often, and by how many seconds each that was
/// due was late.
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
            due += EVERY;
        }
    }
    (refreshes, late)
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
