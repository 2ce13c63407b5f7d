//! An input without such a dump: what was found instead, and what to do.

use super::dump::{Input, Other};
use crate::output::counted;

/// Beginnings of messages, and what they mean.
const KNOWN: &[(&str, &str)] = &[
    (
        "panic: assignment to entry in nil map",
        "a map that was never made was written to: make(map[K]V) before the first write. That is no race, and recover would catch it.",
    ),
    (
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "a nil pointer. If it is inside a map function of the runtime, an unnoticed race may have damaged the map: run with -race.",
    ),
    (
        "panic: runtime error: index out of range",
        "an index beyond its slice. If fmt printed a map just then, or the stack is inside a map function, it may be a race: run with -race.",
    ),
    (
        "panic: runtime error: hash of unhashable type",
        "a slice, map or function was used as a key behind an interface. That is no race.",
    ),
    (
        "fatal error: all goroutines are asleep - deadlock!",
        "every goroutine waits for another. That is no race on a map: look at what each one waits for.",
    ),
    (
        "fatal error: sync: unlock of unlocked",
        "a mutex was unlocked twice, or was copied while it was locked: `go vet` finds copies.",
    ),
    (
        "fatal error: sync: RUnlock of unlocked",
        "an RWMutex was unlocked twice, or was copied while it was locked: `go vet` finds copies.",
    ),
    ("fatal error: stack overflow", "a recursion without end."),
    (
        "fatal error: runtime: out of memory",
        "the program ran out of memory.",
    ),
    (
        "fatal error: concurrent map",
        "the line is cut, or of a Go that is not known here: give the whole line, and what follows it.",
    ),
    (
        "goroutine ",
        "the stacks of a program, without the line that says why it died: it stands before the first of them.",
    ),
    (
        "panic: ",
        "another panic: its text and the first stack below it say why. A recover can catch it.",
    ),
    ("fatal error: ", "another fatal error of Go's runtime."),
];

pub(crate) fn meaning(other: &Other) -> &'static str {
    let known = KNOWN
        .iter()
        .find(|(start, _)| other.text.starts_with(start));
    known.map_or("another end of a program.", |(_, meaning)| meaning)
}

/// One sentence for an input without a dump.
pub(crate) fn refusal(input: &Input) -> String {
    match input.others.first() {
        Some(other) => {
            let text: String = other.text.chars().take(160).collect();
            format!(
                "no crash over a map in there; line {} says \u{201c}{text}\u{201d}: {}",
                other.line,
                meaning(other)
            )
        }
        None if input.lines == 0 => {
            "nothing to read: give it a file with the program's stderr, or pipe that into it".into()
        }
        None => format!(
            "no Go crash dump and no race report in {}: look for the program's stderr, from the line \u{201c}fatal error: \
             concurrent map …\u{201d} on",
            counted(input.lines, "line")
        ),
    }
}
