//! What an input contains instead of a dump or in a form that is not read, and the next step.

use crate::dump::{Input, Order, Other};
use crate::numbers::counted;

/// Prefixes of messages, and their meanings.
const KNOWN: &[(&str, &str)] = &[
    (
        "panic: assignment to entry in nil map",
        "a write to a nil map: call make(map[K]V) before the first write. This is not a race, and recover can catch it.",
    ),
    (
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "a nil pointer. If it is inside a map function of the runtime, an undetected race may have corrupted the map: run with -race.",
    ),
    (
        "panic: runtime error: index out of range",
        "an index beyond its slice. If fmt was printing a map, or the stack is inside a map function, it may be a race: run with -race.",
    ),
    (
        "panic: runtime error: hash of unhashable type",
        "a slice, map or function was used as a key of interface type. This is not a race.",
    ),
    (
        "fatal error: all goroutines are asleep - deadlock!",
        "every goroutine is waiting. This is not a race on a map: check what each one waits for.",
    ),
    (
        "fatal error: sync: unlock of unlocked",
        "a mutex was unlocked twice, or was copied while it was locked: `go vet` finds copies.",
    ),
    (
        "fatal error: sync: RUnlock of unlocked",
        "an RWMutex was unlocked twice, or was copied while it was locked: `go vet` finds copies.",
    ),
    ("fatal error: stack overflow", "infinite recursion."),
    (
        "fatal error: runtime: out of memory",
        "the program ran out of memory.",
    ),
    (
        "fatal error: concurrent map",
        "the line is truncated, or of an unknown version of Go: pass the whole line and what follows it.",
    ),
    (
        "goroutine ",
        "stacks without the message that explains the crash: it is printed above the first of them.",
    ),
    (
        "panic: ",
        "another panic: its text and the first stack below it give the reason. recover can catch it.",
    ),
    ("fatal error: ", "another fatal error of Go's runtime."),
];

pub(crate) fn meaning(other: &Other) -> &'static str {
    if other.is_mention {
        return "a mention of the message, but no dump: no stack follows it.";
    }
    let known = KNOWN
        .iter()
        .find(|(start, _)| other.text.starts_with(start));
    known.map_or("another fatal message.", |(_, meaning)| meaning)
}

/// Returns notes on the input as a whole.
pub(crate) fn notes(input: &Input) -> Vec<String> {
    let mut notes = vec![];
    match input.order {
        Order::OldestFirst => {}
        Order::NewestFirst => {
            notes.push("The input has the newest line first, so its lines were read in reverse.".into());
        }
        Order::NewestFirstAndTooLong => notes.push(
            "The input has the newest line first, and only its first 64 MiB were read in reverse: reverse it with `tac`, and pass \
             the result."
                .into(),
        ),
    }
    for line in &input.cut {
        notes.push(format!(
            "Line {line} is longer than 1 MiB; its rest was not read. If it is a whole log in one string, extract that first (jq -r)."
        ));
    }
    notes
}

/// Returns the error for an input without a dump.
pub(crate) fn error(input: &Input) -> String {
    let mut others = input.others.iter();
    let other = others
        .find(|other| !other.is_mention)
        .or(input.others.first());
    match (other, input.stack_like) {
        _ if input.is_gzip => {
            "the input is compressed with gzip, so it has no readable line: unpack it first, for example with gunzip, and pass the result"
                .into()
        }
        (Some(other), _) if other.is_mention => format!(
            "line {} mentions \u{201c}{}\u{201d}, but there is no dump: no stack follows. Pass the stderr of the program that crashed, \
             from that message on",
            other.line, other.text
        ),
        (Some(other), _) => {
            let text: String = other.text.chars().take(160).collect();
            format!(
                "the input has no crash from concurrent map access; line {} is \u{201c}{text}\u{201d}: {}",
                other.line,
                meaning(other)
            )
        }
        (None, Some(line)) => format!(
            "no message of a Go crash in {}, but lines that look like a stack (line {line}): pass the program's stderr from the \
             line \u{201c}fatal error: concurrent map …\u{201d} on",
            counted(input.lines, "line")
        ),
        (None, None) if input.lines == 0 => {
            "nothing to read, the input is empty: pass a file with the program's stderr, or pipe it in"
                .into()
        }
        (None, None) => format!(
            "no Go crash dump and no race report in {}: pass the program's stderr, from the line \u{201c}fatal error: \
             concurrent map …\u{201d} on",
            counted(input.lines, "line")
        ),
    }
}
