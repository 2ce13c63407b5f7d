//! The one sentence that stands first.

use super::candidates::{Candidate, Ranking};
use super::dump::{Crash, Kind, Race};
use super::explain::Known;
use super::frame::Access;
use super::place::Place;
use crate::output::counted;

/// Of more than are told, so many are named.
const NAMED: usize = 3;

/// `main.lookup at crash.go:115`
pub(crate) fn where_at(function: Option<&str>, place: Option<&Place>) -> String {
    let function = function.unwrap_or("code that is not in the dump");
    match place {
        Some(place) => format!("{function} at {}:{}", place.base(), place.line),
        None => function.to_owned(),
    }
}

/// Of a crash dump.
pub(crate) fn of_crash(crash: &Crash, known: Option<&Known>, ranking: &Ranking) -> String {
    let kind = crash.banners.first().map(|banner| banner.kind);
    let Some(known) = known else {
        return match kind {
            Some(Kind::Writes) => "Two goroutines wrote to one map; the dump has the line alone, and no stack.".into(),
            Some(Kind::Damage) => "The map was found damaged; the dump has the line alone, and no stack.".into(),
            _ => "A goroutine met another one's write in a map; the dump has the line alone, and no stack.".into(),
        };
    };
    let here = where_at(known.function.as_deref(), known.place.as_ref());
    let number = known.goroutine.unwrap_or(0);
    let doing = known.access.map_or("using", Access::in_words);
    let met = match kind {
        Some(Kind::Writes) => {
            format!("Goroutine {number}, {doing} a map in {here}, met another writer.")
        }
        Some(Kind::Damage) => {
            format!(
                "Goroutine {number}, in {here}, found the map damaged: two goroutines wrote to it, or one wrote while another read, before that."
            )
        }
        _ => format!("Goroutine {number}, {doing} a map in {here}, met somebody else's write."),
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
            even(ranking)
        ),
        None if crash.goroutines > crash.noticed.len() as u64 => {
            "None of the other goroutines looks like the writer: it may have ended.".into()
        }
        None => "Who wrote, this dump does not show.".into(),
    };
    format!("{met} {writer}")
}

/// Where it stood, or at least where it was started.
fn stands(writer: &Candidate) -> String {
    match (&writer.function, &writer.started) {
        (None, Some(by)) => format!(
            "started by {}",
            where_at(Some(&by.function), by.place.as_ref())
        ),
        (function, _) => where_at(function.as_deref(), writer.place.as_ref()),
    }
}

/// The likeliest writer, or all between whom nothing decides: `goroutine 20 or 21: main.work at crash.go:174`.
fn even(ranking: &Ranking) -> String {
    let told = &ranking.writers;
    let named = if ranking.even > told.len() {
        &told[..NAMED.min(told.len())]
    } else {
        &told[..ranking.even]
    };
    let more = ranking.even - named.len();
    let number = |writer: &Candidate| writer.goroutine.unwrap_or(0).to_string();
    let place = named.first().map(stands).unwrap_or_default();
    let at_one_place = named.iter().all(|writer| stands(writer) == place);
    let with_place = |writer| match at_one_place {
        true => number(writer),
        false => format!("{} ({})", number(writer), stands(writer)),
    };
    let numbers: Vec<_> = named.iter().map(with_place).collect();
    let told = match (numbers.as_slice(), more) {
        ([.., _, _], 0) => {
            let (last, others) = numbers.split_last().expect("there are two");
            format!("goroutine {} or {last}", others.join(", "))
        }
        _ => format!("goroutine {}", numbers.join(", ")),
    };
    match (at_one_place, more) {
        (true, 0) => format!("{told}: {place}"),
        (false, 0) => told,
        // Where the others stand is another matter.
        (true, more) => format!("{told} ({place}), or one of {more} more"),
        (false, more) => format!("{told}, or one of {more} more"),
    }
}

/// `goroutine 8`, or the main one.
pub(crate) fn who(goroutine: Option<u64>) -> String {
    goroutine.map_or_else(
        || "the main goroutine".to_owned(),
        |number| format!("goroutine {number}"),
    )
}

/// Of a race report.
pub(crate) fn of_race(race: &Race, known: &[Known]) -> String {
    let what = if race.is_of_a_map() {
        "a map"
    } else {
        "a variable"
    };
    let told: Vec<_> = known
        .iter()
        .map(|known| {
            let doing = known.access.map_or("using", Access::in_words);
            format!(
                "{}, {doing} it in {}",
                who(known.goroutine),
                where_at(known.function.as_deref(), known.place.as_ref())
            )
        })
        .collect();
    match told.as_slice() {
        [one, other] if race.is_whole() => format!(
            "Two goroutines use {what} with nothing that orders them: {one}; and {other}. That is certain."
        ),
        [] => "The report of a data race, cut before it names anybody.".into(),
        told => format!(
            "Part of a report of a data race over {what} ({} of 2): {}.",
            counted(told.len() as u64, "side"),
            told.join("; and ")
        ),
    }
}
