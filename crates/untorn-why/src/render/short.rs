//! The short answer: where, who wrote, what it looks like, what to change, in some ten lines.

use super::Text;
use crate::candidates::{Candidate, Certainty};
use crate::frame::Access;
use crate::model::{CalledFrom, DumpKind, Explained, Known};
use crate::numbers::input_line;
use crate::source_location::SourceLocation;
use crate::verdict::goroutine_name;

/// The most candidates for the writer that are shown.
const WRITERS: usize = 3;
/// The most sides that are shown: more goroutines may detect one overlap.
const SITES: usize = 2;

/// Renders the answer for one dump.
pub(crate) fn show(output: &mut Text, explained: &Explained) {
    output.heading(&explained.verdict);
    output.line("");
    for known in explained.known.iter().take(SITES) {
        site(output, known);
    }
    if explained.kind == DumpKind::Crash {
        for siblings in groups(&explained.writers).iter().take(WRITERS) {
            output.line(writer(siblings));
        }
    }
    if let Some((first, others)) = explained.causes.split_first() {
        output.line(format_args!(
            "What it looks like ({}): {}",
            first.certainty.in_words(),
            first.title
        ));
        output.line(format_args!("  {}", first.matched));
        for change in first.change {
            output.line(format_args!("What to change: {change}"));
        }
        let others: Vec<_> = others.iter().map(|cause| cause.title.as_str()).collect();
        if !others.is_empty() {
            output.line(format_args!("Also possible: {}", others.join("; ")));
        }
    }
    for note in &explained.notes {
        output.line(format_args!("Note: {note}"));
    }
}

/// Renders the advice that applies to every cause, once for all dumps.
pub(crate) fn general_advice(output: &mut Text, dumps: &[Explained]) {
    if dumps.iter().all(|dump| dump.change.is_empty()) {
        return;
    }
    let label = match dumps.iter().all(|dump| dump.causes.is_empty()) {
        true => "What to change",
        false => "In any case",
    };
    let has_race_report = dumps.iter().any(|dump| dump.kind == DumpKind::RaceReport);
    let detect = match has_race_report {
        true => "",
        false => " To see both sides for certain, run with -race.",
    };
    output.line(format_args!(
        "{label}: hold one mutex around both sides, the read too, or publish copies with an atomic.Pointer.{detect}"
    ));
}

/// Formats a function and its line of the source, with the whole path.
fn at(function: &str, place: Option<&SourceLocation>) -> String {
    match place {
        Some(place) => format!("{function} at {place}"),
        None => function.to_owned(),
    }
}

fn site(output: &mut Text, known: &Known) {
    let Some(function) = &known.function else {
        return;
    };
    let noun = known.access.map_or("Access", noun);
    output.line(format_args!(
        "{noun}: {} ({})",
        at(function, known.place.as_ref()),
        input_line(known.line)
    ));
    if let Some(CalledFrom { function, place }) = &known.called_from {
        output.line(format_args!(
            "  called from your code: {}",
            at(function, place.as_ref())
        ));
    }
}

fn noun(access: Access) -> &'static str {
    match access {
        Access::Read => "Read",
        Access::Write => "Write",
        Access::Delete => "Deletion",
        Access::Clear => "Clearing",
        Access::Iterate => "Iteration",
        Access::Clone => "Clone",
    }
}

/// Groups equally certain candidates that one `go` statement started.
fn groups(writers: &[Candidate]) -> Vec<Vec<&Candidate>> {
    let start = |writer: &Candidate| {
        let by = writer.started.as_ref()?;
        Some((by.function.clone(), by.place.clone()?))
    };
    let mut groups: Vec<Vec<&Candidate>> = vec![];
    for writer in writers {
        let same = groups.iter_mut().find(|group| {
            let first = group[0];
            start(first).is_some()
                && start(first) == start(writer)
                && first.certainty == writer.certainty
        });
        match same {
            Some(group) => group.push(writer),
            None => groups.push(vec![writer]),
        }
    }
    groups
}

/// Formats a candidate with its strongest evidence, and the number of its siblings.
fn writer(siblings: &[&Candidate]) -> String {
    let first = siblings[0];
    let location = match (&first.function, &first.started) {
        (Some(function), _) => at(function, first.place.as_ref()),
        (None, Some(by)) => format!("started by {}", at(&by.function, by.place.as_ref())),
        (None, None) => "its stack is not in the dump".into(),
    };
    let unlisted = siblings.iter().filter_map(|one| one.same_start.as_ref());
    let more = siblings.len() as u64 - 1
        + unlisted
            .map(|same| same.goroutines.len() as u64 - same.not_begun)
            .sum::<u64>();
    let more = match more {
        0 => String::new(),
        1 => ", or its sibling of the same go statement".into(),
        more => format!(", or one of {more} siblings of the same go statement"),
    };
    let reason = first.reasons.first();
    let reason = reason.map(|reason| format!(": {}", reason.text));
    format!(
        "{} writer: {} [{}], {location} ({}){more}{}",
        match first.certainty {
            Certainty::Possibly => "Possible",
            Certainty::Likely | Certainty::Certainly => "Likely",
        },
        goroutine_name(first.goroutine),
        first.state,
        input_line(first.line),
        reason.unwrap_or_default()
    )
}
