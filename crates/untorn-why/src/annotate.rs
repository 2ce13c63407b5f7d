//! The relevant lines of a dump, in its order, each with an explanation.

use serde::Serialize;

use crate::candidates::Candidate;
use crate::dump::{self, Crash, Created, Goroutine, Kind, Race};
use crate::frame::{Access, Frame};
use crate::source_location::where_at;

/// A line of the dump and its explanation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Part {
    /// The number of the line in the input.
    pub line: u64,
    /// The line, cut to 160 characters.
    pub text: String,
    /// The explanation.
    pub means: String,
}

fn part(line: u64, text: impl Into<String>, means: impl Into<String>) -> Part {
    let text: String = text.into();
    let text = text.chars().take(160).collect();
    let means = means.into();
    Part { line, text, means }
}

/// Annotates a crash dump.
pub(crate) fn crash(crash: &Crash, writers: &[Candidate]) -> Vec<Part> {
    let mut parts = vec![];
    for (index, banner) in crash.banners.iter().enumerate() {
        let means = match index {
            _ if crash.is_of_untorn() => "Go's message, with which such a report begins.",
            0 => of_message(banner.kind),
            _ => {
                "A second goroutine detected an overlap before the process stopped; its stack follows the first one's."
            }
        };
        parts.push(part(banner.at, &banner.text, means));
    }
    for goroutine in &crash.noticed {
        let text = format!("goroutine {} [{}]:", goroutine.number, goroutine.state);
        let means = "The goroutine that detected the overlap, printed first. It is not necessarily at fault; the other side is another goroutine.";
        parts.push(part(goroutine.at, text, means));
        frames(&goroutine.frames, &mut parts);
        rest(goroutine, &mut parts);
    }
    let mut candidates: Vec<_> = writers
        .iter()
        .filter_map(|writer| {
            Some((
                writer,
                crash
                    .others
                    .iter()
                    .find(|one| writer.goroutine == Some(one.number))?,
            ))
        })
        .collect();
    candidates.sort_by_key(|(_, goroutine)| goroutine.at);
    for (writer, goroutine) in candidates {
        let text = format!("goroutine {} [{}]:", goroutine.number, goroutine.state);
        let means = format!(
            "{} the writer. {}",
            capitalized(writer.certainty.in_words()),
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
                "Where it was when the process stopped; by then it may have left the map.",
            ));
        }
        rest(goroutine, &mut parts);
    }
    if let Some((at, status)) = crash.exit {
        let means = "Printed by `go run`; the program itself exits with status 2, which recover cannot prevent.";
        parts.push(part(at, format!("exit status {status}"), means));
    }
    parts
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn of_message(kind: Kind) -> &'static str {
    match kind {
        Kind::ReadAndWrite => {
            "A lookup found the write flag set in the map's header. Go then ends the process: a fatal error is not a panic, so \
             recover cannot catch it."
        }
        Kind::Writes => {
            "A write found another write in progress, when it began or when it ended; the goroutine below is one of the two \
             writers. recover cannot catch this."
        }
        Kind::IterationAndWrite => {
            "A step of a `range`, or of printing or encoding, which range over the map too, found the write flag set in the map's \
             header. recover cannot catch this."
        }
        Kind::CloneAndWrite => {
            "maps.Clone found the write flag set in the map's header. recover cannot catch this."
        }
        Kind::Damage => {
            "The table is in a state that no single goroutine can cause: an earlier overlap, which went undetected, has \
             corrupted it."
        }
    }
}

fn of_state(goroutine: &Goroutine) -> String {
    match goroutine.state.as_str() {
        "running" if goroutine.elsewhere.is_some() => "It was running on another thread.".into(),
        "running" => "It was running.".into(),
        "runnable" => "It was ready to run, stopped between two of its instructions.".into(),
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
        Some(place) => format!("{}({}) {}", frame.function, frame.args, place.short()),
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
            "Go's function for {doing} a map; the map was at {:#x}, unless that register was reused.",
            word.value
        ),
        None => format!("Go's function for {doing} a map."),
    }
}

/// Annotates the relevant frames of the goroutine that detected the overlap.
fn frames(all: &[Frame], parts: &mut Vec<Part>) {
    let mut accesses = 0;
    for frame in all.iter().take_while(|frame| frame.is_standard()) {
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
        }
    }
    sites(all, parts);
}

/// Annotates the site, and the program's own call that led to one in a library.
fn sites(all: &[Frame], parts: &mut Vec<Part>) {
    let by = dump::called_from(all);
    if let Some(site) = dump::site(all) {
        let means = match by {
            Some(_) => "The line that made the access, in a library: one of the two sites.",
            None => "The line that made the access: one of the two sites.",
        };
        parts.push(part(site.at, call(site), means));
    }
    if let Some(by) = by {
        let means = "The call in the program's own code that led there.";
        parts.push(part(by.at, call(by), means));
    }
}

fn of_throw(frame: &Frame) -> String {
    // Before Go passed arguments in registers, the second word was the length of the message.
    let length = match frame.words().nth(1).map(|word| word.value) {
        Some(0x21) => ": 0x21 is the length of \u{201c}concurrent map read and map write\u{201d}",
        Some(0x15) => ": 0x15 is the length of \u{201c}concurrent map writes\u{201d}",
        Some(0x26) => {
            ": 0x26 is the length of \u{201c}concurrent map iteration and map write\u{201d}"
        }
        _ => "",
    };
    format!("Where the runtime ends the process{length}.")
}

/// Annotates the lines below the frames.
fn rest(goroutine: &Goroutine, parts: &mut Vec<Part>) {
    if let Some(at) = goroutine.elsewhere {
        let text = "goroutine running on other thread; stack unavailable";
        parts.push(part(
            at,
            text,
            "Its stack cannot be read while it runs; only where it was started is known.",
        ));
    }
    if let Some(at) = goroutine.elided {
        parts.push(part(
            at,
            "...frames elided...",
            "Go prints only the 50 innermost and the 50 outermost calls.",
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

/// Annotates a race report.
pub(crate) fn race(race: &Race) -> Vec<Part> {
    let means =
        "Go's race detector: two accesses without synchronization, at least one of them a write.";
    let mut parts = vec![part(race.at, "WARNING: DATA RACE", means)];
    for (index, side) in race.sides.iter().enumerate() {
        let means = match (index, side.writes) {
            (0, true) => "The later of the two accesses, a write.",
            (0, false) => "The later of the two accesses, a read.",
            (_, true) => "The earlier one, a write; possibly seconds before.",
            (_, false) => "The earlier one, a read; possibly seconds before.",
        };
        parts.push(part(side.at, &side.text, means));
        if let Some(at) = side.lost {
            parts.push(part(
                at,
                "[failed to restore the stack]",
                "The access is too old: its stack is no longer in the history.",
            ));
        }
        if let Some(frame) = side.frames.iter().find(|frame| frame.access().is_some()) {
            parts.push(part(frame.at, call(frame), of_access(frame)));
        }
        sites(&side.frames, &mut parts);
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
