//! How often the conclusions are right, by recorded dumps whose writers are known.
//!
//! The programs of `tests/corpus` store the number of each goroutine that writes, so the truth does
//! not come from the dump. A conclusion counts as right by these rules:
//!
//! - "likely" is right if one of the goroutines that the verdict names wrote, or if its stack is in
//!   the function that performs the write: then it runs the writer's code, though the goroutine
//!   that overlapped may have ended.
//! - The writer is in the text if a goroutine that wrote has a frame of the program on its stack. A
//!   goroutine that wrote and now idles in the standard library is counted apart: no rule can
//!   recognize it.
//! - The writer is listed if one that wrote is among the candidates.
//!
//! Scenes on even lines of the table were used to choose the points; those on odd lines were not.
//! The bystanders, in a table of their own, are scenes that were written against the rules.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::{explain, reading};
use crate::candidates::{self, Candidate, Certainty};
use crate::dump::{Crash, Found, Goroutine};
use crate::model::Explained;
use crate::source_location::SourceLocation;

/// A line of `TRUTH.tsv`.
struct Truth {
    file: String,
    notices: String,
    /// The functions that perform the write: file, first and last line.
    bodies: Vec<(String, u64, u64)>,
    writers: Vec<u64>,
    cause: String,
    held_out: bool,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Reads the table of a folder with dumps.
fn truths(folder: &Path) -> Vec<Truth> {
    let table = fs::read_to_string(folder.join("TRUTH.tsv")).expect("a table");
    let lines = (1..).zip(table.lines()).skip(1);
    let rows = lines.filter(|(_, line)| *line != "-");
    rows.map(|(number, line)| {
        let columns: Vec<_> = line.split('\t').collect();
        let [file, notices, _, functions, writers, cause] = columns[..] else {
            panic!("line {number} has six columns: {line}");
        };
        let body = |text: &str| {
            let (_, range) = text.rsplit_once(' ').expect("a function and its lines");
            let (file, lines) = range.split_once(':').expect("a file and lines");
            let (from, to) = lines.split_once('-').expect("two lines");
            let number = |text: &str| text.parse().expect("a number");
            (file.to_owned(), number(from), number(to))
        };
        let numbers = writers.split(',').filter(|number| *number != "absent");
        Truth {
            file: file.to_owned(),
            notices: notices.to_owned(),
            bodies: functions.split(',').map(body).collect(),
            writers: numbers
                .map(|number| number.parse().expect("a number"))
                .collect(),
            cause: cause.to_owned(),
            held_out: number % 2 == 1,
        }
    })
    .collect()
}

/// Formats a location as the table does, with the last folder.
fn short(place: &SourceLocation) -> String {
    let mut parts = place.file.rsplit('/');
    let base = parts.next().unwrap_or_default();
    let line = place.line.expect("Go prints it");
    format!("{}/{base}:{line}", parts.next().unwrap_or_default())
}

impl Truth {
    fn runs_the_writers_code(&self, goroutine: &Goroutine) -> bool {
        let frames = goroutine
            .frames
            .iter()
            .filter_map(|frame| frame.place.as_ref());
        frames.into_iter().any(|place| {
            self.bodies.iter().any(|(file, from, to)| {
                let ends = place.file.ends_with(&format!("/{file}"));
                ends && place.line.is_some_and(|line| (*from..=*to).contains(&line))
            })
        })
    }
}

/// A part of a whole, in dumps.
#[derive(Clone, Copy, Default)]
struct Rate {
    right: usize,
    of: usize,
}

impl Rate {
    fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.of += 1;
    }

    fn is_at_least(self, percent: usize) -> bool {
        self.right * 100 >= self.of * percent
    }

    fn and(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            of: self.of + other.of,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.right, self.of)?;
        match (self.right * 100).checked_div(self.of) {
            Some(percent) => write!(f, " ({percent} %)"),
            None => Ok(()),
        }
    }
}

/// A row of the printed table.
#[derive(Clone, Copy)]
enum Row {
    Likely,
    Possibly,
    LikelyInText,
    LikelyAbsent,
    PossiblyAbsent,
    NoneNamed,
    Listed,
    First,
    Site,
    Cause,
}

const ROWS: [(Row, &str); 10] = [
    (Row::Likely, "\"likely\" names the writer"),
    (Row::Possibly, "\"possibly\" names the writer"),
    (Row::LikelyInText, "\"likely\", the writer in the text"),
    (Row::LikelyAbsent, "\"likely\", the writer not in the text"),
    (
        Row::PossiblyAbsent,
        "\"possibly\", the writer not in the text",
    ),
    (Row::NoneNamed, "none is named, the writer not in the text"),
    (Row::Listed, "the writer in the text is listed"),
    (Row::First, "the writer in the text is named first"),
    (Row::Site, "the line that detected the overlap"),
    (Row::Cause, "the cause is among those listed"),
];

struct Rates {
    rows: [Rate; ROWS.len()],
    dumps: usize,
    present: usize,
    idle: usize,
    wrong: Vec<String>,
}

fn explained(folder: &Path, file: &str) -> (Crash, Explained) {
    let path = folder.join("dumps").join(format!("{file}.txt"));
    let dump = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = reading::read(&dump[..]).expect("memory can be read").found;
    let Some(Found::Crash(crash)) = found.pop() else {
        panic!("{file} has a crash");
    };
    assert!(found.is_empty(), "{file} has one dump");
    let explained = explain::crash(&crash);
    (crash, explained)
}

fn measure<'t>(folder: &Path, truths: impl Iterator<Item = &'t Truth>) -> Rates {
    let mut rates = Rates {
        rows: [Rate::default(); ROWS.len()],
        dumps: 0,
        present: 0,
        idle: 0,
        wrong: vec![],
    };
    for truth in truths {
        let (crash, explained) = explained(folder, &truth.file);
        rates.dumps += 1;
        let all = || crash.noticed.iter().skip(1).chain(&crash.others);
        let wrote = |goroutine: &&Goroutine| truth.writers.contains(&goroutine.number);
        let present = all()
            .filter(wrote)
            .any(|one| one.program_frames().next().is_some());
        rates.present += usize::from(present);
        rates.idle += usize::from(!present && !truth.writers.is_empty());

        let named = candidates::rank(&crash).tied.min(explained.writers.len());
        let right = |writer: &Candidate| {
            let goroutine = all()
                .find(|one| one.at == writer.line)
                .expect("it is in the text");
            wrote(&goroutine) || truth.runs_the_writers_code(goroutine)
        };
        let is_right = explained.writers[..named].iter().any(right);
        let first = explained.writers.first().map(|writer| writer.certainty);
        let likely = first == Some(Certainty::Likely);
        let mut count = |row: Row, right| rates.rows[row as usize].count(right);
        match (first, present) {
            (Some(Certainty::Likely), true) => count(Row::LikelyInText, is_right),
            (Some(Certainty::Likely), false) => count(Row::LikelyAbsent, is_right),
            (Some(_), false) => count(Row::PossiblyAbsent, is_right),
            (Some(_), true) | (None, _) => {}
        }
        if first.is_some() {
            count(if likely { Row::Likely } else { Row::Possibly }, is_right);
        }
        let listed = || {
            explained
                .writers
                .iter()
                .filter_map(|writer| writer.goroutine)
        };
        let is_listed = listed().any(|number| truth.writers.contains(&number));
        if present {
            count(Row::Listed, is_listed);
            count(Row::First, is_right);
        } else {
            count(Row::NoneNamed, first.is_none());
        }
        let site = explained.known[0].place.as_ref().map(short);
        let is_site = site.as_deref() == Some(&truth.notices);
        count(Row::Site, is_site);
        if truth.cause != "-" {
            let mut causes = explained.causes.iter();
            count(Row::Cause, causes.any(|cause| cause.id == truth.cause));
        }
        let mut note = |what: &str| {
            rates
                .wrong
                .push(format!("{}: {what}: {}", truth.file, explained.verdict));
        };
        if likely && !is_right {
            note("likely is wrong");
        }
        if present && !is_listed {
            note("the writer is not listed");
        } else if present && !is_right {
            note("another one is named");
        }
        if !is_site {
            note("the line is wrong");
        }
    }
    rates
}

#[test]
fn rates_of_the_corpus_reach_their_floors() {
    let corpus = corpus();
    let truths = truths(&corpus);
    let [trained, held_out] = [false, true].map(|held_out| {
        let of_half = truths.iter().filter(|truth| truth.held_out == held_out);
        measure(&corpus, of_half)
    });
    let folder = corpus.join("bystanders");
    let bystanders = measure(&folder, self::truths(&folder).iter());
    println!("| | training half | held-out half | both | bystanders |\n|---|---|---|---|---|");
    for (row, name) in ROWS {
        let of = |rates: &Rates| rates.rows[row as usize];
        let [trained, held_out, bystanders] = [&trained, &held_out, &bystanders].map(of);
        let both = trained.and(held_out);
        println!("| {name} | {trained} | {held_out} | {both} | {bystanders} |");
    }
    for rates in [&trained, &held_out, &bystanders] {
        println!(
            "{} dumps, the writer in the text of {}, idle in a library in {}",
            rates.dumps, rates.present, rates.idle
        );
        rates.wrong.iter().for_each(|wrong| println!("{wrong}"));
    }
    assert!(truths.len() >= 70);
    let present = trained.present + held_out.present;
    assert!(
        (35..=65).contains(&(present * 100 / truths.len())),
        "{present} of the dumps have the writer"
    );
    for (row, floor) in [(Row::Likely, 90), (Row::Listed, 80), (Row::Site, 95)] {
        let all = trained.rows[row as usize].and(held_out.rows[row as usize]);
        let (_, name) = ROWS[row as usize];
        for rate in [all, bystanders.rows[row as usize]] {
            assert!(rate.is_at_least(floor), "{name}: {rate}, not {floor} %");
        }
    }
}
