//! Acts 2 and 3: the note's traffic on `Map`, with one word changed, then with two places changed.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use clap::value_parser;
use serde::Serialize;
use untorn::map::DefaultHashBuilder;
use untorn_lab::rivals::{self, Guarantee, KEYS, Keys, Measurement, Pair, Rival, Traffic};

use super::lateness::{self, LatenessSeconds};
use super::snippets::{self, Config, Value};
use crate::options::seconds;
use crate::output::{Output, counted, grouped};
use crate::progress;

/// The time for which the plain map is read for comparison.
const PLAIN: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Threads that read both values without pause.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=4096))]
    readers: u16,
    /// Threads that set both values; a refresh is due every millisecond for each of them.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=4096))]
    writers: u16,
    /// The duration of the run.
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS", value_parser = seconds)]
    seconds: f64,
}

impl Args {
    /// The numbers of the note's program.
    pub(crate) const NOTE: Self = Self {
        readers: 1,
        writers: 1,
        seconds: 3.0,
    };
}

/// The program of act 1, with `Map` for `GoMap`: two inserts and two gets.
struct Separate;

impl Rival for Separate {
    const NAME: &'static str = "map";
    const IDIOM: &'static str = "Map, two inserts, two gets";
    const GUARANTEE: Guarantee = Guarantee::PerKey;

    type Map = Config;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| snippets::write_separately(map, Value::of(refresh), Value::of(refresh))
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |_| snippets::read_separately(map)
    }
}

/// One batch for the writes, one pin for the reads.
struct Together;

impl Rival for Together {
    const NAME: &'static str = "batch";
    const IDIOM: &'static str = "Map, one batch, one pin";
    const GUARANTEE: Guarantee = Guarantee::Pairs;

    type Map = Config;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| snippets::write_in_one_batch(map, Value::of(refresh), Value::of(refresh))
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |_| snippets::read_under_one_pin(map)
    }
}

/// Reads of an immutable map with `Map`'s hash function, for comparison.
struct Plain;

impl Rival for Plain {
    const NAME: &'static str = "plain";
    const IDIOM: &'static str = "HashMap without writers";
    const GUARANTEE: Guarantee = Guarantee::Pairs;

    type Map = HashMap<&'static str, Value, DefaultHashBuilder>;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(_: &Self::Map) -> impl FnMut(u64) {
        |_| {}
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |[one, two]| Some((map.get(one)?.refresh, map.get(two)?.refresh))
    }
}

/// Returns the initial pair, of refresh 0.
fn first() -> impl Iterator<Item = (&'static str, Value)> {
    KEYS.into_iter().map(|key| (key, Value::of(0)))
}

/// The result of an act, for scripts.
#[derive(Serialize)]
pub(crate) struct Act {
    act: u8,
    readers: u16,
    writers: u16,
    seconds: f64,
    refreshes: u64,
    refreshes_due: u64,
    pairs_read: u64,
    /// Pairs whose values came from two refreshes.
    torn: u64,
    refresh_late_seconds: LatenessSeconds,
    pairs_per_second: f64,
    /// The rate of a plain `HashMap` without writers, with the same hash function.
    plain_pairs_per_second: f64,
}

/// Plays act 2.
pub(crate) fn map(output: &Output, options: &Args) -> io::Result<Act> {
    output.heading("Act 2: one word changed, GoMap to Map");
    show_changed_word(output);
    let (tally, act) = play::<Separate>(output, options, 2)?;
    check_missing(&tally)?;
    output.aside("No access can crash it. But in any map, a refresh may complete between two gets, which then return values of two refreshes.");
    Ok(act)
}

/// Plays act 3.
pub(crate) fn batch(output: &Output, options: &Args) -> io::Result<Act> {
    output.heading("Act 3: two places changed, one batch and one pin");
    show_changed_places(output);
    let (tally, act) = play::<Together>(output, options, 3)?;
    check_missing(&tally)?;
    if tally.torn > 0 {
        return Err(io::Error::other(format!(
            "{} read under one pin came from two refreshes: this is a bug in untorn, please report it",
            counted(tally.torn, "pair")
        )));
    }
    output
        .aside("Values written in one batch and read under one pin always come from one refresh.");
    Ok(act)
}

/// Shows the lines of code in which the programs of act 1 and act 2 differ.
fn show_changed_word(output: &Output) {
    output.aside("examples/note/main.rs and examples/note/map.rs:");
    let before = include_str!("../../../../examples/note/main.rs").lines();
    let after = include_str!("../../../../examples/note/map.rs").lines();
    for (number, (before, after)) in (1..).zip(before.zip(after)) {
        if before != after && !before.starts_with("//") {
            output.removed(format_args!("{number:>4}  {before}"));
            output.added(format_args!("{number:>4}  {after}"));
        }
    }
    output.aside(
        "Here each value also carries the number of its refresh: two random numbers would not show whether they belong\n\
         together.",
    );
    output.line("");
}

/// Shows the lines of code that change from act 2 to act 3.
fn show_changed_places(output: &Output) {
    for place in ["the writer", "the reader"] {
        output.aside(format_args!("{place}:"));
        for line in snippets::lines(&format!("{place}, before")) {
            output.removed(line);
        }
        for line in snippets::lines(&format!("{place}, after")) {
            output.added(line);
        }
    }
    output.line("");
}

/// Runs the traffic, then a plain map for comparison, and shows the figures.
fn play<R: Rival>(output: &Output, options: &Args, act: u8) -> io::Result<(Measurement, Act)> {
    let time = Duration::from_secs_f64(options.seconds);
    let traffic = |time| Traffic {
        readers: options.readers.into(),
        time,
    };
    let plain_time = time.min(PLAIN);
    let (tally, plain) = progress::during((time + plain_time).as_secs_f64(), || {
        let tally = rivals::play_with_writers::<R>(&traffic(time), options.writers.into())?;
        let plain = rivals::play::<Plain>(&traffic(plain_time))?;
        io::Result::Ok((tally, plain))
    })
    .map_err(|error| lateness::cannot_start(options.readers, &error))?;
    output.line(format_args!(
        "Ran {:.1} s without a crash: {} read, {} of them from two refreshes.",
        tally.time.as_secs_f64(),
        counted(tally.pairs, "pair"),
        grouped(tally.torn),
    ));
    output.line(format_args!(
        "{:.1} million pairs per second; a plain HashMap without writers: {:.1} million.",
        tally.pairs_per_second() / 1e6,
        plain.pairs_per_second() / 1e6,
    ));
    output.line(format_args!(
        "Refreshes: {} done of {} due; lateness {} (median), {} (p99), {} (max).",
        grouped(tally.refreshes),
        grouped(tally.due),
        lateness::time(tally.late.median),
        lateness::time(tally.late.p99),
        lateness::time(tally.late.max),
    ));
    lateness::warn(
        output,
        u32::from(options.readers) + u32::from(options.writers),
    );
    output.line("");
    let act = Act {
        act,
        readers: options.readers,
        writers: options.writers,
        seconds: tally.time.as_secs_f64(),
        refreshes: tally.refreshes,
        refreshes_due: tally.due,
        pairs_read: tally.pairs,
        torn: tally.torn,
        refresh_late_seconds: LatenessSeconds::of(&tally.late),
        pairs_per_second: tally.pairs_per_second(),
        plain_pairs_per_second: plain.pairs_per_second(),
    };
    Ok((tally, act))
}

/// Returns an error if a read missed a key: both are present from the beginning.
fn check_missing(tally: &Measurement) -> io::Result<()> {
    if tally.missing == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "in {} a key was not found that is never removed: this is a bug in untorn, please report it",
        counted(tally.missing, "pair")
    )))
}
