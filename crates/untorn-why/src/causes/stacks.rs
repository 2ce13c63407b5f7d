//! The input of the rules: the stacks of both sides.

use crate::candidates::Certainty;
use crate::dump;
use crate::frame::{Access, Frame};
use crate::numbers::input_line;

/// The stack of a likely writer, or of the other access of a race report.
pub(crate) struct Other<'d> {
    pub(crate) frames: &'d [Frame],
    /// The certainty that it is the other side.
    pub(crate) certainty: Certainty,
}

/// The stacks of both sides.
pub(crate) struct Stacks<'d> {
    /// The stack of the detecting goroutine, or of one access of a race report.
    pub(crate) here: &'d [Frame],
    pub(crate) here_does: Option<Access>,
    /// The likeliest first.
    pub(crate) others: Vec<Other<'d>>,
    /// `true` if both sides are known, as in a race report.
    pub(crate) both_known: bool,
    /// `false` for a race report on a variable that is no map.
    pub(crate) of_a_map: bool,
    /// `true` if an address is among the arguments of both sides.
    pub(crate) shared_address: bool,
}

impl<'d> Stacks<'d> {
    /// Returns the innermost frame outside of the standard library.
    pub(super) fn site(&self) -> Option<&'d Frame> {
        dump::site(self.here)
    }

    /// Returns the innermost frame of the program's own code, or else the site.
    pub(super) fn own(&self) -> Option<&'d Frame> {
        dump::own(self.here)
    }

    /// Returns the calls of the standard library between the map and the site.
    pub(super) fn between(&self) -> impl DoubleEndedIterator<Item = &'d Frame> {
        let count = self
            .here
            .iter()
            .take_while(|frame| frame.is_standard())
            .count();
        self.here[..count].iter()
    }

    /// Returns the calls between the map and the program's own code, or all without such code.
    pub(super) fn in_libraries(&self) -> &'d [Frame] {
        let own = self.own().filter(|own| !own.is_of_a_module());
        let count = own.and_then(|own| {
            let mut frames = self.here.iter();
            frames.position(|frame| std::ptr::eq(frame, own))
        });
        &self.here[..count.unwrap_or(self.here.len())]
    }

    pub(super) fn writes(&self) -> bool {
        self.here_does.is_some_and(Access::writes)
    }

    /// Finds a frame on the likeliest stack of the other side that has one.
    ///
    /// The certainty is at most that of the stack.
    pub(super) fn find_other(&self, is: impl Fn(&Frame) -> bool) -> Option<(&'d Frame, Certainty)> {
        self.others.iter().find_map(|other| {
            let frame = other.frames.iter().find(|frame| is(frame))?;
            Some((frame, other.certainty.min(Certainty::Likely)))
        })
    }

    /// Returns `true` if a Go before 1.17 wrote the dump: arguments of several words are not in
    /// braces.
    pub(super) fn is_before_braces(&self) -> bool {
        let is_throw =
            |frame: &Frame| frame.function == "runtime.throw" && !frame.args.contains('{');
        self.here.iter().any(is_throw)
    }

    /// Names the value that both sides access.
    pub(super) fn value(&self) -> &'static str {
        if self.of_a_map { "map" } else { "variable" }
    }
}

/// Formats a call and its line in the dump.
pub(super) fn call_at(frame: &Frame) -> String {
    format!("{} ({})", frame.function, input_line(frame.at))
}
