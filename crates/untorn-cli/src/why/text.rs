//! What is told to people: the verdict first.

use super::candidates::SameStart;
use super::causes;
use super::dump::{Crash, Found};
use super::explain::{Address, DumpKind, Explained};
use super::parts;
use super::verdict::who;
use crate::output::{Output, counted};

pub(crate) fn show(output: &Output, found: &Found, told: &Explained) {
    output.heading(&told.verdict);
    output.aside(format_args!(
        "{}, lines {} to {} of the input",
        match told.kind {
            DumpKind::Crash => "A crash dump",
            DumpKind::RaceReport => "A report of the race detector",
        },
        told.first_line,
        told.last_line
    ));
    for note in &told.notes {
        output.line(format_args!("- {note}"));
    }

    output.line("");
    output.heading("Part by part");
    for part in &told.parts {
        output.line(format_args!("{:>6}  {}", part.line, part.text));
        output.aside(format_args!("        {}", part.means));
    }
    if let Found::Crash(crash) = found {
        rest_of_crash(output, crash, told);
    }
    if told.unread.lines > 0 {
        let lines = counted(told.unread.lines, "line");
        output.aside(format_args!(
            "        {lines} in between are no part of it, the first of them:"
        ));
        for (at, text) in &told.unread.first {
            output.line(format_args!("{at:>6}  {text}"));
        }
    }

    if told.kind == DumpKind::Crash && !told.writers.is_empty() {
        output.line("");
        output.heading("Who may be the writer");
        for writer in &told.writers {
            let (function, place) = match (&writer.function, &writer.started) {
                (Some(function), _) => (function.clone(), &writer.place),
                (None, Some(by)) => (format!("started by {}", by.function), &by.place),
                (None, None) => ("a goroutine without a known function".into(), &None),
            };
            let place = place
                .as_ref()
                .map_or_else(String::new, |place| format!(", {place}"));
            output.line(format_args!(
                "{}: {} [{}], {function}{place} (line {})",
                writer.certainty.in_words(),
                who(writer.goroutine),
                writer.state,
                writer.line
            ));
            for reason in &writer.reasons {
                output.line(format_args!("  - {}", reason.text));
            }
            if let Some(more) = &writer.same_start {
                output.line(format_args!("  {}", same_start(more)));
            }
        }
    }

    if !told.causes.is_empty() {
        output.line("");
        output.heading("What it looks like");
        for cause in &told.causes {
            output.line(format_args!(
                "{}: {}",
                cause.certainty.in_words(),
                cause.title
            ));
            output.line(format_args!("  - {}", cause.matched));
        }
    }

    let special: Vec<_> = told.causes.iter().flat_map(|cause| cause.change).collect();
    if !special.is_empty() {
        output.line("");
        output.heading("What to change");
        for change in special {
            output.line(format_args!("- {change}"));
        }
    }
}

/// What to change in any case, once for all dumps.
pub(crate) fn always(output: &Output) {
    output.line("");
    output.heading("In any case");
    for change in causes::ALWAYS {
        output.line(format_args!("- {change}"));
    }
}

fn rest_of_crash(output: &Output, crash: &Crash, told: &Explained) {
    if crash.goroutines > 0 {
        output.aside(format_args!("        {}", parts::states(crash)));
    }
    for address in &told.addresses {
        output.line(format_args!("        {}", among(address)));
    }
}

/// Of the numbers of so many goroutines a line can be read.
const NUMBERS: usize = 12;

/// `goroutines 7, 8, 9`, and how many more.
fn goroutines(numbers: &[u64]) -> String {
    let told: Vec<_> = numbers.iter().take(NUMBERS).map(u64::to_string).collect();
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let more = match numbers.len() - told.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("goroutine{plural} {}{more}", told.join(", "))
}

fn among(address: &Address) -> String {
    let what = match address.is_map {
        true => "the map",
        false => "which may be the map or what holds it",
    };
    let stale = match address.may_be_stale.as_slice() {
        [] => String::new(),
        all if all.len() == address.goroutines.len() => " (marked `?`: may be stale)".into(),
        some => format!(" (of {} marked `?`: may be stale)", goroutines(some)),
    };
    format!(
        "{}, {what}, is among the arguments of {}{stale}",
        address.address,
        goroutines(&address.goroutines)
    )
}

/// `and 3 more started by the same go statement at main.go:31`
fn same_start(more: &SameStart) -> String {
    let begun = match more.not_begun {
        0 => String::new(),
        all if all == more.goroutines.len() as u64 => ", which had not begun to run".into(),
        some => format!(", {some} of which had not begun to run"),
    };
    format!(
        "and {}{} more started by the same `go` statement at {}:{}: {}{begun}",
        if more.at_least { "at least " } else { "" },
        more.goroutines.len(),
        more.place.base(),
        more.place.line,
        goroutines(&more.goroutines)
    )
}
