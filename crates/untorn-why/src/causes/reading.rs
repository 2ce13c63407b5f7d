//! A map that the standard library or another one iterates over: to print, to log, to encode.

use super::Cause;
use super::stacks::{Stacks, call_at};
use crate::candidates::Certainty;
use crate::frame::Frame;
use crate::libraries::{self, CODERS, LOGS};

pub(super) fn formatted(stacks: &Stacks<'_>) -> Option<Cause> {
    let is_log = |frame: &Frame| {
        matches!(frame.package(), "fmt" | "log" | "log/slog") || libraries::is_of(frame, LOGS)
    };
    let frame = outermost(stacks, is_log)?;
    let value = stacks.value();
    Some(Cause {
        id: "formatted",
        title: format!("the {value} is printed or logged while another goroutine writes to it"),
        certainty: Certainty::Likely,
        matched: format!(
            "{} reads all of it, without a lock unless you hold one around the call",
            call_at(frame)
        ),
        change: &[
            "print a copy made under the writer's lock (maps.Clone), or only the values that you need. This applies to a \
             struct that holds the map too: %v and %+v print all of it.",
        ],
    })
}

pub(super) fn encoded(stacks: &Stacks<'_>) -> Option<Cause> {
    let is_coder = |frame: &Frame| {
        let package = frame.package();
        package.starts_with("encoding/")
            || matches!(package, "text/template" | "html/template")
            || libraries::is_of(frame, CODERS)
    };
    let frame = outermost(stacks, is_coder)?;
    let value = stacks.value();
    Some(Cause {
        id: "map_returned",
        title: format!(
            "a {value} that a getter returned is encoded after the getter released its lock"
        ),
        certainty: Certainty::Likely,
        matched: format!(
            "{} reads all of it; a getter releases its lock when it returns",
            call_at(frame)
        ),
        change: &[
            "return a copy made under the lock (maps.Clone, or a deep copy if the values are maps), or encode while the lock \
             is held. A map is a pointer: returning it exposes the data that the lock protects.",
        ],
    })
}

/// Returns the outermost of these calls below the program's own code, if they only read.
fn outermost<'d>(stacks: &Stacks<'d>, is: impl Fn(&Frame) -> bool) -> Option<&'d Frame> {
    let mut frames = stacks.in_libraries().iter().rev();
    frames.find(|frame| is(frame)).filter(|_| !stacks.writes())
}
