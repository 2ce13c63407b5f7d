//! `demo rivals`: the note's traffic on other concurrent maps, each in its best idiom, and on
//! untorn's.

mod document;
mod table;

use std::io;
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;
use clap::value_parser;
use untorn_lab::rivals::{CONTENDERS, Contender, Measurement, Traffic};

use super::lateness;
use crate::options::seconds;
use crate::output::{Output, counted, grouped};
use crate::progress;

/// The number of slices of each map's time. Interleaved with those of the other maps, they spread
/// disturbances by other programs over all maps.
const SLICES: u16 = 5;

/// Seconds that a slice takes in addition to its time, to start and to join its threads.
const OVERHEAD: f64 = 0.002;
const OVERHEAD_PER_READER: f64 = 0.000_06;

/// A slice overran if it took at least this many times its planned time.
const OVERRUN: u32 = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Threads that read both values without pause; each number is a run of its own.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,64,1000",
        value_parser = value_parser!(u16).range(1..=4096))]
    readers: Vec<u16>,
    /// Duration for each map and number of readers, all slices together [default: 0.4; 1.5 with
    /// more than 100 readers].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// Only these maps [default: all].
    #[arg(long, value_name = "MAP,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(CONTENDERS.iter().map(|entrant| entrant.name)))]
    maps: Vec<String>,
}

impl Args {
    /// Returns how long a map runs with this number of readers.
    fn seconds(&self, readers: u16) -> f64 {
        let default = if readers > 100 { 1.5 } else { 0.4 };
        self.seconds.unwrap_or(default)
    }
}

/// The run of one map with one number of readers.
struct Play {
    entrant: Contender,
    readers: u16,
    /// All slices together.
    tally: Measurement,
    /// Pairs per second of the median, the slowest and the fastest slice.
    rate: [f64; 3],
    /// The planned time of a slice.
    slice: Duration,
    /// The actual time of the longest slice.
    longest: Duration,
}

impl Play {
    fn of(entrant: Contender, readers: u16, slices: &[Measurement]) -> Self {
        let mut rates: Vec<f64> = slices.iter().map(Measurement::pairs_per_second).collect();
        rates.sort_by(f64::total_cmp);
        Self {
            entrant,
            readers,
            tally: Measurement::pooled(slices),
            rate: [rates.len() / 2, 0, rates.len() - 1].map(|place| rates[place]),
            slice: slices.first().map_or(Duration::ZERO, |slice| slice.time),
            longest: slices
                .iter()
                .map(|slice| slice.took)
                .max()
                .unwrap_or_default(),
        }
    }

    /// Returns `true` if a slice took much longer than planned.
    fn overran(&self) -> bool {
        self.longest >= OVERRUN * self.slice
    }
}

/// Runs the chosen maps, and shows the table for each number of readers when it is complete.
pub(crate) fn show(output: &Output, options: &Args) -> io::Result<()> {
    let mut readers = options.readers.clone();
    readers.sort_unstable();
    readers.dedup();
    let chosen: Vec<Contender> = CONTENDERS
        .into_iter()
        .filter(|entrant| options.maps.is_empty() || options.maps.iter().any(|m| m == entrant.name))
        .collect();

    output.heading(
        "One pair of keys, due for a joint refresh every millisecond and read without pause",
    );
    let seconds: f64 = readers
        .iter()
        .map(|&readers| {
            let overhead = OVERHEAD + f64::from(readers) * OVERHEAD_PER_READER;
            options.seconds(readers) + f64::from(SLICES) * overhead
        })
        .sum();
    output.line(format_args!(
        "{}, {} of {SLICES} slices each in random order, at least {:.0} s; {}.",
        counted(chosen.len() as u64, "map"),
        counted((chosen.len() * readers.len()) as u64, "run"),
        (chosen.len() as f64 * seconds).ceil(),
        counted(lateness::processors() as u64, "processor"),
    ));
    output.aside("A slice ends when its last read and its last refresh have returned; if one of them is blocked, it takes longer.");
    let start = Instant::now();
    let mut plays = Vec::new();
    for readers in readers {
        let rows = play_all(output, &chosen, readers, options)?;
        let slice = options.seconds(readers) / f64::from(SLICES);
        table::show(output, readers, slice, &rows);
        plays.extend(rows);
    }
    output.line("");
    output.line(format_args!(
        "Total time: {:.0} s.",
        start.elapsed().as_secs_f64()
    ));
    table::missing(output, &plays);
    table::remarks(output, &chosen, &plays);
    output.document(&document::Document::of(&plays))?;
    check_guarantees(&plays)
}

/// Runs every map with this number of readers. Each round has one slice of every map, in random
/// order.
fn play_all(
    output: &Output,
    chosen: &[Contender],
    readers: u16,
    options: &Args,
) -> io::Result<Vec<Play>> {
    let traffic = Traffic {
        readers: readers.into(),
        time: Duration::from_secs_f64(options.seconds(readers) / f64::from(SLICES)),
    };
    let mut slices: Vec<Vec<Measurement>> = vec![Vec::new(); chosen.len()];
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    for round in 1..=SLICES {
        fastrand::shuffle(&mut order);
        for &map in &order {
            let entrant = chosen[map];
            output.exit_if_unread();
            progress::show(format_args!(
                "{}, slice {round} of {SLICES}: {}",
                counted(readers.into(), "reader"),
                entrant.name,
            ));
            let slice = entrant.play(&traffic);
            progress::clear();
            slices[map].push(slice.map_err(|error| lateness::cannot_start(readers, &error))?);
        }
    }
    let plays = chosen.iter().zip(&slices);
    Ok(plays
        .map(|(entrant, slices)| Play::of(*entrant, readers, slices))
        .collect())
}

/// Returns an error if a map broke its guarantee.
fn check_guarantees(plays: &[Play]) -> io::Result<()> {
    let broken: Vec<String> = plays
        .iter()
        .filter(|play| play.entrant.is_broken_by(&play.tally))
        .map(|play| {
            let Measurement { torn, missing, .. } = play.tally;
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
            "a map that guarantees consistent pairs broke its guarantee: {}",
            broken.join("; ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use untorn_lab::rivals::{CONTENDERS, Guarantee, Lateness, Measurement};

    use super::{Play, check_guarantees};

    /// Returns a run whose slices took the planned time.
    pub(super) fn play(torn: u64, missing: u64, promise: Guarantee) -> Play {
        let found = CONTENDERS
            .iter()
            .find(|entrant| entrant.guarantee == promise);
        let time = Duration::from_secs(1);
        let tally = Measurement {
            time,
            refreshes: 1000,
            due: 1000,
            pairs: 1_000_000,
            torn,
            missing,
            slowest: time,
            took: time,
            late: Lateness::of(vec![1.0]),
        };
        Play::of(*found.expect("there are maps of both kinds"), 2, &[tally])
    }

    #[test]
    fn slices_are_pooled_and_their_rates_spread() {
        let one = play(3, 0, Guarantee::PerKey);
        let slices = [5, 1, 2, 9, 4].map(|pairs| Measurement {
            pairs,
            late: Lateness::of(vec![pairs as f64]),
            ..one.tally.clone()
        });
        let pooled = Play::of(one.entrant, 2, &slices);
        assert_eq!(pooled.rate, [4.0, 1.0, 9.0]);
        let Measurement {
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
    fn broken_guarantee_is_an_error_that_names_the_map() {
        let plays = [play(0, 0, Guarantee::Pairs), play(3, 1, Guarantee::Pairs)];
        let error = check_guarantees(&plays).expect_err("a pair is torn");
        let error = error.to_string();
        let name = plays[1].entrant.name;
        let expected = format!("{name} with 2 readers showed 3 pairs from two refreshes and 1 ");
        assert!(error.contains(&expected), "{error}");
    }

    #[test]
    fn torn_pairs_without_a_guarantee_are_no_error() {
        let plays = [play(0, 0, Guarantee::Pairs), play(3, 1, Guarantee::PerKey)];
        assert!(check_guarantees(&plays).is_ok());
    }
}
