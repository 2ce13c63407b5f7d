//! The conclusion about a dump, which is printed first.

use crate::candidates::{Candidate, Ranking};
use crate::dump::{Crash, Extent, Kind, Race};
use crate::frame::Access;
use crate::model::Known;
use crate::numbers::counted;
use crate::source_location::where_at;

/// The number of tied candidates that are named if there are more than the ranking holds.
const NAMED: usize = 3;

/// Returns the verdict on a crash dump.
pub(crate) fn of_crash(crash: &Crash, known: Option<&Known>, ranking: &Ranking) -> String {
    let kind = crash.banners.first().map(|banner| banner.kind);
    if crash.is_of_untorn() {
        return "This is a report of untorn's GoMap, from a program in Rust, which names both sides itself. It is no dump of Go."
            .into();
    }
    let Some(known) = known else {
        let event = match kind {
            Some(Kind::Writes) => "Two goroutines wrote to the same map",
            Some(Kind::Damage) => "A map was found corrupted",
            _ => "A goroutine detected a concurrent write to a map",
        };
        return format!("{event}; the dump has only the message, without a stack.");
    };
    let here = site(known);
    let number = known.goroutine.unwrap_or(0);
    let doing = known.access.map_or("using", Access::in_words);
    let detected = match kind {
        Some(Kind::Writes) => {
            format!("Goroutine {number}, {doing} a map in {here}, detected another writer.")
        }
        Some(Kind::Damage) => {
            format!(
                "Goroutine {number}, in {here}, found the map corrupted: earlier, two goroutines wrote to it, or one wrote while another read."
            )
        }
        _ => format!("Goroutine {number}, {doing} a map in {here}, detected a concurrent write."),
    };
    let writer = match ranking.writers.first() {
        Some(first) => format!(
            "The {}writer was {} {}.",
            if kind == Some(Kind::Writes) {
                "other "
            } else {
                ""
            },
            first.certainty.in_words(),
            tied_candidates(ranking)
        ),
        None if crash.mixed.is_some() => {
            "The text mixes the output of two programs, so the writer cannot be determined.".into()
        }
        None => no_candidate(crash).to_owned(),
    };
    format!("{detected} {writer}")
}

/// Returns the sentence for a dump without a candidate. Only a whole one shows an exit.
fn no_candidate(crash: &Crash) -> &'static str {
    let alone = crash.goroutines <= crash.noticed.len() as u64;
    match (crash.extent(), alone) {
        (Extent::Whole, true) => "No other goroutine is left: the writer has exited.",
        (Extent::Whole, false) => {
            "None of the other goroutines looks like the writer, which may have exited."
        }
        (Extent::Cut, true) => {
            "The text is cut off before the other goroutines, so it does not show the writer."
        }
        (Extent::Cut, false) => {
            "The text is cut off, and none of the other goroutines in it looks like the writer."
        }
        (Extent::DetectingOnly, _) => "This dump does not show the writer.",
    }
}

/// Formats a site, and the program's own call that led to one in a library.
fn site(known: &Known) -> String {
    let site = where_at(known.function.as_deref(), known.place.as_ref());
    match (&known.called_from, &known.function, &known.place) {
        (Some(by), ..) => {
            let place = by.place.as_ref();
            let place = place.map(|place| format!(" at {}", place.short()));
            format!("{site}, called from your code{}", place.unwrap_or_default())
        }
        (None, Some(_), None) => format!("{site}, on a line that the dump does not show"),
        _ => site,
    }
}

/// Formats where a candidate stopped or, if its stack is unknown, where it was started.
fn location(writer: &Candidate) -> String {
    match (&writer.function, &writer.started) {
        (None, Some(by)) => format!(
            "started by {}",
            where_at(Some(&by.function), by.place.as_ref())
        ),
        (function, _) => where_at(function.as_deref(), writer.place.as_ref()),
    }
}

/// Formats the likeliest candidate and those tied with it: `goroutine 20 or 21: main.work at
/// crash.go:174`.
fn tied_candidates(ranking: &Ranking) -> String {
    let writers = &ranking.writers;
    let named = if ranking.tied > writers.len() {
        &writers[..NAMED.min(writers.len())]
    } else {
        &writers[..ranking.tied]
    };
    let more = ranking.tied - named.len();
    let number = |writer: &Candidate| writer.goroutine.unwrap_or(0).to_string();
    let first = named.first().map(location).unwrap_or_default();
    let at_one_location = named.iter().all(|writer| location(writer) == first);
    let with_location = |writer| match at_one_location {
        true => number(writer),
        false => format!("{} ({})", number(writer), location(writer)),
    };
    let numbers: Vec<_> = named.iter().map(with_location).collect();
    let goroutines = match (numbers.as_slice(), more) {
        ([.., _, _], 0) => {
            let (last, others) = numbers.split_last().expect("there are two");
            format!("goroutine {} or {last}", others.join(", "))
        }
        _ => format!("goroutine {}", numbers.join(", ")),
    };
    match (at_one_location, more) {
        (true, 0) => format!("{goroutines}: {first}"),
        (false, 0) => goroutines,
        // The location is in brackets, as those that are not named may be elsewhere.
        (true, more) => format!("{goroutines} ({first}), or one of {more} more"),
        (false, more) => format!("{goroutines}, or one of {more} more"),
    }
}

/// Formats a goroutine, as `goroutine 8`; `None` is the main one.
pub(crate) fn goroutine_name(goroutine: Option<u64>) -> String {
    goroutine.map_or_else(
        || "the main goroutine".to_owned(),
        |number| format!("goroutine {number}"),
    )
}

/// Returns the verdict on a race report.
pub(crate) fn of_race(race: &Race, known: &[Known]) -> String {
    let what = if race.is_of_a_map() {
        "a map"
    } else {
        "a variable"
    };
    let sides: Vec<_> = known
        .iter()
        .map(|known| {
            let doing = known.access.map_or("using", Access::in_words);
            format!(
                "{}, {doing} it in {}",
                goroutine_name(known.goroutine),
                site(known)
            )
        })
        .collect();
    match sides.as_slice() {
        [one, other] if race.is_whole() => format!(
            "Two goroutines use {what} without synchronization: {one}; and {other}. This is certain."
        ),
        [one, other] if race.has_both_sites() => {
            format!("Two goroutines use {what} without synchronization: {one}; and {other}.")
        }
        [] => "A data race report, truncated before its first access.".into(),
        sides => format!(
            "Part of a data race report on {what} ({} of 2): {}.",
            counted(sides.len() as u64, "side"),
            sides.join("; and ")
        ),
    }
}
