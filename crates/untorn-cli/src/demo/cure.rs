//! Acts 2 and 3: the note's traffic on `Map`, first with one word changed, then with two lines changed.
//!
//! The values carry the number of their refresh, since two random numbers cannot show that they do not belong together.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use untorn::map::DefaultHashBuilder;
use untorn::{Map, spawn_scoped};

use crate::args::Cure;
use crate::output::{Output, grouped};

/// The note's goroutine sleeps as long after each refresh.
const EVERY: Duration = Duration::from_millis(1);

/// For how long the plain map is read beside an act.
const PLAIN: Duration = Duration::from_millis(500);

/// What the note stores, and which refresh stored it.
#[derive(Clone)]
struct Value {
    _number: Arc<str>,
    refresh: u64,
}

type Config = Map<&'static str, Value>;

/// The two lines in which the acts differ: how a pair is written, and how it is read.
struct Way {
    act: u8,
    name: &'static str,
    title: &'static str,
    /// What is to be seen in the figures.
    moral: &'static str,
    write: fn(&Config, Value, Value),
    /// The refresh numbers of both values, once both are there.
    read: fn(&Config) -> Option<(u64, u64)>,
}

const ONE_BY_ONE: Way = Way {
    act: 2,
    name: "map",
    title: "Act 2: one word changed, GoMap to Map",
    moral: "Nobody can die of it: examples/note/map.rs is the program of act 1 with that word changed. But each get is a\n\
            moment of its own, and a refresh may come between two, in any map.",
    // [map
    write: |_map, one, two| {
        _map.insert("1", one);
        _map.insert("2", two);
    },
    read: |_map| {
        let one = _map.get("1")?;
        let two = _map.get("2")?;
        Some((one.refresh, two.refresh))
    },
    // map]
};

const TOGETHER: Way = Way {
    act: 3,
    name: "batch",
    title: "Act 3: two lines changed, one batch and one pin",
    moral: "What is written in one batch and read under one pin is of one revision.",
    // [batch
    write: |_map, one, two| {
        _map.batch(|_map| {
            _map.insert("1", one);
            _map.insert("2", two);
        });
    },
    read: |_map| {
        let _map = _map.pin();
        let one = _map.get("1")?;
        let two = _map.get("2")?;
        Some((one.refresh, two.refresh))
    },
    // batch]
};

/// What an act came to.
#[derive(Serialize)]
pub(crate) struct Tally {
    act: u8,
    readers: u16,
    writers: u16,
    seconds: f64,
    refreshes: u64,
    pairs_read: u64,
    /// Pairs whose values came from two refreshes.
    torn: u64,
    /// How late the latest refresh was.
    latest_refresh_seconds: f64,
    pairs_per_second: f64,
    /// The same reads of a plain `HashMap` with the same hash function that nobody writes to.
    plain_pairs_per_second: f64,
}

/// Act 2.
pub(crate) fn map(output: &Output, options: &Cure) -> io::Result<Tally> {
    act(output, options, &ONE_BY_ONE)
}

/// Act 3.
pub(crate) fn batch(output: &Output, options: &Cure) -> io::Result<Tally> {
    act(output, options, &TOGETHER)
}

fn act(output: &Output, options: &Cure, way: &Way) -> io::Result<Tally> {
    output.heading(way.title);
    excerpt(output, way.name);
    let tally = play(options, way);
    output.line(format_args!(
        "It did not die in {:.1} s: {} refreshes, {} pairs read, {} of them from two refreshes.",
        tally.seconds,
        grouped(tally.refreshes),
        grouped(tally.pairs_read),
        grouped(tally.torn),
    ));
    output.line(format_args!(
        "{:.1} million pairs a second; a plain HashMap that nobody writes to: {:.1}. The latest refresh was {:.1} ms late.",
        tally.pairs_per_second / 1e6,
        tally.plain_pairs_per_second / 1e6,
        tally.latest_refresh_seconds * 1e3,
    ));
    output.line("");
    output.aside(way.moral);
    if way.act == 3 && tally.torn > 0 {
        return Err(io::Error::other(format!(
            "{} pairs read under one pin came from two refreshes; that must not be",
            tally.torn
        )));
    }
    Ok(tally)
}

/// The lines of this file between the act's marks.
fn excerpt(output: &Output, name: &str) {
    let (from, to) = (format!("// [{name}"), format!("// {name}]"));
    let lines = include_str!("cure.rs").lines();
    let lines = lines.skip_while(|line| line.trim() != from).skip(1);
    for line in lines.take_while(|line| line.trim() != to) {
        output.aside(line);
    }
    output.line("");
}

/// Runs the traffic for as long as asked.
fn play(options: &Cure, way: &Way) -> Tally {
    let config = Config::named("config");
    let stop = AtomicBool::new(false);
    let (refreshes, latest) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    let (pairs, torn) = thread::scope(|scope| {
        for _ in 0..options.writers {
            spawn_scoped(scope, "poller", || {
                poll(&config, way, &stop, &refreshes, &latest);
            });
        }
        let readers: Vec<_> = (0..options.readers)
            .map(|_| spawn_scoped(scope, "reader", || read_pairs(&config, way, &stop)))
            .collect();
        thread::sleep(Duration::from_secs_f64(options.seconds));
        stop.store(true, Ordering::Relaxed);
        let tallies = readers
            .into_iter()
            .map(|reader| reader.join().expect("no reader dies"));
        tallies.fold((0, 0), |sum, tally| (sum.0 + tally.0, sum.1 + tally.1))
    });
    let seconds = start.elapsed().as_secs_f64();
    Tally {
        act: way.act,
        readers: options.readers,
        writers: options.writers,
        seconds,
        refreshes: refreshes.into_inner(),
        pairs_read: pairs,
        torn,
        latest_refresh_seconds: latest.into_inner() as f64 / 1e9,
        pairs_per_second: pairs as f64 / seconds,
        plain_pairs_per_second: plain_rate(options.readers),
    }
}

/// The note's goroutine that pulls configuration.
fn poll(config: &Config, way: &Way, stop: &AtomicBool, refreshes: &AtomicU64, latest: &AtomicU64) {
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let refresh = refreshes.fetch_add(1, Ordering::Relaxed) + 1;
        let value = || Value {
            _number: fastrand::u32(0..1000).to_string().into(),
            refresh,
        };
        (way.write)(config, value(), value());
        let late = due.elapsed().as_nanos();
        latest.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
        thread::sleep(EVERY);
        due = (due + EVERY).max(Instant::now());
    }
}

/// Reads both values without pause; how many pairs, and how many of them from two refreshes.
fn read_pairs(config: &Config, way: &Way, stop: &AtomicBool) -> (u64, u64) {
    let (mut pairs, mut torn) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        if let Some((one, two)) = (way.read)(config) {
            pairs += 1;
            torn += u64::from(one != two);
        }
    }
    (pairs, torn)
}

/// The same reads of a map that cannot change, with the same hash function.
fn plain_rate(readers: u16) -> f64 {
    let value = Value {
        _number: "265".into(),
        refresh: 1,
    };
    let plain: HashMap<_, _, DefaultHashBuilder> =
        [("1", value.clone()), ("2", value)].into_iter().collect();
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let pairs: u64 = thread::scope(|scope| {
        let readers: Vec<_> = (0..readers)
            .map(|_| {
                spawn_scoped(scope, "reader", || {
                    let (mut pairs, mut sum) = (0, 0);
                    while !stop.load(Ordering::Relaxed) {
                        let keys = std::hint::black_box(["1", "2"]);
                        sum += keys.map(|key| plain[key].refresh).iter().sum::<u64>();
                        pairs += 1;
                    }
                    std::hint::black_box(sum);
                    pairs
                })
            })
            .collect();
        thread::sleep(PLAIN);
        stop.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .map(|reader| reader.join().expect("no reader dies"))
            .sum()
    });
    pairs as f64 / start.elapsed().as_secs_f64()
}
