//! Renders an explanation as text, the verdict first.

use std::fmt::Display;

use crate::annotate;
use crate::candidates::SameStart;
use crate::causes;
use crate::dump::{Crash, Found};
use crate::model::{Address, DumpKind, Explained};
use crate::numbers::counted;
use crate::verdict::goroutine_name;

/// The emphasis of a line of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Emphasis {
    /// An ordinary line.
    None,
    /// A heading.
    Heading,
    /// A remark, less important than the lines around it.
    Aside,
}

/// A line of the explanation as text.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TextLine {
    /// How to show it.
    pub emphasis: Emphasis,
    /// The line without its line feed.
    pub text: String,
}

/// The lines so far.
#[derive(Default)]
pub(crate) struct Text(pub(crate) Vec<TextLine>);

impl Text {
    fn push(&mut self, emphasis: Emphasis, text: impl Display) {
        let text = text.to_string();
        self.0.push(TextLine { emphasis, text });
    }

    pub(crate) fn line(&mut self, text: impl Display) {
        self.push(Emphasis::None, text);
    }

    pub(crate) fn heading(&mut self, text: impl Display) {
        self.push(Emphasis::Heading, text);
    }

    pub(crate) fn aside(&mut self, text: impl Display) {
        self.push(Emphasis::Aside, text);
    }
}

/// Renders the explanation of one dump.
pub(crate) fn show(output: &mut Text, found: &Found, explained: &Explained) {
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
    for note in &explained.notes {
        output.line(format_args!("- {note}"));
    }

    output.line("");
    output.heading("Line by line");
    for part in &explained.parts {
        output.line(format_args!("{:>6}  {}", part.line, part.text));
        output.aside(format_args!("        {}", part.means));
    }
    if let Found::Crash(crash) = found {
        rest_of_crash(output, crash, explained);
    }
    if explained.unread.lines > 0 {
        let lines = counted(explained.unread.lines, "line");
        output.aside(format_args!(
            "        {lines} in between not part of the dump; the first:"
        ));
        for (at, text) in &explained.unread.first {
            output.line(format_args!("{at:>6}  {text}"));
        }
    }

    if explained.kind == DumpKind::Crash && !explained.writers.is_empty() {
        output.line("");
        output.heading("Possible writers");
        for writer in &explained.writers {
            let (function, place) = match (&writer.function, &writer.started) {
                (Some(function), _) => (function.clone(), &writer.place),
                (None, Some(by)) => (format!("started by {}", by.function), &by.place),
                (None, None) => ("unknown function".into(), &None),
            };
            let place = place
                .as_ref()
                .map_or_else(String::new, |place| format!(", {place}"));
            output.line(format_args!(
                "{}: {} [{}], {function}{place} (line {})",
                writer.certainty.in_words(),
                goroutine_name(writer.goroutine),
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

    if !explained.causes.is_empty() {
        output.line("");
        output.heading("Possible causes");
        for cause in &explained.causes {
            output.line(format_args!(
                "{}: {}",
                cause.certainty.in_words(),
                cause.title
            ));
            output.line(format_args!("  - {}", cause.matched));
        }
    }

    let special: Vec<_> = explained
        .causes
        .iter()
        .flat_map(|cause| cause.change)
        .collect();
    if !special.is_empty() {
        output.line("");
        output.heading("How to fix it");
        for change in special {
            output.line(format_args!("- {change}"));
        }
    }
}

/// Renders the advice that applies to every cause, once for all dumps.
pub(crate) fn general_advice(output: &mut Text) {
    output.line("");
    output.heading("General advice");
    for change in causes::GENERAL_ADVICE {
        output.line(format_args!("- {change}"));
    }
}

fn rest_of_crash(output: &mut Text, crash: &Crash, explained: &Explained) {
    if crash.goroutines > 0 {
        output.aside(format_args!("        {}", annotate::states(crash)));
    }
    for address in &explained.addresses {
        output.line(format_args!("        {}", among(address)));
    }
}

/// The number of goroutines that one line lists.
const LISTED: usize = 12;

/// Formats goroutines, as `goroutines 7, 8, 9`, and the number of those that are not listed.
fn goroutines(numbers: &[u64]) -> String {
    let listed: Vec<_> = numbers.iter().take(LISTED).map(u64::to_string).collect();
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let more = match numbers.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("goroutine{plural} {}{more}", listed.join(", "))
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
