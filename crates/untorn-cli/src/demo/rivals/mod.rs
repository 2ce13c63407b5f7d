//! `demo rivals`: the note's traffic over other people's maps, each in its best idiom, and over untorn's.

use std::io;
use std::time::Duration;

use serde::Serialize;
use untorn_lab::rivals::{ENTRANTS, Entrant, Promise, Tally, Traffic};

use super::late::{self, Late};
use crate::args::Rivals;
use crate::output::{Output, counted, grouped};
use crate::progress;

/// What `--maps` takes.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ENTRANTS.iter().map(|entrant| entrant.name)
}

/// In how many slices a map is played: what else the machine does meanwhile then falls on all of them.
const SLICES: u16 = 5;

/// What a slice takes beside its time, in seconds: threads have to begin and to end.
const OVERHEAD: f64 = 0.002;
const OVERHEAD_PER_READER: f64 = 0.000_06;

/// One map with one number of readers.
struct Play {
    entrant: Entrant,
    readers: u16,
    /// All slices together.
    tally: Tally,
    /// Pairs per second: the median slice, the least and the most.
    rate: [f64; 3],
}

impl Play {
    fn of(entrant: Entrant, readers: u16, slices: &[Tally]) -> Self {
        let mut rates: Vec<f64> = slices.iter().map(Tally::pairs_per_second).collect();
        rates.sort_by(f64::total_cmp);
        Self {
            entrant,
            readers,
            tally: Tally::pooled(slices),
            rate: [rates.len() / 2, 0, rates.len() - 1].map(|place| rates[place]),
        }
    }
}

/// Plays all of them, and shows the table for each number of readers when it is complete.
pub(crate) fn show(output: &Output, options: &Rivals) -> io::Result<()> {
    let mut readers = options.readers.clone();
    readers.sort_unstable();
    readers.dedup();
    let chosen: Vec<Entrant> = ENTRANTS
        .into_iter()
        .filter(|entrant| options.maps.is_empty() || options.maps.iter().any(|m| m == entrant.name))
        .collect();

    output.heading(
        "One pair of keys, to be refreshed together every millisecond, read without pause",
    );
    let seconds: f64 = readers
        .iter()
        .map(|&readers| {
            let overhead = OVERHEAD + f64::from(readers) * OVERHEAD_PER_READER;
            options.seconds(readers) + f64::from(SLICES) * overhead
        })
        .sum();
    output.line(format_args!(
        "{}, {} of {SLICES} slices each in random order, about {:.0} s; {}.",
        counted(chosen.len() as u64, "map"),
        counted((chosen.len() * readers.len()) as u64, "play"),
        (chosen.len() as f64 * seconds).ceil(),
        counted(late::processors() as u64, "processor"),
    ));
    let mut plays = Vec::new();
    for readers in readers {
        let rows = play_all(output, &chosen, readers, options)?;
        let slice = options.seconds(readers) / f64::from(SLICES);
        table(output, readers, slice, &rows);
        plays.extend(rows);
    }
    output.line("");
    missed(output, &plays);
    remarks(output, &chosen);
    output.document(&Document::of(&plays))?;
    refuse_broken_promises(&plays)
}

/// Every map with so many readers, in slices: each round has one of every map, in random order.
fn play_all(
    output: &Output,
    chosen: &[Entrant],
    readers: u16,
    options: &Rivals,
) -> io::Result<Vec<Play>> {
    let traffic = Traffic {
        readers: readers.into(),
        time: Duration::from_secs_f64(options.seconds(readers) / f64::from(SLICES)),
    };
    let mut slices: Vec<Vec<Tally>> = vec![Vec::new(); chosen.len()];
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    for round in 1..=SLICES {
        fastrand::shuffle(&mut order);
        for &map in &order {
            let entrant = chosen[map];
            output.end_if_unread();
            progress::show(format_args!(
                "{}, slice {round} of {SLICES}: {}",
                counted(readers.into(), "reader"),
                entrant.name,
            ));
            let played = entrant.play(&traffic);
            progress::clear();
            slices[map].push(played.map_err(|error| late::cannot_start(readers, &error))?);
        }
    }
    let plays = chosen.iter().zip(&slices);
    Ok(plays
        .map(|(entrant, slices)| Play::of(*entrant, readers, slices))
        .collect())
}

const COLUMNS: [&str; 10] = [
    "map",
    "idiom",
    "pairs/s",
    "least",
    "most",
    "two refreshes",
    "slowest read",
    "late: median",
    "p99",
    "max",
];

fn table(output: &Output, readers: u16, slice: f64, plays: &[Play]) {
    let rows: Vec<[String; 10]> = plays.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 10] = std::array::from_fn(width);
    let line = |cells: [&str; 10]| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.into_iter().zip(widths).enumerate() {
            line += &if column < 2 {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
        }
        line.trim_end().to_string()
    };
    output.line("");
    output.heading(format_args!(
        "{}, slices of {slice:.2} s",
        counted(readers.into(), "reader")
    ));
    late::warn(output, u32::from(readers) + 1);
    output.aside(line(COLUMNS));
    for row in &rows {
        output.line(line(std::array::from_fn(|column| row[column].as_str())));
    }
}

fn row(play: &Play) -> [String; 10] {
    let Play { entrant, tally, .. } = play;
    let late = &tally.late;
    let [median, least, most] = play.rate.map(rate);
    [
        entrant.name.into(),
        entrant.idiom.into(),
        median,
        least,
        most,
        match entrant.promise {
            Promise::Pairs => grouped(tally.torn),
            Promise::PerKey if tally.torn == 0 => "0, by luck".into(),
            Promise::PerKey => format!("{}, by design", grouped(tally.torn)),
        },
        late::time(tally.slowest),
        late::time(late.median),
        late::time(late.p99),
        late::time(late.max),
    ]
}

/// What stands under the tables.
fn remarks(output: &Output, chosen: &[Entrant]) {
    let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
    for entrant in chosen {
        let Some(remark) = entrant.remark else {
            continue;
        };
        match told.iter_mut().find(|(text, _)| *text == remark) {
            Some((_, names)) => names.push(entrant.name),
            None => told.push((remark, vec![entrant.name])),
        }
    }
    for (remark, names) in told {
        output.aside(format_args!("{}: {remark}.", names.join(", ")));
    }
    output.aside(format_args!(
        "pairs/s: the median of {SLICES} slices, the least and the most; maps whose spans overlap are not told apart here.\n\
         two refreshes: pairs whose values came from two refreshes, by design where a map promises each key only.\n\
         slowest read: no read took longer; late: from when a refresh was due to when it was done; other threads' turns can\n\
         add no more to either than about a slice (see --help).\n\
         {}; more would rank these maps differently.",
        counted(late::processors() as u64, "processor")
    ));
}

/// Keys that were there all the time and not found.
fn missed(output: &Output, plays: &[Play]) {
    for play in plays.iter().filter(|play| play.tally.missing > 0) {
        output.line(format_args!(
            "{} with {}: in {} a key was not found that was always there.",
            play.entrant.name,
            counted(play.readers.into(), "reader"),
            counted(play.tally.missing, "pair")
        ));
    }
}

/// Three digits or so, and a unit.
fn rate(per_second: f64) -> String {
    match per_second {
        few if few < 1e3 => format!("{few:.0}"),
        some if some < 1e6 => format!("{:.1} k", some / 1e3),
        many => format!("{:.1} M", many / 1e6),
    }
}

/// A broken promise is news.
fn refuse_broken_promises(plays: &[Play]) -> io::Result<()> {
    let broken: Vec<String> = plays
        .iter()
        .filter(|play| play.entrant.is_broken_by(&play.tally))
        .map(|play| {
            let Tally { torn, missing, .. } = play.tally;
            format!(
                "{} with {} showed {} from two refreshes and {} without a value",
                play.entrant.name,
                counted(play.readers.into(), "reader"),
                counted(torn, "pair"),
                grouped(missing),
            )
        })
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "a map that promises pairs broke its promise: {}",
            broken.join("; ")
        )))
    }
}

/// All plays, for scripts.
#[derive(Serialize)]
struct Document {
    processors: usize,
    plays: Vec<PlayDocument>,
}

#[derive(Serialize)]
struct PlayDocument {
    map: &'static str,
    idiom: &'static str,
    /// Whether a pair from two refreshes would break a promise.
    promises_pairs: bool,
    readers: u16,
    seconds: f64,
    slices: u16,
    refreshes: u64,
    refreshes_due: u64,
    pairs_read: u64,
    /// Of the median slice.
    pairs_per_second: f64,
    pairs_per_second_least: f64,
    pairs_per_second_most: f64,
    /// Pairs whose values came from two refreshes.
    torn: u64,
    /// Pairs of which a key was not found.
    missing: u64,
    slowest_read_seconds: f64,
    refresh_late_seconds: Late,
}

impl Document {
    fn of(plays: &[Play]) -> Self {
        let plays = plays.iter().map(|play| {
            let Play { entrant, tally, .. } = play;
            let [median, least, most] = play.rate;
            PlayDocument {
                map: entrant.name,
                idiom: entrant.idiom,
                promises_pairs: entrant.promise == Promise::Pairs,
                readers: play.readers,
                seconds: tally.time.as_secs_f64(),
                slices: SLICES,
                refreshes: tally.refreshes,
                refreshes_due: tally.due,
                pairs_read: tally.pairs,
                pairs_per_second: median,
                pairs_per_second_least: least,
                pairs_per_second_most: most,
                torn: tally.torn,
                missing: tally.missing,
                slowest_read_seconds: tally.slowest.as_secs_f64(),
                refresh_late_seconds: Late::of(&tally.late),
            }
        });
        Self {
            processors: late::processors(),
            plays: plays.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use untorn_lab::rivals::{ENTRANTS, Lateness, Promise, Tally};

    use super::{Play, refuse_broken_promises};

    fn torn(torn: u64, missing: u64, promise: Promise) -> Play {
        let found = ENTRANTS.iter().find(|entrant| entrant.promise == promise);
        let time = Duration::from_secs(1);
        let tally = Tally {
            time,
            refreshes: 1000,
            due: 1000,
            pairs: 1_000_000,
            torn,
            missing,
            slowest: time,
            late: Lateness::of(vec![1.0]),
        };
        Play::of(*found.expect("there are both"), 2, &[tally])
    }

    #[test]
    fn slices_are_pooled_and_their_rates_spread() {
        let play = torn(3, 0, Promise::PerKey);
        let slices = [5, 1, 2, 9, 4].map(|pairs| Tally {
            pairs,
            late: Lateness::of(vec![pairs as f64]),
            ..play.tally.clone()
        });
        let pooled = Play::of(play.entrant, 2, &slices);
        assert_eq!(pooled.rate, [4.0, 1.0, 9.0]);
        let Tally {
            time,
            torn,
            pairs,
            due,
            late,
            ..
        } = pooled.tally;
        assert_eq!((time.as_secs(), torn, pairs, due), (5, 15, 21, 5000));
        let late = [late.median, late.p99, late.max].map(|late| late.as_secs());
        assert_eq!(late, [4, 5, 9]);
    }

    #[test]
    fn a_broken_promise_is_an_error_that_tells_whose() {
        let plays = [torn(0, 0, Promise::Pairs), torn(3, 1, Promise::Pairs)];
        let told = refuse_broken_promises(&plays).expect_err("a pair is torn");
        let told = told.to_string();
        let name = plays[1].entrant.name;
        let expected = format!("{name} with 2 readers showed 3 pairs from two refreshes and 1 ");
        assert!(told.contains(&expected), "{told}");
    }

    #[test]
    fn where_nothing_is_promised_nothing_is_broken() {
        let plays = [torn(0, 0, Promise::Pairs), torn(3, 1, Promise::PerKey)];
        assert!(refuse_broken_promises(&plays).is_ok());
    }
}
