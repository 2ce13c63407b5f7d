//! Explains a parsed dump: who accessed the map, why, and how to fix it.

use super::{addresses, verdict};
use crate::annotate::{self, Part};
use crate::candidates::{self, Candidate, Certainty};
use crate::causes::{self, Stacks};
use crate::dump::{self, Crash, Goroutine, Race, Side};
use crate::frame::{Access, Frame, Word};
use crate::model::{Address, DumpKind, Explained, Known};

const UNNAMED_WRITER: &str = "Go cannot name the other side: a writer only sets a bit in the map's header, and by the time it is stopped it has \
     usually left the map.";

const TRUNCATED: &str = "The dump has only the goroutine that detected the overlap, so it was truncated: the version of Go that wrote it prints \
     every goroutine.";

const ALONE: &str = "The dump has only the goroutine that detected the overlap. Go 1.26 and newer omit the others by default: run the program \
     with GOTRACEBACK=all, and the next dump includes them. (A dump of an older version was truncated.)";

/// Explains a crash dump.
pub(crate) fn crash(crash: &Crash) -> Explained {
    let ranking = candidates::rank(crash);
    let writers = &ranking.writers;
    let known: Vec<_> = (0..crash.noticed.len())
        .map(|index| known_noticed(crash, index))
        .collect();
    let addresses = shared_addresses(crash);
    let first = crash.noticed.first();
    let likely: Vec<_> = writers
        .iter()
        .filter_map(|writer| {
            let mut all = crash.noticed.iter().chain(&crash.others);
            all.find(|one| one.at == writer.line)
        })
        .take(3)
        .collect();
    let causes = first.map_or_else(Vec::new, |first| {
        causes::recognize(&Stacks {
            here: &first.frames,
            here_does: known.first().and_then(|known| known.access),
            others: likely.iter().map(|one| one.frames.as_slice()).collect(),
            both_known: false,
            shared_address: addresses.iter().any(Address::is_shared),
        })
    });
    let banner = crash.banners.first();
    let parts = annotate::crash(crash, writers);
    Explained {
        kind: DumpKind::Crash,
        first_line: banner.map_or(0, |banner| banner.at),
        last_line: crash.last,
        message: banner.map_or_else(String::new, |banner| banner.text.clone()),
        verdict: verdict::of_crash(crash, known.first(), &ranking),
        notes: notes(crash, writers, &parts),
        parts,
        known,
        writers: ranking.writers,
        addresses,
        causes,
        change: causes::GENERAL_ADVICE,
        goroutines: crash.goroutines,
        unread: crash.unread.clone(),
    }
}

fn known_noticed(crash: &Crash, index: usize) -> Known {
    let goroutine = &crash.noticed[index];
    Known {
        goroutine: Some(goroutine.number),
        line: goroutine.at,
        access: candidates::noticed_access(crash, index),
        function: goroutine.own().map(|frame| frame.function.clone()),
        place: goroutine.own().and_then(|frame| frame.place.clone()),
    }
}

fn shared_addresses(crash: &Crash) -> Vec<Address> {
    let Some(side) = crash.noticed.first() else {
        return vec![];
    };
    let map = addresses::map_address(&side.frames);
    let words = addresses::shared_words(side);
    let mut values: Vec<u64> = map.iter().chain(&words).map(|word| word.value).collect();
    let mut seen = vec![];
    values.retain(|value| {
        let new = !seen.contains(value);
        seen.push(*value);
        new
    });
    let all = || crash.noticed.iter().chain(&crash.others);
    let words_of = |value: u64, goroutine: &Goroutine| {
        let words = goroutine.frames.iter().flat_map(Frame::words);
        words.filter(|word| word.value == value).collect::<Vec<_>>()
    };
    let numbers = |value: u64, which: fn(&[Word]) -> bool| {
        all()
            .filter(|goroutine| which(&words_of(value, goroutine)))
            .map(|goroutine| goroutine.number)
            .collect()
    };
    values
        .into_iter()
        .map(|value| Address {
            address: format!("{value:#x}"),
            is_map: map.is_some_and(|map| map.value == value),
            goroutines: numbers(value, |words| !words.is_empty()),
            may_be_stale: numbers(value, |words| {
                !words.is_empty() && words.iter().all(|word| !word.exact)
            }),
        })
        .filter(|address| address.is_map || address.goroutines.len() > 1)
        .take(8)
        .collect()
}

fn notes(crash: &Crash, writers: &[Candidate], parts: &[Part]) -> Vec<String> {
    let mut notes = vec![];
    if let Some(first) = crash.noticed.first() {
        notes.push(UNNAMED_WRITER.to_owned());
        // Up to Go 1.18 the error was a `throw`, which prints every goroutine.
        let prints_all = first
            .frames
            .iter()
            .any(|frame| frame.function == "runtime.throw");
        if crash.goroutines == crash.noticed.len() as u64 {
            notes.push(if prints_all { TRUNCATED } else { ALONE }.to_owned());
        }
        if dump::access(&first.frames).is_none() {
            notes.push(
                "The frames of the runtime are hidden (since Go 1.19): with GOTRACEBACK=system the next dump shows the map's \
                 address, which helps to identify the other side."
                    .into(),
            );
        }
        let mut reasons = writers.iter().flat_map(|writer| &writer.reasons);
        let inexact = parts.iter().any(|part| part.text.contains('?'))
            || reasons.any(|reason| reason.text.contains('?'));
        if inexact {
            notes.push("A `?` after an argument (since Go 1.18): it was passed in a register, which may have been reused since.".into());
        }
    } else if crash
        .unread
        .first
        .iter()
        .any(|(_, line)| line.starts_with("thread \""))
    {
        notes.push("This is a report of untorn's own GoMap, which already names both sides: read it as it is.".into());
    } else if crash.goroutines == 0 {
        notes.push(
            "There is no stack: GOTRACEBACK=none hides it, or the log has only this line. Find the lines that follow it in the \
             program's stderr, or run the program with GOTRACEBACK=all."
                .into(),
        );
    }
    if writers.is_empty() && crash.goroutines > 1 {
        notes.push("Where a goroutine was started says more than where it stopped: look for one that was started to update the map.".into());
    }
    if crash.banners.len() > 1 {
        notes.push(format!(
            "{} goroutines detected an overlap at once, and each printed a message: the other side of one may be another of them.",
            crash.banners.len()
        ));
    }
    notes
}

/// Explains a race report.
pub(crate) fn race(race: &Race) -> Explained {
    let known: Vec<_> = race.sides.iter().map(known_side).collect();
    let whole = race.is_whole();
    let writers: Vec<_> = race
        .sides
        .iter()
        .zip(&known)
        .filter(|(side, _)| side.writes)
        .map(|(side, known)| Candidate {
            goroutine: side.goroutine,
            line: side.at,
            state: String::new(),
            function: known.function.clone(),
            place: known.place.clone(),
            started: None,
            certainty: if whole && known.place.is_some() {
                Certainty::Certainly
            } else {
                Certainty::Likely
            },
            reasons: vec![],
            same_start: None,
        })
        .collect();
    let causes = match race.sides.as_slice() {
        [one, other] if race.is_of_a_map() => causes::recognize(&Stacks {
            here: &one.frames,
            here_does: known[0].access,
            others: vec![&other.frames],
            both_known: true,
            shared_address: true,
        }),
        _ => vec![],
    };
    let mut notes = vec![];
    if whole {
        notes.push(
            "A race report names both sides exactly: the detector checks happens-before order, not timing."
                .into(),
        );
    } else {
        notes.push(
            "The report is truncated: the other side, or the end of its stack, is missing.".into(),
        );
    }
    if !race.is_of_a_map() {
        notes.push("No function of Go's map is on these stacks: the race is on another variable, possibly one that holds a map, or on a value in a map.".into());
    }
    if race.sides.iter().any(|side| side.lost.is_some()) {
        notes.push(
            "One stack is no longer available; GORACE=history_size=7 extends the history.".into(),
        );
    }
    notes.push("The goroutine numbers are the race detector's, not those of a crash dump.".into());
    let address = race.sides.first().map(|side| Address {
        address: format!("{:#x}", side.address),
        is_map: race.is_of_a_map(),
        goroutines: race
            .sides
            .iter()
            .filter_map(|side| side.goroutine)
            .collect(),
        may_be_stale: vec![],
    });
    Explained {
        kind: DumpKind::RaceReport,
        first_line: race.at,
        last_line: race.last,
        message: "WARNING: DATA RACE".into(),
        verdict: verdict::of_race(race, &known),
        notes,
        parts: annotate::race(race),
        known,
        writers,
        addresses: address.into_iter().collect(),
        causes,
        change: causes::GENERAL_ADVICE,
        goroutines: race.sides.len() as u64,
        unread: race.unread.clone(),
    }
}

fn known_side(side: &Side) -> Known {
    let own = dump::own(&side.frames);
    let by_detector = if side.writes {
        Access::Write
    } else {
        Access::Read
    };
    // The runtime's function is more specific, if it agrees with the report.
    let by_frame = dump::access(&side.frames).filter(|access| access.writes() == side.writes);
    Known {
        goroutine: side.goroutine,
        line: side.at,
        access: Some(by_frame.unwrap_or(by_detector)),
        function: own.map(|frame| frame.function.clone()),
        place: own.and_then(|frame| frame.place.clone()),
    }
}
