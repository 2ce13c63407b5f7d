//! Acts 2 and 3: the note's traffic on `Map`, first with one word changed, then in two places.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde::Serialize;
use untorn::map::DefaultHashBuilder;
use untorn_lab::rivals::{self, KEYS, Keys, Pair, Promise, Rival, Tally, Traffic};

use super::late::{self, Late};
use super::ways::{self, Config, Value};
use crate::args::Cure;
use crate::output::{Output, counted, grouped};
use crate::progress;

/// For how long the plain map is read beside an act.
const PLAIN: Duration = Duration::from_millis(500);

/// The program of act 1 on `Map`, as it is.
struct OneByOne;

impl Rival for OneByOne {
    const NAME: &'static str = "map";
    const IDIOM: &'static str = "Map, two inserts, two gets";
    const PROMISE: Promise = Promise::PerKey;

    type Map = Config;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| ways::write_one_by_one(map, Value::of(refresh), Value::of(refresh))
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |_| ways::read_one_by_one(map)
    }
}

/// What belongs together is written together and read together.
struct Together;

impl Rival for Together {
    const NAME: &'static str = "batch";
    const IDIOM: &'static str = "Map, one batch, one pin";
    const PROMISE: Promise = Promise::Pairs;

    type Map = Config;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| ways::write_together(map, Value::of(refresh), Value::of(refresh))
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |_| ways::read_together(map)
    }
}

/// The same reads of a map that cannot change, with the same hash function.
struct Plain;

impl Rival for Plain {
    const NAME: &'static str = "plain";
    const IDIOM: &'static str = "HashMap that nobody writes to";
    const PROMISE: Promise = Promise::Pairs;

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

/// The pair as refresh 0 left it.
fn first() -> impl Iterator<Item = (&'static str, Value)> {
    KEYS.into_iter().map(|key| (key, Value::of(0)))
}

/// What an act came to.
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
    refresh_late_seconds: Late,
    pairs_per_second: f64,
    /// The same reads of a plain `HashMap` with the same hash function that nobody writes to.
    plain_pairs_per_second: f64,
}

/// Act 2.
pub(crate) fn map(output: &Output, options: &Cure) -> io::Result<Act> {
    output.heading("Act 2: one word changed, GoMap to Map");
    one_word(output);
    let (tally, act) = play::<OneByOne>(output, options, 2)?;
    missing(&tally)?;
    output.aside("No access can kill it. But each get is a moment of its own, and a refresh may come between two, in any map.");
    Ok(act)
}

/// Act 3.
pub(crate) fn batch(output: &Output, options: &Cure) -> io::Result<Act> {
    output.heading("Act 3: two places changed, one batch and one pin");
    two_places(output);
    let (tally, act) = play::<Together>(output, options, 3)?;
    missing(&tally)?;
    if tally.torn > 0 {
        return Err(io::Error::other(format!(
            "{} read under one pin came from two refreshes; that must not be",
            counted(tally.torn, "pair")
        )));
    }
    output.aside("What is written in one batch and read under one pin is of one refresh.");
    Ok(act)
}

/// In which lines of code the program of act 1 and the one on `Map` differ.
fn one_word(output: &Output) {
    output.aside("examples/note/main.rs and examples/note/map.rs:");
    let dying = include_str!("../../../../examples/note/main.rs").lines();
    let living = include_str!("../../../../examples/note/map.rs").lines();
    for (number, (dying, living)) in (1..).zip(dying.zip(living)) {
        if dying != living && !dying.starts_with("//") {
            output.removed(format_args!("{number:>4}  {dying}"));
            output.added(format_args!("{number:>4}  {living}"));
        }
    }
    output.aside(
        "Played with values that carry the number of their refresh: two random numbers cannot show that they do not\n\
         belong together.",
    );
    output.line("");
}

/// What changes from act 2 to act 3.
fn two_places(output: &Output) {
    for place in ["the writer", "the reader"] {
        output.aside(format_args!("{place}:"));
        for line in ways::lines(&format!("{place}, before")) {
            output.removed(line);
        }
        for line in ways::lines(&format!("{place}, after")) {
            output.added(line);
        }
    }
    output.line("");
}

/// Runs the traffic for as long as asked, beside it a plain map for a moment, and tells what came of it.
fn play<R: Rival>(output: &Output, options: &Cure, act: u8) -> io::Result<(Tally, Act)> {
    let time = Duration::from_secs_f64(options.seconds);
    let traffic = |time| Traffic {
        readers: options.readers.into(),
        time,
    };
    let beside = time.min(PLAIN);
    let (tally, plain) = progress::beside((time + beside).as_secs_f64(), || {
        let tally = rivals::play_with_writers::<R>(&traffic(time), options.writers.into())?;
        let plain = rivals::play::<Plain>(&traffic(beside))?;
        io::Result::Ok((tally, plain))
    })
    .map_err(|error| late::cannot_start(options.readers, &error))?;
    output.line(format_args!(
        "It did not die in {:.1} s: {} read, {} of them from two refreshes.",
        tally.time.as_secs_f64(),
        counted(tally.pairs, "pair"),
        grouped(tally.torn),
    ));
    output.line(format_args!(
        "{:.1} million pairs a second; a plain HashMap that nobody writes to: {:.1}.",
        tally.pairs_per_second() / 1e6,
        plain.pairs_per_second() / 1e6,
    ));
    output.line(format_args!(
        "Refreshes: {} done of {} due; late by {} (median), {} (p99), {} (the most delayed refresh).",
        grouped(tally.refreshes),
        grouped(tally.due),
        late::time(tally.late.median),
        late::time(tally.late.p99),
        late::time(tally.late.max),
    ));
    late::warn(
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
        refresh_late_seconds: Late::of(&tally.late),
        pairs_per_second: tally.pairs_per_second(),
        plain_pairs_per_second: plain.pairs_per_second(),
    };
    Ok((tally, act))
}

/// Both keys are there from the beginning.
fn missing(tally: &Tally) -> io::Result<()> {
    if tally.missing == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "in {} a key was not found that was always there; that must not be",
        counted(tally.missing, "pair")
    )))
}
