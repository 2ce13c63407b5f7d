//! What is told to people: the verdict first.

use super::causes;
use super::dump::{Crash, Found};
use super::explain::{self, DumpKind, Explained};
use super::parts;
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
            let function = writer
                .function
                .as_deref()
                .unwrap_or("a goroutine without a known function");
            let place = writer
                .place
                .as_ref()
                .map_or_else(String::new, |place| format!(", {place}"));
            output.line(format_args!(
                "{}: {} [{}], {function}{place} (line {})",
                writer.certainty.in_words(),
                explain::who(writer.goroutine),
                writer.state,
                writer.line
            ));
            for reason in &writer.reasons {
                output.line(format_args!("  - {}", reason.text));
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
        let numbers: Vec<_> = address
            .goroutines
            .iter()
            .take(12)
            .map(u64::to_string)
            .collect();
        output.line(format_args!(
            "        {}, {}, is among the arguments of {}",
            address.address,
            if address.is_map {
                "the map"
            } else {
                "which may be the map or what holds it"
            },
            if let [one] = numbers.as_slice() {
                format!("goroutine {one}")
            } else {
                format!("goroutines {}", numbers.join(", "))
            }
        ));
    }
}
