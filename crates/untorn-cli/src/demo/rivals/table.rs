//! What `demo rivals` shows: a table for each number of readers, and what stands under them.

use untorn_lab::rivals::{Entrant, Promise};

use super::super::late;
use super::{Play, SLICES};
use crate::output::{Output, counted, grouped};

const COLUMNS: [&str; 11] = [
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
    "a slice took",
];

/// Shows the table for one number of readers.
pub(super) fn show(output: &Output, readers: u16, slice: f64, plays: &[Play]) {
    output.line("");
    output.heading(format_args!(
        "{}, slices of {slice:.2} s",
        counted(readers.into(), "reader")
    ));
    late::warn(output, u32::from(readers) + 1);
    let (heads, rows) = lines(plays);
    output.aside(heads);
    for row in rows {
        output.line(row);
    }
}

/// The names of the columns, and a line for each play.
fn lines(plays: &[Play]) -> (String, Vec<String>) {
    let rows: Vec<[String; 11]> = plays.iter().map(row).collect();
    // Most often no slice overran, and the last column is not there.
    let columns = COLUMNS.len() - usize::from(!plays.iter().any(Play::overran));
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 11] = std::array::from_fn(width);
    let line = |cells: [&str; 11]| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.into_iter().zip(widths).take(columns).enumerate() {
            line += &if column < 2 {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
        }
        line.trim_end().to_string()
    };
    let rows = rows
        .iter()
        .map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    (line(COLUMNS), rows.collect())
}

fn row(play: &Play) -> [String; 11] {
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
        match play.overran() {
            true => format!("{}!", late::time(play.longest)),
            false => String::new(),
        },
    ]
}

/// What stands under the tables.
pub(super) fn remarks(output: &Output, chosen: &[Entrant], plays: &[Play]) {
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
         slowest read: no read took longer; late: from when a refresh was due to when it was done.\n\
         {}\n\
         {}; more would rank these maps differently.",
        turns(plays),
        counted(late::processors() as u64, "processor")
    ));
}

/// How much of slow and late may be due to other threads.
fn turns(plays: &[Play]) -> &'static str {
    match plays.iter().any(Play::overran) {
        false => "Other threads' turns can add no more to either than about a slice (see --help).",
        true => {
            "Other threads' turns can add no more to either than the slice took: where that was much longer than it was to\n\
             be, the row ends in how long (!). There a read or a refresh hung, or the threads got no turn."
        }
    }
}

/// Keys that were there all the time and not found.
pub(super) fn missed(output: &Output, plays: &[Play]) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use untorn_lab::rivals::Promise;

    use super::super::tests::play;
    use super::{lines, turns};

    #[test]
    fn a_slice_that_overran_is_marked_and_the_sentence_below_says_so() {
        let in_time = play(0, 0, Promise::Pairs);
        let (heads, rows) = lines(&[play(0, 0, Promise::Pairs)]);
        assert!(!heads.contains("a slice took"), "{heads}");
        assert!(!rows[0].contains('!'), "{rows:?}");
        assert!(turns(&[in_time]).contains("no more to either than about a slice"));

        let mut overran = play(0, 0, Promise::PerKey);
        overran.longest = Duration::from_millis(10_400);
        let plays = [play(0, 0, Promise::Pairs), overran];
        let (heads, rows) = lines(&plays);
        assert!(heads.ends_with("a slice took"), "{heads}");
        assert!(!rows[0].contains('!'), "{rows:?}");
        assert!(rows[1].ends_with(" 10.40 s!"), "{rows:?}");
        assert!(!turns(&plays).contains("about a slice"));
    }
}
