//! The parts of a dump in its own order, each in plain words.

use serde::Serialize;

use super::candidates::Candidate;
use super::dump::{self, Crash, Created, Goroutine, Kind, Race};
use super::frame::{Access, Frame};
use super::verdict::where_at;
use crate::output::counted;

/// A line of the dump, and what it means.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) line: u64,
    pub(crate) text: String,
    pub(crate) means: String,
}

fn part(line: u64, text: impl Into<String>, means: impl Into<String>) -> Part {
    let text: String = text.into();
    let text = text.chars().take(160).collect();
    let means = means.into();
    Part { line, text, means }
}

pub(crate) fn of_crash(crash: &Crash, writers: &[Candidate]) -> Vec<Part> {
    let mut parts = vec![];
    for (index, banner) in crash.banners.iter().enumerate() {
        let means = match index {
            0 => of_message(banner.kind),
            _ => {
                "A second goroutine noticed before all were stopped; its stack follows the first one's."
            }
        };
        parts.push(part(banner.at, &banner.text, means));
    }
    for goroutine in &crash.noticed {
        let text = format!("goroutine {} [{}]:", goroutine.number, goroutine.state);
        let means = "Who noticed: it is printed first. It need not be the one at fault; the other side is somebody else.";
        parts.push(part(goroutine.at, text, means));
        frames(&goroutine.frames, &mut parts);
        rest(goroutine, &mut parts);
    }
    let mut told: Vec<_> = writers
        .iter()
        .filter_map(|writer| {
            Some((
                writer,
                crash.others.iter().find(|one| one.at == writer.line)?,
            ))
        })
        .collect();
    told.sort_by_key(|(_, goroutine)| goroutine.at);
    for (writer, goroutine) in told {
        let text = format!("goroutine {} [{}]:", goroutine.number, goroutine.state);
        let means = format!(
            "{} the writer. {}",
            capital(writer.certainty.in_words()),
            of_state(goroutine)
        );
        parts.push(part(goroutine.at, text, means));
        if let Some(frame) = goroutine
            .frames
            .iter()
            .find(|frame| frame.access().is_some())
        {
            parts.push(part(frame.at, call(frame), of_access(frame)));
        }
        if let Some(own) = goroutine.own() {
            parts.push(part(
                own.at,
                call(own),
                "Where it stood when it was stopped; by then it may have left the map.",
            ));
        }
        rest(goroutine, &mut parts);
    }
    if let Some((at, status)) = crash.exit {
        let means = "Printed by `go run`; the program itself ends with status 2, and nothing can recover from it.";
        parts.push(part(at, format!("exit status {status}"), means));
    }
    parts
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn of_message(kind: Kind) -> &'static str {
    match kind {
        Kind::ReadAndWrite => {
            "A look-up found the map's header saying that somebody writes. Go then ends the process: a fatal error is no panic, \
             no recover catches it."
        }
        Kind::Writes => {
            "A write found that somebody else writes too, at its beginning or at its end; the goroutine below is one of the two \
             writers. No recover catches it."
        }
        Kind::IterationAndWrite => {
            "A step of a `range`, or of a print or an encoding, which range too, found the map's header saying that somebody \
             writes. No recover catches it."
        }
        Kind::CloneAndWrite => {
            "A maps.Clone found the map's header saying that somebody writes. No recover catches it."
        }
        Kind::Damage => {
            "The table is in a state that no single goroutine can bring about: an earlier overlap, which nobody noticed, has \
             damaged it."
        }
    }
}

fn of_state(goroutine: &Goroutine) -> String {
    match goroutine.state.as_str() {
        "running" if goroutine.elsewhere.is_some() => "It was running on another thread.".into(),
        "running" => "It was running.".into(),
        "runnable" => "It was about to run: stopped in between two instructions of its own.".into(),
        "sleep" | "chan receive" | "select" => {
            format!(
                "It was waiting [{}], for its next turn or for work.",
                goroutine.state
            )
        }
        state => format!("It was waiting [{state}]."),
    }
}

fn call(frame: &Frame) -> String {
    match &frame.place {
        Some(place) => format!(
            "{}({}) {}:{}",
            frame.function,
            frame.args,
            place.base(),
            place.line
        ),
        None => format!("{}({})", frame.function, frame.args),
    }
}

fn of_access(frame: &Frame) -> String {
    let doing = frame.access().map_or("using", Access::in_words);
    match frame.map_argument() {
        Some(word) if word.exact => format!(
            "Go's function for {doing} a map; the map is at {:#x}.",
            word.value
        ),
        Some(word) => format!(
            "Go's function for {doing} a map; the map was at {:#x}, unless that register was used again.",
            word.value
        ),
        None => format!("Go's function for {doing} a map."),
    }
}

/// The frames that matter of the side that noticed.
fn frames(all: &[Frame], parts: &mut Vec<Part>) {
    let own = dump::own(all).map(|frame| frame.at);
    let mut accesses = 0;
    for frame in all {
        let name = frame.function.as_str();
        if matches!(
            name,
            "runtime.throw" | "runtime.fatal" | "internal/runtime/maps.fatal"
        ) {
            parts.push(part(frame.at, call(frame), of_throw(frame)));
        } else if frame.access().is_some() {
            accesses += 1;
            if accesses == 1 {
                parts.push(part(frame.at, call(frame), of_access(frame)));
            }
        } else if Some(frame.at) == own {
            parts.push(part(
                frame.at,
                call(frame),
                "The line that used the map: one of the two sites.",
            ));
            break;
        }
    }
}

fn of_throw(frame: &Frame) -> String {
    // Before registers were used, the second word was the message's length.
    let length = match frame.words().nth(1).map(|word| word.value) {
        Some(0x21) => ": 0x21 is the length of \u{201c}concurrent map read and map write\u{201d}",
        Some(0x15) => ": 0x15 is the length of \u{201c}concurrent map writes\u{201d}",
        Some(0x26) => {
            ": 0x26 is the length of \u{201c}concurrent map iteration and map write\u{201d}"
        }
        _ => "",
    };
    format!("Where the runtime gave up{length}.")
}

/// What follows the frames.
fn rest(goroutine: &Goroutine, parts: &mut Vec<Part>) {
    if let Some(at) = goroutine.elsewhere {
        let text = "goroutine running on other thread; stack unavailable";
        parts.push(part(
            at,
            text,
            "Nobody could read its stack while it ran; only where it was started is known.",
        ));
    }
    if let Some(at) = goroutine.elided {
        parts.push(part(
            at,
            "...frames elided...",
            "Go prints the 50 innermost and the 50 outermost calls.",
        ));
    }
    if let Some(created) = &goroutine.created {
        parts.push(of_created(created));
    }
}

fn of_created(created: &Created) -> Part {
    let means = format!(
        "The `go` statement that started it: {}.",
        where_at(Some(&created.function), created.place.as_ref())
    );
    part(
        created.at,
        format!("created by {}", created.function),
        means,
    )
}

pub(crate) fn of_race(race: &Race) -> Vec<Part> {
    let means = "Go's race detector: two accesses, at least one a write, that nothing orders.";
    let mut parts = vec![part(race.at, "WARNING: DATA RACE", means)];
    for (index, side) in race.sides.iter().enumerate() {
        let means = match (index, side.writes) {
            (0, true) => "The later of the two accesses, a write.",
            (0, false) => "The later of the two accesses, a read.",
            (_, true) => "The earlier one, a write; maybe seconds before.",
            (_, false) => "The earlier one, a read; maybe seconds before.",
        };
        parts.push(part(side.at, &side.text, means));
        if let Some(at) = side.lost {
            parts.push(part(
                at,
                "[failed to restore the stack]",
                "It was too long ago.",
            ));
        }
        if let Some(frame) = side.frames.iter().find(|frame| frame.access().is_some()) {
            parts.push(part(frame.at, call(frame), of_access(frame)));
        }
        if let Some(own) = dump::own(&side.frames) {
            parts.push(part(
                own.at,
                call(own),
                "The line that used it: one of the two sites.",
            ));
        }
    }
    for started in &race.started {
        let text = format!("Goroutine {} created at:", started.goroutine);
        let by = started.frames.first();
        let place = by.and_then(|frame| frame.place.as_ref());
        let by = where_at(by.map(|frame| frame.function.as_str()), place);
        parts.push(part(
            started.at,
            text,
            format!("The `go` statement that started it: {by}."),
        ));
    }
    parts
}

/// States that are told by name.
const STATES: usize = 6;

/// `7 goroutines: 5 [chan receive], 2 [select]`
pub(crate) fn states(crash: &Crash) -> String {
    let mut states: Vec<_> = crash.states.iter().filter(|(_, n)| **n > 0).collect();
    states.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let (told, rest) = states.split_at(states.len().min(STATES));
    let mut told: Vec<_> = told
        .iter()
        .map(|(state, count)| format!("{count} [{state}]"))
        .collect();
    // Of very many states not all are counted by name.
    let by_name: u64 = states.iter().map(|(_, count)| **count).sum();
    let more = rest.iter().map(|(_, count)| **count).sum::<u64>() + (crash.goroutines - by_name);
    if more > 0 {
        told.push(format!("and {more} in other states"));
    }
    format!(
        "{}: {}",
        counted(crash.goroutines, "goroutine"),
        told.join(", ")
    )
}
