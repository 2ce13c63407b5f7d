//! The parts of a dump.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::frame::{Access, Frame};
use crate::source_location::SourceLocation;

/// The kind of the fatal message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    ReadAndWrite,
    Writes,
    IterationAndWrite,
    CloneAndWrite,
    /// The table was found corrupted, the result of an undetected overlap.
    Damage,
}

const MESSAGES: &[Message] = &[
    (
        "small map with no empty slot (concurrent map writes?)",
        Kind::Writes,
    ),
    ("concurrent map read and map write", Kind::ReadAndWrite),
    ("concurrent map writes", Kind::Writes),
    (
        "concurrent map iteration and map write",
        Kind::IterationAndWrite,
    ),
    ("concurrent map clone and map write", Kind::CloneAndWrite),
    ("bad map state", Kind::Damage),
    ("oldoverflow is not nil", Kind::Damage),
];

/// A message of the runtime, and its kind.
pub(crate) type Message = (&'static str, Kind);

impl Kind {
    /// Returns all messages in `text`, in their order, and the end of the last one.
    pub(crate) fn all_in(text: &str) -> (Vec<Message>, usize) {
        let mut found: Vec<(usize, usize, Message)> = vec![];
        for (message, kind) in MESSAGES {
            for (at, _) in text.match_indices(message) {
                let end = at + message.len();
                // The message about a small map contains another one.
                if !found.iter().any(|(from, to, _)| at < *to && end > *from) {
                    found.push((at, end, (message, *kind)));
                }
            }
        }
        found.sort_by_key(|(at, ..)| *at);
        let end = found.last().map_or(0, |(_, end, _)| *end);
        let messages = found.into_iter().map(|(.., message)| message);
        (messages.collect(), end)
    }

    /// Returns the access of the detecting goroutine, if the message implies it.
    pub(crate) fn access(self) -> Option<Access> {
        match self {
            Self::ReadAndWrite => Some(Access::Read),
            Self::Writes => Some(Access::Write),
            Self::IterationAndWrite => Some(Access::Iterate),
            Self::CloneAndWrite => Some(Access::Clone),
            Self::Damage => None,
        }
    }
}

/// A fatal message.
#[derive(Clone, Debug)]
pub(crate) struct Banner {
    pub(crate) at: u64,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// `true` if it stands in a sentence or in quotation marks.
    pub(crate) is_mention: bool,
}

/// The `go` statement that started a goroutine.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) at: u64,
    pub(crate) function: String,
    pub(crate) place: Option<SourceLocation>,
}

impl Created {
    /// Returns `true` if the statement is not one of Go's own packages, such as the one that starts
    /// every handler of `net/http`.
    pub(crate) fn is_by_the_program(&self) -> bool {
        !Frame::new(0, &self.function, "").is_standard()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Goroutine {
    pub(crate) at: u64,
    pub(crate) number: u64,
    /// The state between the brackets, up to a comma: what it waits for, or `running`.
    pub(crate) state: String,
    /// The minutes for which it has waited, as the brackets say; 0 for less than one.
    pub(crate) minutes: u64,
    pub(crate) frames: Vec<Frame>,
    /// The line about omitted frames.
    pub(crate) elided: Option<u64>,
    /// The line about running on another thread, which makes the stack unreadable.
    pub(crate) elsewhere: Option<u64>,
    pub(crate) created: Option<Created>,
    /// Its points as the writer, once there were many goroutines to choose from.
    pub(crate) points: Option<i32>,
}

impl Goroutine {
    /// Returns the innermost frame of the program's own code, or else of any library's.
    pub(crate) fn own(&self) -> Option<&Frame> {
        own(&self.frames)
    }

    /// Returns the frames outside of Go's own packages, innermost first.
    pub(crate) fn program_frames(&self) -> impl Iterator<Item = &Frame> + Clone {
        self.frames.iter().filter(|frame| !frame.is_standard())
    }

    /// Returns `true` if the end of its stack is missing: each one ends with the `go` statement, or
    /// is that of `main` or of the runtime.
    fn is_cut(&self) -> bool {
        match (&self.created, self.frames.last()) {
            (Some(created), _) => created.place.is_none(),
            (None, Some(last)) => {
                let ends = matches!(
                    last.function.as_str(),
                    "main.main" | "runtime.main" | "runtime.goexit"
                );
                last.place.is_none() || !(ends || last.package() == "runtime")
            }
            (None, None) => self.elsewhere.is_none(),
        }
    }

    /// Returns `true` if it has run past the first instruction of its function.
    pub(crate) fn has_begun(&self) -> bool {
        let Some(innermost) = self.frames.first() else {
            return true;
        };
        // An inlined call has no offset.
        let at_entry = !innermost.has_offset && innermost.args != "...";
        let created = self.created.as_ref().and_then(|by| by.place.as_ref());
        !(at_entry && created.is_some() && innermost.place.as_ref() == created)
    }

    /// Returns `true` if its own frame is `main` itself.
    pub(crate) fn is_in_main(&self) -> bool {
        self.own().is_some_and(|own| own.function == "main.main")
    }

    pub(crate) fn runs(&self) -> bool {
        self.state.starts_with("runn")
    }
}

/// Returns the site of an access: the innermost frame outside of the standard library.
pub(crate) fn site(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().find(|frame| !frame.is_standard())
}

/// Returns the innermost frame of the program's own code, or else the site.
pub(crate) fn own(frames: &[Frame]) -> Option<&Frame> {
    // Without its place, the last frame of a truncated stack may be of a library.
    let is_cut = |frame: &Frame| {
        frame.place.is_none() && frames.last().is_some_and(|last| std::ptr::eq(last, frame))
    };
    let is_own = |frame: &&Frame| !frame.is_standard() && !frame.is_of_a_module() && !is_cut(frame);
    frames.iter().find(is_own).or_else(|| site(frames))
}

/// Returns the program's own call that led to a site in a library.
pub(crate) fn called_from(frames: &[Frame]) -> Option<&Frame> {
    let site = site(frames).filter(|site| site.is_of_a_module())?;
    own(frames).filter(|own| !std::ptr::eq(*own, site))
}

/// Returns the access of the innermost call of a map function of the runtime.
pub(crate) fn access(frames: &[Frame]) -> Option<Access> {
    frames.iter().find_map(Frame::access)
}

/// How much of a dump a text has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    Whole,
    /// The end of the text, or the main goroutine, is missing.
    Cut,
    /// Only the goroutines that detected an overlap, which is all that Go 1.26 and newer print.
    DetectingOnly,
}

/// Lines inside a dump that are not part of it.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Unread {
    /// The number of these lines.
    pub lines: u64,
    /// The first of them, with their numbers.
    pub first: Vec<(u64, String)>,
}

/// A crash dump whose message is about concurrent map accesses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crash {
    /// One for each goroutine that detected an overlap.
    pub(crate) banners: Vec<Banner>,
    /// The goroutines that detected an overlap.
    pub(crate) noticed: Vec<Goroutine>,
    /// The other goroutines, or the likeliest writers among them if there are many.
    pub(crate) others: Vec<Goroutine>,
    pub(crate) goroutines: u64,
    /// `true` if the stack of the main goroutine is in the text.
    pub(crate) has_main: bool,
    /// `true` if the end of the last stack is missing.
    pub(crate) last_is_cut: bool,
    pub(crate) states: BTreeMap<String, u64>,
    pub(crate) exit: Option<(u64, u64)>,
    pub(crate) unread: Unread,
    /// The first line that looks like one of a stack, where no stack could be read.
    pub(crate) unreadable: Option<u64>,
    /// The first line that shows that the output of two programs is mixed.
    pub(crate) mixed: Option<u64>,
    pub(crate) last: u64,
}

impl Crash {
    /// Takes note of the next goroutine of the text.
    pub(crate) fn passes(&mut self, goroutine: &Goroutine) {
        self.has_main |= goroutine.number == 1;
        self.last_is_cut = goroutine.is_cut();
    }

    /// Returns `true` without a stack, if no message is more than a mention.
    pub(crate) fn is_a_mention(&self) -> bool {
        self.goroutines == 0 && self.banners.iter().all(|banner| banner.is_mention)
    }

    /// Returns `true` for a report of untorn from a program in Rust: it begins with Go's message,
    /// and names threads.
    pub(crate) fn is_of_untorn(&self) -> bool {
        let mut unread = self.unread.first.iter();
        self.goroutines == 0 && unread.any(|(_, line)| line.starts_with("thread \""))
    }

    pub(crate) fn extent(&self) -> Extent {
        let alone = self.goroutines == self.noticed.len() as u64;
        if self.last_is_cut || self.goroutines == 0 {
            Extent::Cut
        } else if alone && !self.is_before_go1_24() {
            Extent::DetectingOnly
        } else if self.has_main {
            Extent::Whole
        } else {
            Extent::Cut
        }
    }

    /// Returns `true` if a Go before 1.24 wrote it, which prints every goroutine.
    ///
    /// Since then the function that ends the process is in a package whose frames are shown.
    pub(crate) fn is_before_go1_24(&self) -> bool {
        let mut frames = self.noticed.iter().flat_map(|one| &one.frames);
        !self.noticed.is_empty() && !frames.any(|frame| frame.package() == "internal/runtime/maps")
    }
}

/// One of the two accesses of a race report.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) at: u64,
    pub(crate) text: String,
    pub(crate) writes: bool,
    /// Absent in reports of Go 1.4 and older.
    pub(crate) address: Option<u64>,
    /// The detector's number, not that of a crash dump; `None` is the main goroutine.
    pub(crate) goroutine: Option<u64>,
    pub(crate) frames: Vec<Frame>,
    /// The line about a stack that is no longer available.
    pub(crate) lost: Option<u64>,
}

/// The start of one of the two goroutines.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) at: u64,
    pub(crate) goroutine: u64,
    pub(crate) frames: Vec<Frame>,
}

/// A report of Go's race detector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Race {
    pub(crate) at: u64,
    pub(crate) sides: Vec<Side>,
    pub(crate) started: Vec<Started>,
    /// `true` if the line that ends a report was read.
    pub(crate) ended: bool,
    pub(crate) unread: Unread,
    pub(crate) last: u64,
}

impl Race {
    /// Returns `true` if both stacks are complete: something follows the second one.
    pub(crate) fn is_whole(&self) -> bool {
        self.sides.len() == 2 && (self.ended || !self.started.is_empty())
    }

    /// Returns `true` if the stacks of both accesses show their sites.
    pub(crate) fn has_both_sites(&self) -> bool {
        let has_site = |side: &Side| site(&side.frames).is_some_and(|site| site.place.is_some());
        self.sides.len() == 2 && self.sides.iter().all(has_site)
    }

    /// Returns `true` if a map function of the runtime is on one of the stacks. Otherwise the race
    /// is on another variable.
    pub(crate) fn is_of_a_map(&self) -> bool {
        let mut frames = self.sides.iter().flat_map(|side| &side.frames);
        frames.any(|frame| frame.access().is_some())
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Found {
    Crash(Crash),
    Race(Race),
}

/// A fatal message of another kind, or part of a dump without its beginning.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Other {
    pub(crate) line: u64,
    pub(crate) text: String,
    /// `true` for a mention of a message on concurrent map accesses, without a dump.
    pub(crate) is_mention: bool,
}

/// The result of parsing an input.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) lines: u64,
    pub(crate) found: Vec<Found>,
    /// Dumps beyond those in `found`.
    pub(crate) more: u64,
    pub(crate) others: Vec<Other>,
    pub(crate) order: Order,
    /// The first lines that are too long to be read to their end.
    pub(crate) cut: Vec<u64>,
    pub(crate) is_gzip: bool,
    /// The first line outside of a dump that looks like one of a stack.
    pub(crate) stack_like: Option<u64>,
}

/// The order of the lines of an input.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Order {
    #[default]
    OldestFirst,
    /// The lines were reversed.
    NewestFirst,
    /// The lines were reversed; those at the end of the input did not fit into memory.
    NewestFirstAndTooLong,
}

impl Found {
    fn first_line(&self) -> u64 {
        match self {
            Self::Crash(crash) => crash.banners.first().map_or(0, |banner| banner.at),
            Self::Race(race) => race.at,
        }
    }
}

impl Input {
    /// Sorts what was found in several programs' output by its line.
    pub(crate) fn arrange(&mut self) {
        self.found.sort_by_key(Found::first_line);
        if self.order != Order::OldestFirst {
            self.found.reverse();
        }
        self.others.sort_by_key(|other| other.line);
    }
}

#[cfg(test)]
mod tests {
    use super::{called_from, own, site};
    use crate::frame::Frame;
    use crate::source_location::SourceLocation;

    /// Reads calls, each with its file; `-` is a call without one.
    fn stack(calls: &[(&str, &str)]) -> Vec<Frame> {
        let frame = |(at, (function, file)): (u64, &(&str, &str))| {
            let mut frame = Frame::new(at, function, "0x1");
            frame.place = (*file != "-").then(|| SourceLocation {
                file: (*file).to_owned(),
                line: Some(at),
            });
            frame
        };
        (1..).zip(calls).map(frame).collect()
    }

    #[test]
    fn site_is_the_innermost_line_even_in_a_library() {
        let map = ("runtime.mapassign", "/go/src/runtime/map.go");
        let module = ("x/y.(*T).Get", "/go/pkg/mod/x/y@v1.0.0/y.go");
        let vendored = ("app/vendor/x/y.F", "-");
        let (program, outer) = (
            ("app.Serve", "/src/app/a.go"),
            ("main.main", "/src/main.go"),
        );
        let cut = ("other.Call", "-");
        for (calls, expected) in [
            (&[map, program, outer][..], (2, 2, None)),
            (&[map, module, program, outer], (2, 3, Some(3))),
            (&[map, vendored, program], (2, 3, Some(3))),
            (&[map, module], (2, 2, None)),
            // The last call has no place, so that it may be of a library too.
            (&[map, module, cut], (2, 2, None)),
            (&[map, program, cut], (2, 2, None)),
            (&[map, cut], (2, 2, None)),
            (&[map, module, cut, outer], (2, 3, Some(3))),
        ] {
            let frames = stack(calls);
            let at = |frame: Option<&Frame>| frame.map(|frame| frame.at);
            let (site, own) = (at(site(&frames)), at(own(&frames)));
            let found = (site, own, at(called_from(&frames)));
            let (of_site, of_own, by) = expected;
            assert_eq!(found, (Some(of_site), Some(of_own), by), "{calls:?}");
        }
        assert!(site(&stack(&[map])).is_none());
    }
}
