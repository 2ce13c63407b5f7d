//! All that is known: each line of the dump, all evidence, all causes.

use super::{Text, goroutines};
use crate::candidates::{Candidate, SameStart};
use crate::causes;
use crate::model::{Address, DumpKind, Explained};
use crate::numbers::{counted, input_line};
use crate::verdict::goroutine_name;

/// The hint for a program that is to be written in Rust.
const IN_RUST: &str = "in Rust this does not compile with a HashMap. untorn::Map is for tables that many threads read while one \
                       refreshes them; untorn::GoMap, one word apart, enforces Go's rule and reports both sides.";

/// Renders the explanation of one dump.
pub(crate) fn show(output: &mut Text, explained: &Explained) {
    output.heading(&explained.verdict);
    output.aside(format_args!(
        "{}, lines {} to {} of the input",
        match explained.kind {
            DumpKind::Crash => "Crash dump",
            DumpKind::RaceReport => "Race detector report",
        },
        explained.first_line,
        explained.last_line
    ));
    for note in explained.notes.iter().chain(&explained.background) {
        output.line(format_args!("- {note}"));
    }

    output.line("");
    output.heading("Line by line of the input");
    for part in &explained.parts {
        output.line(format_args!("{:>6}  {}", part.line, part.text));
        output.aside(format_args!("        {}", part.means));
    }
    if explained.kind == DumpKind::Crash {
        if explained.goroutines > 0 {
            output.aside(format_args!("        {}", states(explained)));
        }
        for address in &explained.addresses {
            output.line(format_args!("        {}", among(address)));
        }
    }
    unread(output, explained);

    if explained.kind == DumpKind::Crash && !explained.writers.is_empty() {
        output.line("");
        output.heading("Possible writers");
        for candidate in &explained.writers {
            writer(output, candidate);
        }
    }

    if !explained.causes.is_empty() {
        output.line("");
        output.heading("What it looks like");
        for cause in &explained.causes {
            output.line(format_args!(
                "{}: {}",
                cause.certainty.in_words(),
                cause.title
            ));
            output.line(format_args!("  - {}", cause.matched));
            for change in cause.change {
                output.line(format_args!("  What to change: {change}"));
            }
        }
    }
}

/// Renders the advice that applies to every cause, once for all dumps.
pub(crate) fn general_advice(output: &mut Text, dumps: &[Explained]) {
    if dumps.iter().all(|dump| dump.change.is_empty()) {
        return;
    }
    output.line("");
    output.heading("In any case");
    let has_race_report = dumps.iter().any(|dump| dump.kind == DumpKind::RaceReport);
    let advice = match has_race_report {
        true => causes::GENERAL_ADVICE_FOR_A_RACE,
        false => causes::GENERAL_ADVICE,
    };
    for change in advice {
        output.line(format_args!("- {change}"));
    }
    output.line(format_args!("- {IN_RUST}"));
}

fn unread(output: &mut Text, explained: &Explained) {
    let unread = &explained.unread;
    if unread.lines == 0 {
        return;
    }
    let (are, colon) = match unread.lines {
        1 => ("is", ":"),
        _ => ("are", "; the first:"),
    };
    let lines = counted(unread.lines, "line");
    output.aside(format_args!(
        "        {lines} in between {are} not part of the dump{colon}"
    ));
    for (at, text) in &unread.first {
        output.line(format_args!("{at:>6}  {text}"));
    }
}

fn writer(output: &mut Text, writer: &Candidate) {
    let (function, place) = match (&writer.function, &writer.started) {
        (Some(function), _) => (function.clone(), &writer.place),
        (None, Some(by)) => (format!("started by {}", by.function), &by.place),
        (None, None) => ("unknown function".into(), &None),
    };
    let place = place
        .as_ref()
        .map_or_else(String::new, |place| format!(" at {place}"));
    output.line(format_args!(
        "{}: {} [{}], {function}{place} ({})",
        writer.certainty.in_words(),
        goroutine_name(writer.goroutine),
        writer.state,
        input_line(writer.line)
    ));
    for reason in &writer.reasons {
        output.line(format_args!("  - {}", reason.text));
    }
    if let Some(more) = &writer.same_start {
        output.line(format_args!("  {}", same_start(more)));
    }
}

/// The number of states that are listed by name.
const STATES: usize = 6;

/// Counts the goroutines by state, as `7 goroutines: 5 [chan receive], 2 [select]`.
fn states(explained: &Explained) -> String {
    let states = explained.states.iter().take(STATES);
    let mut listed: Vec<_> = states
        .clone()
        .map(|one| format!("{} [{}]", one.goroutines, one.state))
        .collect();
    // If there are very many states, the parser does not count all of them by name.
    let by_name: u64 = states.map(|one| one.goroutines).sum();
    let more = explained.goroutines - by_name;
    if more > 0 {
        listed.push(format!("and {more} in other states"));
    }
    format!(
        "{}: {}",
        counted(explained.goroutines, "goroutine"),
        listed.join(", ")
    )
}

fn among(address: &Address) -> String {
    let what = match address.is_map {
        true => "the map",
        false => "which may be the map or a value that holds it",
    };
    let stale = match address.may_be_stale.as_slice() {
        [] => String::new(),
        all if all.len() == address.goroutines.len() => " (marked `?`: may be stale)".into(),
        some => format!(" (in {} marked `?`: may be stale)", goroutines(some)),
    };
    format!(
        "{}, {what}, is among the arguments of {}{stale}",
        address.address,
        goroutines(&address.goroutines)
    )
}

/// Formats related goroutines, as `and 3 more started by the same go statement at main.go:31`.
fn same_start(more: &SameStart) -> String {
    let begun = match more.not_begun {
        0 => String::new(),
        all if all == more.goroutines.len() as u64 => ", which had not begun to run".into(),
        some => format!(", {some} of which had not begun to run"),
    };
    format!(
        "and {}{} more started by the same `go` statement at {}: {}{begun}",
        if more.at_least { "at least " } else { "" },
        more.goroutines.len(),
        more.place.short(),
        goroutines(&more.goroutines)
    )
}
