//! The text of `demo rivals`: a table for each number of readers, and the remarks below them.

use untorn_lab::rivals::{Contender, Guarantee};

use super::super::lateness;
use super::{Play, SLICES};
use crate::output::{Output, counted, grouped};

const COLUMNS: [&str; 11] = [
    "map",
    "idiom",
    "pairs/s",
    "lowest",
    "highest",
    "two refreshes",
    "slowest read",
    "lateness: median",
    "p99",
    "max",
    "longest slice",
];

/// Shows the table for one number of readers.
pub(super) fn show(output: &Output, readers: u16, slice: f64, plays: &[Play]) {
    output.line("");
    output.heading(format_args!(
        "{}, slices of {slice:.2} s",
        counted(readers.into(), "reader")
    ));
    lateness::warn(output, u32::from(readers) + 1);
    let (heads, rows) = lines(plays);
    output.aside(heads);
    for row in rows {
        output.line(row);
    }
}

/// Returns the names of the columns, and a line for each run.
fn lines(plays: &[Play]) -> (String, Vec<String>) {
    let rows: Vec<[String; 11]> = plays.iter().map(row).collect();
    // The last column is omitted if no slice overran, which is the usual case.
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
        match entrant.guarantee {
            Guarantee::Pairs => grouped(tally.torn),
            Guarantee::PerKey if tally.torn == 0 => "0, by chance".into(),
            Guarantee::PerKey => format!("{}, by design", grouped(tally.torn)),
        },
        lateness::time(tally.slowest),
        lateness::time(late.median),
        lateness::time(late.p99),
        lateness::time(late.max),
        match play.overran() {
            true => format!("{}!", lateness::time(play.longest)),
            false => String::new(),
        },
    ]
}

/// Shows the remarks below the tables.
pub(super) fn remarks(output: &Output, chosen: &[Contender], plays: &[Play]) {
    let mut remarks: Vec<(&str, Vec<&str>)> = Vec::new();
    for entrant in chosen {
        let Some(remark) = entrant.remark else {
            continue;
        };
        match remarks.iter_mut().find(|(text, _)| *text == remark) {
            Some((_, names)) => names.push(entrant.name),
            None => remarks.push((remark, vec![entrant.name])),
        }
    }
    for (remark, names) in remarks {
        output.aside(format_args!("{}: {remark}.", names.join(", ")));
    }
    output.aside(format_args!(
        "pairs/s: the median, the lowest and the highest of {SLICES} slices; maps whose ranges overlap cannot be ranked by this run.\n\
         two refreshes: pairs whose values came from two refreshes; by design if a map guarantees single keys only.\n\
         slowest read: no read took longer; lateness: from when a refresh was due until it was done.\n\
         {}\n\
         Measured on {}; with more, these maps would rank differently.",
        waiting(plays),
        counted(lateness::processors() as u64, "processor")
    ));
}

/// Returns the bound on the time that threads wait for a processor.
fn waiting(plays: &[Play]) -> &'static str {
    match plays.iter().any(Play::overran) {
        false => "Waiting for a processor adds at most about one slice to either (see --help).",
        true => {
            "Waiting for a processor adds at most the actual time of a slice to either. If a slice took much longer than\n\
             planned, the row ends with its time (!): a read or a refresh was blocked, or the threads were not scheduled."
        }
    }
}

/// Shows the maps in which a key was not found, though it is never removed.
pub(super) fn missing(output: &Output, plays: &[Play]) {
    for play in plays.iter().filter(|play| play.tally.missing > 0) {
        output.line(format_args!(
            "{} with {}: in {} a key was not found that is never removed.",
            play.entrant.name,
            counted(play.readers.into(), "reader"),
            counted(play.tally.missing, "pair")
        ));
    }
}

/// Formats a rate with about three digits and a unit.
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

    use untorn_lab::rivals::Guarantee;

    use super::super::tests::play;
    use super::{lines, waiting};

    /// The mark in the row, the column for it, and the sentence below the table.
    #[test]
    fn overrun_slice_is_marked_and_explained() {
        let in_time = play(0, 0, Guarantee::Pairs);
        let (heads, rows) = lines(&[play(0, 0, Guarantee::Pairs)]);
        assert!(!heads.contains("longest slice"), "{heads}");
        assert!(!rows[0].contains('!'), "{rows:?}");
        assert!(waiting(&[in_time]).contains("at most about one slice to either"));

        let mut overran = play(0, 0, Guarantee::PerKey);
        overran.longest = Duration::from_millis(10_400);
        let plays = [play(0, 0, Guarantee::Pairs), overran];
        let (heads, rows) = lines(&plays);
        assert!(heads.ends_with("longest slice"), "{heads}");
        assert!(!rows[0].contains('!'), "{rows:?}");
        assert!(rows[1].ends_with(" 10.40 s!"), "{rows:?}");
        assert!(!waiting(&plays).contains("about one slice"));
    }
}
