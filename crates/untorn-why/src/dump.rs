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
}

/// The `go` statement that started a goroutine.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) at: u64,
    pub(crate) function: String,
    pub(crate) place: Option<SourceLocation>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Goroutine {
    pub(crate) at: u64,
    pub(crate) number: u64,
    /// The state between the brackets, up to a comma: what it waits for, or `running`.
    pub(crate) state: String,
    pub(crate) frames: Vec<Frame>,
    /// The line about omitted frames.
    pub(crate) elided: Option<u64>,
    /// The line about running on another thread, which makes the stack unreadable.
    pub(crate) elsewhere: Option<u64>,
    pub(crate) created: Option<Created>,
}

impl Goroutine {
    /// Returns the innermost frame of the program's own code, or else of any module's.
    pub(crate) fn own(&self) -> Option<&Frame> {
        own(&self.frames)
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

/// Returns the innermost frame of the program's own code, or else of any module's.
pub(crate) fn own(frames: &[Frame]) -> Option<&Frame> {
    let mut foreign = frames.iter().filter(|frame| !frame.is_standard());
    let own = foreign.clone().find(|frame| !frame.is_of_a_module());
    own.or_else(|| foreign.next())
}

/// Returns the access of the innermost call of a map function of the runtime.
pub(crate) fn access(frames: &[Frame]) -> Option<Access> {
    frames.iter().find_map(Frame::access)
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
    pub(crate) states: BTreeMap<String, u64>,
    pub(crate) exit: Option<(u64, u64)>,
    pub(crate) unread: Unread,
    /// The first line that looks like one of a stack, where no stack could be read.
    pub(crate) unreadable: Option<u64>,
    /// The first line that shows that the output of two programs is mixed.
    pub(crate) mixed: Option<u64>,
    pub(crate) last: u64,
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
