//! `demo rivals`: the note's traffic over other people's maps, each in its best idiom, and over untorn's.

use std::io::{self, IsTerminal, Write};
use std::thread::available_parallelism;
use std::time::Duration;

use serde::Serialize;
use untorn_lab::rivals::{ENTRANTS, Entrant, Promise, Tally, Traffic};

use crate::args::Rivals;
use crate::output::{Output, grouped};

/// What `--maps` takes.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ENTRANTS.iter().map(|entrant| entrant.name)
}

/// What a play takes beside its time, in seconds.
const OVERHEAD: f64 = 0.04;

/// One map with one number of readers.
struct Play {
    entrant: Entrant,
    readers: u16,
    tally: Tally,
}

/// Plays all of them and shows a table for each number of readers.
pub(crate) fn show(output: &Output, options: &Rivals) -> io::Result<()> {
    let mut readers = options.readers.clone();
    readers.sort_unstable();
    readers.dedup();
    let chosen: Vec<Entrant> = ENTRANTS
        .into_iter()
        .filter(|entrant| options.maps.is_empty() || options.maps.iter().any(|m| m == entrant.name))
        .collect();

    output.heading("One pair of keys, refreshed together every millisecond, read without pause");
    let seconds: f64 = readers
        .iter()
        .map(|&readers| options.seconds(readers) + OVERHEAD)
        .sum();
    output.line(format_args!(
        "{}, {} in random order, about {:.0} s; {}.",
        counted(chosen.len(), "map"),
        counted(chosen.len() * readers.len(), "play"),
        (chosen.len() as f64 * seconds).ceil(),
        processors()
    ));
    let plays = play_all(&chosen, &readers, options)?;
    for &readers in &readers {
        let of_these = |play: &&Play| play.readers == readers;
        table(output, readers, plays.iter().filter(of_these));
    }
    output.line("");
    missed(output, &plays);
    remarks(output, &chosen);
    output.document(&Document::of(&plays))?;
    refuse_broken_promises(&plays)
}

/// Every map with every number of readers once, in random order; the result is in the order of the tables.
fn play_all(chosen: &[Entrant], readers: &[u16], options: &Rivals) -> io::Result<Vec<Play>> {
    let mut order: Vec<(u16, usize)> = readers
        .iter()
        .flat_map(|&readers| (0..chosen.len()).map(move |map| (readers, map)))
        .collect();
    let count = order.len();
    fastrand::shuffle(&mut order);
    let mut plays = Vec::new();
    for (done, place) in order.into_iter().enumerate() {
        let (readers, entrant) = (place.0, chosen[place.1]);
        progress(format_args!(
            "{} of {count}: {}, {}",
            done + 1,
            entrant.name,
            counted(readers.into(), "reader")
        ));
        let traffic = Traffic {
            readers: readers.into(),
            time: Duration::from_secs_f64(options.seconds(readers)),
        };
        let tally = entrant.play(&traffic).map_err(|error| {
            progress("");
            io::Error::new(
                error.kind(),
                format!("cannot start {readers} readers: {error}"),
            )
        })?;
        plays.push((
            place,
            Play {
                entrant,
                readers,
                tally,
            },
        ));
    }
    progress("");
    plays.sort_by_key(|(place, _)| *place);
    Ok(plays.into_iter().map(|(_, play)| play).collect())
}

/// A line on stderr that the next one replaces, where somebody can see it.
fn progress(text: impl std::fmt::Display) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        // Whether it can be seen changes nothing.
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

const COLUMNS: [&str; 8] = [
    "map",
    "idiom",
    "pairs/s",
    "two refreshes",
    "slowest read",
    "late: median",
    "p99",
    "max",
];

fn table<'p>(output: &Output, readers: u16, plays: impl Iterator<Item = &'p Play>) {
    let rows: Vec<[String; 8]> = plays.map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let line = |cells: [&str; 8]| {
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
    output.heading(counted(readers.into(), "reader"));
    output.aside(line(COLUMNS));
    for row in &rows {
        output.line(line(std::array::from_fn(|column| row[column].as_str())));
    }
}

fn row(play: &Play) -> [String; 8] {
    let Play { entrant, tally, .. } = play;
    let late = tally.late;
    [
        entrant.name.into(),
        entrant.idiom.into(),
        rate(tally.pairs_per_second()),
        match entrant.promise {
            Promise::Pairs => grouped(tally.torn),
            Promise::PerKey if tally.torn == 0 => "0, by luck".into(),
            Promise::PerKey => format!("{}, by design", grouped(tally.torn)),
        },
        time(tally.slowest),
        time(late.median),
        time(late.p99),
        time(late.max),
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
    output.aside(
        "two refreshes: pairs whose values came from two refreshes, by design where a map promises each key only.\n\
         slowest read: no read took longer; late: from when a refresh was due to when it was done (see --help).",
    );
    output.aside(format_args!(
        "{}; more would rank these maps differently. With more threads than processors, slow and late are mostly other\n\
         threads' turns.",
        processors()
    ));
}

/// Keys that were there all the time and not found.
fn missed(output: &Output, plays: &[Play]) {
    for play in plays.iter().filter(|play| play.tally.missing > 0) {
        output.line(format_args!(
            "{} with {}: in {} pairs a key was not found that was always there.",
            play.entrant.name,
            counted(play.readers.into(), "reader"),
            play.tally.missing
        ));
    }
}

fn processors() -> String {
    counted(available_parallelism().map_or(1, usize::from), "processor")
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Three digits or so, and a unit.
fn rate(per_second: f64) -> String {
    match per_second {
        few if few < 1e3 => format!("{few:.0}"),
        some if some < 1e6 => format!("{:.1} k", some / 1e3),
        many => format!("{:.1} M", many / 1e6),
    }
}

fn time(time: Duration) -> String {
    match time.as_secs_f64() * 1e6 {
        short if short < 1e3 => format!("{short:.0} µs"),
        some if some < 1e6 => format!("{:.1} ms", some / 1e3),
        long => format!("{:.2} s", long / 1e6),
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
                "{} with {} showed {torn} pairs from two refreshes and {missing} without a value",
                play.entrant.name,
                counted(play.readers.into(), "reader")
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
    refreshes: u64,
    pairs_read: u64,
    pairs_per_second: f64,
    /// Pairs whose values came from two refreshes.
    torn: u64,
    /// Pairs of which a key was not found.
    missing: u64,
    slowest_read_seconds: f64,
    refresh_late_seconds: Late,
}

#[derive(Serialize)]
struct Late {
    median: f64,
    p99: f64,
    max: f64,
}

impl Document {
    fn of(plays: &[Play]) -> Self {
        let plays = plays.iter().map(|play| {
            let Play { entrant, tally, .. } = play;
            PlayDocument {
                map: entrant.name,
                idiom: entrant.idiom,
                promises_pairs: entrant.promise == Promise::Pairs,
                readers: play.readers,
                seconds: tally.time.as_secs_f64(),
                refreshes: tally.refreshes,
                pairs_read: tally.pairs,
                pairs_per_second: tally.pairs_per_second(),
                torn: tally.torn,
                missing: tally.missing,
                slowest_read_seconds: tally.slowest.as_secs_f64(),
                refresh_late_seconds: Late {
                    median: tally.late.median.as_secs_f64(),
                    p99: tally.late.p99.as_secs_f64(),
                    max: tally.late.max.as_secs_f64(),
                },
            }
        });
        Self {
            processors: available_parallelism().map_or(1, usize::from),
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
        Play {
            entrant: *found.expect("there are both"),
            readers: 2,
            tally: Tally {
                time,
                refreshes: 1000,
                pairs: 1_000_000,
                torn,
                missing,
                slowest: time,
                late: Lateness {
                    median: time,
                    p99: time,
                    max: time,
                },
            },
        }
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
