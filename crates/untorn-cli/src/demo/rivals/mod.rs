//! `demo rivals`: the note's traffic over other people's maps, each in its best idiom, and over untorn's.

mod document;
mod table;

use std::io;
use std::time::{Duration, Instant};

use untorn_lab::rivals::{ENTRANTS, Entrant, Tally, Traffic};

use super::late;
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

/// From so many times its time on, a slice overran.
const OVERRUN: u32 = 2;

/// One map with one number of readers.
struct Play {
    entrant: Entrant,
    readers: u16,
    /// All slices together.
    tally: Tally,
    /// Pairs per second: the median slice, the least and the most.
    rate: [f64; 3],
    /// How long a slice was to take.
    slice: Duration,
    /// How long the longest slice really took.
    longest: Duration,
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
            slice: slices.first().map_or(Duration::ZERO, |slice| slice.time),
            longest: slices
                .iter()
                .map(|slice| slice.took)
                .max()
                .unwrap_or_default(),
        }
    }

    /// Whether a slice took much longer than it was to.
    fn overran(&self) -> bool {
        self.longest >= OVERRUN * self.slice
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
        "{}, {} of {SLICES} slices each in random order, at least {:.0} s; {}.",
        counted(chosen.len() as u64, "map"),
        counted((chosen.len() * readers.len()) as u64, "play"),
        (chosen.len() as f64 * seconds).ceil(),
        counted(late::processors() as u64, "processor"),
    ));
    output.aside("A slice ends when its last read and its last refresh have ended; where these hang, it takes longer.");
    let begun = Instant::now();
    let mut plays = Vec::new();
    for readers in readers {
        let rows = play_all(output, &chosen, readers, options)?;
        let slice = options.seconds(readers) / f64::from(SLICES);
        table::show(output, readers, slice, &rows);
        plays.extend(rows);
    }
    output.line("");
    output.line(format_args!(
        "It took {:.0} s.",
        begun.elapsed().as_secs_f64()
    ));
    table::missed(output, &plays);
    table::remarks(output, &chosen, &plays);
    output.document(&document::Document::of(&plays))?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use untorn_lab::rivals::{ENTRANTS, Lateness, Promise, Tally};

    use super::{Play, refuse_broken_promises};

    /// A play in which all slices took as long as they were to.
    pub(super) fn play(torn: u64, missing: u64, promise: Promise) -> Play {
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
            took: time,
            late: Lateness::of(vec![1.0]),
        };
        Play::of(*found.expect("there are both"), 2, &[tally])
    }

    #[test]
    fn slices_are_pooled_and_their_rates_spread() {
        let one = play(3, 0, Promise::PerKey);
        let slices = [5, 1, 2, 9, 4].map(|pairs| Tally {
            pairs,
            late: Lateness::of(vec![pairs as f64]),
            ..one.tally.clone()
        });
        let pooled = Play::of(one.entrant, 2, &slices);
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
        let plays = [play(0, 0, Promise::Pairs), play(3, 1, Promise::Pairs)];
        let told = refuse_broken_promises(&plays).expect_err("a pair is torn");
        let told = told.to_string();
        let name = plays[1].entrant.name;
        let expected = format!("{name} with 2 readers showed 3 pairs from two refreshes and 1 ");
        assert!(told.contains(&expected), "{told}");
    }

    #[test]
    fn where_nothing_is_promised_nothing_is_broken() {
        let plays = [play(0, 0, Promise::Pairs), play(3, 1, Promise::PerKey)];
        assert!(refuse_broken_promises(&plays).is_ok());
    }
}
