//! Notes on a dump: the next step where it lacks something, and facts that explain it.

use crate::annotate::Part;
use crate::candidates::Candidate;
use crate::dump::{self, Crash, Race};
use crate::numbers::input_line;

const TRUNCATED: &str = "The dump has only the goroutine that detected the overlap, so it was truncated: the version of Go that wrote it prints \
     every goroutine. Pass all of it to see candidates for the writer.";

const ALONE: &str = "The dump has only the goroutine that detected the overlap: Go 1.26 and newer omit the others. Run the program with \
     GOTRACEBACK=all, and the next dump shows candidates for the writer. (A dump of an older version was truncated.)";

const UNNAMED_WRITER: &str = "Go cannot name the other side: a writer only sets a bit in the map's header, and by the time it is stopped it has \
     usually left the map.";

/// Returns the notes after which a reader does something else.
pub(crate) fn of_crash(crash: &Crash, writers: &[Candidate]) -> Vec<String> {
    let mut notes = vec![];
    if !crash.noticed.is_empty() {
        if crash.goroutines == crash.noticed.len() as u64 {
            let is_older = crash.is_before_go1_24();
            notes.push(if is_older { TRUNCATED } else { ALONE }.to_owned());
        }
    } else if crash.is_of_untorn() {
        notes.push("Read the report as it is: its last lines say what to change.".into());
    } else if let Some(line) = crash.unreadable {
        notes.push(format!(
            "Lines that look like a stack follow, in a form that is not understood ({}): pass the program's stderr itself, \
             without the changes of a viewer.",
            input_line(line)
        ));
    } else if crash.goroutines == 0 {
        notes.push(
            "There is no stack: GOTRACEBACK=none hides it, or the log has only this line. Find the lines that follow it in the \
             program's stderr, or run the program with GOTRACEBACK=all."
                .into(),
        );
    }
    if let Some(line) = crash.mixed {
        notes.push(format!(
            "The output of two programs is mixed from {} on at the latest, and nothing in front of the lines tells them apart: \
             pass the stderr of one program alone.",
            input_line(line)
        ));
    } else if writers.is_empty() && crash.goroutines > 1 {
        notes.push("Where a goroutine was started says more than where it stopped: look for one that was started to update the map.".into());
    }
    notes
}

/// Returns the facts that explain a crash dump.
pub(crate) fn background_of_crash(
    crash: &Crash,
    writers: &[Candidate],
    parts: &[Part],
) -> Vec<String> {
    let mut facts = vec![];
    if let Some(first) = crash.noticed.first() {
        facts.push(UNNAMED_WRITER.to_owned());
        if dump::access(&first.frames).is_none() {
            facts.push(
                "The frames of the runtime are hidden (since Go 1.19): with GOTRACEBACK=system the next dump shows the map's \
                 address, which helps to identify the other side."
                    .into(),
            );
        }
        let mut reasons = writers.iter().flat_map(|writer| &writer.reasons);
        let inexact = parts.iter().any(|part| part.text.contains('?'))
            || reasons.any(|reason| reason.text.contains('?'));
        if inexact {
            facts.push("A `?` after an argument (since Go 1.18): it was passed in a register, which may have been reused since.".into());
        }
    }
    if crash.banners.len() > 1 {
        facts.push(format!(
            "{} goroutines detected an overlap at once, and each printed a message: the other side of one may be another of them.",
            crash.banners.len()
        ));
    }
    facts
}

/// Returns the notes on a race report after which a reader does something else.
pub(crate) fn of_race(race: &Race) -> Vec<String> {
    let mut notes = vec![];
    if !race.is_whole() {
        let missing = if race.has_both_sites() {
            "The report is truncated below its two stacks: the lines about the start of both goroutines are missing."
        } else {
            "The report is truncated: the other side, or the end of its stack, is missing."
        };
        notes.push(missing.into());
    }
    if !race.is_of_a_map() {
        notes.push("No function of Go's map is on these stacks: the race is on another variable, possibly one that holds a map, or on a value in a map.".into());
    }
    if race.sides.iter().any(|side| side.lost.is_some()) {
        notes.push(
            "One stack is no longer available; GORACE=history_size=7 extends the history.".into(),
        );
    }
    notes
}

/// Returns the facts that explain a race report.
pub(crate) fn background_of_race(race: &Race) -> Vec<String> {
    let mut facts = vec![];
    if race.is_whole() {
        facts.push(
            "A race report names both sides exactly: the detector checks happens-before order, not timing."
                .into(),
        );
    }
    facts.push("The goroutine numbers are the race detector's, not those of a crash dump.".into());
    facts
}
